//! # Definition
//! Spearman's rank correlation of the pixels of two maps, signs kept: Pearson's correlation of the ranks, tied pixels sharing
//! the average of theirs. Undefined, and so counted as invalid, for a constant map.
//!
//! It depends on the order of the pixels alone, so no normalisation changes it. (Published code clips maps at their 99th
//! percentile first, which makes ties of the largest pixels; this does not.) Maps that are exactly 0 where the image is
//! black, as all are that multiply by the image, agree there whatever the network: see the signs before the magnitudes.
//!
//! # Cost
//! One sort of each map, all of a batch at once.
//!
//! # Reference
//! Spearman, "The Proof and Measurement of Association between Two Things", 1904; for maps: Adebayo et al., "Sanity Checks for
//! Saliency Maps", NeurIPS 2018.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::Similarity;
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "spearman",
    summary: "rank correlation of the pixels, signs kept",
    reference: "Adebayo et al. 2018",
    revision: 1,
    source: include_str!("spearman.rs"),
    read: |_| Some(Arc::new(Spearman)),
};

pub struct Spearman;

impl Similarity for Spearman {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let centered = |map: &Tensor| -> Result<Tensor> {
            let ranks = ranks(&map.f_flatten(1, -1)?)?;
            let last = ranks.size()[1] - 1;
            Ok(ranks.f_sub_scalar(last as f64 / 2.0)?)
        };
        correlation(&centered(a)?, &centered(b)?)
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

/// The rank, from 0, of each number within its row of `rows` [B, D]; equal numbers share the average of theirs. A row with a
/// NaN is all NaN.
pub(super) fn ranks(rows: &Tensor) -> Result<Tensor> {
    let size = rows.size();
    let last = size[1] - 1;
    let (sorted, places) = rows.f_sort(1, false)?;
    // Where a run of equal numbers begins and ends in the sorted row, carried to all of its members.
    let places_of = Tensor::f_arange(size[1], (Kind::Int64, rows.device()))?.f_expand(size.as_slice(), false)?;
    let changes = sorted.f_narrow(1, 1, last)?.f_ne_tensor(&sorted.f_narrow(1, 0, last)?)?;
    let edge = Tensor::f_ones([size[0], 1], (Kind::Bool, rows.device()))?;
    let (begins, ends) = (Tensor::f_cat(&[&edge, &changes], 1)?, Tensor::f_cat(&[&changes, &edge], 1)?);
    let begin = places_of.f_where_scalarother(&begins, 0)?.f_cummax(1)?.0;
    let end = places_of.f_where_scalarother(&ends, last)?.f_flip([1])?.f_cummin(1)?.0.f_flip([1])?;
    let rank = begin.f_add(&end)?.f_to_kind(Kind::Double)?.f_div_scalar(2.0)?;
    let ranks = rank.f_empty_like()?.f_scatter(1, &places, &rank)?;
    let unordered = rows.f_isnan()?.f_any_dim(1, true)?;
    Ok(ranks.f_masked_fill(&unordered, f64::NAN)?)
}
