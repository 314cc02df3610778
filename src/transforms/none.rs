//! # Definition
//! The dataset as it is: one of the values of a sweep over transforms.
//!
//! # Reference
//! The condition that the others are compared with, in all of their papers.

use std::sync::Arc;

use super::Transform;
use crate::catalogue::Entry;
use crate::datasets::Dataset;
use crate::error::Result;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Transform> = Entry {
    name: "none",
    summary: "true labels and true pixels",
    reference: "the condition that others are compared with",
    revision: 1,
    source: include_str!("none.rs"),
    read: |_| Some(Arc::new(Nothing)),
};

struct Nothing;

impl Transform for Nothing {
    fn apply(&self, data: Dataset, _: &Noise) -> Result<Dataset> {
        Ok(data)
    }

    fn keeps_places(&self) -> bool {
        true
    }
}
