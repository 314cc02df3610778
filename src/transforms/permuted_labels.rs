//! # Definition
//! The labels of the training images change places, once: every class keeps its count, and about one label in as many as
//! there are classes stays true by chance. Test labels stay true.
//!
//! # Cost
//! None beside loading.
//!
//! # Reference
//! Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018 (the data randomization test).

use std::sync::Arc;

use super::Transform;
use crate::catalogue::Entry;
use crate::datasets::Dataset;
use crate::error::Result;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Transform> = Entry {
    name: "permuted-labels",
    summary: "the training labels change places, class counts kept",
    reference: "Adebayo et al. 2018",
    revision: 1,
    source: include_str!("permuted_labels.rs"),
    read: |_| Some(Arc::new(PermutedLabels)),
};

struct PermutedLabels;

impl Transform for PermutedLabels {
    fn apply(&self, mut data: Dataset, noise: &Noise) -> Result<Dataset> {
        data.train.labels = permuted(&data.train.labels, noise);
        Ok(data)
    }

    fn keeps_places(&self) -> bool {
        true
    }
}

/// The same labels in another order.
pub fn permuted(labels: &[i64], noise: &Noise) -> Vec<i64> {
    let order = noise.purpose("permuted-labels").permutation(labels.len());
    order.into_iter().map(|place| labels[place]).collect()
}
