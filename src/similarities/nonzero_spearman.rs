//! # Definition
//! Spearman's rank correlation, signs kept, of the pixels where at least one of the two maps is not exactly 0; the ranks are
//! among these pixels. What is 0 in both maps, as the black background is in all maps that multiply by the image, agrees
//! whatever the network and is left out. Undefined where a map is constant on what remains.
//!
//! # Cost
//! One sort of each map, which every similarity by ranks shares.
//!
//! # Reference
//! This tool, after Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, whose absolute correlations of such maps
//! are 1 for any weights.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::ranks::Ranks;
use super::spearman::correlation;
use super::{Side, Similarity};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "nonzero-spearman",
    summary: "rank correlation of the pixels that are not 0 in both maps, signs kept",
    reference: "after Adebayo et al. 2018",
    revision: 1,
    source: concat!(
        include_str!("nonzero_spearman.rs"),
        include_str!("spearman.rs"),
        include_str!("ranks.rs"),
        include_str!("side.rs")
    ),
    read: |_| Some(Arc::new(NonzeroSpearman)),
};

pub struct NonzeroSpearman;

impl Similarity for NonzeroSpearman {
    fn compare(&self, a: &Side, b: &Side) -> Result<Tensor> {
        let unseen = pixels(a)?.f_eq(0.0)?.f_logical_and(&pixels(b)?.f_eq(0.0)?)?;
        let seen = unseen.f_logical_not()?;
        let half = unseen.f_sum_dim_intlist([1].as_slice(), true, Kind::Double)?.f_div_scalar(2.0)?;
        // Nothing is sorted anew. Of k pixels that are left out, all 0, those that are larger follow k fewer, those that are smaller
        // as many as before, and the other zeros k / 2 fewer on average; and the mean rank is k / 2 less.
        let centered = |side: &Side| -> Result<Tensor> {
            let moved = pixels(side)?.f_sign()?.f_mul(&half)?;
            Ok(side.once(0, Ranks::of)?.signed.f_sub(&moved)?.f_mul(&seen)?)
        };
        correlation(&centered(a)?, &centered(b)?)
    }
}

/// [B, D]
fn pixels(side: &Side) -> Result<Tensor> {
    Ok(side.maps().f_flatten(1, -1)?)
}
