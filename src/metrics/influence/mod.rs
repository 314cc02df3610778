//! Influence: is what is said of training examples what happens without them? The ground truth is retraining.

mod actual;
pub mod brittleness;
pub mod influence_randomization;
pub mod leave_one_out;
pub mod linear_datamodelling_score;
pub mod mislabel_detection;
pub mod training_set_attack;
mod turning_point;
