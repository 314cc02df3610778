//! # Definition
//! Training examples are left out, the network is trained again, and what that did to a quantity of each test point is held
//! against what the method said. Which examples matters: correlations over the most influential ones alone are inflated. So both
//! are reported, over random ones and over each test point's own top by magnitude of its influence, under the prefix `top-`:
//! - `pearson`, `spearman`: correlation of predicted and actual change, over the examples left out, at one test point;
//! - `slope`, `intercept`: of the least-squares line of actual on predicted change. Correlation is blind to scale; a slope of 1
//!   says that the size is right too;
//! - `relative-l2`: |predicted - actual| / |actual|, Euclidean over the examples.
//!
//! Each test point is a unit: points are never pooled, since their scales differ. Beside the mean over test points with its interval
//! stand their median and range, `pearson-median-range` and so on. With `start = "warm"` training goes on from the
//! trained weights, and what it does with all examples is subtracted; `drift` is how much that is. A convex fit is solved to its
//! one solution, all removals together. With `start = "cold"` every training begins anew, once for each of `seeds.retrain` and in
//! both arms from the same weights; then `ceiling` is what noise leaves for any prediction to reach: the root of the
//! reliability of the changes. Where that of random examples is undefined or below 0.3 nothing can be told: "below resolution". With
//! `start = "proximal"` nothing is trained: weights and outputs are kept near what they were while the examples are learnt worse,
//! which is what an influence function with the Gauss-Newton Hessian and the same damping answers to first order.
//!
//! # Parameters
//! - `quantity` ("loss"): "loss", "margin" (log p / (1 - p)) or "logit", of the test point's label.
//! - `random` (100): how many removals of random examples.
//! - `top` (20): how many removals for each test point.
//! - `size` (1): examples in each removal; their influences are summed.
//! - `start` ("warm"): or "cold", or "proximal".
//! - `damping` (0.01): of a proximal response, beside the regulariser.
//!
//! # Cost
//! `random` + `top` times the number of test points trainings, for each repetition where they are cold.
//!
//! # Reference
//! Koh and Liang, "Understanding Black-box Predictions via Influence Functions", ICML 2017; both sets, the line and the ceiling:
//! Basu, Pope and Feizi, "Influence Functions in Deep Learning Are Fragile", ICLR 2021; the proximal response: Bae, Ng, Lo, Ghassemi and Grosse, "If Influence Functions are the Answer, Then What
//! is the Question?", NeurIPS 2022; this tool.

use std::sync::Arc;

use super::actual::{Actual, Retraining};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::influence::Quantity;
use crate::metrics::{Direction, Family, Influenced, Line, Measure, Metric, Scatter, ScoredUnit, Scores, Values};
use crate::need::{About, DataRef, Known, LeftOut, Need};
use crate::stats::{mean, pearson, spearman};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "leave-one-out",
    summary: "predicted against actual change when training examples are left out",
    reference: "Koh and Liang 2017; Basu et al. 2021",
    revision: 1,
    source: concat!(include_str!("leave_one_out.rs"), include_str!("actual.rs")),
    read: |section| {
        let many = |count: &usize| (2..=100_000).contains(count);
        Some(Arc::new(LeaveOneOut {
            quantity: Quantity::read(section, "loss"),
            random: section.get_if("random", 100, many, "an integer from 2"),
            top: section.get_if("top", 20, many, "an integer from 2"),
            size: section.get_if("size", 1, |size| (1..=100_000).contains(size), "an integer from 1"),
            retraining: Retraining::read(section),
        }))
    },
};

struct LeaveOneOut {
    quantity: Quantity,
    random: usize,
    top: usize,
    size: usize,
    retraining: Retraining,
}

const RANDOM: [&str; 5] = ["pearson", "spearman", "slope", "intercept", "relative-l2"];
const TOP: [&str; 5] = ["top-pearson", "top-spearman", "top-slope", "top-intercept", "top-relative-l2"];
const RANDOM_SPREADS: [&str; 5] = [
    "pearson-median-range",
    "spearman-median-range",
    "slope-median-range",
    "intercept-median-range",
    "relative-l2-median-range",
];
const TOP_SPREADS: [&str; 5] = [
    "top-pearson-median-range",
    "top-spearman-median-range",
    "top-slope-median-range",
    "top-intercept-median-range",
    "top-relative-l2-median-range",
];
/// Training by training, what was predicted and what came true.
const SCATTERS: [Scatter; 2] = [
    Scatter { of: "random examples", predicted: "predicted", actual: "actual" },
    Scatter { of: "the most influential", predicted: "top-predicted", actual: "top-actual" },
];
const CEILINGS: [&str; 2] = ["ceiling", "top-ceiling"];
const DRIFT: &str = "drift";
const ONE: &[Line] = &[Line::Chance(0.0)];

impl LeaveOneOut {
    fn sets(&self) -> [LeftOut; 2] {
        let Self { random, top, size, quantity, .. } = *self;
        [LeftOut::Random { count: random, size }, LeftOut::Top { count: top, size, of: quantity }]
    }
}

impl Metric for LeaveOneOut {
    fn family(&self) -> Family {
        Family::Influence
    }

    fn measures(&self) -> Vec<Measure> {
        let of = |[pearson, spearman, slope, intercept, relative]: [&'static str; 5]| {
            [
                Measure::new(pearson, Direction::Higher, 0.02).against(ONE),
                Measure::new(spearman, Direction::Higher, 0.02).against(ONE).minor(),
                Measure::new(slope, Direction::None, 0.05),
                Measure::new(intercept, Direction::None, 0.0).minor(),
                Measure::new(relative, Direction::Lower, 0.02).minor(),
            ]
        };
        let mut measures: Vec<Measure> = of(RANDOM).into_iter().chain(of(TOP)).collect();
        let pairs = SCATTERS.iter().flat_map(|pair| [pair.predicted, pair.actual]);
        let spreads = RANDOM.iter().zip(RANDOM_SPREADS).chain(TOP.iter().zip(TOP_SPREADS));
        measures.extend(spreads.map(|(of, name)| Measure::new(name, Direction::None, 0.0).minor().spread_of(of)));
        measures.extend(pairs.map(|name| Measure::new(name, Direction::None, 0.0).along("removal").minor().hidden()));
        match self.retraining.is_cold() {
            true => measures.extend(CEILINGS.map(|name| Measure::new(name, Direction::None, 0.02).minor())),
            false => measures.push(Measure::new(DRIFT, Direction::None, 0.0).minor()),
        }
        measures
    }

    fn needs(&self, known: &Known) -> Vec<Need> {
        let said = Need::Influence(About::Test(self.quantity, DataRef::Stated));
        let sets = std::iter::once(LeftOut::Nothing).chain(self.sets());
        let refits = sets.flat_map(|set| self.retraining.needs(&known.repetitions, &set));
        std::iter::once(said).chain(refits).collect()
    }

    fn influences(&self) -> bool {
        true
    }

    fn repeats(&self) -> bool {
        self.retraining.is_cold()
    }

    fn scatters(&self) -> &'static [Scatter] {
        &SCATTERS
    }

    fn judge(&self, given: &Influenced) -> Result<Scores> {
        let said = (given.said)(&About::Test(self.quantity, DataRef::Stated))?.values;
        let mut measures = Vec::new();
        let (mut ids, mut unsolved, mut hidden) = (Vec::new(), 0, 0);
        let (mut ceilings, mut pairs) = (Vec::new(), Vec::new());
        for (set, names) in self.sets().iter().zip([RANDOM, TOP]) {
            let actual = Actual::of(given, self.retraining, set, self.quantity)?;
            let trainings = |point: usize| -> Vec<usize> {
                let for_it = |at: &usize| actual.refitted.aimed[*at].is_none_or(|aimed| aimed == point);
                (0..actual.refitted.left_out.len()).filter(for_it).collect()
            };
            let mut columns: [Vec<f64>; 5] = Default::default();
            let mut ceiling = Vec::new();
            let (mut all_predicted, mut all_changes) = (Vec::new(), Vec::new());
            let mut count = 0;
            for (point, predicted) in actual.predicted(&said)?.iter().enumerate() {
                let trainings = trainings(point);
                let predicted: Vec<f64> = trainings.iter().map(|training| predicted[*training]).collect();
                let changes = actual.mean(&actual.all(), &trainings, point);
                for (column, value) in columns.iter_mut().zip(agreement(&predicted, &changes)) {
                    column.push(value);
                }
                ceiling.push(actual.ceiling(&trainings, point, pearson));
                count = trainings.len();
                all_predicted.extend(predicted);
                all_changes.extend(changes);
            }
            for (name, values) in names.into_iter().zip(columns) {
                measures.push(Values { measure: name, at: vec![0.0], values });
            }
            pairs.push((count, [all_predicted, all_changes]));
            // Random examples are the honest test; the top ones are of the largest changes there are.
            if ceilings.is_empty() {
                hidden = actual.below_resolution(&ceiling);
            }
            ceilings.push(ceiling);
            unsolved += actual.unconverged;
            ids = actual.refitted.ids.clone();
        }
        for (pair, (count, values)) in SCATTERS.iter().zip(pairs) {
            let at: Vec<f64> = (1..=count).map(|at| at as f64).collect();
            let named = [pair.predicted, pair.actual].into_iter().zip(values);
            measures.extend(named.map(|(measure, values)| Values { measure, at: at.clone(), values }));
        }
        let mut flags = vec![("not converged", unsolved)];
        match self.retraining.is_cold() {
            true => {
                let named = CEILINGS.into_iter().zip(ceilings);
                measures.extend(named.map(|(measure, values)| Values { measure, at: vec![0.0], values }));
                flags.push(("below resolution", hidden));
            }
            false => measures.push(Values { measure: DRIFT, at: vec![0.0], values: self.drift(given)? }),
        }
        Ok(Scores { unit: ScoredUnit::TestPoint, ids, measures, flags })
    }
}

impl LeaveOneOut {
    /// What training with all examples does to each test point.
    fn drift(&self, given: &Influenced) -> Result<Vec<f64>> {
        let again = Actual::of(given, self.retraining, &LeftOut::Nothing, self.quantity)?.refitted;
        let (before, after) = (&again.before, again.logits.f_get(0)?);
        let of = |logits: &tch::Tensor| self.quantity.of(given.loss, logits, &again.labels);
        let drift = of(&after)?.f_sub(&of(before)?)?.f_abs()?;
        Ok(Vec::try_from(drift.f_to_kind(tch::Kind::Double)?)?)
    }
}

/// Pearson, Spearman, slope, intercept, relative L2.
fn agreement(predicted: &[f64], actual: &[f64]) -> [f64; 5] {
    let (x, y) = (mean(predicted), mean(actual));
    let products = predicted.iter().zip(actual).map(|(a, b)| (a - x) * (b - y)).sum::<f64>();
    let squares = predicted.iter().map(|a| (a - x).powi(2)).sum::<f64>();
    let slope = if squares > 0.0 { products / squares } else { f64::NAN };
    let apart = predicted.iter().zip(actual).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let length = actual.iter().map(|b| b.powi(2)).sum::<f64>().sqrt();
    [pearson(predicted, actual), spearman(predicted, actual), slope, y - slope * x, apart / length]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y = 2 x + 1 at x = 0, 1, 2: correlation 1, slope 2, intercept 1; apart (1, 2, 3), y (1, 3, 5).
    #[test]
    fn a_line_by_hand() {
        let [pearson, spearman, slope, intercept, relative] = agreement(&[0.0, 1.0, 2.0], &[1.0, 3.0, 5.0]);
        assert!((pearson - 1.0).abs() < 1e-15 && (spearman - 1.0).abs() < 1e-15);
        assert_eq!((slope, intercept), (2.0, 1.0));
        assert!((relative - (14.0f64 / 35.0).sqrt()).abs() < 1e-15);
        assert!(agreement(&[1.0, 1.0], &[1.0, 2.0])[..3].iter().all(|value| value.is_nan()));
    }
}
