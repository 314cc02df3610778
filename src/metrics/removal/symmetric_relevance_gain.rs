//! # Definition
//! The area between two curves of the explained class's score against the fraction removed: one that removes the least
//! relevant features first (`lerf-curve`) and one that removes the most relevant first (`morf-curve`). `area` is the first's
//! area minus the second's, by the trapezoid rule, on [0, 1]. Higher is better; 0 is what a map without an order scores. What
//! an imputer does to any image alike falls out of the difference. Beside them the same of the other score, named
//! `logit-..` or `probability-..`.
//!
//! # Parameters
//! - `unit` ("pixel"): what is removed at once: "pixel" (all its channels, ranked by the map), "element" (one channel of one
//!   pixel, ranked by the attribution under the sign of the map) or "region" (`region` pixels a side, ranked by the sum of
//!   the map in it; a square that the border cuts off is a region too).
//! - `region` (4): for `unit = "region"`.
//! - `step` (as many as make one step per row of the image, rounded up): features removed between two points of the curves.
//! - `imputer` ("mean"): what takes their place.
//! - `score` ("probability"): "probability" (softmax) or "logit" of the explained class.
//! - `ties` ("random"): order of equal features: "random" (drawn once per example, the same for every contender), or
//!   "stable" (channel by channel, left to right, top to bottom).
//!   From either end they come in the same order, so a constant map scores 0 exactly.
//!
//! # Cost
//! Two forward passes per point of a curve and example.
//!
//! # Reference
//! Blücher, Vielhaben and Strodthoff, "Decoupling Pixel Flipping and Occlusion Strategy for Consistent XAI Benchmarks",
//! TMLR 2024.

use std::sync::Arc;

use super::curves::{Names, Trace, Walk, areas, curve, lines, number, shares, smallest_effect};
use super::features::{Feature, Order};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Measure, Metric, Scores};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "symmetric-relevance-gain",
    summary: "area between the curves that remove the least and the most important features first",
    reference: "Blücher et al. 2024",
    revision: 1,
    source: concat!(
        include_str!("symmetric_relevance_gain.rs"),
        include_str!("curves.rs"),
        include_str!("features.rs")
    ),
    read: |section| Some(Arc::new(SymmetricRelevanceGain(Walk::read(section, "mean", "probability")?))),
};

const NAMES: Names<3> = Names {
    chosen: ["area", "morf-curve", "lerf-curve"],
    probability: ["probability-area", "probability-morf-curve", "probability-lerf-curve"],
    logit: ["logit-area", "logit-morf-curve", "logit-lerf-curve"],
};

pub struct SymmetricRelevanceGain(pub Walk);

impl Metric for SymmetricRelevanceGain {
    fn family(&self) -> Family {
        Family::Removal
    }

    fn measures(&self) -> Vec<Measure> {
        self.0.measures(&NAMES, |score, [area, morf, lerf]| {
            let measure = |name, direction| Measure::new(name, direction, smallest_effect(score));
            let curve = |name, direction| measure(name, direction).along("fraction removed").against(lines(score));
            [measure(area, Direction::Higher), curve(morf, Direction::Lower), curve(lerf, Direction::Higher)]
        })
    }

    fn ranks_elements(&self) -> bool {
        self.0.ranking.feature == Feature::Element
    }

    fn rows(&self, shape: &[i64]) -> usize {
        2 * self.0.removed(shape).len()
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let scene = &given.scene;
        let ranked = self.0.ranking.rank(given)?;
        let removed = self.0.removed(&scene.x.size()[1..]);
        let trace = |order| Trace::new(scene, &ranked.places(order)?, &removed, &*self.0.imputer);
        let (morf, lerf) = (trace(Order::MostFirst)?, trace(Order::LeastFirst)?);
        let at = shares(&removed, &ranked);
        let measures = self.0.scores(&NAMES).map(|(score, [area, morf_curve, lerf_curve])| {
            let (morf, lerf) = (morf.of(score), lerf.of(score));
            let gain = areas(&at, lerf).into_iter().zip(areas(&at, morf)).map(|(lerf, morf)| lerf - morf);
            [number(area, gain.collect()), curve(morf_curve, &at, morf), curve(lerf_curve, &at, lerf)]
        });
        ranked.scores(&scene.ids, measures.into_iter().flatten().collect())
    }
}
