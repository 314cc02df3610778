//! The plan: a suite unfolded into cells, the one unit of work. A cell is named by everything that decides its content,
//! so it can be computed in any order, twice, or on another machine, and be found again.

mod engine;
mod expand;
mod id;
mod identity;
mod outside;

pub use expand::{BLOCK, PART, expand};
pub use id::{CellId, Identity};
pub use outside::Outside;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

pub use crate::need::DataRef;
use crate::need::{
    About, Maps, ModelRef, Modified, Need, Perturbed, Poison as Change, Refit as Without, Retraining, Start,
};
use crate::suite::{Images, SplitName, Suite};

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
    /// The places of the features of a block of images in an explainer's ranking.
    Rank(Rank),
    /// How well a recipe does when it is trained anew on modified images; its network is not kept.
    Retrain(Retrain),
    /// A few images moved within a ball around each, with their maps.
    Perturb(Perturb),
    /// What an influence method says of all training examples.
    Influence(Influence),
    /// What becomes of test points when networks are trained without some training examples.
    Refit(Refit),
    /// What becomes of a test point when training examples are changed against it.
    Poison(Poison),
    /// What one metric says of one contender on one network, unit by unit.
    Score(Score),
    /// A few images with their maps, for the report's figures.
    Picture(Picture),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Train {
    pub dataset: usize,
    pub model: usize,
    pub seed: u64,
    pub data: DataRef,
}

#[derive(Clone, Debug)]
pub struct Explain {
    pub network: Train,
    pub trained: CellId,
    /// The network whose predictions decide which images and which classes are explained: that of the row.
    pub sampled: CellId,
    /// Who explains, whatever `maps.by` says.
    pub explainer: usize,
    /// What of the network is drawn anew, and which class is explained.
    pub maps: Maps,
    pub images: Images,
    /// Which block of `BLOCK` images of the sample.
    pub block: usize,
}

#[derive(Clone, Debug)]
pub struct Rank {
    pub network: Train,
    pub trained: CellId,
    pub explainer: usize,
    /// The metric whose `removal` says what is ranked.
    pub metric: usize,
    pub split: SplitName,
    /// Places in the split: at most `BLOCK` of them.
    pub images: Range<usize>,
}

#[derive(Clone, Debug)]
pub struct Retrain {
    /// The network whose maps decide what is removed, and whose recipe is trained anew.
    pub network: Train,
    pub trained: CellId,
    /// Whose ranking decides; nobody's where nothing is removed.
    pub explainer: Option<usize>,
    /// The metric whose `removal` says how.
    pub metric: usize,
    pub retraining: Retraining,
    /// The rankings of the training images, then of the test images, block by block.
    pub ranks: [Vec<CellId>; 2],
}

#[derive(Clone, Debug)]
pub struct Perturb {
    pub network: Train,
    pub trained: CellId,
    pub explainer: usize,
    /// The metric whose `perturbation` says how.
    pub metric: usize,
    pub end: Perturbed,
    pub images: Images,
    /// The explanations of the block that the images belong to.
    pub explained: CellId,
    pub block: usize,
    /// Which `PART` images of the block.
    pub part: usize,
}

#[derive(Clone, Debug)]
pub struct Influence {
    /// The network that is looked at, which saw the form of the data that `about` says.
    pub network: Train,
    pub trained: CellId,
    /// The network whose predictions decide which test points there are: that of the row.
    pub sampled: CellId,
    pub contender: usize,
    pub about: About,
    pub images: Images,
    /// Further trainings of the recipe, as many as the method asks for.
    pub siblings: Vec<(Train, CellId)>,
}

#[derive(Clone, Debug)]
pub struct Refit {
    pub network: Train,
    pub trained: CellId,
    pub without: Without,
    /// The test points.
    pub images: Images,
    /// Whose influence says what is left out, and the cell that holds it.
    pub follows: Option<(usize, CellId)>,
    /// Which of the trainings.
    pub part: Range<usize>,
}

#[derive(Clone, Debug)]
pub struct Poison {
    pub network: Train,
    pub trained: CellId,
    pub contender: usize,
    pub change: Change,
    pub images: Images,
    /// Which of the test points.
    pub point: usize,
}

#[derive(Clone, Debug)]
pub struct Score {
    pub network: Train,
    pub trained: CellId,
    /// Its place among the suite's contenders: explainers, then influence methods.
    pub contender: usize,
    pub metric: usize,
    pub images: Images,
    /// The explanations of this very network, block by block.
    pub explained: Vec<CellId>,
    /// Other networks that the metric asked for.
    pub others: Vec<Other>,
    /// Everything that the metric asked for, in the order of asking, with the cells that answer; the explanations are among it.
    pub answers: Vec<(Need, Vec<CellId>)>,
}

/// A network beside the row's own, and its explanations of the row's images, if they were asked for.
#[derive(Clone, Debug)]
pub struct Other {
    pub reference: ModelRef,
    pub network: Train,
    pub trained: CellId,
    pub explained: Vec<CellId>,
}

/// One row of a table, on one network.
#[derive(Clone, Debug)]
pub struct Row {
    pub network: Train,
    /// Its place among the suite's contenders.
    pub contender: usize,
    pub metric: usize,
    /// The cell that scores it.
    pub score: CellId,
}

#[derive(Clone, Debug)]
pub struct Picture {
    pub network: Train,
    pub trained: CellId,
    pub explainer: usize,
    pub images: Images,
    pub shown: Shown,
    /// What of the network was drawn anew before it was explained.
    pub maps: Maps,
    /// The first block of explanations.
    pub explained: CellId,
}

/// Which figure a Picture cell is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The gallery of a network.
    Gallery,
    /// One column of a [`Strip`].
    Strip,
}

impl Shown {
    /// The most images that are kept: for a gallery enough for the worst tenth of them to be shown too, for strips a figure each.
    pub fn most(self) -> usize {
        match self {
            Self::Gallery => 64,
            Self::Strip => 3,
        }
    }
}

/// One explainer's maps of a few images, step by step as a metric shows them.
#[derive(Clone, Debug)]
pub struct Strip {
    pub network: Train,
    pub explainer: usize,
    pub metric: usize,
    /// The Picture cell of the network as trained, then those of the steps with their titles.
    pub pictures: Vec<(String, CellId)>,
    /// How many steps there are; of many, some are shown.
    pub steps: usize,
}

/// What the first column of a strip is called.
pub const AS_TRAINED: &str = "as trained";

/// The cells of a suite, needs before what needs them, and which of them are asked for.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub cells: Vec<Cell>,
    places: HashMap<CellId, usize>,
    /// Trainings, scores and pictures: what the report reads. Also what a metric asked for and must know to go on.
    pub goals: Vec<CellId>,
    /// Which pictures stand beside each other.
    pub strips: Vec<Strip>,
    /// What each row of a table is scored by. Rows that differ in their labels alone share a cell.
    pub rows: Vec<Row>,
    /// The goals, to look up.
    asked: HashSet<CellId>,
    /// How many further rounds of needs there may be once these cells are done.
    pub later_rounds: usize,
    /// Cells that failed in an earlier round of the same run: they are not tried again.
    pub given_up: BTreeSet<CellId>,
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
            Task::Rank(_) => "rank",
            Task::Retrain(_) => "retrain",
            Task::Perturb(_) => "perturb",
            Task::Influence(_) => "influence",
            Task::Refit(_) => "refit",
            Task::Poison(_) => "poison",
            Task::Score(_) => "score",
            Task::Picture(_) => "picture",
        }
    }

    pub fn network(&self) -> &Train {
        match self {
            Task::Train(train) => train,
            Task::Explain(Explain { network, .. })
            | Task::Rank(Rank { network, .. })
            | Task::Retrain(Retrain { network, .. })
            | Task::Perturb(Perturb { network, .. })
            | Task::Influence(Influence { network, .. })
            | Task::Refit(Refit { network, .. })
            | Task::Poison(Poison { network, .. })
            | Task::Score(Score { network, .. })
            | Task::Picture(Picture { network, .. }) => network,
        }
    }

    /// For people: what it is, in the suite's labels.
    pub fn describe(&self, suite: &Suite) -> String {
        let network = self.network();
        let data = network.data.words();
        let of = format!(
            "{}{}{data}/{} seed {}",
            suite.datasets[network.dataset].label,
            if data.is_empty() { "" } else { " " },
            suite.models[network.model].label,
            network.seed
        );
        match self {
            Task::Train(_) => format!("train {of}"),
            Task::Explain(explain) => {
                let explainer = &suite.explainers[explain.explainer].label;
                let first = explain.block * BLOCK;
                let last = (first + BLOCK).min(explain.images.count);
                let maps = explain.maps.words();
                let comma = if maps.is_empty() { "" } else { ", " };
                format!("explain {of}: {explainer}{comma}{maps}, images {}-{last}", first + 1)
            }
            Task::Rank(rank) => {
                let explainer = &suite.explainers[rank.explainer].label;
                let split = if rank.split == SplitName::Test { "test" } else { "training" };
                format!("rank {of}: {explainer}, {split} images {}-{}", rank.images.start + 1, rank.images.end)
            }
            Task::Retrain(retrain) => format!("retrain {of}: {}", retrain.describe(suite)),
            Task::Perturb(perturb) => format!("{} {of}: {}", perturb.words(), perturb.describe(suite)),
            Task::Influence(influence) => {
                let on = match &influence.about {
                    About::Test(quantity, _) => format!("on the {} of test points", quantity.words()),
                    About::Itself(_) => "of each example on itself".to_string(),
                };
                format!("influence {of}: {}, {on}", suite.contender_label(influence.contender))
            }
            Task::Refit(refit) => format!("refit {of}: {}", refit.describe(suite)),
            Task::Poison(poison) => {
                let by = suite.contender_label(poison.contender);
                let (examples, point) = (poison.change.examples, poison.point + 1);
                format!("poison {of}: {examples} training examples against test point {point}, by {by}")
            }
            Task::Score(score) => {
                let metric = &suite.metrics[score.metric].label;
                format!("score {of}: {metric} of {}", suite.contender_label(score.contender))
            }
            Task::Picture(picture) => {
                let explainer = &suite.explainers[picture.explainer].label;
                let maps = picture.maps.words();
                match (picture.shown, maps.is_empty()) {
                    (Shown::Gallery, _) => format!("picture {of}: {explainer}"),
                    (Shown::Strip, true) => format!("picture {of}: {explainer}, {AS_TRAINED}"),
                    (Shown::Strip, false) => format!("picture {of}: {explainer}, {maps}"),
                }
            }
        }
    }
}

impl Perturb {
    fn words(&self) -> &'static str {
        match self.end {
            Perturbed::Attacked => "attack",
            Perturbed::Random => "move by random signs",
            Perturbed::Nearby => "move at random",
        }
    }

    fn describe(&self, suite: &Suite) -> String {
        let explainer = &suite.explainers[self.explainer].label;
        let first = self.block * BLOCK + self.part * PART;
        let last = (first + PART).min((self.block + 1) * BLOCK).min(self.images.count);
        format!("{explainer}, for {}, images {}-{last}", suite.metrics[self.metric].label, first + 1)
    }
}

impl Refit {
    fn describe(&self, suite: &Suite) -> String {
        let of =
            self.follows.map_or(String::new(), |(contender, _)| format!(" by {}", suite.contender_label(contender)));
        let start = match self.without.start {
            Start::Warm => String::new(),
            Start::Cold(repetition) => format!(", from the start, repetition {repetition}"),
            Start::Proximal(damping) => format!(", proximal response with damping {}", damping.value()),
        };
        let part = match self.part.len() {
            1 => format!("training {}", self.part.start + 1),
            _ => format!("trainings {}-{}", self.part.start + 1, self.part.end),
        };
        format!("{}{of}{start}, {part}", self.without.left_out.words())
    }
}

impl Retrain {
    fn describe(&self, suite: &Suite) -> String {
        let metric = &suite.metrics[self.metric].value.metric.method;
        let kept = metric.removal().is_some_and(|removal| removal.keep);
        let of = self.explainer.map_or("", |explainer| suite.explainers[explainer].label.as_str());
        let part = |share: f64| {
            let share = (1e4 * share).round() / 100.0;
            if kept { format!("only the top {share} % of {of}") } else { format!("without the top {share} % of {of}") }
        };
        let what = match &self.retraining.on {
            Modified::Not => "on unmodified images".to_string(),
            Modified::Images(_, share) => part(share.value()),
            Modified::Masks(_, share) => format!("on the masks of images {}", part(share.value())),
        };
        format!("{what}, repetition {}", self.retraining.repetition)
    }
}
