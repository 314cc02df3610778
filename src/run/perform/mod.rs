//! What a cell does: one file per kind of task.

mod arrays;
mod data;
mod explain;
mod influence;
mod learn;
mod perturb;
mod picture;
mod points;
mod poison;
mod provenance;
mod rank;
mod refit;
mod retrain;
mod score;
mod train;

use std::sync::Arc;

use serde_json::Value;
use tch::{Device, Kind};

use crate::datasets::DataFolder;
use crate::error::{Error, Result};
use crate::influence::Checkpoint;
use crate::model::randomize::Randomized;
use crate::model::{self, Memo, Model};
use crate::noise::Noise;
use crate::plan::{Cell, CellId, Task, Train};
use crate::store::{Content, Store};
use crate::suite::Suite;

/// What cells are computed from, beside each other.
pub struct Context {
    pub suite: Arc<Suite>,
    pub device: Device,
    /// Bytes of intermediate results that one chunk of rows may take.
    pub chunk_bytes: u64,
    data: data::Cache,
    memo: Arc<Memo>,
}

/// The most scores that explainers share: those of some tens of blocks of images, 64 MB of single precision.
const MEMO_NUMBERS: usize = 16 << 20;

/// What came of a cell.
pub enum Outcome {
    Content(Content),
    /// A cell that it needs is gone, or was altered, and has to be made again.
    Missing(CellId),
}

impl Context {
    pub fn new(suite: Arc<Suite>, folder: DataFolder, device: Device) -> Self {
        let data = data::Cache::new(folder, suite.datasets.len());
        Self { suite, device, chunk_bytes: model::chunk_bytes(device), data, memo: Arc::new(Memo::new(MEMO_NUMBERS)) }
    }

    /// Computes a cell from what the store holds; `progress` is told the share that is done.
    pub fn perform(&self, cell: &Cell, store: &Store, progress: &dyn Fn(f64)) -> Result<Outcome> {
        let needs = match self.read_needs(cell, store)? {
            Ok(needs) => needs,
            Err(missing) => return Ok(Outcome::Missing(missing)),
        };
        let meter = provenance::Meter::start();
        let mut content = match &cell.task {
            Task::Train(task) => train::perform(self, task, progress)?,
            Task::Explain(task) => explain::perform(self, task, &needs[0], &needs[needs.len() - 1])?,
            Task::Rank(task) => rank::perform(self, task, &needs[0])?,
            Task::Retrain(task) => retrain::perform(self, task, &needs, progress)?,
            Task::Perturb(task) => perturb::perform(self, task, &needs[0], &needs[1])?,
            Task::Influence(task) => influence::perform(self, task, &needs)?,
            Task::Refit(task) => refit::perform(self, task, &needs, progress)?,
            Task::Poison(task) => poison::perform(self, task, &needs[0], progress)?,
            Task::Score(task) if self.suite.metrics[task.metric].value.metric.method.influences() => {
                match score::judge(self, task, store)? {
                    Ok(content) => content,
                    Err(missing) => return Ok(Outcome::Missing(missing)),
                }
            }
            Task::Score(task) if task.explained.is_empty() => match score::settle(self, task, store)? {
                Ok(content) => content,
                Err(missing) => return Ok(Outcome::Missing(missing)),
            },
            Task::Score(task) => {
                let mut scoring = score::Scoring::new(self, task, &needs)?;
                for block in 0..task.explained.len() {
                    let others = task.others.iter().filter_map(|other| other.explained.get(block));
                    let ids: Vec<CellId> = std::iter::once(&task.explained[block]).chain(others).copied().collect();
                    let blocks = match read_all(store, &ids)? {
                        Ok(blocks) => blocks,
                        Err(missing) => return Ok(Outcome::Missing(missing)),
                    };
                    if let Err(missing) = scoring.add(block, &blocks, store)? {
                        return Ok(Outcome::Missing(missing));
                    }
                }
                scoring.finish()?
            }
            Task::Picture(task) => picture::perform(self, task, &needs[0], &needs[1])?,
        };
        if let Value::Object(record) = &mut content.record {
            record.insert("provenance".to_string(), meter.finish(self, &cell.task));
        }
        Ok(Outcome::Content(content))
    }

    /// The contents of what a cell needs, but for the blocks of a score, which are read one at a time.
    fn read_needs(&self, cell: &Cell, store: &Store) -> Result<std::result::Result<Vec<Content>, CellId>> {
        match &cell.task {
            Task::Score(task) if task.explained.is_empty() => Ok(Ok(Vec::new())),
            Task::Score(task) => {
                let others = task.others.iter().map(|other| other.trained);
                read_all(store, &std::iter::once(task.trained).chain(others).collect::<Vec<_>>())
            }
            _ => read_all(store, &cell.needs),
        }
    }

    /// The root of the suite's randomness.
    fn noise(&self) -> Noise {
        Noise::new(self.suite.seed)
    }

    /// The trained network that a Train cell holds, in single precision whatever it was trained in.
    fn model(&self, network: &Train, trained: &Content) -> Result<Model> {
        self.stored(network, trained, "weight", Kind::Float)?.remembering(self.memo.clone())
    }

    /// The same in double precision: a convex fit as it was found, others as their single precision says.
    pub fn precise_model(&self, network: &Train, trained: &Content) -> Result<Model> {
        self.stored(network, trained, "weight", Kind::Double)
    }

    /// The states on the way through training that a Train cell kept, in double precision.
    fn checkpoints(&self, network: &Train, trained: &Content) -> Result<Vec<Checkpoint>> {
        let kept = trained.record["checkpoints"].as_array().into_iter().flatten().enumerate();
        let read = |(at, kept): (usize, &Value)| {
            let model = self.stored(network, trained, &format!("checkpoint.{at}"), Kind::Double)?;
            Ok(Checkpoint { model, rate: kept["rate"].as_f64().unwrap_or(f64::NAN) })
        };
        kept.map(read).collect()
    }

    /// The weights that a Train cell holds under names that begin so: `weight`, or `checkpoint.0` and on, in the order of its
    /// record's `checkpoints`.
    fn stored(&self, network: &Train, trained: &Content, prefix: &str, kind: Kind) -> Result<Model> {
        let graph = self.suite.network(network.dataset, network.model).map(|network| network.graph.clone());
        let graph = graph.ok_or_else(|| Error::new("the suite has no such network"))?;
        let weights = graph.weights.iter().map(|spec| {
            let array = trained.arrays.get(&format!("{prefix}.{}", spec.name));
            let array = array.ok_or_else(|| Error::new(format!("a trained network lacks `{}`", spec.name)))?;
            Ok(arrays::tensor(array)?.f_to_device(self.device)?.f_to_kind(kind)?)
        });
        Model::new(graph.clone(), weights.collect::<Result<Vec<_>>>()?)
    }
}

impl Context {
    /// What remains of a network that was trained from a row's seed once some of its layers are drawn anew.
    fn randomized(&self, trained: &Model, randomized: &Randomized, seed: u64) -> Result<Model> {
        // Rows draw for themselves, so that they stay independent.
        let noise = self.noise().purpose("model-randomization").index(seed);
        randomized.apply(trained, &noise)?.remembering(self.memo.clone())
    }
}

/// The contents of these cells, or the first that is not there.
fn read_all(store: &Store, ids: &[CellId]) -> Result<std::result::Result<Vec<Content>, CellId>> {
    let mut contents = Vec::new();
    for id in ids {
        match store.get(*id)? {
            Some(content) => contents.push(content),
            None => return Ok(Err(*id)),
        }
    }
    Ok(Ok(contents))
}
