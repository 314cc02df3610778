//! The multiverse: every combination of the choices that a suite sweeps over, and what of a ranking survives them.
//! A choice such as the imputer is nobody's hypothesis; a ranking that turns with it says little about the explainers.

mod agreement;
mod choices;
mod rows;
mod words;

pub use agreement::Agreement;
pub use choices::{Choice, choices, combinations, fits};
pub use rows::{COLUMNS, rows};
pub use words::{Grid, PAIRS, pairs, ranks, summary};

use super::{Direction, Group};
use crate::stats::{Estimate, average_ranks};

/// One measure of explainers on one dataset and model, in all universes.
#[derive(Clone, Debug, PartialEq)]
pub struct Multiverse {
    pub dataset: String,
    pub model: String,
    /// The metric's label without what sweeps appended.
    pub metric: String,
    pub measure: String,
    /// Lower or higher.
    pub direction: Direction,
    /// Their labels without what sweeps appended; the best on average first.
    pub explainers: Vec<String>,
    /// Ordered by the explainers' ranks, so that those that agree stand together.
    pub universes: Vec<Universe>,
    /// Each pair of explainers once, the one that is better on average first.
    pub pairs: Vec<Pair>,
    /// Explainers without a number in some universe.
    pub left_out: Vec<String>,
    /// What must stand beside its numbers.
    pub warnings: Vec<String>,
}

/// One way to choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Universe {
    pub choices: Vec<Choice>,
    /// One per explainer of the multiverse.
    pub estimates: Vec<Estimate>,
}

/// Two explainers, by their places among those of the multiverse.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub first: usize,
    pub second: usize,
    /// The paired difference, first minus second, in each universe.
    pub differences: Vec<Estimate>,
}

/// In how many universes the interval of a pair's difference lies on which side of 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    pub better: usize,
    pub worse: usize,
    pub open: usize,
}

impl Universe {
    /// Such as "imputer=blur, map.channels=sum".
    pub fn name(&self) -> String {
        self.choices.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    }
}

impl Verdicts {
    /// Shown to be better in one universe and worse in another.
    pub fn flip(&self) -> bool {
        self.better > 0 && self.worse > 0
    }
}

impl Multiverse {
    /// Puts explainers and universes into the order that their fields promise. `difference` says what separates two
    /// explainers, given by their places in `explainers` as they come, in the universe of the same place.
    pub fn arranged(mut self, difference: impl Fn(usize, usize, usize) -> Estimate) -> Self {
        let ranks = self.ranks();
        let mean_rank = |explainer: &usize| ranks.iter().map(|ranks| ranks[*explainer]).sum::<f64>();
        let mut explainers: Vec<usize> = (0..self.explainers.len()).collect();
        explainers.sort_by(|a, b| mean_rank(a).total_cmp(&mean_rank(b)));
        let of = |universe: &usize| explainers.iter().map(|explainer| ranks[*universe][*explainer]).collect::<Vec<_>>();
        let mut universes: Vec<usize> = (0..self.universes.len()).collect();
        // Ranks are never NaN here, and equal rankings keep the order of the suite.
        universes.sort_by(|a, b| of(a).partial_cmp(&of(b)).unwrap_or(std::cmp::Ordering::Equal));

        let pairs =
            (0..explainers.len()).flat_map(|first| (first + 1..explainers.len()).map(move |second| (first, second)));
        self.pairs = pairs
            .map(|(first, second)| {
                let differences = universes.iter().map(|u| difference(*u, explainers[first], explainers[second]));
                Pair { first, second, differences: differences.collect() }
            })
            .collect();
        self.universes = universes.iter().map(|universe| self.universes[*universe].clone()).collect();
        for universe in &mut self.universes {
            universe.estimates = explainers.iter().map(|explainer| universe.estimates[*explainer]).collect();
        }
        self.explainers = explainers.iter().map(|explainer| self.explainers[*explainer].clone()).collect();
        self
    }

    /// The rank of each explainer in each universe; 1 is the best.
    pub fn ranks(&self) -> Vec<Vec<f64>> {
        let sign = if self.direction == Direction::Higher { -1.0 } else { 1.0 };
        let ranks = |universe: &Universe| {
            let points: Vec<f64> = universe.estimates.iter().map(|estimate| sign * estimate.point).collect();
            average_ranks(&points)
        };
        self.universes.iter().map(ranks).collect()
    }

    pub fn verdicts(&self, pair: &Pair) -> Verdicts {
        let mut verdicts = Verdicts::default();
        for difference in &pair.differences {
            let (below, above) = (difference.high < 0.0, difference.low > 0.0);
            let (better, worse) = if self.direction == Direction::Higher { (above, below) } else { (below, above) };
            verdicts.better += usize::from(better);
            verdicts.worse += usize::from(worse);
            verdicts.open += usize::from(!better && !worse);
        }
        verdicts
    }

    /// What the universes' short names are, such as "imputer, map.channels", and those names, such as "blur, sum". Where
    /// other keys are chosen in other universes the names are the full ones.
    pub fn names(&self) -> (String, Vec<String>) {
        let keys = |universe: &Universe| universe.choices.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        let first = self.universes.first().map(keys).unwrap_or_default();
        if self.universes.iter().any(|universe| keys(universe) != first) {
            return ("universe".to_string(), self.universes.iter().map(Universe::name).collect());
        }
        let values = |universe: &Universe| {
            universe.choices.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ")
        };
        (self.swept(), self.universes.iter().map(values).collect())
    }

    /// Every key that is swept over, such as "imputer, map.channels".
    pub fn swept(&self) -> String {
        let mut keys: Vec<&str> = Vec::new();
        for (key, _) in self.universes.iter().flat_map(|universe| &universe.choices) {
            if !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
        keys.join(", ")
    }

    pub fn belongs_to(&self, group: &Group) -> bool {
        self.dataset == group.dataset && self.model == group.model
    }

    /// Metric and measure, such as "deletion auc".
    pub fn name(&self) -> String {
        format!("{} {}", self.metric, self.measure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_best_on_average_comes_first_and_rankings_that_agree_stand_together() {
        let multiverse = sample::multiverse();
        // Ranks of gradient, smoothgrad, ig in the universes as given: 2 1 3, 1 2 3 and 2 1 3, sums 5, 4 and 9.
        assert_eq!(multiverse.explainers, ["smoothgrad", "gradient", "ig"]);
        assert_eq!(multiverse.ranks(), [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0]]);
        let (keys, names) = multiverse.names();
        assert_eq!((keys.as_str(), names.join(" ").as_str()), ("imputer", "black mean blur"));
    }

    #[test]
    fn universes_of_different_keys_have_their_full_names() {
        let mut multiverse = sample::multiverse();
        multiverse.universes[0].choices.push(("unit".into(), "element".into()));
        let (keys, names) = multiverse.names();
        assert_eq!(
            (keys.as_str(), names[0].as_str(), names[1].as_str()),
            ("universe", "imputer=black, unit=element", "imputer=mean")
        );
    }

    #[test]
    fn a_pair_flips_where_both_orders_are_shown() {
        let multiverse = sample::multiverse();
        let verdicts: Vec<Verdicts> = multiverse.pairs.iter().map(|pair| multiverse.verdicts(pair)).collect();
        assert_eq!(verdicts[0], Verdicts { better: 2, worse: 1, open: 0 });
        assert!(verdicts[0].flip() && !verdicts[1].flip());
        // The better of a measure whose direction turns is the worse.
        let turned = Multiverse { direction: Direction::Higher, ..multiverse.clone() };
        assert_eq!(turned.verdicts(&turned.pairs[0]), Verdicts { better: 1, worse: 2, open: 0 });
    }
}
