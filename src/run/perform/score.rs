//! Score cells: a metric's values, block by block, so that memory follows the block and not the sample.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::data::Loaded;
use super::explain::scene;
use super::{Context, arrays};
use crate::error::{Error, Result};
use crate::explainers::Unit;
use crate::metrics::{Beside, Cost, Given, Influenced, Moved, Other, Poisoned, Refitted, Said, ScoredUnit, Scores};
use crate::model::Model;
use crate::need::{About, Maps, Need, Perturbed, Poison, Refit};
use crate::plan::{BLOCK, CellId, PART, Score};
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

    /// Scores block number `at`: the explanations of the row's own network, then those of the others that were explained. Further
    /// maps are read from the store when the metric comes to them; the answer is the first cell of them that is gone, if any.
    pub fn add(&mut self, at: usize, blocks: &[Content], store: &Store) -> Result<std::result::Result<(), CellId>> {
        let table = &self.context.suite.metrics[self.task.metric].value;
        let explainer = &self.context.suite.explainers[self.task.contender].value;
        let block = &blocks[0];
        let places = arrays::read_integers(block, "places")?;
        if places.is_empty() {
            return Ok(Ok(()));
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
        let missing = Cell::new(None);
        let read = |maps: &Maps| {
            let id = self.cell(maps, at)?;
            let Some(content) = store.get(id)? else {
                missing.set(Some(id));
                return Err(Error::new(format!("{id} is gone")));
            };
            self.pixel_map(maps, &content)
        };
        let moved = |end: Perturbed| {
            let mut parts = Vec::new();
            for id in self.parts(end, at)? {
                let Some(content) = store.get(id)? else {
                    missing.set(Some(id));
                    return Err(Error::new(format!("{id} is gone")));
                };
                parts.push(content);
            }
            self.moved(&parts)
        };
        let beside = Beside { draws: self.context.suite.draws.clone(), read: Some(&read), moved: Some(&moved) };
        let given = Given { scene, attribution, unit, map: explainer.map, cost, others, beside };
        let scores = tch::no_grad(|| table.metric.method.score(&given));
        if let Some(missing) = missing.get() {
            return Ok(Err(missing));
        }
        self.blocks.push(scores?);
        let labels = &self.loaded.split(self.task.images.split).labels;
        self.labels.extend(places.iter().map(|place| labels[*place]));
        Ok(Ok(()))
    }

    /// The cell that holds one block of further maps.
    fn cell(&self, maps: &Maps, block: usize) -> Result<CellId> {
        let answer = self.task.answers.iter().find(|(need, _)| matches!(need, Need::Maps(asked) if asked == maps));
        let id = answer.and_then(|(_, cells)| cells.get(block)).copied();
        id.ok_or_else(|| Error::new(format!("{maps:?} were not asked for")))
    }

    /// The cells that hold the moved images of one block.
    fn parts(&self, end: Perturbed, block: usize) -> Result<Vec<CellId>> {
        let answer = self.task.answers.iter().find(|(need, _)| *need == Need::Perturbed(end));
        let (_, cells) = answer.ok_or_else(|| Error::new(format!("{end:?} images were not asked for")))?;
        Ok(cells.chunks(BLOCK / PART).nth(block).unwrap_or_default().to_vec())
    }

    /// The moved images of a block from its parts.
    fn moved(&self, parts: &[Content]) -> Result<Moved> {
        let join = |name: &str| -> Result<tch::Tensor> {
            let parts = parts.iter().map(|part| arrays::read_tensor(part, name)).collect::<Result<Vec<_>>>()?;
            Ok(tch::Tensor::f_cat(&parts, 0)?.f_to_device(self.context.device)?)
        };
        let half = parts.first().is_some_and(|part| part.arrays.contains_key("half"));
        let double = |maps: tch::Tensor| maps.f_to_kind(tch::Kind::Double);
        Ok(Moved {
            x: join("moved")?,
            maps: double(join("maps")?)?,
            half: if half { Some(double(join("half")?)?) } else { None },
            admitted: join("admitted")?.f_to_kind(tch::Kind::Bool)?,
        })
    }

    /// One number per pixel, float64 [B, H, W], by the reduction of the explainer that made the maps.
    fn pixel_map(&self, maps: &Maps, content: &Content) -> Result<tch::Tensor> {
        let by = maps.by.as_deref().map(|label| self.context.suite.explainer(label)).transpose()?;
        let explainer = &self.context.suite.explainers[by.unwrap_or(self.task.contender)].value;
        Ok(explainer.map.reduce(&self.attribution(content)?)?.f_to_kind(tch::Kind::Double)?)
    }

    fn attribution(&self, block: &Content) -> Result<tch::Tensor> {
        Ok(arrays::read_tensor(block, "attribution")?.f_to_device(self.context.device)?)
    }

    /// All blocks as one record: ids, labels, for each measure an array [units, points], and how often each flag was raised.
    pub fn finish(self) -> Result<Content> {
        let mut content = content(&self.blocks)?;
        // What is scored by repetition has values of no single image.
        let by_image = self.blocks.iter().all(|scores| scores.unit != ScoredUnit::Repetition);
        if by_image {
            content.arrays.insert("labels".to_string(), arrays::integers(&self.labels));
        } else {
            content.record["images"] = json!(self.labels.len());
        }
        Ok(content)
    }
}

/// The score of a metric that looks at no image, or the cell that is gone.
pub fn settle(context: &Context, task: &Score, store: &Store) -> Result<std::result::Result<Content, CellId>> {
    let mut known = context.suite.known(task.network.dataset, task.network.model);
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

/// The score of an influence method, or a cell that is gone.
pub fn judge(context: &Context, task: &Score, store: &Store) -> Result<std::result::Result<Content, CellId>> {
    let missing = Cell::new(None);
    let read = |need: &Need| -> Result<Vec<Content>> {
        let answer = task.answers.iter().find(|(asked, _)| asked == need);
        let (_, cells) = answer.ok_or_else(|| Error::new(format!("{need:?} was not asked for")))?;
        let read = |id: &CellId| {
            store.get(*id)?.ok_or_else(|| {
                missing.set(Some(*id));
                Error::new(format!("{id} is gone"))
            })
        };
        cells.iter().map(read).collect()
    };
    let said = |about: &About| -> Result<Said> {
        let cells = read(&Need::Influence(about.clone()))?;
        let cell = cells.first().ok_or_else(|| Error::new("nobody was asked"))?;
        let flipped = arrays::read_integers(cell, "flipped")?.iter().map(|flipped| *flipped != 0).collect();
        let ids = arrays::read_integers(cell, "ids")?.iter().map(|id| *id as u64).collect();
        Ok(Said { values: arrays::read_tensor(cell, "influence")?, flipped, ids })
    };
    let refitted = |refit: &Refit| refitted(&read(&Need::Refitted(refit.clone()))?);
    let poisoned = |change: &Poison| poisoned(&read(&Need::Poisoned(*change))?);
    let suite = &context.suite;
    let given = Influenced {
        repetitions: suite.repetitions.clone(),
        flips: suite.flips.clone(),
        noise: context.noise(),
        loss: super::points::recipe(context, &task.network)?.loss(),
        said: &said,
        refitted: &refitted,
        poisoned: &poisoned,
    };
    let scores = suite.metrics[task.metric].value.metric.method.judge(&given);
    match missing.get() {
        Some(missing) => Ok(Err(missing)),
        None => {
            let mut scores = scores?;
            let unsolved = unsolved(task, store)?.min(scores.ids.len());
            scores.flags.push(("system not solved", unsolved));
            Ok(Ok(content(&[scores])?))
        }
    }
}

/// How many units rest on a system that a solver gave up: a test point is one system, a draw of wrong labels one for each example.
fn unsolved(task: &Score, store: &Store) -> Result<usize> {
    let mut units = 0;
    for (need, cells) in &task.answers {
        let Need::Influence(about) = need else { continue };
        for id in cells {
            let systems = store.record(*id)?.and_then(|record| record["unsolved"].as_u64()).unwrap_or(0) as usize;
            units += if matches!(about, About::Itself(_)) { systems.min(1) } else { systems };
        }
    }
    Ok(units)
}

/// Trainings that several cells hold, as one.
fn refitted(cells: &[Content]) -> Result<Refitted> {
    let none = || Error::new("nothing was trained anew");
    let first = cells.first().ok_or_else(none)?;
    let (mut left_out, mut aimed, mut logits, mut unconverged) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for cell in cells {
        let mut places = arrays::read_integers(cell, "left_out")?.iter().map(|place| *place as usize);
        for size in arrays::read_integers(cell, "sizes")? {
            left_out.push(places.by_ref().take(*size as usize).collect());
        }
        aimed.extend(arrays::read_integers(cell, "aimed")?.iter().map(|point| usize::try_from(*point).ok()));
        // A cell may be planned for more test points than the network classifies correctly.
        if !arrays::read_integers(cell, "sizes")?.is_empty() {
            logits.push(arrays::read_tensor(cell, "logits")?);
        }
        unconverged += cell.record["unconverged"].as_u64().unwrap_or(0) as usize;
    }
    if logits.is_empty() {
        return Err(none());
    }
    Ok(Refitted {
        left_out,
        aimed,
        logits: tch::Tensor::f_cat(&logits, 0)?,
        before: arrays::read_tensor(first, "before")?,
        labels: arrays::read_tensor(first, "labels")?,
        ids: arrays::read_integers(first, "ids")?.iter().map(|id| *id as u64).collect(),
        unconverged,
    })
}

/// The attacks on single test points, as one.
fn poisoned(cells: &[Content]) -> Result<Poisoned> {
    let mut all = Poisoned::default();
    for (cell, id) in cells.iter().filter_map(|cell| Some((cell, cell.record["id"].as_u64()?))) {
        all.ids.push(id);
        for (which, name) in ["attack", "random"].into_iter().enumerate() {
            all.change[which].push(cell.record[name]["change"].as_f64().unwrap_or(f64::NAN));
            all.flipped[which].push(cell.record[name]["flipped"] == true);
        }
    }
    Ok(all)
}

/// Scores, block by block, as one record with arrays.
fn content(blocks: &[Scores]) -> Result<Content> {
    let first = blocks.first().ok_or_else(|| Error::new("there is nothing to score"))?;
    let rows: Vec<i64> = blocks.iter().flat_map(|scores| &scores.ids).map(|id| *id as i64).collect();
    let mut ids = rows.clone();
    if first.unit == ScoredUnit::Repetition {
        ids.sort_unstable();
        ids.dedup();
    }
    let mut arrays = BTreeMap::from([("ids".to_string(), arrays::integers(&ids))]);
    let mut measures: Vec<Value> = Vec::new();
    for (m, measure) in first.measures.iter().enumerate() {
        let values: Vec<f64> = blocks.iter().flat_map(|scores| &scores.measures[m].values).copied().collect();
        let name = measure.measure;
        if values.len() != rows.len() * measure.at.len() {
            return Err(Error::new(format!("`{name}` has {} values for {} units", values.len(), rows.len())));
        }
        let values = if ids.len() < rows.len() { means(&rows, &ids, &values) } else { values };
        let shape = vec![ids.len(), measure.at.len()];
        arrays.insert(format!("values.{name}"), Array { shape, data: Data::F64(values) });
        measures.push(json!({ "name": name, "at": measure.at }));
    }
    let mut flags: BTreeMap<&str, usize> = BTreeMap::new();
    for (flag, units) in blocks.iter().flat_map(|scores| &scores.flags) {
        *flags.entry(flag).or_default() += units;
    }
    // Flags count rows.
    let record = json!({ "unit": first.unit, "measures": measures, "flags": flags, "rows": rows.len() });
    Ok(Content { record, arrays })
}

/// For each of `ids` the means, point by point, of the numbers among the values of its rows; NaN where there are none.
fn means(rows: &[i64], ids: &[i64], values: &[f64]) -> Vec<f64> {
    let points = values.len() / rows.len().max(1);
    let mut sums = vec![(0.0, 0.0); ids.len() * points];
    for (row, id) in rows.iter().enumerate() {
        let Ok(place) = ids.binary_search(id) else { continue };
        for point in 0..points {
            let value = values[row * points + point];
            if value.is_finite() {
                let (sum, count) = &mut sums[place * points + point];
                *sum += value;
                *count += 1.0;
            }
        }
    }
    sums.into_iter().map(|(sum, count)| sum / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Values;

    /// Draws 3 and 1, two images each in two blocks; of draw 1 one value is undefined, of draw 3 both at the second point.
    #[test]
    fn a_repetition_is_the_mean_over_its_images() {
        let block = |ids: [u64; 2], values: [f64; 4]| Scores {
            unit: ScoredUnit::Repetition,
            ids: ids.to_vec(),
            measures: vec![Values { measure: "m", at: vec![1.0, 2.0], values: values.to_vec() }],
            flags: vec![("undefined", 1)],
        };
        let blocks = [block([3, 1], [1.0, f64::NAN, 5.0, 6.0]), block([1, 3], [f64::NAN, 8.0, 2.0, f64::NAN])];
        let content = content(&blocks).unwrap();
        let Data::F64(values) = &content.arrays["values.m"].data else { panic!("no numbers") };
        assert_eq!(content.arrays["values.m"].shape, [2, 2]);
        assert_eq!(values[..3], [5.0, 7.0, 1.5]);
        assert!(values[3].is_nan());
        assert_eq!(content.arrays["ids"].data, Data::I64(vec![1, 3]));
        assert_eq!((&content.record["rows"], &content.record["flags"]["undefined"]), (&json!(4), &json!(2)));
    }
}
