//! # Definition
//! Features are replaced by the imputer's values in descending order of relevance, `step` at a time; the score of the
//! explained class is recorded before the first step and after each. `curve` is that score against the fraction removed,
//! `auc` the area under it by the trapezoid rule, on [0, 1]. Lower is better. Beside them the same of the other score:
//! `logit-auc` and `logit-curve`, or `probability-auc` and `probability-curve`.
//!
//! # Parameters
//! - `unit` ("pixel"): what is removed at once: "pixel" (all its channels, ranked by the map), "element" (one channel of one
//!   pixel, ranked by the attribution under the sign of the map) or "region" (`region` pixels a side, ranked by the sum of
//!   the map in it; a square that the border cuts off is a region too).
//! - `region` (4): for `unit = "region"`.
//! - `step` (as many as make one step per row of the image, rounded up): features removed between two points of the curve.
//! - `imputer` ("black"): what takes their place.
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

use super::curves::{AREA, Trace, Walk, lines, shares, smallest_effect};
use super::features::{Feature, Order};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Measure, Metric, Scores};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "deletion",
    summary: "area under the score's curve while the most important features are removed first",
    reference: "Petsiuk et al. 2018",
    revision: 2,
    source: concat!(include_str!("deletion.rs"), include_str!("curves.rs"), include_str!("features.rs")),
    read: |section| Some(Arc::new(Deletion(Walk::read(section, "black", "probability")?))),
};

pub struct Deletion(pub Walk);

impl Metric for Deletion {
    fn family(&self) -> Family {
        Family::Removal
    }

    fn measures(&self) -> Vec<Measure> {
        self.0.measures(&AREA, |score, [auc, curve]| {
            let lower = |name| Measure::new(name, Direction::Lower, smallest_effect(score));
            [lower(auc), lower(curve).along("fraction removed").against(lines(score))]
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
        let removed = self.0.removed(&scene.x.size()[1..]);
        let trace = Trace::new(scene, &ranked.places(Order::MostFirst)?, &removed, &*self.0.imputer)?;
        ranked.scores(&scene.ids, self.0.areas(&shares(&removed, &ranked), &trace))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Section;

    /// Without `step` it follows from the image, so no number is its default.
    #[test]
    fn a_step_of_one_pixel_is_another_setting_than_none() {
        let identity = |parameters: &str| {
            let section = Section::parse("a.toml", &format!("use = 'deletion'\n{parameters}")).unwrap();
            crate::metrics::read(&section).unwrap().identity
        };
        assert_ne!(identity("step = 1"), identity(""));
    }

    #[test]
    fn the_chosen_score_leads_and_the_other_stands_beside_it() {
        let names = |parameters: &str| {
            let section = Section::parse("a.toml", &format!("use = 'deletion'\n{parameters}")).unwrap();
            let measures = crate::metrics::read(&section).unwrap().method.measures();
            measures.into_iter().map(|measure| (measure.name, measure.minor)).collect::<Vec<_>>()
        };
        let beside = |auc, curve| [("auc", false), ("curve", false), (auc, true), (curve, true)];
        assert_eq!(names(""), beside("logit-auc", "logit-curve"));
        assert_eq!(names("score = 'logit'"), beside("probability-auc", "probability-curve"));
    }

    #[test]
    fn the_side_of_a_region_is_a_key_of_regions_alone() {
        let section = Section::parse("a.toml", "use = 'deletion'\nregion = 3").unwrap();
        crate::metrics::read(&section);
        assert!(section.mistakes().to_string().contains("region"), "{}", section.mistakes());
    }
}
