//! A suite as valid plain data: everything that a TOML file says, with every mistake found before anything runs.
//!
//! `read` takes the tables one by one, `check` looks at what only several tables together can get wrong.

use std::sync::Arc;

use crate::catalogue::Chosen;
use crate::config::Settings;
use crate::datasets::{Described, Source};
use crate::error::{Error, Result};
use crate::explainers::{Contender, Role, Unit};
use crate::influence::InfluenceMethod;
use crate::metrics::Metric;
use crate::model::Graph;
use crate::model::train::Recipe;
use crate::need::Known;
use crate::stats::Population;
use crate::transforms::Transform;

mod check;
mod check_retraining;
mod images;
mod narrow;
mod read;
mod seeds;

pub use images::{Images, Only, SplitName, Target};
pub use read::{load, read};

/// A named row of one of a suite's tables.
#[derive(Clone)]
pub struct Labelled<T> {
    pub label: String,
    /// What of the label a sweep appended, such as "[steps=16]"; empty without a sweep.
    pub sweep: String,
    pub value: T,
}

impl<T> Labelled<T> {
    /// The label without what a sweep appended.
    pub fn base(&self) -> &str {
        self.label.strip_suffix(self.sweep.as_str()).unwrap_or(&self.label)
    }
}

#[derive(Clone)]
pub struct Suite {
    /// The file's name without `.toml`: names the report.
    pub name: String,
    pub question: String,
    /// Prose that the report prints beside the numbers.
    pub analysis: String,
    /// The root of all randomness.
    pub seed: u64,
    /// Which trainings there are of each recipe.
    pub model_seeds: Vec<u64>,
    /// The repetitions of every training on modified data.
    pub repetitions: Vec<u64>,
    /// The draws of everything random beside training.
    pub draws: Vec<u64>,
    /// The draws of wrong labels.
    pub flips: Vec<u64>,
    /// At most so many images of each split are ranked and trained on anew: a quick look.
    pub limit: Option<usize>,
    pub over: Population,
    pub alpha: f64,
    pub datasets: Vec<Labelled<Data>>,
    pub models: Vec<Labelled<ModelTable>>,
    pub explainers: Vec<Labelled<Contender>>,
    pub influences: Vec<Labelled<Chosen<dyn InfluenceMethod>>>,
    pub metrics: Vec<Labelled<MetricTable>>,
    /// Every dataset with every model that some metric looks at; all of them in a suite of networks alone.
    pub networks: Vec<Network>,
}

#[derive(Clone)]
pub struct Data {
    pub source: Chosen<dyn Source>,
    /// What is done to the images or labels once they are loaded.
    pub transform: Option<Chosen<dyn Transform>>,
    /// As they are after that.
    pub described: Described,
}

#[derive(Clone)]
pub struct ModelTable {
    pub settings: Settings,
    pub origin: Origin,
    /// The exported model that says what the network computes, where there is no list of layers.
    pub file: Option<std::path::PathBuf>,
}

/// Where a network's weights come from.
#[derive(Clone)]
pub enum Origin {
    Trained(Recipe),
    /// A safetensors file, or an exported model with its own weights.
    File(std::path::PathBuf),
}

/// A model made for a dataset: its graph has the dataset's shape and classes. Indices into the suite's tables.
#[derive(Clone)]
pub struct Network {
    pub dataset: usize,
    pub model: usize,
    pub graph: Arc<Graph>,
}

#[derive(Clone)]
pub struct MetricTable {
    pub metric: Chosen<dyn Metric>,
    pub images: Images,
    /// What the product is narrowed to; indices into the suite's tables.
    pub datasets: Vec<usize>,
    pub models: Vec<usize>,
    /// Places among the suite's contenders: explainers, or influence methods where the metric looks at those.
    pub contenders: Vec<usize>,
    /// Pairs of a contender and a model that the contender's own `models` leaves out.
    pub apart: Vec<(usize, usize)>,
    /// Looks only at what some other metric looks at, on that metric's images.
    pub follows: bool,
}

impl MetricTable {
    fn names(&self, dataset: usize, model: usize, contender: usize) -> bool {
        self.datasets.contains(&dataset)
            && self.models.contains(&model)
            && self.contenders.contains(&contender)
            && !self.apart.contains(&(contender, model))
    }
}

impl Suite {
    /// How many contenders there are: the explainers, then the influence methods.
    pub fn contenders(&self) -> usize {
        self.explainers.len() + self.influences.len()
    }

    pub fn contender_label(&self, contender: usize) -> &str {
        match self.explainers.get(contender) {
            Some(row) => &row.label,
            None => &self.influences[contender - self.explainers.len()].label,
        }
    }

    pub fn contender_role(&self, contender: usize) -> Role {
        match self.explainers.get(contender) {
            Some(row) => row.value.chosen.method.role(),
            None => self.influences[contender - self.explainers.len()].value.method.role(),
        }
    }

    /// A contender that is an influence method.
    pub fn influence(&self, contender: usize) -> Result<&Chosen<dyn InfluenceMethod>> {
        let row = contender.checked_sub(self.explainers.len()).and_then(|place| self.influences.get(place));
        row.map(|row| &row.value).ok_or_else(|| Error::new("this contender says nothing of training examples"))
    }

    /// Whether a model is fitted as a convex problem, whose one solution can be followed when examples are left out.
    pub fn is_convex(&self, model: usize) -> bool {
        matches!(&self.models[model].value.origin, Origin::Trained(recipe) if recipe.is_convex())
    }

    /// The images for which `metric` looks at a contender on a network; `None` if it does not.
    pub fn images_of(&self, metric: usize, dataset: usize, model: usize, contender: usize) -> Option<&Images> {
        let table = &self.metrics[metric].value;
        if !table.names(dataset, model, contender) {
            return None;
        }
        if !table.follows {
            return Some(&table.images);
        }
        let mut others = self.metrics.iter().map(|other| &other.value).filter(|other| !other.follows);
        others.find(|other| other.names(dataset, model, contender)).map(|other| &other.images)
    }

    /// The training seeds of a model. A convex fit has one solution: from several seeds it is the same, and an interval over them
    /// would have no width.
    pub fn seeds_of(&self, model: usize) -> &[u64] {
        if self.is_convex(model) { &self.model_seeds[..1] } else { &self.model_seeds }
    }

    /// How many images a split has.
    pub fn available(&self, dataset: usize, split: SplitName) -> usize {
        let described = &self.datasets[dataset].value.described;
        if split == SplitName::Test { described.test } else { described.train }
    }

    /// How many images of a split are ranked and trained on anew: all of them, but for a quick look.
    pub fn retrained(&self, dataset: usize, split: SplitName) -> usize {
        let described = &self.datasets[dataset].value.described;
        let all = if split == SplitName::Test { described.test } else { described.train };
        self.limit.unwrap_or(all).min(all)
    }

    /// The explainer whose retrained accuracy others are held against: noise that is fixed for each image, of single elements
    /// where those are ranked (of one channel, either will do).
    pub fn random(&self, elements: bool) -> Result<usize> {
        let found = self.explainers.iter().position(|row| is_random(&row.value, elements));
        let found = found.or_else(|| self.explainers.iter().position(|row| is_random(&row.value, !elements)));
        found.ok_or_else(|| Error::new("the suite has no explainer `random`"))
    }

    /// What must stand beside the numbers of a metric, in one sentence that begins with "warning:" and its label; a sweep whose
    /// variants all say the same goes by the label that they share.
    pub fn warning(&self, metric: usize) -> Option<String> {
        let said = |metric: &Labelled<MetricTable>| metric.value.metric.method.warning();
        let metric = &self.metrics[metric];
        let sentence = said(metric)?;
        let mut variants = self.metrics.iter().filter(|other| other.base() == metric.base());
        let alike = variants.all(|other| said(other).as_ref() == Some(&sentence));
        let label = if alike { metric.base() } else { &metric.label };
        Some(format!("warning: {label}: {}.", sentence.trim_end_matches('.')))
    }

    /// The warnings of all metrics, each once.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = Vec::new();
        for warning in (0..self.metrics.len()).filter_map(|metric| self.warning(metric)) {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        warnings
    }

    /// The explainer of this label.
    pub fn explainer(&self, label: &str) -> Result<usize> {
        let found = self.explainers.iter().position(|row| row.label == label);
        found.ok_or_else(|| Error::new(format!("the suite has no explainer `{label}`")))
    }

    /// What metrics know of a row before any of its cells is there.
    pub fn known(&self, dataset: usize, model: usize) -> Known {
        Known {
            repetitions: self.repetitions.clone(),
            draws: self.draws.clone(),
            flips: self.flips.clone(),
            graph: self.network(dataset, model).map(|network| network.graph.clone()),
            ..Known::default()
        }
    }

    /// The network of a dataset and a model.
    pub fn network(&self, dataset: usize, model: usize) -> Option<&Network> {
        self.networks.iter().find(|network| network.dataset == dataset && network.model == model)
    }
}

/// Whether a contender is noise that is fixed for each image, of elements or of pixels.
fn is_random(contender: &Contender, elements: bool) -> bool {
    let method = &contender.chosen.method;
    contender.chosen.entry == "random" && !method.redrawn() && (method.unit() == Unit::Element) == elements
}
