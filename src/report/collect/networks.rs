//! How the trainings of each network went, from the records of Train cells.

use serde_json::Value;

use crate::error::Result;
use crate::plan::{DataRef, Plan, Task};
use crate::report::Point;
use crate::report::networks::{FIT, Network, Networks, Training};
use crate::stats::{Estimate, Inference, Population, Resampler, Sample};
use crate::store::Store;
use crate::suite::Suite;

use super::judge::FEW;

/// A row for each network of the suite that the plan trains, with the trainings that finished.
pub fn networks(suite: &Suite, plan: &Plan, store: &Store) -> Result<Networks> {
    let mut rows = Vec::new();
    for network in &suite.networks {
        // By what they learnt: the data as stated, then what metrics asked for.
        let mut learnt: Vec<(&str, Vec<Training>)> = Vec::new();
        for cell in &plan.cells {
            let Task::Train(train) = &cell.task else { continue };
            let own = suite.model_seeds.contains(&train.seed);
            let Some(from) = learnt_from(train.data, own) else { continue };
            if (train.dataset, train.model) != (network.dataset, network.model) {
                continue;
            }
            let place = learnt.iter().position(|(held, _)| *held == from).unwrap_or_else(|| {
                learnt.push((from, Vec::new()));
                learnt.len() - 1
            });
            if let Some(record) = store.record(cell.id)? {
                learnt[place].1.push(training(train.seed, &record));
            }
        }
        for (from, trainings) in learnt {
            let dataset = format!("{}{from}", suite.datasets[network.dataset].label);
            rows.push(row(suite, (&dataset, &suite.models[network.model].label), trainings));
        }
    }
    Ok(Networks { caption: caption(suite), rows })
}

/// What follows the dataset's name in the table; `None` for networks that are of no interest by themselves.
fn learnt_from(data: DataRef, own: bool) -> Option<&'static str> {
    match data {
        DataRef::Stated if own => Some(""),
        DataRef::Counterpart => Some(", counterpart"),
        DataRef::PermutedLabels(_) => Some(", permuted labels"),
        DataRef::Stated | DataRef::Nothing | DataRef::Flipped(..) => None,
    }
}

fn training(seed: u64, record: &Value) -> Training {
    let number = |key: &str| record[key].as_f64().unwrap_or(f64::NAN);
    let list = |key: &str| {
        let values = record[key].as_array().into_iter().flatten();
        values.map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
    };
    Training {
        seed,
        train_accuracy: number("train_accuracy"),
        test_accuracy: number("test_accuracy"),
        loss: list("train_loss"),
        accuracy: list("train_accuracy_by_epoch"),
    }
}

fn row(suite: &Suite, (dataset, model): (&str, &str), trainings: Vec<Training>) -> Network {
    // The unit is the training, whatever the images of the suite's metrics are.
    let inference = Inference { over: Population::Recipe, alpha: suite.alpha, resampler: Resampler::new(suite.seed) };
    let estimate = |value: &dyn Fn(&Training) -> Option<f64>| -> (Estimate, Vec<f64>) {
        let values: Vec<f64> = trainings.iter().filter_map(value).collect();
        let networks = values.iter().map(|value| vec![(0, *value)]).collect();
        (inference.estimate(&Sample { networks }), values)
    };
    let epochs = trainings.iter().map(|training| training.accuracy.len()).max().unwrap_or(0);
    let point = |epoch: usize| {
        let (estimate, values) = estimate(&|training| training.accuracy.get(epoch).copied());
        let dots = if values.len() <= FEW { values } else { Vec::new() };
        Point { at: (epoch + 1) as f64, estimate, dots }
    };
    let (loss, losses) = estimate(&|training| training.loss.last().copied());
    Network {
        dataset: dataset.to_string(),
        model: model.to_string(),
        train_accuracy: estimate(&|training| Some(training.train_accuracy)).0,
        test_accuracy: estimate(&|training| Some(training.test_accuracy)).0,
        loss: (!losses.is_empty()).then_some(loss),
        accuracy_by_epoch: (0..epochs).map(point).collect(),
        trainings,
    }
}

/// What its numbers are.
fn caption(suite: &Suite) -> String {
    let seeds: Vec<String> = suite.model_seeds.iter().map(u64::to_string).collect();
    let trainings = match seeds.len() {
        1 => format!("1 training of each network (seed {}), which has no interval", seeds[0]),
        count => {
            let percent = 100.0 * (1.0 - suite.alpha);
            let seeds = seeds.join(", ");
            format!(
                "{count} trainings of each network (seeds {seeds}); in brackets {percent} % intervals over new trainings"
            )
        }
    };
    let networks = || suite.networks.iter().map(|network| network.model);
    let fits = match (networks().any(|model| suite.is_convex(model)), networks().all(|model| suite.is_convex(model))) {
        (false, _) => "",
        (true, true) => "; a fit is one, whatever the seed, and its loss that of the solution",
        (true, false) => "; a convex fit is one, whatever the seed, and its loss that of the solution",
    };
    format!(
        "{trainings}{fits}. Loss: the mean over the last epoch. Epochs to fit: the first epoch in which {FIT} or more of the training \
         examples were classified correctly as their batches passed, in training mode; -: never, or not trained here."
    )
}
