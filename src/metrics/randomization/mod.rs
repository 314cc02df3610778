//! Randomization metrics: does a map change when what the network learnt does? None of them ranks by itself: noise changes with
//! everything, and is of no use.

pub mod data_randomization;
