//! A network as trained, but with some of its layers drawn anew. It is made on the fly from the trained weights, and never stored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};

use super::exported::EXPORT;
use super::graph::{Graph, Role, WeightSpec};
use super::init::Init;
use super::{Model, weights};
use crate::config::suggest;
use crate::error::{Error, Result};
use crate::noise::Noise;

/// How layers are drawn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Redraw {
    /// As the layer starts its training.
    Training,
    /// Weights from a normal distribution of standard deviation 0.1 that is cut at two of them, biases 0.1; normalisations as they
    /// start their training.
    TruncatedNormal,
    /// Not at all: from a safetensors file, by the names of the weights.
    File(PathBuf),
}

/// Which layers are other than as trained.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Randomized {
    /// Module paths; see [`Step`].
    pub modules: BTreeSet<String>,
    pub redraw: Redraw,
    /// Whether the running statistics of these modules start anew too.
    pub statistics: bool,
    /// Draws of one number agree in every layer that they share.
    pub draw: u64,
}

/// Layers that are drawn anew together: a block of the suite, or one module that has parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    /// Paths of modules, in the order of execution.
    pub modules: Vec<String>,
}

/// Why a metric and a network do not fit, such as layers that cannot be drawn as stated, in the words of a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The key of the metric that says so, such as `blocks` or `weights`; `use` where no value of theirs would do.
    pub key: &'static str,
    pub message: String,
    pub expected: Option<String>,
    pub help: Option<String>,
}

impl Graph {
    /// The paths of the modules with parameters, in the order of execution.
    pub fn parameterised(&self) -> Vec<&str> {
        let mut modules: Vec<&str> = Vec::new();
        for (at, spec) in self.weights.iter().enumerate() {
            if spec.role == Role::Parameter
                && let Some(module) = self.module_of(at)
                && !modules.contains(&module)
            {
                modules.push(module);
            }
        }
        modules.sort_by_key(|module| self.nodes.iter().position(|node| node.module == *module));
        modules
    }

    /// The module that a weight belongs to.
    fn module_of(&self, weight: usize) -> Option<&str> {
        self.first_reader(weight).map(|node| node.module.as_str())
    }
}

/// The steps of a network in the order of execution: its blocks, each a list of module paths that stand for all below them, or
/// without blocks each module with parameters.
pub fn steps(graph: &Graph, blocks: &[Vec<String>]) -> Result<Vec<Step>, Unfit> {
    if graph.is_opaque() {
        let message = "layers are to be drawn anew, and TorchScript shows none".to_string();
        let help = format!("export the model with {EXPORT}, or narrow the metric with `models = [..]`");
        return Err(Unfit { key: "use", message, expected: None, help: Some(help) });
    }
    let modules = graph.parameterised();
    if modules.is_empty() {
        let message = "the network has no layer with parameters".to_string();
        return Err(Unfit { key: "blocks", message, expected: None, help: None });
    }
    if blocks.is_empty() {
        return Ok(modules
            .iter()
            .map(|module| Step { name: module.to_string(), modules: vec![module.to_string()] })
            .collect());
    }
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut steps: Vec<(usize, Step)> = Vec::new();
    for block in blocks {
        let mut places = BTreeSet::new();
        for path in block {
            let within = |module: &str| {
                module.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let found: Vec<usize> = (0..modules.len()).filter(|place| within(modules[*place])).collect();
            if found.is_empty() {
                let known = known_paths(&modules);
                return Err(Unfit {
                    key: "blocks",
                    message: format!("`blocks` names `{path}`, and the network has no such layer with parameters"),
                    expected: Some(format!("paths of layers: {}", modules.join(", "))),
                    help: suggest(path, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?")),
                });
            }
            if let Some(place) = found.iter().find(|place| !taken.insert(modules[**place])) {
                let message = format!("`blocks` names `{}` twice", modules[*place]);
                return Err(Unfit {
                    key: "blocks",
                    message,
                    expected: Some("each layer in one block".to_string()),
                    help: None,
                });
            }
            places.extend(found);
        }
        let first = places.first().copied().unwrap_or_default();
        let modules = places.into_iter().map(|place| modules[place].to_string()).collect();
        steps.push((first, Step { name: block.join("+"), modules }));
    }
    steps.sort_by_key(|(first, _)| *first);
    Ok(steps.into_iter().map(|(_, step)| step).collect())
}

/// The modules and everything above them: `a.b.c`, `a.b`, `a`.
fn known_paths(modules: &[&str]) -> BTreeSet<String> {
    let above = |module: &&str| {
        let dots: Vec<usize> = module.match_indices('.').map(|(at, _)| at).chain([module.len()]).collect();
        dots.into_iter().map(|end| module[..end].to_string()).collect::<Vec<_>>()
    };
    modules.iter().flat_map(above).collect()
}

impl Randomized {
    /// Whether the file, where there is one, has what these layers need.
    pub fn check(&self, graph: &Graph) -> Result<(), Unfit> {
        let Redraw::File(file) = &self.redraw else { return Ok(()) };
        let unfit = |error: Error| Unfit { key: "weights", message: error.to_string(), expected: None, help: None };
        let tensors = weights::read_tensors(file).map_err(unfit)?;
        let drawn = graph.weights.iter().enumerate().filter(|(at, spec)| self.draws(graph, *at, spec));
        drawn.map(|(_, spec)| named(&tensors, spec, file)).try_for_each(|found| found.map(|_| ()).map_err(unfit))
    }

    /// Whether a weight of the graph is other than as trained.
    fn draws(&self, graph: &Graph, at: usize, spec: &WeightSpec) -> bool {
        let named = graph.module_of(at).is_some_and(|module| self.modules.contains(module));
        named && (spec.role == Role::Parameter || self.statistics)
    }

    /// The network `trained` with these layers drawn from `noise`: a draw's number of a weight follows its name, whatever else is
    /// drawn with it.
    pub fn apply(&self, trained: &Model, noise: &Noise) -> Result<Model> {
        let graph = &trained.graph;
        let (kind, device) = trained.options();
        let noise = noise.index(self.draw);
        let file = match &self.redraw {
            Redraw::File(file) => Some((file, weights::read_tensors(file)?)),
            Redraw::Training | Redraw::TruncatedNormal => None,
        };
        let drawn = graph.weights.iter().zip(trained.weights()).enumerate().map(|(at, (spec, weight))| {
            if !self.draws(graph, at, spec) {
                return Ok(weight.shallow_clone());
            }
            match &file {
                Some((path, tensors)) => Ok(named(tensors, spec, path)?.f_to_device(device)?.f_to_kind(kind)?),
                None if self.redraw == Redraw::TruncatedNormal => truncated_normal(spec, &noise, kind, device),
                None => spec.draw(&noise, kind, device),
            }
        });
        Model::new(graph.clone(), drawn.collect::<Result<Vec<_>>>()?)
    }
}

fn named<'t>(tensors: &'t BTreeMap<String, Tensor>, spec: &WeightSpec, file: &Path) -> Result<&'t Tensor> {
    let tensor = tensors.get(&spec.name).filter(|tensor| tensor.size() == spec.shape);
    tensor.ok_or_else(|| Error::new(format!("{} has no `{}` of shape {:?}", file.display(), spec.name, spec.shape)))
}

const STD: f64 = 0.1;
const BIAS: f64 = 0.1;
/// Where the normal distribution is cut, in standard deviations.
const CUT: f64 = 2.0;

fn truncated_normal(spec: &WeightSpec, noise: &Noise, kind: Kind, device: Device) -> Result<Tensor> {
    match spec.init {
        Init::FanIn(_) if spec.shape.len() > 1 => {
            let noise = noise.purpose(&format!("init/{}", spec.name));
            let uniform = noise.uniform(&[0], &spec.shape, Kind::Double, device)?.f_squeeze_dim(0)?;
            // By the inverse of the distribution: erf of x / sqrt 2 is uniform between its values at the two cuts. Half a step of
            // the 32 bits keeps both ends out.
            let end = Tensor::from(CUT / 2f64.sqrt()).f_erf()?.f_double_value(&[])?;
            let centered = uniform.f_add_scalar(2f64.powi(-33))?.f_mul_scalar(2.0 * end)?.f_add_scalar(-end)?;
            Ok(centered.f_erfinv()?.f_mul_scalar(STD * 2f64.sqrt())?.f_to_kind(kind)?)
        }
        Init::FanIn(_) => Ok(Tensor::f_full(&spec.shape, BIAS, (kind, device))?),
        _ => spec.draw(noise, kind, device),
    }
}

#[cfg(test)]
mod tests;
