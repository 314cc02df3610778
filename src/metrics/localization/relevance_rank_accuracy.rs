//! # Definition
//! `rank`: the share of the K highest pixels that are evidence, where K is the number of the evidence's pixels. Higher
//! is better. Pixels that tie across the boundary count with their expected value over every choice among them, which
//! is exact and needs no draw; examples in which the choice matters are counted ("tied at the boundary"). `chance`: the
//! share of the image that is evidence, which is what a random map scores; `rank-minus-area`: what the map has beyond
//! that.
//!
//! # Parameters
//! - `largest` (0.5): images of which evidence covers more than this share are left out; with 1, only those it fills.
//!
//! # Cost
//! No passes.
//!
//! # Reference
//! Arras, Osman and Samek, "CLEVR-XAI", Information Fusion 2022.

use std::sync::Arc;

use super::judged::{Judged, flags, largest};
use super::overlap::overlap;
use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Line, Measure, Metric, Scores};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "relevance-rank-accuracy",
    summary: "share of as many top pixels as the evidence has that lie on it",
    reference: "Arras et al. 2022",
    revision: 1,
    source: concat!(include_str!("relevance_rank_accuracy.rs"), include_str!("judged.rs"), include_str!("overlap.rs")),
    read: |section| Some(Arc::new(RelevanceRankAccuracy { largest: largest(section) })),
};

pub struct RelevanceRankAccuracy {
    pub largest: f64,
}

impl Metric for RelevanceRankAccuracy {
    fn family(&self) -> Family {
        Family::Localization
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new("rank", Direction::Higher, 0.02).against(&[Line::ChanceMeasure("chance")]),
            Measure::new("rank-minus-area", Direction::Higher, 0.02).against(&[Line::Chance(0.0)]),
            Measure::new("chance", Direction::None, 0.02),
        ]
    }

    fn needs_truth(&self) -> bool {
        true
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let judged = Judged::new(given, self.largest)?;
        let overlap = overlap(&judged, &judged.inside.f_clamp_min(1.0)?)?;
        let above = overlap.share.f_sub(&judged.inside.f_div(&judged.pixels)?)?;
        Ok(judged.scores(
            vec![
                ("rank", judged.valid(&overlap.share)?),
                ("rank-minus-area", judged.valid(&above)?),
                ("chance", judged.chance()?),
            ],
            &[("tied at the boundary", flags(&overlap.tied)?)],
        ))
    }
}
