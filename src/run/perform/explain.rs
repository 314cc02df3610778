//! Explain cells: attributions of one explainer for a block of images, and what they cost.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::data::Loaded;
use super::{Context, arrays};
use crate::datasets::{Split, Truth};
use crate::error::{Error, Result};
use crate::explainers::{Attribution, Evidence, Explainer, Scene};
use crate::imputers::Statistics;
use crate::metrics::Cost;
use crate::model::Model;
use crate::plan::{BLOCK, Explain};
use crate::store::Content;
use crate::suite::{Images, SplitName, Target};

/// `sampled` is the network whose predictions choose the images and their classes.
pub fn perform(context: &Context, task: &Explain, trained: &Content, sampled: &Content) -> Result<Content> {
    let loaded = context.data.get(&context.suite, &task.network)?;
    let places = block_of(context, &task.images, &loaded, sampled, task.block)?;
    let model = context.model(&task.network, trained)?;
    let explainer = &context.suite.explainers[task.explainer].value.chosen.method;
    let scene = scene(context, &model, &loaded, &task.images, &places, sampled)?;
    // What an explainer does not ask for would be copied with every row that it makes of an example.
    let mut scene = Scene { evidence: scene.evidence.filter(|_| explainer.needs_truth()), ..scene };

    let start = Instant::now();
    let attribution = within_memory(explainer.as_ref(), &mut scene)?;
    let chunk = scene.chunk;
    // What another explainer had asked before counts as if this one had asked first.
    let seconds = (start.elapsed() + model.spared()).as_secs_f64();
    let together = (chunk / explainer.rows(&loaded.dataset.train.shape())).clamp(1, places.len().max(1));
    let cost = Cost { examples: places.len(), together, seconds, passes: model.passes() };
    let size = attribution.values.size();
    if size.first() != Some(&(places.len() as i64)) {
        return Err(Error::new(format!("{} attributions for {} images", size.first().unwrap_or(&0), places.len())));
    }
    let places: Vec<i64> = places.iter().map(|place| *place as i64).collect();
    let arrays = BTreeMap::from([
        ("attribution".to_string(), arrays::array(&attribution.values)?),
        ("places".to_string(), arrays::integers(&places)),
    ]);
    Ok(Content { record: json!({ "cost": cost, "chunk": chunk }), arrays })
}

/// Explains, with half the rows at once each time a GPU has no memory left; the scene's chunk is what it came to.
pub fn within_memory(explainer: &dyn Explainer, scene: &mut Scene) -> Result<Attribution> {
    loop {
        match explainer.explain(scene) {
            Err(error) if scene.chunk > 1 && scene.x.device() != Device::Cpu && is_out_of_memory(&error) => {
                scene.chunk /= 2;
            }
            answer => return answer,
        }
    }
}

fn is_out_of_memory(error: &Error) -> bool {
    error.to_string().contains("out of memory")
}

/// What the network that a Train cell holds predicts for every image of a split.
pub fn predictions(trained: &Content, split: SplitName) -> Result<&[i64]> {
    arrays::read_integers(trained, if split == SplitName::Test { "predictions.test" } else { "predictions.train" })
}

fn block_of(
    context: &Context,
    images: &Images,
    loaded: &Loaded,
    trained: &Content,
    block: usize,
) -> Result<Vec<usize>> {
    let labels = &loaded.split(images.split).labels;
    let sample = images.sample(&context.noise(), labels, predictions(trained, images.split)?);
    let places: Vec<usize> = sample.into_iter().skip(block * BLOCK).take(BLOCK).collect();
    match (places.is_empty(), block) {
        (true, 0) => Err(Error::new("no image is left to explain: the network classifies none of them correctly")),
        _ => Ok(places),
    }
}

/// The images at `places` of a split, with everything that explainers and metrics may ask for; `sampled` is the network that
/// predicts the classes to explain.
pub fn scene<'a>(
    context: &Context,
    model: &'a Model,
    loaded: &'a Loaded,
    images: &Images,
    places: &[usize],
    sampled: &Content,
) -> Result<Scene<'a>> {
    let split = loaded.split(images.split);
    let labels: Vec<i64> = places.iter().map(|place| split.labels[*place]).collect();
    let predictions = predictions(sampled, images.split)?;
    let target: Vec<i64> = match images.target {
        Target::Label => labels.clone(),
        Target::Prediction => places.iter().map(|place| predictions[*place]).collect(),
    };
    let applies = labels.iter().zip(&target).map(|(label, target)| label == target).collect();
    let evidence = split.truth.as_ref().map(|truth| evidence(split, truth, places, applies, context.device));
    Ok(Scene {
        model,
        x: split.images(places, Kind::Float, context.device)?,
        target: Tensor::from_slice(&target).f_to_device(context.device)?,
        evidence: evidence.transpose()?,
        ids: ids_of(images.split, places).into_iter().map(|id| id as u64).collect(),
        noise: context.noise(),
        statistics: &loaded.statistics as &Statistics,
        chunk: model.rows_within(context.chunk_bytes),
        differentiable: false,
    })
}

/// The names of the images at `places`. Images of the two splits never share draws.
pub fn ids_of(split: SplitName, places: &[usize]) -> Vec<i64> {
    let base = if split == SplitName::Test { 0 } else { 1 << 32 };
    places.iter().map(|place| base + *place as i64).collect()
}

/// What a split knows of the images at `places`.
fn evidence(split: &Split, truth: &Truth, places: &[usize], applies: Vec<bool>, device: Device) -> Result<Evidence> {
    let shape = split.shape();
    let (height, width) = (shape[1] as usize, shape[2] as usize);
    let ignored = truth.ignored(places, height, width)?;
    Ok(Evidence {
        mask: truth.mask(places, height, width)?.f_to_device(device)?,
        ignored: ignored.map(|ignored| ignored.f_to_device(device)).transpose()?,
        boxes: places.iter().map(|place| truth.boxes[*place].clone()).collect(),
        applies,
        without: split.plain_images(places, Kind::Float, device)?,
    })
}
