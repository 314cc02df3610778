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

use super::spearman::correlation;
use super::{Side, Similarity};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "cosine",
    summary: "cosine of the angle between the maps as vectors of pixels",
    reference: "Sixt et al. 2020",
    revision: 1,
    source: concat!(include_str!("cosine.rs"), include_str!("spearman.rs"), include_str!("side.rs")),
    read: |_| Some(Arc::new(Cosine)),
};

pub struct Cosine;

impl Similarity for Cosine {
    fn compare(&self, a: &Side, b: &Side) -> Result<Tensor> {
        correlation(&a.once(0, Scaled::of)?.0, &b.once(0, Scaled::of)?.0)
    }
}

/// Maps [B, D] divided by their largest pixels, so that squares of small gradients do not vanish.
struct Scaled(Tensor);

impl Scaled {
    fn of(maps: &Tensor) -> Result<Self> {
        let rows = maps.f_flatten(1, -1)?;
        Ok(Self(rows.f_div(&rows.f_abs()?.f_amax([1].as_slice(), true)?)?))
    }
}
