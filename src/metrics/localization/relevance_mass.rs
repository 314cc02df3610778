//! # Definition
//! `mass`: the sum of the map over the evidence, divided by its sum over the image (the energy-based pointing game).
//! Higher is better. `chance`: the share of the image that is evidence, which is what a map that knows nothing scores
//! on average; `mass-minus-area`: what the map has beyond that. A map without positive mass is invalid ("no positive
//! mass").
//!
//! # Parameters
//! - `sign` ("positive"): what a pixel weighs: its "positive" part, its "absolute" value, or "signed" as it is. Only
//!   the first two keep `mass` within [0, 1]; "absolute" counts evidence against the class as evidence for it.
//! - `largest` (0.5): images of which evidence covers more than this share are left out; with 1, only those it fills.
//!
//! # Cost
//! No passes.
//!
//! # Reference
//! Wang et al., "Score-CAM", CVPR Workshops 2020; Arras, Osman and Samek, "CLEVR-XAI", Information Fusion 2022
//! (relevance mass accuracy).

use std::sync::Arc;

use tch::Kind;

use super::judged::{Judged, flags, largest};
use super::weights::{sum_where, weights};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::explainers::Sign;
use crate::metrics::{Direction, Family, Given, Line, Measure, Metric, Scores};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "relevance-mass",
    summary: "share of the map's mass that lies on the evidence",
    reference: "Wang et al. 2020; Arras et al. 2022",
    revision: 1,
    source: concat!(include_str!("relevance_mass.rs"), include_str!("judged.rs"), include_str!("weights.rs")),
    read: |section| {
        let signs = [("positive", Sign::Positive), ("absolute", Sign::Absolute), ("signed", Sign::Signed)];
        let sign = section.choice("sign", "positive", &signs);
        Some(Arc::new(RelevanceMass { sign, largest: largest(section) }))
    },
};

pub struct RelevanceMass {
    pub sign: Sign,
    pub largest: f64,
}

impl Metric for RelevanceMass {
    fn family(&self) -> Family {
        Family::Localization
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new("mass", Direction::Higher, 0.02).against(&[Line::ChanceMeasure("chance")]),
            Measure::new("mass-minus-area", Direction::Higher, 0.02).against(&[Line::Chance(0.0)]),
            Measure::new("chance", Direction::None, 0.02),
        ]
    }

    fn needs_truth(&self) -> bool {
        true
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let judged = Judged::new(given, self.largest)?;
        let weights = weights(&judged, self.sign)?;
        let total = weights.f_sum_dim_intlist(1, false, Kind::Double)?;
        let none = total.f_le(0.0)?;
        let mass = sum_where(&weights, &judged.truth)?.f_div(&total)?.f_masked_fill(&none, f64::NAN)?;
        let above = mass.f_sub(&judged.inside.f_div(&judged.pixels)?)?;
        Ok(judged.scores(
            vec![
                ("mass", judged.valid(&mass)?),
                ("mass-minus-area", judged.valid(&above)?),
                ("chance", judged.chance()?),
            ],
            &[("no positive mass", flags(&none)?)],
        ))
    }
}
