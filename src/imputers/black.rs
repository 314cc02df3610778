//! # Definition
//! Every removed pixel becomes 0 in pixel space.
//!
//! # Cost
//! None.
//!
//! # Reference
//! Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014 (a constant patch).

use std::sync::Arc;

use tch::Tensor;

use super::{Imputer, Surroundings};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Imputer> = Entry {
    name: "black",
    summary: "zeros in pixel space",
    reference: "Zeiler and Fergus 2014",
    revision: 1,
    source: include_str!("black.rs"),
    read: |_| Some(Arc::new(Black)),
};

pub struct Black;

impl Imputer for Black {
    fn fill(&self, x: &Tensor, _: &Surroundings) -> Result<Tensor> {
        Ok(Tensor::f_zeros([1], (x.kind(), x.device()))?)
    }
}
