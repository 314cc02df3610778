//! # Definition
//! Spearman's rank correlation of the pixels of two maps, signs kept: Pearson's correlation of the ranks, tied pixels sharing
//! the average of theirs. Undefined, and so counted as invalid, for a constant map.
//!
//! It depends on the order of the pixels alone, so no normalisation changes it. (Published code clips maps at their 99th
//! percentile first, which makes ties of the largest pixels; this does not.) Maps that are exactly 0 where the image is
//! black, as all are that multiply by the image, agree there whatever the network: see the signs before the magnitudes.
//!
//! # Cost
//! One sort of each map, which every similarity by ranks shares.
//!
//! # Reference
//! Spearman, "The Proof and Measurement of Association between Two Things", 1904; for maps: Adebayo et al., "Sanity Checks for
//! Saliency Maps", NeurIPS 2018.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::ranks::Ranks;
use super::{Side, Similarity};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "spearman",
    summary: "rank correlation of the pixels, signs kept",
    reference: "Adebayo et al. 2018",
    revision: 1,
    source: concat!(include_str!("spearman.rs"), include_str!("ranks.rs"), include_str!("side.rs")),
    read: |_| Some(Arc::new(Spearman)),
};

pub struct Spearman;

impl Similarity for Spearman {
    fn compare(&self, a: &Side, b: &Side) -> Result<Tensor> {
        correlation(&a.once(0, Ranks::of)?.signed, &b.once(0, Ranks::of)?.signed)
    }
}

/// The cosine [B] of the angles between the rows of `a` and `b` [B, D]; of centered ranks it is their correlation.
pub(super) fn correlation(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let sum = |x: &Tensor| x.f_sum_dim_intlist([1].as_slice(), false, Kind::Double);
    let (both, of_a, of_b) = (sum(&a.f_mul(b)?)?, sum(&a.f_square()?)?, sum(&b.f_square()?)?);
    // Ranks are whole or half numbers and their sums exact up to 2^53, so equal orders have exactly 1: the root of a square
    // is exact. A constant map has 0 / 0.
    Ok(both.f_div(&of_a.f_mul(&of_b)?.f_sqrt()?)?)
}
