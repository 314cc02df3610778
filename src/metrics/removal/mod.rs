//! Removal: take away what the map calls important, and see what becomes of the score.

mod curves;
pub mod deletion;
mod features;
pub mod insertion;
pub mod pixel_flipping;
pub mod road;
pub mod symmetric_relevance_gain;
