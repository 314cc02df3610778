//! The plan: a suite unfolded into cells, the one unit of work. A cell is named by everything that decides its content,
//! so it can be computed in any order, twice, or on another machine, and be found again.

mod engine;
mod expand;
mod id;
mod identity;
mod outside;

pub use expand::{BLOCK, expand};
pub use id::{CellId, Identity};
pub use outside::Outside;

use std::collections::{HashMap, HashSet};

use crate::need::ModelRef;
use crate::suite::{Images, Suite};

/// One piece of work.
#[derive(Clone, Debug)]
pub struct Cell {
    pub id: CellId,
    pub task: Task,
    pub needs: Vec<CellId>,
}

/// What a cell computes. Indices count into the suite's tables.
#[derive(Clone, Debug)]
pub enum Task {
    /// A network: its weights, and what it predicts for every image.
    Train(Train),
    /// The attributions of one explainer for a block of images.
    Explain(Explain),
    /// What one metric says of one explainer on one network, image by image.
    Score(Score),
    /// A few images with their maps, for the report's gallery.
    Picture(Picture),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Train {
    pub dataset: usize,
    pub model: usize,
    pub seed: u64,
    pub data: DataRef,
}

/// Which form of a dataset a network learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataRef {
    Stated,
    /// Its counterpart, in which the evidence says nothing.
    Counterpart,
}

#[derive(Clone, Debug)]
pub struct Explain {
    pub network: Train,
    pub trained: CellId,
    /// The network whose predictions decide which images and which classes are explained: that of the row.
    pub sampled: CellId,
    pub explainer: usize,
    pub images: Images,
    /// Which block of `BLOCK` images of the sample.
    pub block: usize,
}

#[derive(Clone, Debug)]
pub struct Score {
    pub network: Train,
    pub trained: CellId,
    pub explainer: usize,
    pub metric: usize,
    pub images: Images,
    /// The explanations of this very network, block by block.
    pub explained: Vec<CellId>,
    /// Other networks that the metric asked for.
    pub others: Vec<Other>,
    /// Everything that the metric asked for, in the order of asking; the explanations are among it.
    pub answers: Vec<CellId>,
}

/// A network beside the row's own, and its explanations of the row's images, if they were asked for.
#[derive(Clone, Debug)]
pub struct Other {
    pub reference: ModelRef,
    pub network: Train,
    pub trained: CellId,
    pub explained: Vec<CellId>,
}

/// The most images that a Picture cell keeps: enough for the worst tenth of them to be shown too.
pub const PICTURES: usize = 64;

#[derive(Clone, Debug)]
pub struct Picture {
    pub network: Train,
    pub trained: CellId,
    pub explainer: usize,
    pub images: Images,
    /// The first block of explanations.
    pub explained: CellId,
}

/// The cells of a suite, needs before what needs them, and which of them are asked for.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub cells: Vec<Cell>,
    places: HashMap<CellId, usize>,
    /// Trainings, scores and pictures: what the report reads. Also what a metric asked for and must know to go on.
    pub goals: Vec<CellId>,
    /// The same, to look up.
    asked: HashSet<CellId>,
    /// How many further rounds of needs there may be once these cells are done.
    pub later_rounds: usize,
}

impl Plan {
    /// Adds a cell, unless an equal one is there.
    pub fn add(&mut self, cell: Cell) -> CellId {
        let id = cell.id;
        if !self.places.contains_key(&id) {
            self.places.insert(id, self.cells.len());
            self.cells.push(cell);
        }
        id
    }

    /// Makes a cell one that is asked for.
    pub fn add_goal(&mut self, id: CellId) {
        if self.asked.insert(id) {
            self.goals.push(id);
        }
    }

    pub fn is_goal(&self, id: CellId) -> bool {
        self.asked.contains(&id)
    }

    /// Where a cell stands in `cells`.
    pub fn place(&self, id: CellId) -> Option<usize> {
        self.places.get(&id).copied()
    }

    pub fn cell(&self, id: CellId) -> Option<&Cell> {
        self.places.get(&id).map(|place| &self.cells[*place])
    }
}

impl Task {
    /// "train", "explain", ..
    pub fn kind(&self) -> &'static str {
        match self {
            Task::Train(_) => "train",
            Task::Explain(_) => "explain",
            Task::Score(_) => "score",
            Task::Picture(_) => "picture",
        }
    }

    pub fn network(&self) -> &Train {
        match self {
            Task::Train(train) => train,
            Task::Explain(Explain { network, .. })
            | Task::Score(Score { network, .. })
            | Task::Picture(Picture { network, .. }) => network,
        }
    }

    /// For people: what it is, in the suite's labels.
    pub fn describe(&self, suite: &Suite) -> String {
        let network = self.network();
        let data = if network.data == DataRef::Counterpart { " counterpart" } else { "" };
        let of = format!(
            "{}{data}/{} seed {}",
            suite.datasets[network.dataset].label, suite.models[network.model].label, network.seed
        );
        match self {
            Task::Train(_) => format!("train {of}"),
            Task::Explain(explain) => {
                let explainer = &suite.explainers[explain.explainer].label;
                let first = explain.block * BLOCK;
                let last = (first + BLOCK).min(explain.images.count);
                format!("explain {of}: {explainer}, images {}-{last}", first + 1)
            }
            Task::Score(score) => {
                let metric = &suite.metrics[score.metric].label;
                format!("score {of}: {metric} of {}", suite.explainers[score.explainer].label)
            }
            Task::Picture(picture) => format!("picture {of}: {}", suite.explainers[picture.explainer].label),
        }
    }
}
