//! Removal: take away what the map calls important, and see what becomes of the score.

pub mod deletion;
