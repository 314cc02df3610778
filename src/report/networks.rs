//! How the networks of a suite were trained: what a reader must see before believing what is said of explanations of them.

use serde::Serialize;

use super::table::{Column, Entry, Row, Table};
use super::{Direction, Point, Report, Role};
use crate::stats::Estimate;

/// The running training accuracy from which a network counts as one that fits its training data.
pub const FIT: f64 = 0.99;

/// All networks of a suite, dataset by dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Networks {
    /// Seeds, what the intervals are, what the columns are.
    pub caption: String,
    pub rows: Vec<Network>,
}

/// One dataset with one model, estimated over its trainings.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub dataset: String,
    pub model: String,
    pub train_accuracy: Estimate,
    pub test_accuracy: Estimate,
    /// The mean training loss of the last epoch; `None` where the weights were loaded.
    pub loss: Option<Estimate>,
    /// The accuracy on the training examples as they passed, at the epochs 1, 2, ..; empty where the weights were loaded.
    pub accuracy_by_epoch: Vec<Point>,
    /// Those that finished.
    pub trainings: Vec<Training>,
}

/// What one training recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    pub seed: u64,
    pub train_accuracy: f64,
    pub test_accuracy: f64,
    /// Epoch by epoch; empty where the weights were loaded.
    pub loss: Vec<f64>,
    pub accuracy: Vec<f64>,
}

impl Training {
    /// The first epoch, from 1, whose running accuracy is at least `FIT`.
    pub fn epochs_to_fit(&self) -> Option<usize> {
        self.accuracy.iter().position(|accuracy| *accuracy >= FIT).map(|epoch| epoch + 1)
    }
}

impl Network {
    pub fn label(&self) -> String {
        format!("{}, {}", self.dataset, self.model)
    }

    /// "4", "4 to 6" where the trainings differ, "4 to 6, 1 never" where one of them does not fit; "-" where none does.
    fn fitted(&self) -> String {
        let epochs: Vec<usize> = self.trainings.iter().filter_map(Training::epochs_to_fit).collect();
        let never = self.trainings.len() - epochs.len();
        let range = match (epochs.iter().min(), epochs.iter().max()) {
            (Some(first), Some(last)) if first < last => format!("{first} to {last}"),
            (Some(first), _) => first.to_string(),
            _ => return "-".to_string(),
        };
        if never > 0 { format!("{range}, {never} never") } else { range }
    }
}

/// A row for each network; `None` without any.
pub fn table(networks: &Networks) -> Option<Table> {
    let column = |metric: &str, measure: &str| Column::plain(metric, measure, Direction::None);
    let columns = vec![
        column("accuracy", "train"),
        column("accuracy", "test"),
        column("training", "final loss"),
        column("training", "epochs to fit"),
    ];
    let row = |network: &Network| {
        let number = |estimate: Option<&Estimate>| match estimate {
            Some(estimate) if estimate.n == 1 => Entry { interval: None, ..Entry::of(estimate) },
            Some(estimate) if estimate.n > 1 => Entry::of(estimate),
            _ => Entry::missing(),
        };
        let entries = vec![
            number(Some(&network.train_accuracy)),
            number(Some(&network.test_accuracy)),
            number(network.loss.as_ref()),
            Entry { point: network.fitted(), ..Entry::default() },
        ];
        Row { label: network.label(), role: Role::Explainer, entries }
    };
    let rows: Vec<Row> = networks.rows.iter().map(row).collect();
    (!rows.is_empty()).then(|| Table::plain("network", columns, rows))
}

/// The columns of `networks.csv`. Without a seed a row is an estimate over the trainings, with one it is that training's value.
pub const COLUMNS: [&str; 10] = ["suite", "dataset", "model", "seed", "measure", "at", "estimate", "low", "high", "n"];

/// A row of `networks.csv`; `at` is the epoch of what is recorded by epoch.
#[derive(Serialize)]
pub struct Line<'a> {
    suite: &'a str,
    dataset: &'a str,
    model: &'a str,
    seed: Option<u64>,
    measure: &'static str,
    at: Option<f64>,
    estimate: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    n: usize,
}

/// Every number of the networks: the estimates, then training by training.
pub fn lines(report: &Report) -> Vec<Line<'_>> {
    let defined = |value: f64| value.is_finite().then_some(value);
    let mut lines = Vec::new();
    for network in &report.networks.rows {
        let line = |seed, measure, at, estimate| Line {
            suite: &report.suite,
            dataset: &network.dataset,
            model: &network.model,
            seed,
            measure,
            at,
            estimate,
            low: None,
            high: None,
            n: 1,
        };
        let mut estimated = |measure, at, estimate: &Estimate| {
            let Estimate { point, low, high, n, .. } = *estimate;
            lines.push(Line { low: defined(low), high: defined(high), n, ..line(None, measure, at, defined(point)) });
        };
        estimated(TRAIN, None, &network.train_accuracy);
        estimated(TEST, None, &network.test_accuracy);
        network.loss.iter().for_each(|loss| estimated(FINAL_LOSS, None, loss));
        network.accuracy_by_epoch.iter().for_each(|point| estimated(RUNNING, Some(point.at), &point.estimate));
        for training in &network.trainings {
            let mut single = |measure, at, value| lines.push(line(Some(training.seed), measure, at, value));
            single(TRAIN, None, defined(training.train_accuracy));
            single(TEST, None, defined(training.test_accuracy));
            if let Some(loss) = training.loss.last() {
                single(FINAL_LOSS, None, defined(*loss));
                // Empty: never.
                single("epochs to fit", None, training.epochs_to_fit().map(|epoch| epoch as f64));
            }
            for (measure, values) in [("training loss", &training.loss), (RUNNING, &training.accuracy)] {
                let epochs = values.iter().enumerate();
                epochs.for_each(|(epoch, value)| single(measure, Some((epoch + 1) as f64), defined(*value)));
            }
        }
    }
    lines
}

const TRAIN: &str = "train accuracy";
const TEST: &str = "test accuracy";
const FINAL_LOSS: &str = "final training loss";
const RUNNING: &str = "running training accuracy";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn fitted(accuracies: &[&[f64]]) -> String {
        let mut network = sample::networks().rows.remove(0);
        let like = network.trainings[0].clone();
        let training = |accuracy: &&[f64]| Training { accuracy: accuracy.to_vec(), ..like.clone() };
        network.trainings = accuracies.iter().map(training).collect();
        network.fitted()
    }

    #[test]
    fn epochs_to_fit_are_counted_from_one_and_never_is_said() {
        assert_eq!(fitted(&[&[0.5, 0.98, 0.99]]), "3");
        assert_eq!(fitted(&[&[0.99, 0.5], &[0.99, 1.0]]), "1", "the first time counts");
        assert_eq!(fitted(&[&[0.5, 1.0], &[0.5, 0.9], &[0.995, 1.0]]), "1 to 2, 1 never");
        assert_eq!(fitted(&[&[0.5, 0.989]]), "-");
        assert_eq!(fitted(&[&[]]), "-", "loaded");
    }

    #[test]
    fn a_row_for_each_network() {
        let mut networks = sample::networks();
        let table = table(&networks).unwrap();
        let points: Vec<&str> = table.rows[0].entries.iter().map(|entry| entry.point.as_str()).collect();
        assert_eq!((table.rows[0].label.as_str(), points), ("digits, cnn", vec!["1", "0.96", "0.250", "2, 1 never"]));
        networks.rows.clear();
        assert!(super::table(&networks).is_none());
    }
}
