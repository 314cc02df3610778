//! Train cells: weights, and predictions for every image.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::json;
use tch::Kind;

use super::{Context, arrays};
use crate::error::{Error, Result};
use crate::model::evaluate::predictions;
use crate::model::{Model, train, weights};
use crate::plan::Train;
use crate::store::Content;
use crate::suite::Origin;

pub fn perform(context: &Context, task: &Train, progress: &dyn Fn(f64)) -> Result<Content> {
    let suite = &context.suite;
    let loaded = context.data.get(suite, task)?;
    let network = suite.network(task.dataset, task.model).ok_or_else(|| Error::new("the suite has no such network"))?;
    let mut record = serde_json::Map::new();
    let tensors = match &suite.models[task.model].value.origin {
        Origin::File(file) => weights::read(&network.graph, file, Kind::Float, context.device)?,
        Origin::Trained(recipe) => {
            let images = loaded.dataset.train.all_images(Kind::Float, context.device)?;
            let labels = loaded.dataset.train.all_labels(context.device)?;
            // Training images are told apart from test images in every draw.
            let ids: Vec<u64> = (0..loaded.dataset.train.len() as u64).map(|place| (1 << 32) + place).collect();
            let data = train::TrainData { images: &images, labels: &labels, ids: &ids, redrawn: None };
            // Keyed by the training seed alone: two recipes of one seed start from the same weights and see the same batches.
            let noise = context.noise().purpose("training").index(task.seed);
            let epochs = recipe.epochs as f64;
            let mut on_epoch = |epoch: usize, _: f64| progress(epoch as f64 / epochs);
            let trained = train::train(&network.graph, recipe, &data, &noise, context.device, &mut on_epoch)?;
            record.insert("train_loss".into(), json!(trained.loss));
            record.insert("train_accuracy_by_epoch".into(), json!(trained.accuracy));
            record.insert("steps".into(), json!(trained.steps));
            trained.weights
        }
    };
    record.insert("notes".into(), json!(loaded.dataset.notes));
    let mut arrays = BTreeMap::new();
    for (spec, tensor) in network.graph.weights.iter().zip(&tensors) {
        arrays.insert(format!("weight.{}", spec.name), arrays::array(tensor)?);
    }
    let tensors = tensors.iter().map(|tensor| tensor.f_to_device(context.device)).collect::<Result<Vec<_>, _>>()?;
    let model = Model::new(network.graph.clone(), tensors)?;
    for (name, split) in [("train", &loaded.dataset.train), ("test", &loaded.dataset.test)] {
        let rows = model.rows_within(context.chunk_bytes);
        let images = |range: Range<usize>| split.images(&range.collect::<Vec<_>>(), Kind::Float, context.device);
        let predictions = predictions(&model, split.len(), rows, images)?;
        let correct = predictions.iter().zip(&split.labels).filter(|(prediction, label)| prediction == label).count();
        record.insert(format!("{name}_accuracy"), json!(correct as f64 / split.len() as f64));
        arrays.insert(format!("predictions.{name}"), arrays::integers(&predictions));
    }
    Ok(Content { record: record.into(), arrays })
}
