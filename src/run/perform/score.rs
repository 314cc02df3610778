//! Score cells: a metric's values, block by block, so that memory follows the block and not the sample.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::data::Loaded;
use super::explain::scene;
use super::{Context, arrays};
use crate::error::{Error, Result};
use crate::explainers::Unit;
use crate::metrics::{Cost, Given, Scores};
use crate::model::Model;
use crate::plan::Score;
use crate::store::{Array, Content, Data};

pub struct Scoring<'a> {
    context: &'a Context,
    task: &'a Score,
    trained: &'a Content,
    loaded: Loaded,
    model: Model,
    blocks: Vec<Scores>,
}

impl<'a> Scoring<'a> {
    pub fn new(context: &'a Context, task: &'a Score, trained: &'a Content) -> Result<Self> {
        let loaded = context.data.get(&context.suite, task.network.dataset)?;
        let model = context.model(&task.network, trained)?;
        Ok(Self { context, task, trained, loaded, model, blocks: Vec::new() })
    }

    /// Scores one block of explanations.
    pub fn add(&mut self, block: &Content) -> Result<()> {
        let table = &self.context.suite.metrics[self.task.metric].value;
        let explainer = &self.context.suite.explainers[self.task.explainer].value;
        let places: Vec<usize> = arrays::read_integers(block, "places")?.iter().map(|place| *place as usize).collect();
        if places.is_empty() {
            return Ok(());
        }
        let scene = scene(self.context, &self.model, &self.loaded, &self.task.images, &places, self.trained)?;
        let attribution = arrays::read_tensor(block, "attribution")?.f_to_device(self.context.device)?;
        let unit = if attribution.size()[1] == scene.x.size()[1] { Unit::Element } else { Unit::Pixel };
        let cost: Cost = serde_json::from_value(block.record["cost"].clone())
            .map_err(|error| Error::new(format!("an explanation has no readable cost: {error}")))?;
        let given = Given { scene, attribution, unit, map: explainer.map, cost };
        self.blocks.push(tch::no_grad(|| table.metric.method.score(&given))?);
        Ok(())
    }

    /// All blocks as one record: ids, and for each measure an array [units, points].
    pub fn finish(self) -> Result<Content> {
        let first = self.blocks.first().ok_or_else(|| Error::new("there is nothing to score"))?;
        let ids: Vec<i64> = self.blocks.iter().flat_map(|scores| &scores.ids).map(|id| *id as i64).collect();
        let mut arrays = BTreeMap::from([("ids".to_string(), arrays::integers(&ids))]);
        let mut measures: Vec<Value> = Vec::new();
        for (m, measure) in first.measures.iter().enumerate() {
            let values: Vec<f64> = self.blocks.iter().flat_map(|scores| &scores.measures[m].values).copied().collect();
            if values.len() != ids.len() * measure.at.len() {
                return Err(Error::new(format!(
                    "`{}` has {} values for {} units",
                    measure.measure,
                    values.len(),
                    ids.len()
                )));
            }
            let shape = vec![ids.len(), measure.at.len()];
            arrays.insert(format!("values.{}", measure.measure), Array { shape, data: Data::F64(values) });
            measures.push(json!({ "name": measure.measure, "at": measure.at }));
        }
        Ok(Content { record: json!({ "unit": first.unit, "measures": measures }), arrays })
    }
}
