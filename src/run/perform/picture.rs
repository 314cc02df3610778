//! Picture cells: the first images of the sample with their maps, small enough to be kept when attributions are let go. The
//! images themselves stand beside the maps of the network as trained alone.

use std::collections::BTreeMap;

use serde_json::json;
use tch::Kind;

use super::explain::{ids_of, predictions};
use super::{Context, arrays};
use crate::error::Result;
use crate::need::Maps;
use crate::plan::Picture;
use crate::store::Content;

/// Large images are fewer, to at most these pixels, but never fewer than a gallery's rows. The sample is in the order of its
/// draw, so the first ones are chosen by seed.
const PIXELS: usize = 1 << 20;
const FEWEST: usize = 6;

pub fn perform(context: &Context, task: &Picture, trained: &Content, explained: &Content) -> Result<Content> {
    let loaded = context.data.get(&context.suite, &task.network)?;
    let split = loaded.split(task.images.split);
    let places = arrays::read_integers(explained, "places")?;
    let shape = split.shape();
    let most = task.shown.most();
    let kept = (PIXELS / (shape[1] * shape[2]) as usize).clamp(FEWEST.min(most), most);
    let shown: Vec<usize> = places.iter().take(kept).map(|place| *place as usize).collect();
    let attribution = arrays::read_tensor(explained, "attribution")?.f_narrow(0, 0, shown.len() as i64)?;
    let map = context.suite.explainers[task.explainer].value.map.reduce(&attribution)?;
    let predictions = predictions(trained, task.images.split)?;
    let boxes: Vec<Vec<[f64; 4]>> = shown
        .iter()
        .map(|place| split.truth.as_ref().map(|truth| truth.boxes[*place].iter().map(|rect| rect.corners()).collect()))
        .map(Option::unwrap_or_default)
        .collect();
    let classes = &loaded.dataset.classes;
    let class = |label: i64| classes.get(label as usize).cloned().unwrap_or_else(|| label.to_string());
    let labels: Vec<String> = shown.iter().map(|place| class(split.labels[*place])).collect();
    let predicted: Vec<String> = shown.iter().map(|place| class(predictions[*place])).collect();
    let mut arrays = BTreeMap::from([
        ("map".to_string(), arrays::array(&map.f_to_kind(Kind::Float)?)?),
        ("ids".to_string(), arrays::integers(&ids_of(task.images.split, &shown))),
    ]);
    if task.maps == Maps::default() {
        let input = split.images(&shown, Kind::Float, tch::Device::Cpu)?;
        arrays.insert("input".to_string(), arrays::array(&input)?);
    }
    Ok(Content { record: json!({ "labels": labels, "predicted": predicted, "boxes": boxes }), arrays })
}
