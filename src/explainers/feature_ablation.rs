//! # Definition
//! The value of a segment, painted on its pixels, is what the score loses without it: f(x) - f(x without the segment).
//!
//! # Parameters
//! - `segments` ("grid"): what is removed together. `{ use = "grid", rows = 7, columns = 7 }` cuts the image into cells of
//!   ceil(H / rows) x ceil(W / columns) pixels, the last ones smaller; `{ use = "slic", count = 49, compactness = 10,
//!   iterations = 10 }` are superpixels.
//! - `imputer` ("black"): what takes the place of the segment.
//! - `score` ("logit"): "logit", "probability" or "log-probability" of the explained class.
//!
//! # Cost
//! One forward pass per segment, and one.
//!
//! # Reference
//! Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.

use std::sync::Arc;

use ndarray::Array2;

use super::Explainer;
use super::coalitions::{Coalitions, Design};
use super::perturb::Probe;
use super::segments::Segments;
use crate::catalogue::Entry;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "feature-ablation",
    summary: "what the score loses when one segment is removed",
    reference: "Zeiler and Fergus 2014",
    revision: 1,
    source: include_str!("feature_ablation.rs"),
    read: |section| {
        let segments = Segments::read(section, 7);
        let probe = Probe::read(section, "black", "logit");
        let segments = segments?;
        let rows = segments.most() + 1;
        Some(Arc::new(Coalitions { segments, probe: probe?, rows, design: Box::new(|count, _| Ok(design(count))) }))
    },
};

/// Version 0 is whole; version i + 1 lacks segment i.
fn design(segments: usize) -> Design {
    Design {
        kept: Array2::from_shape_fn((segments + 1, segments), |(version, segment)| version != segment + 1),
        values: Array2::from_shape_fn((segments, segments + 1), |(segment, version)| match version {
            0 => 1.0,
            _ if version == segment + 1 => -1.0,
            _ => 0.0,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explainers::coalitions::play;

    #[test]
    fn the_loss_without_a_player_is_measured_from_the_full_set() {
        // v(S) = |S|^2 with player 0 counting twice: v(all 3) = 16, without player 0: 4, without another: 9.
        let game = |kept: &[bool]| {
            let size: f64 =
                kept.iter().enumerate().map(|(i, kept)| f64::from(*kept) * if i == 0 { 2.0 } else { 1.0 }).sum();
            size * size
        };
        assert_eq!(play(&design(3), game), [12.0, 7.0, 7.0]);
    }
}
