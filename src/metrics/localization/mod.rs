//! Localization: does the map point to where the evidence is known to be?
//!
//! All metrics of the family judge the same examples and the same pixels, by the rules of [`judged`]; they differ in
//! what they make of the map there.

mod components;
pub mod judged;
mod overlap;
mod weights;

pub mod box_iou;
pub mod inside_outside_ratio;
pub mod localization_auc;
pub mod pointing_game;
pub mod relevance_mass;
pub mod relevance_rank_accuracy;
pub mod top_k_intersection;
