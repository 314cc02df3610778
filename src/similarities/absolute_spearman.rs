//! # Definition
//! Spearman's rank correlation of the magnitudes of two maps: `spearman` of |a| and |b|. What is exactly 0 in both maps
//! agrees: of raw images that are mostly black, maps multiplied by the image have nearly 1 whatever the network.
//!
//! # Cost
//! One sort of each map, which every similarity by ranks shares.
//!
//! # Reference
//! Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.

use std::sync::Arc;

use tch::Tensor;

use super::ranks::Ranks;
use super::spearman::correlation;
use super::{Side, Similarity};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "absolute-spearman",
    summary: "rank correlation of the pixels' magnitudes",
    reference: "Adebayo et al. 2018",
    revision: 1,
    source: concat!(
        include_str!("absolute_spearman.rs"),
        include_str!("spearman.rs"),
        include_str!("ranks.rs"),
        include_str!("side.rs")
    ),
    read: |_| Some(Arc::new(AbsoluteSpearman)),
};

pub struct AbsoluteSpearman;

impl Similarity for AbsoluteSpearman {
    fn compare(&self, a: &Side, b: &Side) -> Result<Tensor> {
        correlation(&a.once(0, Ranks::of)?.absolute, &b.once(0, Ranks::of)?.absolute)
    }
}
