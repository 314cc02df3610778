//! # Definition
//! Kendall's rank correlation of the pixels of two maps, signs kept: tau-b, which counts pairs of pixels that stand in the same
//! order in both maps, corrected for ties. Undefined, and so counted as invalid, for a constant map.
//!
//! # Cost
//! Two sorts of each pair of maps, one pair after another on the CPU.
//!
//! # Reference
//! Kendall, "A New Measure of Rank Correlation", 1938; for attacked maps: Chen, Wu, Rastogi, Liang and Jha, "Robust Attribution
//! Regularization", NeurIPS 2019.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::{Side, Similarity};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "kendall",
    summary: "share of pairs of pixels in the same order, less those in another",
    reference: "Chen et al. 2019",
    revision: 1,
    source: include_str!("kendall.rs"),
    read: |_| Some(Arc::new(Kendall)),
};

pub struct Kendall;

impl Similarity for Kendall {
    fn compare(&self, a: &Side, b: &Side) -> Result<Tensor> {
        let pixels = |side: &Side| -> Result<Vec<f64>> {
            let flat = side.maps().f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?.f_flatten(0, -1)?;
            Ok(Vec::try_from(flat.f_contiguous()?)?)
        };
        let (of_a, of_b) = (pixels(a)?, pixels(b)?);
        let each = (of_a.len() / a.len().max(1)).max(1);
        let pairs = of_a.chunks(each).zip(of_b.chunks(each));
        let taus: Vec<f64> = pairs.map(|(a, b)| crate::stats::kendall(a, b)).collect();
        Ok(Tensor::f_from_slice(&taus)?.f_to_device(a.maps().device())?)
    }
}
