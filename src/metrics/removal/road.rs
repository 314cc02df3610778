//! # Definition
//! At each of `fractions` the most relevant features are replaced by the imputer's values, and it is recorded whether the
//! network still predicts the explained class. `accuracy-curve` is that, 0 or 1 per image, against the fraction removed,
//! starting from the unmodified image; `accuracy` its mean over `fractions`. Lower is better. Beside them the same with the
//! least relevant removed first, where higher is better (`lerf-accuracy`, `lerf-accuracy-curve`), and the explained class's
//! probability and logit with the most relevant removed (`probability-curve`, `logit-curve`). Nothing is retrained: the
//! imputer's values are meant to be so hard to tell from real pixels that the network does not see the mask.
//!
//! # Parameters
//! - `fractions` ([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9]): shares of the features that are removed, ascending, in (0, 1]; their
//!   number is rounded to the nearest.
//! - `unit` ("pixel"): what is removed at once: "pixel" (all its channels, ranked by the map), "element" (one channel of one
//!   pixel, ranked by the attribution under the sign of the map) or "region" (`region` pixels a side, ranked by the sum of
//!   the map in it; a square that the border cuts off is a region too).
//! - `region` (4): for `unit = "region"`.
//! - `imputer` ("noisy-linear"): what takes their place.
//! - `ties` ("random"): order of equal features: "random" (drawn once per example, the same for every contender), or
//!   "stable" (channel by channel, left to right, top to bottom).
//!
//! # Cost
//! Two forward passes per fraction and example, two for the unmodified image, and the imputer's work.
//!
//! # Reference
//! Rong, Leemann, Borisov, Kasneci and Kasneci, "A Consistent and Efficient Evaluation Strategy for Attribution Methods",
//! ICML 2022.

use std::sync::Arc;

use super::curves::{Trace, curve, lines, number, smallest_effect};
use super::features::{Feature, Order, Ranking};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::imputers::Imputer;
use crate::metrics::{Direction, Family, Given, Line, Measure, Metric, Scores};
use crate::model::Score;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "road",
    summary: "share of images that keep their class when the most important features are imputed",
    reference: "Rong et al. 2022",
    revision: 1,
    source: concat!(include_str!("road.rs"), include_str!("curves.rs"), include_str!("features.rs")),
    read: |section| {
        let usual = vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9];
        let fractions =
            section.get_if("fractions", usual, |given| ascending(given), "numbers above 0, at most 1, ascending");
        let ranking = Ranking::read(section);
        let imputer = crate::imputers::choose(section, "imputer", "noisy-linear");
        Some(Arc::new(Road { fractions, ranking, imputer: imputer?.method }))
    },
};

pub struct Road {
    /// Ascending, in (0, 1].
    pub fractions: Vec<f64>,
    pub ranking: Ranking,
    pub imputer: Arc<dyn Imputer>,
}

impl Metric for Road {
    fn family(&self) -> Family {
        Family::Removal
    }

    fn measures(&self) -> Vec<Measure> {
        let accuracy = |name, direction| Measure::new(name, direction, 0.02);
        let kept = |name, direction| {
            accuracy(name, direction).along("fraction removed").against(&[Line::Unmodified, Line::ChanceOfClass])
        };
        let score = |name, score| {
            Measure::new(name, Direction::Lower, smallest_effect(score)).along("fraction removed").against(lines(score))
        };
        vec![
            accuracy("accuracy", Direction::Lower),
            kept("accuracy-curve", Direction::Lower),
            accuracy("lerf-accuracy", Direction::Higher).minor(),
            kept("lerf-accuracy-curve", Direction::Higher).minor(),
            score("probability-curve", Score::Probability).minor(),
            score("logit-curve", Score::Logit).minor(),
        ]
    }

    fn ranks_elements(&self) -> bool {
        self.ranking.feature == Feature::Element
    }

    fn rows(&self, _: &[i64]) -> usize {
        2 * (self.fractions.len() + 1)
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let scene = &given.scene;
        let ranked = self.ranking.rank(given)?;
        let at: Vec<f64> = [0.0].iter().chain(&self.fractions).copied().collect();
        let removed: Vec<usize> = at.iter().map(|share| (share * ranked.count() as f64).round() as usize).collect();
        let trace = |order| Trace::new(scene, &ranked.places(order)?, &removed, &*self.imputer);
        let (morf, lerf) = (trace(Order::MostFirst)?, trace(Order::LeastFirst)?);
        let mean = |curve: &[f64]| curve[1..].iter().sum::<f64>() / self.fractions.len() as f64;
        let means = |trace: &Trace| trace.kept.chunks(at.len()).map(mean).collect();
        let measures = vec![
            number("accuracy", means(&morf)),
            curve("accuracy-curve", &at, &morf.kept),
            number("lerf-accuracy", means(&lerf)),
            curve("lerf-accuracy-curve", &at, &lerf.kept),
            curve("probability-curve", &at, morf.of(Score::Probability)),
            curve("logit-curve", &at, morf.of(Score::Logit)),
        ];
        ranked.scores(&scene.ids, measures)
    }
}

/// Whether these can be points of a curve after 0.
fn ascending(fractions: &[f64]) -> bool {
    let ends = fractions.first().zip(fractions.last());
    ends.is_some_and(|(first, last)| *first > 0.0 && *last <= 1.0) && fractions.is_sorted_by(|a, b| a < b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_ascend_from_above_0_to_at_most_1() {
        for (fractions, good) in [
            (vec![0.1, 0.5, 1.0], true),
            (vec![], false),
            (vec![0.0, 0.5], false),
            (vec![0.5, 0.5], false),
            (vec![0.5, 0.1], false),
            (vec![0.5, 1.1], false),
        ] {
            assert_eq!(ascending(&fractions), good, "{fractions:?}");
        }
    }
}
