//! # Definition
//! From the image with every feature replaced by the imputer's values, the true ones are put back in descending order of
//! relevance, `step` at a time; the score of the explained class is recorded before the first step and after each.
//! `curve` is that score against the fraction put back, `auc` the area under it by the trapezoid rule, on [0, 1]. Higher is
//! better. Its ends are those of deletion with the same imputer, exchanged. Beside them the same of the other score:
//! `logit-auc` and `logit-curve`, or `probability-auc` and `probability-curve`.
//!
//! # Parameters
//! - `unit` ("pixel"): what is removed at once: "pixel" (all its channels, ranked by the map), "element" (one channel of one
//!   pixel, ranked by the attribution under the sign of the map) or "region" (`region` pixels a side, ranked by the sum of
//!   the map in it; a square that the border cuts off is a region too).
//! - `region` (4): for `unit = "region"`.
//! - `step` (as many as make one step per row of the image, rounded up): features put back between two points of the curve.
//! - `imputer` ("blur"): what stands in their place before.
//! - `score` ("probability"): "probability" (softmax) or "logit" of the explained class.
//! - `ties` ("random"): order of equal features: "random" (drawn once per example, the same for every contender), or
//!   "stable" (channel by channel, left to right, top to bottom).
//!
//! # Cost
//! One forward pass per point of the curve and example.
//!
//! # Reference
//! Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018.

use std::sync::Arc;

use super::curves::{AREA, Trace, Walk, shares, smallest_effect};
use super::features::{Feature, Order};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Line, Measure, Metric, Scores};
use crate::model::Score;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "insertion",
    summary: "area under the score's curve while the most important features are put back first",
    reference: "Petsiuk et al. 2018",
    revision: 1,
    source: concat!(include_str!("insertion.rs"), include_str!("curves.rs"), include_str!("features.rs")),
    read: |section| Some(Arc::new(Insertion(Walk::read(section, "blur", "probability")?))),
};

pub struct Insertion(pub Walk);

impl Metric for Insertion {
    fn family(&self) -> Family {
        Family::Removal
    }

    fn measures(&self) -> Vec<Measure> {
        self.0.measures(&AREA, |score, [auc, curve]| {
            let higher = |name| Measure::new(name, Direction::Higher, smallest_effect(score));
            // The unmodified image is where these curves end.
            let lines: &[Line] = if score == Score::Probability { &[Line::ChanceOfClass] } else { &[] };
            [higher(auc), higher(curve).along("fraction put back").against(lines)]
        })
    }

    fn ranks_elements(&self) -> bool {
        self.0.ranking.feature == Feature::Element
    }

    fn rows(&self, shape: &[i64]) -> usize {
        self.0.removed(shape).len()
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let scene = &given.scene;
        let ranked = self.0.ranking.rank(given)?;
        let restored = self.0.removed(&scene.x.size()[1..]);
        // Those that come back first are removed last.
        let features = ranked.count();
        let places = ranked.places(Order::MostFirst)?.f_neg()?.f_add_scalar(features as i64 - 1)?;
        let removed: Vec<usize> = restored.iter().map(|count| features - count).collect();
        let trace = Trace::new(scene, &places, &removed, &*self.0.imputer)?;
        ranked.scores(&scene.ids, self.0.areas(&shares(&restored, &ranked), &trace))
    }
}
