//! Rank cells: where each feature of an image stands in an explainer's ranking. The maps themselves are not kept: a dataset's
//! worth of them is many times as large.

use std::collections::BTreeMap;

use serde_json::json;
use tch::Tensor;

use super::explain::{scene, within_memory};
use super::retrain::retrained;
use super::{Context, arrays};
use crate::error::{Error, Result};
use crate::explainers::{Map, Role, Scene};
use crate::metrics::{Beside, Cost, Given, Order};
use crate::plan::Rank;
use crate::store::{Array, Content, Data};
use crate::suite::{Images, Only, Target};

pub fn perform(context: &Context, task: &Rank, trained: &crate::store::Content) -> Result<Content> {
    let suite = &context.suite;
    let loaded = context.data.get(suite, &task.network)?;
    let model = context.model(&task.network, trained)?;
    let contender = &suite.explainers[task.explainer].value;
    let explainer = &contender.chosen.method;
    let removal = suite.metrics[task.metric].value.metric.method.removal();
    let removal = removal.ok_or_else(|| Error::new("the metric ranks nothing"))?;
    // The predicted class in both splits: a map of the test label would write the answer into the test image. The control
    // that does so on purpose is told the label.
    let target = if explainer.role() == Role::Leak { Target::Label } else { Target::Prediction };
    let images = Images { split: task.split, count: usize::MAX, only: Only::All, target };
    let order = retrained(context, &task.network, loaded.split(task.split), task.split);
    let places: Vec<usize> = order.into_iter().skip(task.images.start).take(task.images.len()).collect();
    if places.is_empty() {
        // Files that could not be read were counted before they were.
        let shape = vec![0, removal.ranking.count(&loaded.split(task.split).shape())];
        let places = Array { shape, data: Data::U16(Vec::new()) };
        return Ok(Content { record: json!({ "flags": {} }), arrays: BTreeMap::from([("places".into(), places)]) });
    }
    let mut scene = scene(context, &model, &loaded, &images, &places, trained)?;
    scene.evidence = scene.evidence.filter(|_| explainer.needs_truth());
    let attribution = within_memory(explainer.as_ref(), &mut scene)?;
    let map = Map { sign: removal.sign.unwrap_or(contender.map.sign), ..contender.map };
    let scene = Scene { evidence: None, ..scene };
    let given = Given {
        scene,
        attribution: attribution.values,
        unit: attribution.unit,
        map,
        cost: Cost::default(),
        others: Vec::new(),
        beside: Beside::default(),
    };
    let ranked = tch::no_grad(|| removal.ranking.rank(&given))?;
    let order = tch::no_grad(|| ranked.order(Order::MostFirst))?;
    let flags: BTreeMap<&str, usize> = ranked.scores(&given.scene.ids, Vec::new())?.flags.into_iter().collect();
    let arrays = BTreeMap::from([("places".to_string(), ranks(&order)?)]);
    Ok(Content { record: json!({ "flags": flags, "passes": model.passes() }), arrays })
}

/// Places [B, D] in 16 bits each, where they fit.
fn ranks(order: &Tensor) -> Result<Array> {
    let array = arrays::array(order)?;
    let data = match array.data {
        Data::I64(places) if array.shape[1] <= 1 << 16 => {
            Data::U16(places.into_iter().map(|place| place as u16).collect())
        }
        data => data,
    };
    Ok(Array { shape: array.shape, data })
}
