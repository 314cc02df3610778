//! Fragility: what becomes of a map when the image moves a little and the network goes on saying the same. None of it ranks: a
//! map that does not look at the image cannot be moved, and is of no use.

mod attacked;
pub mod black_box_fragility;
pub mod sensitivity;
pub mod white_box_fragility;
