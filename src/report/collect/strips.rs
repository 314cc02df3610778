//! Maps step by step: what is left of them while a network's layers are drawn anew.

use std::collections::BTreeMap;

use super::gallery::{pictures, row};
use crate::error::Result;
use crate::explainers::Role;
use crate::plan::{self, CellId, Plan};
use crate::report::{GalleryRow, Picture, Strip, Strips};
use crate::store::{Array, Data, Store};
use crate::suite::Suite;

/// The strips of one network, metric by metric and image by image.
pub fn strips(suite: &Suite, plan: &Plan, store: &Store, place: (usize, usize)) -> Result<Vec<Strips>> {
    let mut all = Vec::new();
    for metric in 0..suite.metrics.len() {
        let of = |strip: &&plan::Strip| (strip.network.dataset, strip.network.model) == place && strip.metric == metric;
        let mut strips: Vec<&plan::Strip> = plan.strips.iter().filter(of).collect();
        // The table's order: explainers under test before controls.
        strips.sort_by_key(|strip| (role(suite, strip) != Role::Explainer, strip.explainer));
        all.extend(of_metric(suite, store, metric, &strips)?);
    }
    Ok(all)
}

fn role(suite: &Suite, strip: &plan::Strip) -> Role {
    suite.explainers[strip.explainer].value.chosen.method.role()
}

/// A figure's worth for each image; none as long as no explainer's maps of the network as trained are there.
fn of_metric(suite: &Suite, store: &Store, metric: usize, strips: &[&plan::Strip]) -> Result<Vec<Strips>> {
    let Some(first) = strips.first() else { return Ok(Vec::new()) };
    let mut images: Vec<(i64, GalleryRow)> = Vec::new();
    let mut columns: Vec<Vec<BTreeMap<i64, Picture>>> = Vec::new();
    for strip in strips {
        let mut maps = Vec::new();
        for (_, id) in &strip.pictures {
            let (of, shown) = read(store, *id)?.unwrap_or_default();
            if images.is_empty() {
                images = shown;
            }
            maps.push(of);
        }
        columns.push(maps);
    }
    let (dataset, model) = (first.network.dataset, first.network.model);
    let strip = |image: i64, strip: &plan::Strip, columns: &[BTreeMap<i64, Picture>]| Strip {
        label: suite.explainers[strip.explainer].label.clone(),
        role: role(suite, strip),
        maps: columns.iter().map(|column| column.get(&image).cloned()).collect(),
    };
    let figure = |(at, (id, shown)): (usize, (i64, GalleryRow))| Strips {
        dataset: suite.datasets[dataset].label.clone(),
        model: suite.models[model].label.clone(),
        metric: suite.metrics[metric].label.clone(),
        image: shown.label,
        input: shown.input,
        columns: first.pictures.iter().map(|(title, _)| title.clone()).collect(),
        rows: strips.iter().zip(&columns).map(|(of, columns)| strip(id, of, columns)).collect(),
        note: note(suite, first, at + 1),
    };
    Ok(images.into_iter().enumerate().map(figure).collect())
}

type Images = Vec<(i64, GalleryRow)>;

/// The maps of a Picture cell by the image that they are of, and these images where it keeps them; `None` if it is not there.
fn read(store: &Store, id: CellId) -> Result<Option<(BTreeMap<i64, Picture>, Images)>> {
    let Some(content) = store.get(id)? else { return Ok(None) };
    let Some(Array { data: Data::I64(ids), .. }) = content.arrays.get("ids") else { return Ok(None) };
    let maps = ids.iter().copied().zip(pictures(&content, "map")?).collect();
    let inputs = if content.arrays.contains_key("input") { pictures(&content, "input")? } else { Vec::new() };
    let rows = inputs.into_iter().enumerate().map(|(i, input)| row(&content.record, i, input));
    Ok(Some((maps, ids.iter().copied().zip(rows).collect())))
}

/// What a reader must know of a figure.
fn note(suite: &Suite, strip: &plan::Strip, image: usize) -> String {
    let shown = strip.pictures.len().saturating_sub(1);
    let some =
        if shown < strip.steps { format!(" {shown} of {} steps are shown.", strip.steps) } else { String::new() };
    let further = strip.pictures.iter().any(|(title, _)| title.starts_with('+'));
    let further = if further { ", + beside all before" } else { "" };
    let metric = &suite.metrics[strip.metric].value.metric.method;
    let (how, draw) = match suite.draws.first() {
        Some(draw) if metric.draws() => ("drawn anew", format!("Draw {draw} of the layers; ")),
        _ => ("replaced", String::new()),
    };
    format!(
        "Columns: the network as trained, then with the named layers {how}{further}. The explained class stays the one that \
         was explained as trained.{some} {draw}network of training seed {}; image {image} of the sample, \
         which is drawn by seed {}.",
        strip.network.seed, suite.seed
    )
}
