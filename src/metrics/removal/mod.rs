//! Removal: take away what the map calls important, and see what becomes of the score.

mod curves;
pub mod deletion;
pub mod features;
pub mod insertion;
pub mod kar;
pub mod pixel_flipping;
pub mod retraining;
pub mod road;
pub mod roar;
pub mod symmetric_relevance_gain;
