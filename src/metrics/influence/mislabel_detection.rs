//! # Definition
//! A share of the training labels is turned into wrong ones, a network is trained on all of them, and the training examples are
//! ordered by what the method says of each one's effect on itself, largest first. A reader who checks them in this order finds:
//! - `recall`: the share of the wrong labels among the first share checked, a curve; a random order finds as much as it checks;
//! - `auroc`: the probability that a wrong label stands before a right one; 0.5 by chance;
//! - `average-precision`: the mean, over the wrong labels, of the share of wrong ones up to each.
//!
//! With `class` all wrong labels lie in one class, a mislabelled subgroup, and with `into` they are alike too: wrong examples that
//! agree with each other are harder to tell from right ones than scattered ones.
//!
//! Examples with equal values share their places. The units are the draws of wrong labels, `seeds.flip`.
//!
//! # Parameters
//! - `share` (0.1): of the labels that may be turned; one of them at least.
//! - `class` (none): the class of which labels are turned, by its place, from 0, among the dataset's classes; of all where it is not
//!   there.
//! - `into` (none): the class that they are turned into, by its place; any other where it is not there.
//! - `checked` ([0.05, 0.1, 0.15, 0.2, 0.25, 0.3]): the points of the curve.
//!
//! # Cost
//! A training and an influence of each example on itself, for each draw.
//!
//! # Reference
//! Koh and Liang, "Understanding Black-box Predictions via Influence Functions", ICML 2017, section 5.4.

use std::sync::Arc;

use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Influenced, Line, Measure, Metric, ScoredUnit, Scores, Values};
use crate::model::Graph;
use crate::model::randomize::Unfit;
use crate::need::{About, DataRef, Flips, Known, Need, Share};
use crate::stats::average_ranks;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "mislabel-detection",
    summary: "wrong labels found when examples are checked in the order of their influence on themselves",
    reference: "Koh and Liang 2017",
    revision: 1,
    source: include_str!("mislabel_detection.rs"),
    read: |section| {
        let share = section.get_if("share", 0.1, |share| *share > 0.0 && *share < 1.0, "a share between 0 and 1");
        let fits = |checked: &Vec<f64>| {
            !checked.is_empty() && checked.is_sorted_by(|a, b| a < b) && checked.iter().all(|c| *c > 0.0 && *c <= 1.0)
        };
        let checked = vec![0.05, 0.1, 0.15, 0.2, 0.25, 0.3];
        let checked = section.get_if("checked", checked, fits, "shares above 0 and at most 1, ascending");
        let flips = Flips { share: Share::new(share), of: section.optional("class"), into: section.optional("into") };
        if let (Some(of), true) = (flips.of, flips.of == flips.into) {
            let message = format!("labels of class {of} turned into class {of} are not wrong");
            section.mistake("into", message, Some("another class".to_string()), None);
        }
        Some(Arc::new(MislabelDetection { flips, checked }))
    },
};

struct MislabelDetection {
    flips: Flips,
    checked: Vec<f64>,
}

const AUROC: &str = "auroc";
const PRECISION: &str = "average-precision";
const RECALL: &str = "recall";
const CHANCE: &[Line] = &[Line::Chance(0.5)];

impl MislabelDetection {
    fn about(&self, draw: u64) -> About {
        About::Itself(DataRef::Flipped(self.flips, draw))
    }
}

impl Metric for MislabelDetection {
    fn family(&self) -> Family {
        Family::Influence
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new(AUROC, Direction::Higher, 0.01).against(CHANCE),
            Measure::new(PRECISION, Direction::Higher, 0.02),
            Measure::new(RECALL, Direction::Higher, 0.02).along("share checked"),
        ]
    }

    fn needs(&self, known: &Known) -> Vec<Need> {
        known.flips.iter().map(|draw| Need::Influence(self.about(*draw))).collect()
    }

    fn influences(&self) -> bool {
        true
    }

    fn flips(&self) -> bool {
        true
    }

    fn unfit(&self, graph: &Graph) -> Option<Unfit> {
        let classes = *graph.shapes().ok()?.get(graph.output)?.last()?;
        let asked = [("class", self.flips.of), ("into", self.flips.into)];
        let (key, class) =
            asked.into_iter().find_map(|(key, class)| Some((key, class.filter(|c| *c as i64 >= classes)?)))?;
        let message = format!("the data have {classes} classes, and none of them is number {class}");
        let expected = format!("a place among the dataset's classes, from 0 to {}", classes - 1);
        Some(Unfit { key, message, expected: Some(expected), help: None })
    }

    fn judge(&self, given: &Influenced) -> Result<Scores> {
        let (mut aurocs, mut precisions, mut recalls) = (Vec::new(), Vec::new(), Vec::new());
        for draw in &given.flips {
            let said = (given.said)(&self.about(*draw))?;
            let values = Vec::<f64>::try_from(said.values.f_to_kind(tch::Kind::Double)?)?;
            let order = Order::of(&values, &said.flipped);
            aurocs.push(order.auroc());
            precisions.push(order.average_precision());
            recalls.extend(self.checked.iter().map(|share| order.recall(*share)));
        }
        let of = |measure, at: Vec<f64>, values| Values { measure, at, values };
        Ok(Scores {
            unit: ScoredUnit::Repetition,
            ids: given.flips.clone(),
            measures: vec![
                of(AUROC, vec![0.0], aurocs),
                of(PRECISION, vec![0.0], precisions),
                of(RECALL, self.checked.clone(), recalls),
            ],
            flags: Vec::new(),
        })
    }
}

/// Examples in descending order, those of equal value together: how many there are of each, and how many of them are wrong.
struct Order {
    groups: Vec<(f64, f64)>,
    ranks: Option<(f64, f64, f64)>,
}

impl Order {
    /// An undefined value leaves no order.
    fn of(values: &[f64], wrong: &[bool]) -> Self {
        if values.iter().any(|value| value.is_nan()) {
            return Self { groups: Vec::new(), ranks: None };
        }
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        let mut groups: Vec<(f64, f64)> = Vec::new();
        for (at, place) in order.iter().enumerate() {
            let tied = at > 0 && values[order[at - 1]] == values[*place];
            let found = f64::from(u8::from(wrong[*place]));
            match groups.last_mut() {
                Some((count, all)) if tied => (*count, *all) = (*count + 1.0, *all + found),
                _ => groups.push((1.0, found)),
            }
        }
        let ranks = average_ranks(values);
        let sum = ranks.iter().zip(wrong).filter(|(_, wrong)| **wrong).map(|(rank, _)| rank).sum();
        let count = wrong.iter().filter(|wrong| **wrong).count() as f64;
        Self { groups, ranks: Some((sum, count, values.len() as f64 - count)) }
    }

    /// Mann and Whitney's statistic over the number of pairs.
    fn auroc(&self) -> f64 {
        let Some((sum, wrong, right)) = self.ranks else { return f64::NAN };
        (sum - wrong * (wrong + 1.0) / 2.0) / (wrong * right)
    }

    fn average_precision(&self) -> f64 {
        let (mut checked, mut found, mut sum) = (0.0, 0.0, 0.0);
        for (count, wrong) in &self.groups {
            checked += count;
            found += wrong;
            sum += wrong * found / checked;
        }
        sum / found
    }

    /// The share of the wrong ones among the first `share` of all.
    fn recall(&self, share: f64) -> f64 {
        let (all, wrong) = self.groups.iter().fold((0.0, 0.0), |(all, wrong), group| (all + group.0, wrong + group.1));
        let (mut left, mut found) = (share * all, 0.0);
        for (count, wrong) in &self.groups {
            found += wrong * (left / count).clamp(0.0, 1.0);
            left -= count;
            if left <= 0.0 {
                break;
            }
        }
        found / wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values 4 3 2 1, wrong the first and the third: pairs (4,3) (4,1) (2,1) right, (2,3) not: 3/4. Precision 1 and 2/3.
    #[test]
    fn an_order_by_hand() {
        let order = Order::of(&[4.0, 3.0, 2.0, 1.0], &[true, false, true, false]);
        assert_eq!(order.auroc(), 0.75);
        assert!((order.average_precision() - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-15);
        assert_eq!([0.25, 0.5, 0.75, 1.0].map(|share| order.recall(share)), [0.5, 0.5, 1.0, 1.0]);
        // A third of the way through the third.
        assert!((order.recall(0.25 * (2.0 + 1.0 / 3.0)) - (0.5 + 1.0 / 6.0)).abs() < 1e-12);
    }

    #[test]
    fn what_tells_nothing_finds_what_it_checks() {
        let order = Order::of(&[7.0; 4], &[true, false, true, false]);
        assert_eq!((order.auroc(), order.average_precision(), order.recall(0.25)), (0.5, 0.5, 0.25));
        assert!(Order::of(&[f64::NAN, 1.0], &[true, false]).auroc().is_nan());
    }
}
