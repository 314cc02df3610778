//! # Definition
//! The cosine of the angle between two maps, taken as vectors of their pixels: 1 for maps that are multiples of each other, -1
//! for opposites. Undefined for a map that is 0 throughout. Unlike ranks it depends mostly on the largest pixels.
//!
//! # Cost
//! Three sums over each pair of maps.
//!
//! # Reference
//! Sixt, Granz and Landgraf, "When Explanations Lie: Why Many Modified BP Attributions Fail", ICML 2020.

use std::sync::Arc;

use tch::Tensor;

use super::Similarity;
use super::spearman::correlation;
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "cosine",
    summary: "cosine of the angle between the maps as vectors of pixels",
    reference: "Sixt et al. 2020",
    revision: 1,
    source: concat!(include_str!("cosine.rs"), include_str!("spearman.rs")),
    read: |_| Some(Arc::new(Cosine)),
};

pub struct Cosine;

impl Similarity for Cosine {
    fn compare(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        // By their largest pixels first, so that squares of small gradients do not vanish.
        let scaled = |map: &Tensor| -> Result<Tensor> {
            let rows = map.f_flatten(1, -1)?;
            Ok(rows.f_div(&rows.f_abs()?.f_amax([1].as_slice(), true)?)?)
        };
        correlation(&scaled(a)?, &scaled(b)?)
    }
}
