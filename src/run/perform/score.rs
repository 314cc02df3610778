//! Score cells: a metric's values, block by block, so that memory follows the block and not the sample.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::data::Loaded;
use super::explain::scene;
use super::{Context, arrays};
use crate::error::{Error, Result};
use crate::explainers::Unit;
use crate::metrics::{Cost, Given, Other, Scores};
use crate::model::Model;
use crate::need::Known;
use crate::plan::{CellId, Score};
use crate::store::{Array, Content, Data, Store};

pub struct Scoring<'a> {
    context: &'a Context,
    task: &'a Score,
    trained: &'a Content,
    loaded: Loaded,
    model: Model,
    /// The networks of the task's `others`, with the records of their trainings.
    others: Vec<(Model, &'a Value)>,
    blocks: Vec<Scores>,
    /// The label of each unit, for means over classes.
    labels: Vec<i64>,
}

impl<'a> Scoring<'a> {
    /// `trained`: the row's own network, then the task's others.
    pub fn new(context: &'a Context, task: &'a Score, trained: &'a [Content]) -> Result<Self> {
        let loaded = context.data.get(&context.suite, &task.network)?;
        let model = context.model(&task.network, &trained[0])?;
        let others = task.others.iter().zip(&trained[1..]);
        let others = others.map(|(other, trained)| Ok((context.model(&other.network, trained)?, &trained.record)));
        let others = others.collect::<Result<_>>()?;
        let trained = &trained[0];
        Ok(Self { context, task, trained, loaded, model, others, blocks: Vec::new(), labels: Vec::new() })
    }

    /// Scores one block: the explanations of the row's own network, then those of the others that were explained.
    pub fn add(&mut self, blocks: &[Content]) -> Result<()> {
        let table = &self.context.suite.metrics[self.task.metric].value;
        let explainer = &self.context.suite.explainers[self.task.explainer].value;
        let block = &blocks[0];
        let places = arrays::read_integers(block, "places")?;
        if places.is_empty() {
            return Ok(());
        }
        let mut explained = blocks[1..].iter();
        let mut others = Vec::new();
        for (other, (model, training)) in self.task.others.iter().zip(&self.others) {
            let attribution = if other.explained.is_empty() { None } else { explained.next() };
            if attribution.is_some_and(|block| arrays::read_integers(block, "places").ok() != Some(places)) {
                return Err(Error::new("two networks were explained on different images"));
            }
            let attribution = attribution.map(|block| self.attribution(block)).transpose()?;
            others.push(Other {
                reference: other.reference.clone(),
                model,
                training: Value::clone(training),
                attribution,
            });
        }
        let places: Vec<usize> = places.iter().map(|place| *place as usize).collect();
        let scene = scene(self.context, &self.model, &self.loaded, &self.task.images, &places, self.trained)?;
        let attribution = self.attribution(block)?;
        let unit = if attribution.size()[1] == scene.x.size()[1] { Unit::Element } else { Unit::Pixel };
        let cost: Cost = serde_json::from_value(block.record["cost"].clone())
            .map_err(|error| Error::new(format!("an explanation has no readable cost: {error}")))?;
        let given = Given { scene, attribution, unit, map: explainer.map, cost, others };
        self.blocks.push(tch::no_grad(|| table.metric.method.score(&given))?);
        let labels = &self.loaded.split(self.task.images.split).labels;
        self.labels.extend(places.iter().map(|place| labels[*place]));
        Ok(())
    }

    fn attribution(&self, block: &Content) -> Result<tch::Tensor> {
        Ok(arrays::read_tensor(block, "attribution")?.f_to_device(self.context.device)?)
    }

    /// All blocks as one record: ids, labels, for each measure an array [units, points], and how often each flag was raised.
    pub fn finish(self) -> Result<Content> {
        let mut content = content(&self.blocks)?;
        content.arrays.insert("labels".to_string(), arrays::integers(&self.labels));
        Ok(content)
    }
}

/// The score of a metric that looks at no image, or the cell that is gone.
pub fn settle(context: &Context, task: &Score, store: &Store) -> Result<std::result::Result<Content, CellId>> {
    let mut known = Known { repetitions: context.suite.repetitions.clone(), ..Known::default() };
    for (need, cells) in &task.answers {
        let mut records = Vec::with_capacity(cells.len());
        for id in cells {
            match store.record(*id)? {
                Some(record) => records.push(record),
                None => return Ok(Err(*id)),
            }
        }
        known.records.insert(need.clone(), records);
    }
    let metric = &context.suite.metrics[task.metric].value.metric.method;
    Ok(Ok(content(&[metric.settle(&known)?])?))
}

/// Scores, block by block, as one record with arrays.
fn content(blocks: &[Scores]) -> Result<Content> {
    let first = blocks.first().ok_or_else(|| Error::new("there is nothing to score"))?;
    let ids: Vec<i64> = blocks.iter().flat_map(|scores| &scores.ids).map(|id| *id as i64).collect();
    let mut arrays = BTreeMap::from([("ids".to_string(), arrays::integers(&ids))]);
    let mut measures: Vec<Value> = Vec::new();
    for (m, measure) in first.measures.iter().enumerate() {
        let values: Vec<f64> = blocks.iter().flat_map(|scores| &scores.measures[m].values).copied().collect();
        let name = measure.measure;
        if values.len() != ids.len() * measure.at.len() {
            return Err(Error::new(format!("`{name}` has {} values for {} units", values.len(), ids.len())));
        }
        let shape = vec![ids.len(), measure.at.len()];
        arrays.insert(format!("values.{name}"), Array { shape, data: Data::F64(values) });
        measures.push(json!({ "name": name, "at": measure.at }));
    }
    let mut flags: BTreeMap<&str, usize> = BTreeMap::new();
    for (flag, units) in blocks.iter().flat_map(|scores| &scores.flags) {
        *flags.entry(flag).or_default() += units;
    }
    Ok(Content { record: json!({ "unit": first.unit, "measures": measures, "flags": flags }), arrays })
}
