//! Explain cells: attributions of one explainer for a block of images, and what they cost.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::data::Loaded;
use super::{Context, arrays};
use crate::datasets::{Split, Truth};
use crate::error::{Error, Result};
use crate::explainers::{Attribution, Evidence, Explainer, Scene, pieces};
use crate::imputers::Statistics;
use crate::metrics::Cost;
use crate::model::Model;
use crate::need::Class;
use crate::plan::{BLOCK, Explain};
use crate::store::Content;
use crate::suite::{Images, SplitName, Target};

/// `sampled` is the network whose predictions choose the images and their classes.
pub fn perform(context: &Context, task: &Explain, trained: &Content, sampled: &Content) -> Result<Content> {
    let loaded = context.data.get(&context.suite, &task.network)?;
    let places = block_of(context, &task.images, &loaded, sampled, task.block)?;
    let model = context.model(&task.network, trained)?;
    let model = match &task.maps.randomized {
        None => model,
        Some(randomized) => context.randomized(&model, randomized, task.network.seed)?,
    };
    let explainer = &context.suite.explainers[task.explainer].value.chosen.method;
    let mut scene = scene(context, &model, &loaded, &task.images, &places, sampled)?;
    if let (Some(randomized), true) = (&task.maps.randomized, explainer.redrawn_by_network()) {
        let noise = scene.noise.purpose("model-randomization").index(randomized.draw);
        scene.noise = randomized.modules.iter().fold(noise, |noise, module| noise.purpose(module));
    }
    choose_class(&mut scene, task.maps.class)?;
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

/// Lets another class than the row's be explained.
fn choose_class(scene: &mut Scene, class: Class) -> Result<()> {
    let target = match class {
        Class::Row => return Ok(()),
        Class::Predicted => tch::no_grad(|| {
            let parts = pieces(scene.len(), scene.chunk).map(|rows| {
                let x = scene.x.f_narrow(0, rows.start as i64, rows.len() as i64)?;
                Ok(scene.model.logits(&x)?.f_argmax(1, false)?)
            });
            Ok::<_, Error>(Tensor::f_cat(&parts.collect::<Result<Vec<_>>>()?, 0)?)
        })?,
        Class::Another => {
            let classes = tch::no_grad(|| scene.model.logits(&scene.x.f_narrow(0, 0, 1)?))?.size()[1];
            if classes < 2 {
                return Err(Error::new("the network has no other class"));
            }
            let noise = scene.noise.purpose("another-class");
            let further = scene.ids.iter().map(|id| 1 + noise.index(*id).below(0, classes as u64 - 1) as i64);
            let further = Tensor::f_from_slice(&further.collect::<Vec<_>>())?.f_to_device(scene.target.device())?;
            scene.target.f_add(&further)?.f_remainder(classes)?
        }
    };
    if let Some(evidence) = &mut scene.evidence {
        // It speaks for the class of the row.
        let same = Vec::<bool>::try_from(target.f_eq_tensor(&scene.target)?)?;
        evidence.applies.iter_mut().zip(same).for_each(|(applies, same)| *applies &= same);
    }
    scene.target = target;
    Ok(())
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
