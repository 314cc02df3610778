//! # Definition
//! Keep and retrain: as `roar`, but for each of `fractions` that share of the features with the highest rank is all that is
//! kept of every image; the others are replaced. `accuracy` is that of the retrained networks on the modified test images, to
//! fraction 1, where everything is kept; higher is better. `area` is the area between the explainer's curve and that of the
//! control `random`, over the fractions from 0 on (where nothing is kept, all are equal): above 0, what the map keeps tells
//! more than noise does. Whatever writes the class into the shape of what is kept wins here: see `mask-only` and the control
//! `label-leak`.
//!
//! The other measures and the unit are those of `roar`, whose rankings it shares: beside it nothing is explained twice.
//!
//! # Parameters
//! - `fractions` ([0.1, 0.3, 0.5, 0.7, 0.9]): shares of the features that are kept.
//! - `unit`, `region`, `ties`, `sign`, `imputer`, `score`, `masks`, `converged`, `splits`: as in `roar`.
//!
//! # Cost
//! That of `roar`; unmodified trainings are shared.
//!
//! # Reference
//! Hooker, Erhan, Kindermans and Kim, "A Benchmark for Interpretability Methods in Deep Neural Networks", NeurIPS 2019.

use std::sync::Arc;

use super::retraining::Retrain;
use super::roar::Retraining;
use crate::catalogue::Entry;
use crate::metrics::Metric;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "kar",
    summary: "accuracy of networks trained anew on nothing but what a map ranks highest",
    reference: "Hooker et al. 2019",
    revision: 1,
    source: concat!(
        include_str!("kar.rs"),
        include_str!("roar.rs"),
        include_str!("retraining.rs"),
        include_str!("features.rs")
    ),
    read: |section| Some(Arc::new(Retraining(Retrain::read(section, true)?))),
};
