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
        let (mut planned, mut trainings) = (false, Vec::new());
        for seed in &suite.model_seeds {
            let cell = plan.cells.iter().find(|cell| match &cell.task {
                Task::Train(train) => {
                    (train.dataset, train.model, train.seed) == (network.dataset, network.model, *seed)
                        && train.data == DataRef::Stated
                }
                _ => false,
            });
            planned |= cell.is_some();
            if let Some(cell) = cell
                && let Some(record) = store.record(cell.id)?
            {
                trainings.push(training(*seed, &record));
            }
        }
        if planned {
            let labels = (suite.datasets[network.dataset].label.as_str(), suite.models[network.model].label.as_str());
            rows.push(row(suite, labels, trainings));
        }
    }
    Ok(Networks { caption: caption(suite), rows })
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
    format!(
        "{trainings}. Loss: the mean over the last epoch. Epochs to fit: the first epoch in which {FIT} or more of the training \
         examples were classified correctly as their batches passed, in training mode; -: never, or not trained here."
    )
}
