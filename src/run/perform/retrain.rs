//! Retrain cells: a recipe trained anew on modified images. The images are made on the device and never written, and of the
//! network only what it is worth is kept: there are thousands of them.

use std::collections::BTreeMap;

use serde_json::json;
use tch::{Kind, Tensor};

use super::data::Loaded;
use super::explain::ids_of;
use super::learn::{Lesson, learn};
use super::{Context, arrays};
use crate::datasets::Split;
use crate::error::{Error, Result};
use crate::imputers::Surroundings;
use crate::metrics::{Removal, changed};
use crate::model::Model;
use crate::model::evaluate::outcome;
use crate::model::train::{Recipe, TrainData};
use crate::need::Modified;
use crate::noise::Noise;
use crate::plan::{BLOCK, Retrain, Train};
use crate::store::Content;
use crate::suite::{Origin, SplitName};

/// `needs`: the original network, the rankings of the training images, those of the test images.
pub fn perform(context: &Context, task: &Retrain, needs: &[Content], progress: &dyn Fn(f64)) -> Result<Content> {
    let suite = &context.suite;
    let (row, loaded) = (&task.network, context.data.get(&context.suite, &task.network)?);
    let network = suite.network(row.dataset, row.model).ok_or_else(|| Error::new("the suite has no such network"))?;
    let Origin::Trained(recipe) = &suite.models[row.model].value.origin else {
        return Err(Error::new("a network that was loaded has no recipe"));
    };
    let removal = suite.metrics[task.metric].value.metric.method.removal();
    let removal = removal.ok_or_else(|| Error::new("the metric removes nothing"))?;
    let (original, ranks) = needs.split_first().ok_or_else(|| Error::new("the original network is missing"))?;
    let (train_ranks, test_ranks) = ranks.split_at(task.ranks[0].len());
    let half = |name: SplitName, ranks| {
        let split = loaded.split(name);
        let places = retrained(context, row, split, name);
        Ok::<_, Error>(Half { context, loaded: &loaded, removal, name, split: split.select(&places)?, places, ranks })
    };
    let (learned, judged) = (half(SplitName::Train, train_ranks)?, half(SplitName::Test, test_ranks)?);
    let on = &task.retraining.on;
    let (mut images, changed) = learned.images(on, None)?;
    // The negative control leaves the test images as they are; a network that saw masks alone is judged by masks.
    let leaves = removal.train_only && matches!(on, Modified::Images(..));
    let test_on = if leaves { &Modified::Not } else { on };
    let (test_images, _) = judged.images(test_on, None)?;

    let explainer = task.explainer.map(|explainer| &suite.explainers[explainer].value.chosen.method);
    // An initialisation and an order of its own for every original network and repetition, the same for all contenders.
    let noise = context.noise().purpose("retraining").index(row.seed).index(task.retraining.repetition);
    let redraw = |epoch: usize| Ok(learned.images(on, Some(noise.purpose("removal").index(epoch as u64)))?.0);
    let redrawn = explainer.is_some_and(|explainer| explainer.redrawn());
    let (labels, ids) = (learned.split.all_labels(context.device)?, learned.ids());
    let redrawn: Option<&dyn Fn(usize) -> Result<Tensor>> = if redrawn { Some(&redraw) } else { None };
    let data = TrainData { images: &images, labels: &labels, ids: &ids, redrawn };
    // Nobody looks at how this network came about.
    let recipe = &Recipe { checkpoints: 0, ..recipe.clone() };
    let (trained, _) = learn(context, &Lesson { network, recipe, data, from: None, noise }, progress)?;
    if let Some(redraw) = redrawn {
        // What it reached, it reached on what it saw last.
        images = redraw(trained.loss.len().saturating_sub(1))?;
    }

    let model = Model::new(network.graph.clone(), trained.weights)?.to(context.device, Kind::Float)?;
    let rows = model.rows_within(context.chunk_bytes);
    let test_labels = judged.split.all_labels(context.device)?;
    let (train_accuracy, _) = outcome(&model, &images, &labels, rows)?;
    let (test_accuracy, test_probability) = outcome(&model, &test_images, &test_labels, rows)?;
    let mut record = json!({
        "train_accuracy": train_accuracy,
        "test_accuracy": test_accuracy,
        "test_probability": test_probability,
        "train_loss": trained.loss.last(),
        "loss_fell": fell(&trained.loss),
        "steps": trained.steps,
        "flags": flags(ranks),
        "unranked": unranked(ranks, learned.places.len() + judged.places.len()),
    });
    // What the original network makes of masks says nothing.
    if !matches!(on, Modified::Masks(..)) {
        let before = context.model(row, original)?;
        let (accuracy, probability) = outcome(&before, &test_images, &test_labels, rows)?;
        record["unretrained_accuracy"] = json!(accuracy);
        record["unretrained_probability"] = json!(probability);
        record["changed"] = json!(changed);
    }
    Ok(Content { record, arrays: Default::default() })
}

/// By which share of itself the loss fell in the last epoch: all of it, for all that is known, in a first one.
fn fell(loss: &[f64]) -> f64 {
    match loss {
        [.., before, last] => (before - last) / before,
        _ => 1.0,
    }
}

/// The places of the images of a split that are ranked and trained on: all of them, or for a quick look a seeded sample.
pub fn retrained(context: &Context, network: &Train, split: &Split, name: SplitName) -> Vec<usize> {
    let count = context.suite.retrained(network.dataset, name).min(split.len());
    if context.suite.limit.is_none() {
        return (0..count).collect();
    }
    let mut order = context.noise().purpose("images").permutation(split.len());
    order.truncate(count);
    order
}

/// How often each thing befell a map, over all blocks.
fn flags(ranks: &[Content]) -> BTreeMap<&str, u64> {
    let mut flags = BTreeMap::new();
    for (flag, count) in ranks.iter().filter_map(|block| block.record["flags"].as_object()).flatten() {
        *flags.entry(flag.as_str()).or_default() += count.as_u64().unwrap_or(0);
    }
    flags
}

/// The share of so many images whose maps rank nothing.
fn unranked(ranks: &[Content], images: usize) -> f64 {
    let flags = flags(ranks);
    let count = |flag| flags.get(flag).copied().unwrap_or(0);
    (count("constant map") + count("not finite")) as f64 / images.max(1) as f64
}

/// One split with its rankings, block by block.
struct Half<'a> {
    context: &'a Context,
    loaded: &'a Loaded,
    removal: &'a Removal,
    name: SplitName,
    /// The images that are ranked and trained on, and their places in the whole split.
    split: Split,
    places: Vec<usize>,
    ranks: &'a [Content],
}

impl Half<'_> {
    fn ids(&self) -> Vec<u64> {
        ids_of(self.name, &self.places).into_iter().map(|id| id as u64).collect()
    }

    /// What the network sees, [N, C, H, W], and the share of pixels that changed. With `redrawn`, noise takes the place of the
    /// rankings.
    fn images(&self, on: &Modified, redrawn: Option<Noise>) -> Result<(Tensor, f64)> {
        let device = self.context.device;
        let (share, masks) = match on {
            Modified::Not => return Ok((self.split.all_images(Kind::Float, device)?, 0.0)),
            Modified::Images(_, share) => (share.value(), false),
            Modified::Masks(_, share) => (share.value(), true),
        };
        let (shape, ids) = (self.split.shape(), self.ids());
        let size = [&[self.split.len() as i64], &shape[..]].concat();
        // Made block by block: only the result is as large as the dataset.
        let images = Tensor::f_empty(&size[..], (Kind::Float, device))?;
        let mut differ = 0.0;
        for (block, ranks) in self.ranks.iter().enumerate() {
            let mut places = arrays::read_tensor(ranks, "places")?.f_to_device(device)?;
            let start = block * BLOCK;
            let here: Vec<usize> = (start..start + places.size()[0] as usize).collect();
            let ids = &ids[start..start + here.len()];
            if let Some(noise) = redrawn {
                // Independent draws have no order: each feature's place is as random as the draw.
                let draws = noise.uniform(ids, &places.size()[1..], Kind::Double, device)?;
                places = draws.f_argsort(1, false)?;
            }
            let removed = self.removal.removed(&places, share, &shape)?;
            let modified = if masks {
                removed.f_expand([&[here.len() as i64], &shape[..]].concat(), false)?.f_to_kind(Kind::Float)?
            } else {
                let x = self.split.images(&here, Kind::Float, device)?;
                let statistics = self.loaded.statistics.like(&x);
                let on = Surroundings { statistics, noise: self.context.noise(), ids };
                let modified = self.removal.without(&x, &removed, &on)?;
                differ += changed(&x, &modified)?;
                modified
            };
            images.f_narrow(0, start as i64, here.len() as i64)?.f_copy_(&modified)?;
        }
        let pixels = size[0] * shape[1] * shape[2];
        Ok((images, differ / pixels.max(1) as f64))
    }
}
