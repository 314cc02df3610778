//! Training-data attribution: what a training example does to what the network says of others. One file per method, one row of
//! `ALL` each.
//!
//! One convention everywhere: an influence is the predicted **change of a quantity when the training example is removed**, so
//! that it can be held against what retraining without it changes. Where the quantity is a loss, examples with positive influence
//! are helpful.

use std::cell::Cell;

use tch::Tensor;

use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::error::Result;
use crate::explainers::{Misfit, Role};
use crate::model::convex::Loss;
use crate::model::{Graph, Model};
use crate::noise::Noise;

pub mod calculus;
mod data_inf;
mod ek_fac;
mod gradient_cosine;
mod gradient_dot;
pub mod influence_function;
mod last_layer;
mod loss;
mod nearest;
mod newton_step;
pub mod perturbation;
mod projection;
mod quantity;
mod random;
mod representer;
pub mod solve;
#[cfg(test)]
mod support;
mod tracin;
mod trak;

pub use quantity::Quantity;

/// Examples of one split, in float64.
pub struct Points {
    /// [N, input..]
    pub x: Tensor,
    /// [N], int64
    pub labels: Tensor,
    /// Their names, for draws.
    pub ids: Vec<u64>,
}

impl Points {
    /// N
    pub fn len(&self) -> i64 {
        self.ids.len() as i64
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// `count` of them from `start` on.
    pub fn part(&self, start: i64, count: i64) -> Result<Self> {
        Ok(Self {
            x: self.x.f_narrow(0, start, count)?,
            labels: self.labels.f_narrow(0, start, count)?,
            ids: self.ids[start as usize..(start + count) as usize].to_vec(),
        })
    }
}

/// What an influence method is given: the network as trained, on what, and what is asked.
///
/// Training minimised J(theta) = 1/n sum of the losses + l2/2 |theta|^2 over the n training examples.
pub struct Case<'a> {
    /// In float64.
    pub model: &'a Model,
    pub train: &'a Points,
    pub test: &'a Points,
    pub quantity: Quantity,
    pub loss: Loss,
    pub l2: f64,
    pub noise: Noise,
    /// Rows that go through the network together.
    pub chunk: usize,
    /// The network on its way through training, the last state included; empty where none were kept.
    pub checkpoints: &'a [Checkpoint],
    /// The same recipe from other seeds, as many as [`InfluenceMethod::siblings`] asks for.
    pub siblings: &'a [Model],
    /// Counts the systems that a solver gave up before they were solved.
    pub unsolved: &'a Cell<usize>,
}

pub struct Checkpoint {
    pub model: Model,
    /// The sum of the learning rates of the steps since the checkpoint before.
    pub rate: f64,
}

/// The loss of the example that is removed weighs 1/n.
pub const OVER_ALL: &str = "without it minus with it, divisor n";
/// What stays is a mean over the others, which weighs 1/(n - 1).
pub const OVER_REST: &str = "without it minus with it, divisor n - 1";
/// Large before small, and nothing said of how large.
pub const ORDER: &str = "without it minus with it, in order alone";

pub trait InfluenceMethod: Send + Sync {
    /// The change of the quantity of each test point when each training example is removed: float64 [T, N].
    fn influence(&self, on: &Case) -> Result<Tensor>;

    /// The same of each training example's own quantity, [N]; `on.test` plays no part.
    fn of_itself(&self, on: &Case) -> Result<Tensor>;

    /// The derivative, [B, input..], of the mean quantity of the test points by the inputs of some of the training examples when
    /// training follows; `None` of a method that has none.
    fn perturbation(&self, _on: &Case, _examples: &Points) -> Option<Result<Tensor>> {
        None
    }

    /// Of which sign and by which divisor it is, in the words that stand in every row of a table: one of [`OVER_ALL`], [`OVER_REST`]
    /// and [`ORDER`].
    fn convention(&self) -> &'static str;

    fn role(&self) -> Role {
        Role::Explainer
    }

    /// How many further trainings of the recipe it takes.
    fn siblings(&self) -> usize {
        0
    }

    /// Whether it can look at this network.
    fn check(&self, _graph: &Graph) -> Result<(), Misfit> {
        Ok(())
    }
}

pub const ALL: &[Entry<dyn InfluenceMethod>] = &[
    influence_function::ENTRY,
    newton_step::ENTRY,
    ek_fac::ENTRY,
    data_inf::ENTRY,
    trak::ENTRY,
    tracin::ENTRY,
    gradient_dot::ENTRY,
    gradient_cosine::ENTRY,
    representer::ENTRY,
    loss::ENTRY,
    nearest::ENTRY,
    random::ENTRY,
];

/// The method that a table `[[influence]]` names by `use`.
pub fn choose(section: &Section) -> Option<Chosen<dyn InfluenceMethod>> {
    crate::catalogue::choose(section, "influence method", ALL)
}
