//! # Definition
//! The examples that help a test point most, as the method says, are left out together, more and more of them, and the network is
//! trained again: what happens to that test point?
//! - `change`: how far the quantity moved away from the label (the loss up, the margin or logit down), a curve over how many
//!   were left out;
//! - `flipped`: the share of the test points whose predicted class is not what training with all examples gives, a curve;
//! - `area`: the mean of `change` over the points of the curve.
//!
//! A method that knows which examples a prediction rests on changes it with few of them. Random examples are the control, as an
//! influence method of that name.
//!
//! # Parameters
//! - `quantity` ("loss"): "loss", "margin" (log p / (1 - p)) or "logit", of the test point's label.
//! - `sizes` ([1, 2, 5, 10, 20, 50]): how many examples are left out.
//! - `start` ("warm"), `damping`: as for `leave-one-out`.
//!
//! # Cost
//! One training for each test point and size.
//!
//! # Reference
//! Ilyas et al., "Datamodels", ICML 2022 (section 4.2: brittleness); Koh, Ang, Teo and Liang, "On the Accuracy of Influence
//! Functions for Measuring Group Effects", NeurIPS 2019.

use std::sync::Arc;

use super::actual::{Actual, Retraining};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::influence::Quantity;
use crate::metrics::{Direction, Family, Influenced, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{About, DataRef, Known, LeftOut, Need};
use crate::stats::mean;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "brittleness",
    summary: "what happens to a prediction without the training examples that help it most",
    reference: "Ilyas et al. 2022",
    revision: 1,
    source: concat!(include_str!("brittleness.rs"), include_str!("actual.rs")),
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

const AREA: &str = "area";
const CHANGE: &str = "change";
const FLIPPED: &str = "flipped";
const AXIS: &str = "examples left out";

impl Brittleness {
    fn set(&self, size: usize) -> LeftOut {
        LeftOut::Helpful { size, of: self.quantity }
    }
}

impl Metric for Brittleness {
    fn family(&self) -> Family {
        Family::Influence
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new(AREA, Direction::Higher, 0.02),
            Measure::new(CHANGE, Direction::Higher, 0.02).along(AXIS),
            Measure::new(FLIPPED, Direction::Higher, 0.02).along(AXIS),
        ]
    }

    fn needs(&self, known: &Known) -> Vec<Need> {
        let said = Need::Influence(About::Test(self.quantity, DataRef::Stated));
        let sets = std::iter::once(LeftOut::Nothing).chain(self.sizes.iter().map(|size| self.set(*size)));
        let refits = sets.flat_map(|set| self.retraining.needs(&known.repetitions, &set));
        std::iter::once(said).chain(refits).collect()
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
