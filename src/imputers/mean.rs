//! # Definition
//! Every removed pixel becomes the mean colour of the training images, channel by channel.
//!
//! # Cost
//! None beyond one pass over the training images, made when a dataset is loaded.
//!
//! # Reference
//! Hooker et al., "A Benchmark for Interpretability Methods in Deep Neural Networks", NeurIPS 2019.

use std::sync::Arc;

use tch::Tensor;

use super::{Imputer, Surroundings};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Imputer> = Entry {
    name: "mean",
    summary: "the training images' mean colour",
    reference: "Hooker et al. 2019",
    revision: 1,
    source: include_str!("mean.rs"),
    read: |_| Some(Arc::new(Mean)),
};

pub struct Mean;

impl Imputer for Mean {
    fn fill(&self, _: &Tensor, on: &Surroundings) -> Result<Tensor> {
        Ok(on.statistics.mean.f_view([-1, 1, 1])?)
    }
}
