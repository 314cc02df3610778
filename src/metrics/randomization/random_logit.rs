//! # Definition
//! The random logit test: the map of the explained class is compared with the map of another class, drawn by seed for each image
//! among all others. A map that is the same for every class says nothing of the class that it is said to explain. The network
//! stays as trained. Compared by `spearman` (signs kept), `absolute-spearman`, `ssim` and `cosine` of the pixel maps.
//!
//! It does not rank: noise that is drawn for each class passes, and maps of a controlled background agree for good reasons.
//!
//! # Cost
//! One further explanation of each example.
//!
//! # Reference
//! Sixt, Granz and Landgraf, "When Explanations Lie: Why Many Modified BP Attributions Fail", ICML 2020.

use std::sync::Arc;

use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{Class, Known, Maps, ModelRef, Need};
use crate::similarities::{self, AbsoluteSpearman, Cosine, Side, Similarity, Spearman, Ssim};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "random-logit",
    summary: "how alike the map of the explained class is to that of another class",
    reference: "Sixt et al. 2020",
    revision: 1,
    source: concat!(include_str!("random_logit.rs"), similarities::sources!()),
    read: |_| Some(Arc::new(RandomLogit)),
};

struct RandomLogit;

const MEASURES: [(&str, &dyn Similarity); 4] =
    [("spearman", &Spearman), ("absolute-spearman", &AbsoluteSpearman), ("ssim", &Ssim), ("cosine", &Cosine)];
/// Differences of a correlation that are of no interest.
const SMALLEST_EFFECT: f64 = 0.05;
const ANOTHER: Maps = Maps { randomized: None, class: Class::Another, by: None };

impl Metric for RandomLogit {
    fn family(&self) -> Family {
        Family::Randomization
    }

    fn measures(&self) -> Vec<Measure> {
        let measure = |(place, (name, _)): (usize, (&'static str, _))| {
            let measure = Measure::new(name, Direction::None, SMALLEST_EFFECT);
            if place == 0 { measure } else { measure.minor() }
        };
        MEASURES.into_iter().enumerate().map(measure).collect()
    }

    fn needs(&self, _: &Known) -> Vec<Need> {
        vec![Need::Attributions(ModelRef::Original), Need::Maps(ANOTHER)]
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let (own, other) = (Side::new(given.pixel_map()?), Side::new(given.beside.maps(&ANOTHER)?));
        let values = |(measure, similarity): (&'static str, &dyn Similarity)| {
            let values = Vec::<f64>::try_from(similarity.compare(&own, &other)?)?;
            Ok(Values { measure, at: vec![0.0], values })
        };
        let measures = MEASURES.into_iter().map(values).collect::<Result<_>>()?;
        Ok(Scores { unit: ScoredUnit::Example, ids: given.scene.ids.clone(), measures, flags: Vec::new() })
    }
}
