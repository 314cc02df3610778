//! # Definition
//! Every training image gets a class drawn uniformly, once: one in as many as there are classes stays true by chance. Test
//! labels stay true. The same as `corrupted-labels` with `p = 1`.
//!
//! # Cost
//! None beside loading.
//!
//! # Reference
//! Zhang, Bengio, Hardt, Recht and Vinyals, "Understanding Deep Learning Requires Rethinking Generalization", ICLR 2017.

use std::sync::Arc;

use super::Transform;
use super::corrupted_labels::CorruptedLabels;
use crate::catalogue::Entry;

pub const ENTRY: Entry<dyn Transform> = Entry {
    name: "random-labels",
    summary: "every training label is drawn uniformly",
    reference: "Zhang et al. 2017",
    revision: 1,
    source: concat!(include_str!("random_labels.rs"), include_str!("corrupted_labels.rs")),
    read: |_| Some(Arc::new(CorruptedLabels { p: 1.0 })),
};
