//! # Definition
//! `intersection`: the share of the k highest pixels that are evidence. Higher is better; evidence of fewer than k
//! pixels cannot reach 1. Pixels that tie across the boundary count with their expected value over every choice among
//! them, and examples in which the choice matters are counted ("tied at the boundary"). `chance`: the share of the
//! image that is evidence, which is what a random map scores.
//!
//! # Parameters
//! - `fraction` (0.05): k as a share of the judged pixels, rounded, at least 1.
//! - `k`: the same as a number, instead of `fraction`; at most all judged pixels.
//! - `largest` (0.5): images of which evidence covers more than this share are left out; with 1, only those it fills.
//!
//! # Cost
//! No passes.
//!
//! # Reference
//! Theiner, Müller-Budack and Ewerth, "Interpretable Semantic Photo Geolocation", WACV 2022 (there k = 1000 of 224 x
//! 224).

use std::sync::Arc;

use tch::Tensor;

use super::judged::{Judged, flags, largest};
use super::overlap::overlap;
use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Line, Measure, Metric, Scores};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "top-k-intersection",
    summary: "share of the map's k highest pixels that lie on the evidence",
    reference: "Theiner et al. 2022",
    revision: 1,
    source: concat!(include_str!("top_k_intersection.rs"), include_str!("judged.rs"), include_str!("overlap.rs")),
    read: |section| {
        let top = if section.has("k") {
            section.optional_if("k", |&k| k >= 1, "an integer of 1 or more").map(Top::Count)
        } else {
            let share = |&share: &f64| 0.0 < share && share <= 1.0;
            Some(Top::Fraction(section.get_if("fraction", 0.05, share, "a share above 0 and at most 1")))
        };
        let largest = largest(section);
        Some(Arc::new(TopKIntersection { top: top?, largest }))
    },
};

/// How many pixels are the top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Top {
    Count(usize),
    Fraction(f64),
}

pub struct TopKIntersection {
    pub top: Top,
    pub largest: f64,
}

impl TopKIntersection {
    /// [B], of `pixels` [B].
    fn counts(&self, pixels: &Tensor) -> Result<Tensor> {
        let counts = match self.top {
            Top::Count(k) => pixels.f_clamp_max(k as f64)?,
            Top::Fraction(fraction) => pixels.f_mul_scalar(fraction)?.f_round()?,
        };
        Ok(counts.f_clamp_min(1.0)?)
    }
}

impl Metric for TopKIntersection {
    fn family(&self) -> Family {
        Family::Localization
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new("intersection", Direction::Higher, 0.02).against(&[Line::ChanceMeasure("chance")]),
            Measure::new("chance", Direction::None, 0.02),
        ]
    }

    fn needs_truth(&self) -> bool {
        true
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let judged = Judged::new(given, self.largest)?;
        let overlap = overlap(&judged, &self.counts(&judged.pixels)?)?;
        Ok(judged.scores(
            vec![("intersection", judged.valid(&overlap.share)?), ("chance", judged.chance()?)],
            &[("tied at the boundary", flags(&overlap.tied)?)],
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Section;

    #[test]
    fn the_top_is_a_number_or_a_rounded_share_and_never_empty_or_more_than_there_is() {
        for (top, pixels, expected) in [
            (Top::Fraction(0.05), 784.0, 39.0),
            (Top::Fraction(0.05), 9.0, 1.0),
            (Top::Count(10), 784.0, 10.0),
            (Top::Count(1000), 784.0, 784.0),
        ] {
            let metric = TopKIntersection { top, largest: 0.5 };
            let counts = metric.counts(&Tensor::from_slice(&[pixels])).unwrap();
            assert_eq!(counts.double_value(&[0]), expected, "{top:?} of {pixels}");
        }
    }

    #[test]
    fn a_number_and_a_share_are_not_given_together() {
        let section = Section::parse("metric", "k = 5\nfraction = 0.1").unwrap();
        (ENTRY.read)(&section);
        section.finish();
        assert!(section.has_mistakes());
    }
}
