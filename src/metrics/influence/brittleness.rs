//! # Definition
//! The examples that help a test point most, as the method says, are left out together, more and more of them, and the network is
//! trained again: what happens to that test point?
//! - `change`: how far the quantity moved away from the label (the loss up, the margin or logit down), a curve over how many
//!   were left out;
//! - `flipped`: the share of the test points whose predicted class is not what training with all examples gives, a curve;
//! - `area`: the mean of `change` over the points of the curve;
//! - `removals-median-range`: how many it takes until the predicted class is another, median and range over the test points. Between
//!   the first size of the curve that turns a prediction and the one before it, what is left is halved until one example decides,
//!   as if what more examples turned, fewer did not turn back. Infinite where none of `sizes` turned it.
//!
//! Of several repetitions, half have to turn a prediction. A method that knows which examples a prediction rests on changes it with
//! few of them. Random examples are the control, as an influence method of that name.
//!
//! # Parameters
//! - `quantity` ("loss"): "loss", "margin" (log p / (1 - p)) or "logit", of the test point's label.
//! - `sizes` ([1, 2, 5, 10, 20, 50]): how many examples are left out.
//! - `start` ("warm"), `damping`: as for `leave-one-out`.
//!
//! # Cost
//! One training for each test point and size, and for most test points as many again as it takes to halve the gap between two
//! sizes down to 1.
//!
//! # Reference
//! Ilyas et al., "Datamodels", ICML 2022 (section 4.2: brittleness); Koh, Ang, Teo and Liang, "On the Accuracy of Influence
//! Functions for Measuring Group Effects", NeurIPS 2019.

use std::sync::Arc;

use super::actual::{Actual, Retraining};
use super::turning_point::TurningPoints;
use crate::catalogue::Entry;
use crate::error::{Error, Result};
use crate::influence::Quantity;
use crate::metrics::{Direction, Family, Influenced, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{About, DataRef, Known, LeftOut, Need, Refit};
use crate::stats::mean;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "brittleness",
    summary: "what happens to a prediction without the training examples that help it most",
    reference: "Ilyas et al. 2022",
    revision: 1,
    source: concat!(include_str!("brittleness.rs"), include_str!("turning_point.rs"), include_str!("actual.rs")),
    read: |section| {
        let fits = |sizes: &Vec<usize>| {
            !sizes.is_empty() && sizes.is_sorted_by(|a, b| a < b) && sizes.iter().all(|size| *size >= 1)
        };
        Some(Arc::new(Brittleness {
            quantity: Quantity::read(section, "loss"),
            sizes: section.get_if("sizes", vec![1, 2, 5, 10, 20, 50], fits, "integers from 1, ascending"),
            retraining: Retraining::read(section),
        }))
    },
};

struct Brittleness {
    quantity: Quantity,
    sizes: Vec<usize>,
    retraining: Retraining,
}

const REMOVALS_SPREAD: &str = "removals-median-range";
const REMOVALS: &str = "removals";
const AREA: &str = "area";
const CHANGE: &str = "change";
const FLIPPED: &str = "flipped";
const AXIS: &str = "examples left out";

impl Brittleness {
    fn set(&self, size: usize) -> LeftOut {
        LeftOut::Helpful { size, of: self.quantity }
    }

    /// How many it takes for each test point, as far as `turned` says which predictions are others without some examples. It is
    /// asked of all sizes, and then of what lies between.
    fn search(&self, mut turned: impl FnMut(LeftOut) -> Result<Option<Vec<bool>>>) -> Result<Option<TurningPoints>> {
        let sizes = self.sizes.iter().map(|size| turned(self.set(*size))).collect::<Result<Vec<_>>>()?;
        let Some(sizes) = sizes.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
        let mut search = TurningPoints::between(&self.sizes, &sizes);
        loop {
            let each = search.next();
            if each.is_empty() {
                return Ok(Some(search));
            }
            let set = LeftOut::HelpfulTo { each: each.clone(), of: self.quantity };
            let Some(turned) = turned(set)? else { return Ok(None) };
            search.learn(&each, &turned);
        }
    }

    /// Which predictions are others, training by training, from what the trainings recorded; `None` where that is not known yet.
    fn turned(&self, known: &Known, set: &LeftOut) -> Option<Vec<bool>> {
        let starts = self.retraining.starts(&known.repetitions);
        let mut counts: Vec<usize> = Vec::new();
        for start in &starts {
            let classes = |left_out: &LeftOut| -> Option<Vec<i64>> {
                let answers = known.answer(&Need::Refitted(Refit { left_out: left_out.clone(), start: *start }))?;
                let classes = answers.iter().map(|record| record["classes"].as_array());
                classes.collect::<Option<Vec<_>>>()?.into_iter().flatten().map(serde_json::Value::as_i64).collect()
            };
            let (was, now) = (classes(&LeftOut::Nothing)?, classes(set)?);
            let point = |at: usize| if let LeftOut::HelpfulTo { each, .. } = set { each[at].0 } else { at };
            counts.resize(now.len(), 0);
            now.iter().enumerate().for_each(|(at, now)| counts[at] += usize::from(was.get(point(at)) != Some(now)));
        }
        Some(counts.into_iter().map(|count| mostly(count, starts.len())).collect())
    }
}

/// Whether half of the repetitions say so.
fn mostly(count: usize, repetitions: usize) -> bool {
    2 * count >= repetitions
}

impl Metric for Brittleness {
    fn family(&self) -> Family {
        Family::Influence
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new(AREA, Direction::Higher, 0.02),
            Measure::new(REMOVALS_SPREAD, Direction::Lower, 1.0).spread_of(REMOVALS),
            Measure::new(REMOVALS, Direction::Lower, 1.0).hidden(),
            Measure::new(CHANGE, Direction::Higher, 0.02).along(AXIS),
            Measure::new(FLIPPED, Direction::Higher, 0.02).along(AXIS),
        ]
    }

    fn needs(&self, known: &Known) -> Vec<Need> {
        let said = Need::Influence(About::Test(self.quantity, DataRef::Stated));
        let mut sets = vec![LeftOut::Nothing];
        let found = self.search(|set| {
            let turned = self.turned(known, &set);
            sets.push(set);
            Ok(turned)
        });
        debug_assert!(found.is_ok(), "what is not known yet is no error");
        let refits = sets.into_iter().flat_map(|set| self.retraining.needs(&known.repetitions, &set));
        std::iter::once(said).chain(refits).collect()
    }

    fn rounds(&self) -> usize {
        1 + TurningPoints::rounds(&self.sizes)
    }

    fn influences(&self) -> bool {
        true
    }

    fn repeats(&self) -> bool {
        self.retraining.is_cold()
    }

    fn judge(&self, given: &Influenced) -> Result<Scores> {
        let (mut ids, mut unsolved) = (Vec::new(), 0);
        let (mut changes, mut flips): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
        let away = -self.quantity.better();
        for size in &self.sizes {
            let actual = Actual::of(given, self.retraining, &self.set(*size), self.quantity)?;
            let refitted = &actual.refitted;
            let (mut change, mut flipped) = (vec![f64::NAN; refitted.ids.len()], vec![f64::NAN; refitted.ids.len()]);
            for (training, point) in refitted.aimed.iter().enumerate() {
                let Some(point) = *point else { continue };
                change[point] = away * actual.mean(&actual.all(), &[training], point)[0];
                flipped[point] = mean(&actual.flips.iter().map(|flips| flips[training][point]).collect::<Vec<_>>());
            }
            changes.push(change);
            flips.push(flipped);
            ids = refitted.ids.clone();
            unsolved += actual.unconverged;
        }
        let search = self.search(|set| {
            let actual = Actual::of(given, self.retraining, &set, self.quantity)?;
            if matches!(set, LeftOut::HelpfulTo { .. }) {
                unsolved += actual.unconverged;
            }
            let aimed = actual.refitted.aimed.iter().enumerate().filter_map(|(at, point)| Some((at, (*point)?)));
            let turned = aimed.map(|(training, point)| {
                let count = actual.flips.iter().filter(|flips| flips[training][point] == 1.0).count();
                mostly(count, actual.flips.len())
            });
            Ok(Some(turned.collect()))
        })?;
        let removals = search.ok_or_else(|| Error::new("a training is missing"))?.found();
        let points = 0..ids.len();
        let curve = |of: &[Vec<f64>], point: usize| of.iter().map(|size| size[point]).collect::<Vec<f64>>();
        let at: Vec<f64> = self.sizes.iter().map(|size| *size as f64).collect();
        Ok(Scores {
            unit: ScoredUnit::TestPoint,
            measures: vec![
                Values {
                    measure: AREA,
                    at: vec![0.0],
                    values: points.clone().map(|point| mean(&curve(&changes, point))).collect(),
                },
                Values { measure: REMOVALS, at: vec![0.0], values: removals },
                Values {
                    measure: CHANGE,
                    at: at.clone(),
                    values: points.clone().flat_map(|point| curve(&changes, point)).collect(),
                },
                Values { measure: FLIPPED, at, values: points.flat_map(|point| curve(&flips, point)).collect() },
            ],
            ids,
            flags: vec![("not converged", unsolved)],
        })
    }
}
