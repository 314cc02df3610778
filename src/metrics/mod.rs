//! Metrics: what an explanation is worth. One folder per family, one file per metric, one row of `ALL` each.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::error::Result;
use crate::explainers::{Map, Scene, Unit};
use crate::model::Passes;
use crate::need::{Known, ModelRef, Need};

mod cost;
mod localization;
mod removal;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Lower,
    Higher,
    /// No ranking: noise may pass, or a constant win.
    None,
}

impl Direction {
    /// Whether `a` is better than `b`; never without a direction or with an undefined value.
    pub fn better(self, a: f64, b: f64) -> bool {
        match self {
            Self::Lower => a < b,
            Self::Higher => a > b,
            Self::None => false,
        }
    }

    /// The better end in words, for axes.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Lower => Some("lower is better"),
            Self::Higher => Some("higher is better"),
            Self::None => None,
        }
    }
}

/// One quantity that a metric reports.
#[derive(Clone, Debug)]
pub struct Measure {
    pub name: &'static str,
    pub direction: Direction,
    /// Differences below this are of no interest, in the measure's unit.
    pub smallest_effect: f64,
    /// "", "s", "B".
    pub unit: &'static str,
    /// What `at` counts, for curves.
    pub axis: Option<&'static str>,
    /// Whether it differs from run to run, as seconds do: then it stays out of the files that are compared.
    pub timing: bool,
}

impl Measure {
    /// A number without a unit that a table shows.
    pub const fn new(name: &'static str, direction: Direction, smallest_effect: f64) -> Self {
        Self { name, direction, smallest_effect, unit: "", axis: None, timing: false }
    }

    /// The same as a curve over `axis`.
    pub const fn along(self, axis: &'static str) -> Self {
        Self { axis: Some(axis), ..self }
    }

    pub const fn in_unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    pub const fn timing(self) -> Self {
        Self { timing: true, ..self }
    }
}

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

/// What a metric answers for some units: one value per unit (and point), never only a mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    pub unit: ScoredUnit,
    pub ids: Vec<u64>,
    pub measures: Vec<Values>,
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

impl Given<'_> {
    /// One number per pixel, float64 [B, H, W].
    pub fn pixel_map(&self) -> Result<Tensor> {
        Ok(self.map.reduce(&self.attribution)?.f_to_kind(Kind::Double)?)
    }
}

pub trait Metric: Send + Sync {
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

    fn score(&self, given: &Given) -> Result<Scores>;

    /// Whether it needs data that knows where the evidence is.
    fn needs_truth(&self) -> bool {
        false
    }

    /// Rows of model input that scoring one example takes.
    fn rows(&self, _shape: &[i64]) -> usize {
        0
    }
}

pub const ALL: &[Entry<dyn Metric>] = &[removal::deletion::ENTRY, localization::pointing_game::ENTRY, cost::ENTRY];

/// Reads a `[[metric]]` table; the keys that narrow the product are the suite's.
pub fn read(section: &Section) -> Option<Chosen<dyn Metric>> {
    section.expect(&["name", "datasets", "models", "explainers", "images"]);
    crate::catalogue::choose(section, "metric", ALL)
}
