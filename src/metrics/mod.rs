//! Metrics: what an explanation is worth. One folder per family, one file per metric, one row of `ALL` each.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::attacks::Perturbation;
use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::error::{Error, Result};
use crate::explainers::{Map, Scene, Unit};
use crate::model::convex::Loss;
use crate::model::randomize::Unfit;
use crate::model::{Graph, Model, Passes};
use crate::need::{About, Known, Maps, ModelRef, Need, Perturbed, Poison, Refit};
use crate::noise::Noise;

mod clever_hans;
mod cost;
mod fragility;
mod influence;
mod localization;
mod measure;
mod randomization;
mod removal;

pub use measure::{Among, Bar, Bound, ControlOf, Direction, Line, Measure, Scatter};
pub use removal::features::Order;
pub use removal::retraining::{Removal, changed};

/// What one unit is in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScoredUnit {
    Example,
    TestPoint,
    Repetition,
}

/// The values of one measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    pub measure: &'static str,
    /// Points of the curve; one point, 0, for a plain number.
    pub at: Vec<f64>,
    /// Unit by unit, each with its points in order. NaN = invalid.
    pub values: Vec<f64>,
}

/// What a metric answers for some units: one value per unit (and point), never only a mean. A repetition that occurs several
/// times, once for each image, has the mean of its values that are numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    pub unit: ScoredUnit,
    pub ids: Vec<u64>,
    pub measures: Vec<Values>,
    /// What befell some units and how many, such as ("constant map", 3): shown beside the numbers.
    pub flags: Vec<(&'static str, usize)>,
}

/// One block of examples for a metric to score.
pub struct Given<'a> {
    /// Model, images, targets, truth, draws. `target` is what was explained.
    pub scene: Scene<'a>,
    /// The explainer's answer, [B, C, H, W] or [B, 1, H, W].
    pub attribution: Tensor,
    pub unit: Unit,
    pub map: Map,
    pub cost: Cost,
    /// The other networks that the metric asked for.
    pub others: Vec<Other<'a>>,
    pub beside: Beside<'a>,
}

/// What a metric of influence is given: the answers to its needs, found by these.
pub struct Influenced<'a> {
    pub repetitions: Vec<u64>,
    pub flips: Vec<u64>,
    pub noise: Noise,
    /// What training minimised.
    pub loss: Loss,
    pub said: &'a ReadSaid<'a>,
    pub refitted: &'a ReadRefitted<'a>,
    pub poisoned: &'a ReadPoisoned<'a>,
}

/// What attacks through the training examples did to each test point.
#[derive(Default)]
pub struct Poisoned {
    pub ids: Vec<u64>,
    /// How much its loss rose, by the attack and by random signs on the same examples.
    pub change: [Vec<f64>; 2],
    /// Whether its predicted class changed.
    pub flipped: [Vec<bool>; 2],
}

/// Finds the attacks through the training examples.
pub type ReadPoisoned<'a> = dyn Fn(&Poison) -> Result<Poisoned> + 'a;

/// What an influence method said.
pub struct Said {
    /// The predicted change of the quantity when an example is removed, float64: [T, N] of test points, [N] of examples themselves.
    pub values: Tensor,
    /// Which training labels were turned into wrong ones; none of them where they are as stated.
    pub flipped: Vec<bool>,
    /// The names of the test points.
    pub ids: Vec<u64>,
}

/// What became of test points when networks were trained without some examples.
pub struct Refitted {
    /// The places of the training examples that were left out, training by training.
    pub left_out: Vec<Vec<usize>>,
    /// The test point that they were left out for, where it was for one.
    pub aimed: Vec<Option<usize>>,
    /// Float64 [m, T, K], training by training.
    pub logits: Tensor,
    /// Those of the row's network, float64 [T, K].
    pub before: Tensor,
    /// Of the test points, int64 [T].
    pub labels: Tensor,
    /// Their names.
    pub ids: Vec<u64>,
    /// How many trainings did not come to their end.
    pub unconverged: usize,
}

/// Finds what the row's influence method said.
pub type ReadSaid<'a> = dyn Fn(&About) -> Result<Said> + 'a;

/// Finds the trainings without some examples.
pub type ReadRefitted<'a> = dyn Fn(&Refit) -> Result<Refitted> + 'a;

/// Further maps of the same images, read one by one when a metric comes to them: there may be hundreds.
#[derive(Default)]
pub struct Beside<'a> {
    /// The draws that the suite asks for.
    pub draws: Vec<u64>,
    /// Answers with one number per pixel, float64 [B, H, W], as the row of the explainer that made them reduces them.
    pub read: Option<&'a ReadMaps<'a>>,
    pub moved: Option<&'a ReadMoved<'a>>,
}

/// The block's images moved within a ball, n times each: once for each radius, or for each sample.
pub struct Moved {
    /// [B, n, C, H, W]
    pub x: Tensor,
    /// One number per pixel, float64 [B, n, H, W].
    pub maps: Tensor,
    /// The same when half of the search was done, where there was one.
    pub half: Option<Tensor>,
    /// Whether the network says of any candidate, or of the sample, what it says of the image, bool [B, n].
    pub admitted: Tensor,
}

/// Finds moved images.
pub type ReadMoved<'a> = dyn Fn(Perturbed) -> Result<Moved> + 'a;

/// Finds further maps by their name.
pub type ReadMaps<'a> = dyn Fn(&Maps) -> Result<Tensor> + 'a;

impl Beside<'_> {
    /// The maps that were asked for by this name, float64 [B, H, W].
    pub fn maps(&self, maps: &Maps) -> Result<Tensor> {
        let read = self.read.ok_or_else(|| Error::new("no further maps were asked for"))?;
        read(maps)
    }

    /// The images that were moved to this end.
    pub fn moved(&self, end: Perturbed) -> Result<Moved> {
        let read = self.moved.ok_or_else(|| Error::new("no moved images were asked for"))?;
        read(end)
    }
}

/// A network beside the row's own.
pub struct Other<'a> {
    pub reference: ModelRef,
    pub model: &'a Model,
    /// What its training recorded.
    pub training: Value,
    /// Its explanations of the same images for the same classes, if they were asked for.
    pub attribution: Option<Tensor>,
}

/// What explaining a block took.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    pub examples: usize,
    /// How many of them went through the network together.
    pub together: usize,
    pub seconds: f64,
    pub passes: Passes,
}

impl<'a> Given<'a> {
    /// The network that was asked for by this name.
    pub fn other(&self, reference: &ModelRef) -> Result<&Other<'a>> {
        let found = self.others.iter().find(|other| other.reference == *reference);
        found.ok_or_else(|| Error::new(format!("{reference:?} was not asked for")))
    }

    /// One number per pixel, float64 [B, H, W].
    pub fn pixel_map(&self) -> Result<Tensor> {
        Ok(self.map.reduce(&self.attribution)?.f_to_kind(Kind::Double)?)
    }
}

/// What kind of question a metric asks. Tables are divided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Does removing what a map ranks highest take the network's evidence away?
    Removal,
    /// Does a map lie where the evidence is known to be?
    Localization,
    /// Does a map tell a network that uses a planted cue from one that does not?
    CleverHans,
    /// Does a map change when the network behind it does?
    Randomization,
    /// Does a map change when the image does and the prediction does not?
    Fragility,
    /// Does what is said of training examples come true when they are left out?
    Influence,
    /// What does a map take to make?
    Cost,
}

impl Family {
    pub fn title(self) -> &'static str {
        match self {
            Self::Removal => "Removal",
            Self::Localization => "Localization",
            Self::CleverHans => "Clever Hans",
            Self::Randomization => "Randomization",
            Self::Fragility => "Fragility",
            Self::Influence => "Influence",
            Self::Cost => "Cost",
        }
    }
}

pub trait Metric: Send + Sync {
    fn family(&self) -> Family;

    /// What it reports, in the order of its columns.
    fn measures(&self) -> Vec<Measure>;

    /// What must be there before it can score; asked again with the answers until nothing new comes.
    fn needs(&self, _known: &Known) -> Vec<Need> {
        vec![Need::Attributions(ModelRef::Original)]
    }

    /// In how many rounds it asks at most; more than one where what it asks for depends on answers.
    fn rounds(&self) -> usize {
        1
    }

    /// Scores one block of examples. Not asked of a metric that needs no attributions.
    fn score(&self, _given: &Given) -> Result<Scores> {
        Err(Error::new("this metric scores no images"))
    }

    /// Scores a row by what its needs recorded: asked, once, of a metric that needs no attributions.
    fn settle(&self, _known: &Known) -> Result<Scores> {
        Err(Error::new("this metric scores images"))
    }

    /// Whether it looks at influence methods, and not at explainers.
    fn influences(&self) -> bool {
        false
    }

    /// Scores one influence method on one network. Only asked of a metric that looks at them.
    fn judge(&self, _given: &Influenced) -> Result<Scores> {
        Err(Error::new("this metric looks at explainers"))
    }

    /// Whether it asks influence methods what a change of a training example does.
    fn perturbs(&self) -> bool {
        false
    }

    /// Whether it asks for every training without some examples once for each of the suite's repetitions.
    fn repeats(&self) -> bool {
        false
    }

    /// Whether it draws wrong labels.
    fn flips(&self) -> bool {
        false
    }

    /// What it takes away from images before it asks for networks that are trained anew on what is left.
    fn removal(&self) -> Option<&Removal> {
        None
    }

    /// Whether it asks explainers for the derivative of their maps.
    fn needs_derivatives(&self) -> bool {
        false
    }

    /// How it moves images to this end before it looks at their maps.
    fn perturbation(&self, _end: Perturbed) -> Option<Perturbation<'_>> {
        None
    }

    /// Whether it asks for something in several draws.
    fn draws(&self) -> bool {
        false
    }

    /// Why it does not fit a network: its `blocks` are not there, or an attack aims beside the images.
    fn unfit(&self, _graph: &Graph) -> Option<Unfit> {
        None
    }

    /// The label of another explainer whose maps it asks for, its parameter `with`.
    fn beside(&self) -> Option<&str> {
        None
    }

    /// Hidden curves of it that a figure draws against each other.
    fn scatters(&self) -> &'static [Scatter] {
        &[]
    }

    /// What the points of its curves are on a network, in order, where numbers alone do not say it.
    fn points(&self, _graph: &Graph) -> Vec<String> {
        Vec::new()
    }

    /// The maps that a figure shows one after the other behind the row's own, each with its title. All of them are among its needs,
    /// so that nothing is explained for the figure alone.
    fn steps(&self, _known: &Known) -> Vec<(String, Maps)> {
        Vec::new()
    }

    /// Whether it needs data that knows where the evidence is.
    fn needs_truth(&self) -> bool {
        false
    }

    /// Whether it needs data that has a counterpart.
    fn needs_counterpart(&self) -> bool {
        false
    }

    /// Whether it trains networks anew on modified data.
    fn retrains(&self) -> bool {
        self.removal().is_some()
    }

    /// A sentence that must stand beside its numbers wherever they are shown, such as what they must not be taken for.
    fn warning(&self) -> Option<String> {
        None
    }

    /// Whether it ranks single elements of the input, which a map of one number per pixel does not tell apart.
    fn ranks_elements(&self) -> bool {
        false
    }

    /// Rows of model input that scoring one example takes.
    fn rows(&self, _shape: &[i64]) -> usize {
        0
    }
}

pub const ALL: &[Entry<dyn Metric>] = &[
    removal::deletion::ENTRY,
    removal::insertion::ENTRY,
    removal::pixel_flipping::ENTRY,
    removal::symmetric_relevance_gain::ENTRY,
    removal::road::ENTRY,
    removal::roar::ENTRY,
    removal::kar::ENTRY,
    localization::pointing_game::ENTRY,
    localization::relevance_mass::ENTRY,
    localization::inside_outside_ratio::ENTRY,
    localization::relevance_rank_accuracy::ENTRY,
    localization::top_k_intersection::ENTRY,
    localization::localization_auc::ENTRY,
    localization::box_iou::ENTRY,
    clever_hans::ENTRY,
    randomization::model_randomization::ENTRY,
    randomization::efficient_mprt::ENTRY,
    randomization::random_logit::ENTRY,
    randomization::data_randomization::ENTRY,
    randomization::agreement::ENTRY,
    fragility::white_box_fragility::ENTRY,
    fragility::black_box_fragility::ENTRY,
    fragility::sensitivity::ENTRY,
    influence::leave_one_out::ENTRY,
    influence::linear_datamodelling_score::ENTRY,
    influence::mislabel_detection::ENTRY,
    influence::brittleness::ENTRY,
    influence::influence_randomization::ENTRY,
    influence::training_set_attack::ENTRY,
    cost::ENTRY,
];

/// Reads a `[[metric]]` table; the keys that narrow the product are the suite's.
pub fn read(section: &Section) -> Option<Chosen<dyn Metric>> {
    section.expect(&["name", "datasets", "models", "explainers", "influences", "images"]);
    crate::catalogue::choose(section, "metric", ALL)
}
