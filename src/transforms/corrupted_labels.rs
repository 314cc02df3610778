//! # Definition
//! With probability `p`, each image for itself, a training label is replaced by a class drawn uniformly, which may be the
//! true one. The draws are made once, and are the same for every `p`: what a smaller `p` replaces, a larger one replaces by
//! the same class. Test labels stay true.
//!
//! # Parameters
//! - `p` (0.5): from 0 to 1.
//!
//! # Cost
//! None beside loading.
//!
//! # Reference
//! Zhang, Bengio, Hardt, Recht and Vinyals, "Understanding Deep Learning Requires Rethinking Generalization", ICLR 2017.

use std::sync::Arc;

use super::Transform;
use crate::catalogue::Entry;
use crate::datasets::Dataset;
use crate::error::Result;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Transform> = Entry {
    name: "corrupted-labels",
    summary: "a share of the training labels is drawn uniformly",
    reference: "Zhang et al. 2017",
    revision: 1,
    source: include_str!("corrupted_labels.rs"),
    read: |section| {
        let p = section.get_if("p", 0.5, |p| (0.0..=1.0).contains(p), "a probability from 0 to 1");
        Some(Arc::new(CorruptedLabels { p }))
    },
};

pub struct CorruptedLabels {
    pub p: f64,
}

impl Transform for CorruptedLabels {
    fn apply(&self, mut data: Dataset, noise: &Noise) -> Result<Dataset> {
        let noise = noise.purpose("corrupted-labels");
        let (replaced, class) = (noise.purpose("replaced"), noise.purpose("class"));
        let classes = data.classes.len().max(1) as u64;
        let ids = super::ids(true, data.train.len());
        for (id, label) in ids.into_iter().zip(&mut data.train.labels) {
            if share(replaced.uniform_u64(id)) < self.p {
                *label = class.below(id, classes) as i64;
            }
        }
        Ok(data)
    }

    fn keeps_places(&self) -> bool {
        true
    }
}

/// Random bits as a number from 0 to below 1.
fn share(bits: u64) -> f64 {
    (bits >> 11) as f64 * 2f64.powi(-53)
}
