//! Explanation methods: a model, inputs and targets in; attributions out. One file per method, one row of `ALL` each.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::error::{Error, Result};
use crate::model::Graph;
use crate::model::exported::EXPORT;

mod blur;
mod center;
mod coalitions;
mod constant;
mod control;
mod deconvnet;
mod deep_lift;
mod edges;
mod excitation_backprop;
mod explained;
mod feature_ablation;
mod feature_maps;
mod grad_cam;
mod grad_cam_plus_plus;
mod gradient;
mod guided_backprop;
mod guided_grad_cam;
mod input;
mod input_x_gradient;
mod integrated_gradients;
mod kernel_shap;
mod label_leak;
mod lime;
mod lrp;
mod map;
mod occlusion;
mod oracle;
mod perturb;
mod precomputed;
mod random;
mod reference;
mod rise;
mod scene;
mod score_cam;
mod segments;
mod shapley;
mod shapley_sampling;
mod smoothgrad;

pub use explained::Explained;
pub use map::{Channels, Map, Sign};
pub use scene::{Evidence, Scene, pieces};

/// What an explainer asks of the model, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing, or its outputs.
    Outputs,
    /// Derivatives of its outputs with respect to its input.
    Gradients,
    /// Its inner layers.
    Layers,
}

/// What one number of an attribution speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// One input element: attributions are [B, C, H, W].
    Element,
    /// One pixel, all channels together: [B, 1, H, W].
    Pixel,
}

/// What an explainer is in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Under test.
    Explainer,
    /// Does not see the model: the bar that a contender has to pass.
    Control,
    /// A control that writes the class into its map: it shows what a metric can be cheated by, and is no bar.
    Leak,
    /// Sees the ground truth.
    Oracle,
}

/// The answer of an explainer.
pub struct Attribution {
    /// In the shape that `unit` says, in the kind of the scene's `x`.
    pub values: Tensor,
    pub unit: Unit,
}

impl Attribution {
    pub fn elements(values: Tensor) -> Self {
        Self { values, unit: Unit::Element }
    }

    pub fn pixels(values: Tensor) -> Self {
        Self { values, unit: Unit::Pixel }
    }
}

/// Why an explainer cannot explain a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The key of the explainer's table that is to blame, behind those of the tables that it lies in: `["of", "layer"]`.
    pub keys: Vec<&'static str>,
    /// Ends where the name of the network follows.
    pub message: String,
    pub expected: Option<String>,
    pub help: Option<String>,
}

impl Misfit {
    /// The explainer itself is to blame.
    pub fn of_use(message: String, help: Option<String>) -> Self {
        Self { keys: vec!["use"], message, expected: None, help }
    }

    /// Of an explainer that another one wraps under `key`.
    fn within(mut self, key: &'static str) -> Self {
        self.keys.insert(0, key);
        self
    }

    /// The same where there is no table to point at.
    pub fn error(self, network: &str) -> Error {
        let more = [self.expected.map(|expected| format!("expected {expected}")), self.help];
        let more: String = more.into_iter().flatten().map(|text| format!("; {text}")).collect();
        Error::new(format!("{} {network}{more}", self.message))
    }
}

/// Whether a network has layers to look at.
fn see_layers(graph: &Graph) -> Result<(), Misfit> {
    if !graph.is_opaque() {
        return Ok(());
    }
    let message = "this explainer looks at inner layers, and TorchScript shows none of".to_string();
    let help = format!("export the model with {EXPORT}, or narrow the explainer with `models = [..]`");
    Err(Misfit::of_use(message, Some(help)))
}

/// Whether a network has derivatives by its input.
fn have_gradients(graph: &Graph) -> Result<(), Misfit> {
    if graph.is_differentiable() {
        return Ok(());
    }
    let message =
        "this explainer takes gradients, which the TorchScript program cuts off (torch.no_grad or detach), of";
    let help = format!("export the model with {EXPORT}, or narrow the explainer with `models = [..]`");
    Err(Misfit::of_use(message.to_string(), Some(help)))
}

pub trait Explainer: Send + Sync {
    fn access(&self) -> Access;

    fn explain(&self, on: &Scene) -> Result<Attribution>;

    fn role(&self) -> Role {
        Role::Explainer
    }

    fn unit(&self) -> Unit {
        Unit::Element
    }

    /// How its maps become one number per pixel unless the suite says otherwise.
    fn map(&self) -> Map {
        Map::default()
    }

    /// Whether it can explain this network. What it looks for inside may not be there.
    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        match self.access() {
            Access::Outputs => Ok(()),
            Access::Gradients => have_gradients(graph),
            Access::Layers => see_layers(graph),
        }
    }

    /// Whether its maps have derivatives with respect to the image, on a scene that asks for them.
    fn differentiable(&self) -> bool {
        false
    }

    /// Rows of model input that one example of `shape` [C, H, W] expands to: for chunking, and for the estimate of the cost.
    fn rows(&self, _shape: &[i64]) -> usize {
        1
    }

    /// Whether it reads where the evidence is.
    fn needs_truth(&self) -> bool {
        false
    }

    /// Whether a training on what it ranks draws the ranking of the training images anew in every epoch.
    fn redrawn(&self) -> bool {
        false
    }

    /// Whether it draws its map anew for every network whose layers were drawn anew.
    fn redrawn_by_network(&self) -> bool {
        false
    }

    /// Files of outside that decide what it answers; hashed into the identity of its cells.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

pub const ALL: &[Entry<dyn Explainer>] = &[
    gradient::ENTRY,
    input_x_gradient::ENTRY,
    integrated_gradients::ENTRY,
    smoothgrad::ENTRY,
    guided_backprop::ENTRY,
    deconvnet::ENTRY,
    grad_cam::ENTRY,
    grad_cam_plus_plus::ENTRY,
    score_cam::ENTRY,
    guided_grad_cam::ENTRY,
    deep_lift::ENTRY,
    lrp::ENTRY,
    excitation_backprop::ENTRY,
    occlusion::ENTRY,
    feature_ablation::ENTRY,
    rise::ENTRY,
    lime::ENTRY,
    kernel_shap::ENTRY,
    shapley::ENTRY,
    shapley_sampling::ENTRY,
    blur::ENTRY,
    precomputed::ENTRY,
    random::ENTRY,
    edges::ENTRY,
    center::ENTRY,
    input::ENTRY,
    constant::ENTRY,
    label_leak::ENTRY,
    oracle::ENTRY,
];

/// An explainer as a suite's table states it, with the reduction of its maps.
#[derive(Clone)]
pub struct Contender {
    pub chosen: Chosen<dyn Explainer>,
    pub map: Map,
}

/// Reads an `[[explainer]]` table.
pub fn read(section: &Section) -> Option<Contender> {
    section.expect(&["name", "map"]);
    let chosen = crate::catalogue::choose(section, "explainer", ALL)?;
    let map = Map::read(section, chosen.method.map());
    Some(Contender { chosen, map })
}

/// Reads the `of` table of an explainer that wraps another.
fn read_of(section: &Section, default: &str) -> Option<Arc<dyn Explainer>> {
    Some(crate::catalogue::choose_word(section, "of", default, "explainer", ALL)?.method)
}
