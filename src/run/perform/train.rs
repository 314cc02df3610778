//! Train cells: weights, and predictions for every image.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value, json};
use tch::{Kind, Tensor};

use super::data::Loaded;
use super::learn::{Lesson, learn};
use super::{Context, arrays};
use crate::error::{Error, Result};
use crate::model::evaluate::predictions;
use crate::model::train::{self, Recipe, TrainData, Trained};
use crate::model::{Graph, Model, weights};
use crate::noise::Noise;
use crate::plan::{DataRef, Train};
use crate::store::{Array, Content};
use crate::suite::{Network, Origin};

pub fn perform(context: &Context, task: &Train, progress: &dyn Fn(f64)) -> Result<Content> {
    let suite = &context.suite;
    let loaded = context.data.get(suite, task)?;
    let network = suite.network(task.dataset, task.model).ok_or_else(|| Error::new("the suite has no such network"))?;
    let labels = loaded.labels(context, task.data);
    let mut record = Map::new();
    let mut arrays = BTreeMap::new();
    // Keyed by the training seed alone: two recipes of one seed start from the same weights and see the same batches.
    let noise = context.noise().purpose("training").index(task.seed);
    let tensors = match (&suite.models[task.model].value.origin, task.data) {
        (Origin::File(file), DataRef::Stated) => weights::read(&network.graph, file, Kind::Float, context.device)?,
        (Origin::File(_), _) => return Err(Error::new("a network that was loaded has no other training")),
        (Origin::Trained(_), DataRef::Nothing) => {
            record.insert("epochs".into(), json!(0));
            train::untrained(&network.graph, &noise, Kind::Float, context.device)?
        }
        (Origin::Trained(recipe), data) => {
            let recipe = longer(recipe, data);
            let trained = learned(context, &loaded, &labels, (network, &recipe, noise), &mut record, progress)?;
            checkpoints(&network.graph, &trained, &mut record, &mut arrays)?;
            trained.weights
        }
    };
    let unfinished = (record.get("converged") == Some(&json!(false))).then(|| {
        let label = &suite.models[task.model].label;
        format!(
            "model `{label}` did not converge: after {} steps the gradient is {} long, not {}",
            record["iterations"], record["gradient_norm"], record["tolerance"]
        )
    });
    record.insert("notes".into(), json!(unfinished.iter().chain(&loaded.dataset.notes).collect::<Vec<_>>()));
    for (spec, tensor) in network.graph.weights.iter().zip(&tensors) {
        arrays.insert(format!("weight.{}", spec.name), arrays::array(tensor)?);
    }
    // A fit is kept in double precision; whoever asks for the network in single gets what is judged here.
    let model = Model::new(network.graph.clone(), tensors)?.to(context.device, Kind::Float)?;
    let splits =
        [("train", &loaded.dataset.train, &labels), ("test", &loaded.dataset.test, &loaded.dataset.test.labels)];
    for (name, split, labels) in splits {
        let rows = model.rows_within(context.chunk_bytes);
        let images = |range: Range<usize>| split.images(&range.collect::<Vec<_>>(), Kind::Float, context.device);
        let predictions = predictions(&model, split.len(), rows, images)?;
        record.insert(format!("{name}_accuracy"), json!(accuracy(&predictions, labels)));
        arrays.insert(format!("predictions.{name}"), arrays::integers(&predictions));
    }
    Ok(Content { record: record.into(), arrays })
}

/// The recipe of a network that may need more time than the suite gives it.
fn longer(recipe: &Recipe, data: DataRef) -> Recipe {
    match data {
        DataRef::PermutedLabels(fit) => {
            let epochs = recipe.epochs.saturating_mul(fit.patience);
            Recipe { epochs, until: Some(fit.reach()), checkpoints: 0, ..recipe.clone() }
        }
        _ => recipe.clone(),
    }
}

/// What a recipe comes to on training images with these labels; the record says how long it took and, where there
/// was an accuracy to reach, whether it was `reached`.
fn learned(
    context: &Context,
    loaded: &Loaded,
    labels: &[i64],
    (network, recipe, noise): (&Network, &Recipe, Noise),
    record: &mut Map<String, Value>,
    progress: &dyn Fn(f64),
) -> Result<Trained> {
    let split = &loaded.dataset.train;
    let kind = if recipe.convex.is_some() { Kind::Double } else { Kind::Float };
    let images = split.all_images(kind, context.device)?;
    let labels = Tensor::f_from_slice(labels)?.f_to_device(context.device)?;
    // Training images are told apart from test images in every draw.
    let ids: Vec<u64> = (0..split.len() as u64).map(|place| (1 << 32) + place).collect();
    let data = TrainData { images: &images, labels: &labels, ids: &ids, redrawn: None };
    let (trained, reached) = learn(context, &Lesson { network, recipe, data, from: None, noise }, progress)?;
    record.insert("train_loss".into(), json!(trained.loss));
    match trained.convergence {
        Some(convergence) => {
            if let Value::Object(said) = json!(convergence) {
                record.extend(said);
            }
        }
        None => {
            record.insert("epochs".into(), json!(trained.loss.len()));
            record.insert("train_accuracy_by_epoch".into(), json!(trained.accuracy));
            record.insert("steps".into(), json!(trained.steps));
        }
    }
    if let Some(reached) = reached {
        record.insert("reached".into(), json!(reached));
    }
    Ok(trained)
}

/// The weights on their way, numbered from 0.
fn checkpoints(
    graph: &Graph,
    trained: &Trained,
    record: &mut Map<String, Value>,
    arrays: &mut BTreeMap<String, Array>,
) -> Result<()> {
    let said = trained.checkpoints.iter().map(|kept| json!({ "epoch": kept.epoch, "rate": kept.rate }));
    let said: Vec<Value> = said.collect();
    if !said.is_empty() {
        record.insert("checkpoints".into(), json!(said));
    }
    for (at, kept) in trained.checkpoints.iter().enumerate() {
        for (spec, weight) in graph.weights.iter().zip(&kept.weights) {
            arrays.insert(format!("checkpoint.{at}.{}", spec.name), arrays::array(weight)?);
        }
    }
    Ok(())
}

fn accuracy(predictions: &[i64], labels: &[i64]) -> f64 {
    let correct = predictions.iter().zip(labels).filter(|(prediction, label)| prediction == label).count();
    correct as f64 / labels.len() as f64
}
