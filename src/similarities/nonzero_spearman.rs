//! # Definition
//! Spearman's rank correlation, signs kept, of the pixels where at least one of the two maps is not exactly 0; the ranks are
//! among these pixels. What is 0 in both maps, as the black background is in all maps that multiply by the image, agrees
//! whatever the network and is left out. Undefined where a map is constant on what remains.
//!
//! # Cost
//! Two sorts of each map, all of a batch at once.
//!
//! # Reference
//! This tool, after Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, whose absolute correlations of such maps
//! are 1 for any weights.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::Similarity;
use super::spearman::{correlation, ranks};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "nonzero-spearman",
    summary: "rank correlation of the pixels that are not 0 in both maps, signs kept",
    reference: "after Adebayo et al. 2018",
    revision: 1,
    source: concat!(include_str!("nonzero_spearman.rs"), include_str!("spearman.rs")),
    read: |_| Some(Arc::new(NonzeroSpearman)),
};

pub struct NonzeroSpearman;

impl Similarity for NonzeroSpearman {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let (a, b) = (a.f_flatten(1, -1)?, b.f_flatten(1, -1)?);
        let seen = a.f_ne(0.0)?.f_logical_or(&b.f_ne(0.0)?)?;
        let middle =
            seen.f_sum_dim_intlist([1].as_slice(), true, Kind::Double)?.f_sub_scalar(1.0)?.f_div_scalar(2.0)?;
        // What is left out is moved behind all others, where it changes no rank of theirs.
        let behind = a.size()[1] as f64;
        let centered = |map: &Tensor| -> Result<Tensor> {
            let ranks = ranks(&ranks(map)?.f_where_scalarother(&seen, behind)?)?;
            Ok(ranks.f_sub(&middle)?.f_mul(&seen)?)
        };
        correlation(&centered(&a)?, &centered(&b)?)
    }
}
