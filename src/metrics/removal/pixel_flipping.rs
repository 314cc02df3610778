//! # Definition
//! Features are replaced by the imputer's values one `step` after another, from one end of the ranking. `curve` is the score
//! of the explained class against the fraction removed, f(x_0) first; `aopc`, the area over it, is the mean over the points
//! k = 0 .. L of f(x_0) - f(x_k). With the most relevant first a high `aopc` and a low curve are better, with the least
//! relevant first the reverse. Beside them the same of the other score: `probability-aopc` and `probability-curve`, or
//! `logit-aopc` and `logit-curve`.
//!
//! # Parameters
//! - `unit` ("pixel"): what is removed at once: "pixel" (all its channels, ranked by the map), "element" (one channel of one
//!   pixel, ranked by the attribution under the sign of the map) or "region" (`region` pixels a side, ranked by the sum of
//!   the map in it; a square that the border cuts off is a region too).
//! - `region` (4): for `unit = "region"`.
//! - `order` ("morf"): "morf" (most relevant first) or "lerf" (least relevant first).
//! - `step` (as many as make one step per row of the image, rounded up): features removed between two points of the curve.
//! - `steps` (no limit): L, after how many steps it ends.
//! - `fraction` (1.0): the share of the features after which it ends, if that comes first.
//! - `imputer` ("noise"): what takes their place. The paper draws ten times; this is one draw per example.
//! - `score` ("logit"): "logit" or "probability" (softmax) of the explained class.
//! - `ties` ("random"): order of equal features: "random" (drawn once per example, the same for every contender), or
//!   "stable" (channel by channel, left to right, top to bottom).
//!
//! The paper's setting: `unit = "region"`, `region = 9`, `step = 1`, `steps = 100`.
//!
//! # Cost
//! One forward pass per point of the curve and example.
//!
//! # Reference
//! Samek, Binder, Montavon, Lapuschkin and Müller, "Evaluating the Visualization of What a Deep Neural Network Has
//! Learned", IEEE TNNLS 2017.

use std::sync::Arc;

use super::curves::{Names, Trace, Walk, curve, lines, number, shares, smallest_effect};
use super::features::{Feature, Order};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Measure, Metric, Scores};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "pixel-flipping",
    summary: "area over the score's curve while features are replaced, most or least important first",
    reference: "Samek et al. 2017",
    revision: 1,
    source: concat!(include_str!("pixel_flipping.rs"), include_str!("curves.rs"), include_str!("features.rs")),
    read: |section| {
        let walk = Walk::read(section, "noise", "logit");
        let orders = [("morf", Order::MostFirst), ("lerf", Order::LeastFirst)];
        let order = section.choice("order", "morf", &orders);
        let steps = section.optional_if("steps", |steps| *steps >= 1, "an integer of 1 or more");
        let part = |fraction: &f64| *fraction > 0.0 && *fraction <= 1.0;
        let fraction = section.get_if("fraction", 1.0, part, "a number above 0, at most 1");
        Some(Arc::new(PixelFlipping { walk: walk?, order, steps, fraction }))
    },
};

const NAMES: Names<2> = Names {
    chosen: ["aopc", "curve"],
    probability: ["probability-aopc", "probability-curve"],
    logit: ["logit-aopc", "logit-curve"],
};

pub struct PixelFlipping {
    pub walk: Walk,
    pub order: Order,
    /// After how many steps it ends; `None` goes on to `fraction`.
    pub steps: Option<usize>,
    /// Of the features, in (0, 1].
    pub fraction: f64,
}

impl Metric for PixelFlipping {
    fn family(&self) -> Family {
        Family::Removal
    }

    fn measures(&self) -> Vec<Measure> {
        let (above, below) = match self.order {
            Order::MostFirst => (Direction::Higher, Direction::Lower),
            Order::LeastFirst => (Direction::Lower, Direction::Higher),
        };
        self.walk.measures(&NAMES, |score, [aopc, curve]| {
            let curve = Measure::new(curve, below, smallest_effect(score)).along("fraction removed");
            [Measure::new(aopc, above, smallest_effect(score)), curve.against(lines(score))]
        })
    }

    fn ranks_elements(&self) -> bool {
        self.walk.ranking.feature == Feature::Element
    }

    fn rows(&self, shape: &[i64]) -> usize {
        self.removed(shape).len()
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let scene = &given.scene;
        let ranked = self.walk.ranking.rank(given)?;
        let removed = self.removed(&scene.x.size()[1..]);
        let trace = Trace::new(scene, &ranked.places(self.order)?, &removed, &*self.walk.imputer)?;
        let at = shares(&removed, &ranked);
        let measures = self.walk.scores(&NAMES).map(|(score, [aopc, path])| {
            let values = trace.of(score);
            let over = |curve: &[f64]| curve[0] - curve.iter().sum::<f64>() / curve.len() as f64;
            [number(aopc, values.chunks(at.len()).map(over).collect()), curve(path, &at, values)]
        });
        ranked.scores(&scene.ids, measures.into_iter().flatten().collect())
    }
}

impl PixelFlipping {
    /// How many features are gone at each point, of an image of `shape` [C, H, W]; at least one step is made.
    fn removed(&self, shape: &[i64]) -> Vec<usize> {
        let mut removed = self.walk.removed(shape);
        let most = (self.fraction * self.walk.ranking.count(shape) as f64).round() as usize;
        let within = removed.partition_point(|count| *count <= most) - 1;
        removed.truncate(1 + within.min(self.steps.unwrap_or(usize::MAX)).max(1));
        removed
    }
}
