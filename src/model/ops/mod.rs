//! The operations of a graph: what each is and takes ([`Op`]), what it computes ([`apply`]), the shape of what it gives
//! ([`shape`]) and where a pool found its maxima ([`winners`]).

mod apply;
pub mod aten;
mod aten_apply;
pub mod batched;
mod recurrent;
mod shape;
mod winners;

pub use apply::apply;
pub use aten::Aten;
pub use shape::shape;
pub use winners::winners;

use std::sync::Arc;

use super::script::Script;
use crate::noise::Noise;

/// One operation on tensors, named and defined as in ATen. Its tensors come from the node that holds it, in ATen's
/// order: the input, then the weights; a bias, or the scale and offset of a norm, may be absent. Lists hold one number
/// per spatial dimension.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// (x - mean) / std per channel.
    Normalise {
        mean: Vec<f64>,
        std: Vec<f64>,
    },
    /// Input, weight and perhaps bias.
    Linear,
    /// Input, weight and perhaps bias.
    Convolution {
        stride: Vec<i64>,
        padding: Vec<i64>,
        dilation: Vec<i64>,
        groups: i64,
    },
    /// Input, perhaps weight and bias, running mean, running variance. Training updates the running ones in place.
    BatchNorm {
        momentum: f64,
        epsilon: f64,
    },
    /// Input, perhaps weight and bias. Over the last dimensions, which are `shape`.
    LayerNorm {
        shape: Vec<i64>,
        epsilon: f64,
    },
    Relu,
    LeakyRelu {
        slope: f64,
    },
    Elu {
        alpha: f64,
    },
    /// By the error function, or by its approximation with tanh.
    Gelu {
        tanh: bool,
    },
    Silu,
    Tanh,
    Sigmoid,
    /// log(1 + exp(beta x)) / beta
    Softplus {
        beta: f64,
    },
    /// A ReLU whose kink is rounded, so that it has a second derivative: slope x + (1 - slope) log(1 + exp(beta x)) / beta, with
    /// a slope of 0 but for leaky ones. It stands for the ReLU in a smooth copy of a network; backward rules take it for one.
    SmoothRelu {
        beta: f64,
        slope: f64,
    },
    /// The same of a clamp: x from `low` to `high`.
    SmoothClamp {
        beta: f64,
        low: Option<f64>,
        high: Option<f64>,
    },
    MaxPool {
        window: Window,
        dilation: Vec<i64>,
    },
    /// Padding counts as zeros where `count_padding`, and else not at all.
    AveragePool {
        window: Window,
        count_padding: bool,
    },
    AdaptiveMaxPool {
        size: Vec<i64>,
    },
    AdaptiveAveragePool {
        size: Vec<i64>,
    },
    /// All dimensions of an example as one.
    Flatten,
    /// In training, zeroes elements with this probability and scales the others up; else does nothing.
    Dropout {
        probability: f64,
    },
    /// The sum of two tensors of one shape.
    Add,
    /// A general operation on tensors, of a model from PyTorch.
    Aten(Aten),
    /// A whole network that nobody sees into.
    Script(Arc<Script>),
}

/// Where a pool looks: `ceil` also keeps the last windows, which hang over the edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub kernel: Vec<i64>,
    pub stride: Vec<i64>,
    pub padding: Vec<i64>,
    pub ceil: bool,
}

/// How a graph runs: as it predicts, or as it is trained (batch norm by the batch, dropout on). `ids` are the examples
/// of the batch, by which dropout draws.
#[derive(Clone, Copy)]
pub enum Mode<'a> {
    Eval,
    Train { noise: Noise, ids: &'a [u64] },
}

impl Mode<'_> {
    /// The mode for one node: each draws for itself.
    pub fn within(self, node: &str) -> Self {
        match self {
            Self::Eval => Self::Eval,
            Self::Train { noise, ids } => Self::Train { noise: noise.purpose(node), ids },
        }
    }
}

impl Op {
    /// The name in messages and documents: ATen's.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Normalise { .. } => "normalise",
            Self::Linear => "linear",
            Self::Convolution { .. } => "convolution",
            Self::BatchNorm { .. } => "batch_norm",
            Self::LayerNorm { .. } => "layer_norm",
            Self::Relu => "relu",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Elu { .. } => "elu",
            Self::Gelu { .. } => "gelu",
            Self::Silu => "silu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Softplus { .. } => "softplus",
            Self::SmoothRelu { .. } => "smooth_relu",
            Self::SmoothClamp { .. } => "smooth_clamp",
            Self::MaxPool { .. } => "max_pool",
            Self::AveragePool { .. } => "avg_pool",
            Self::AdaptiveMaxPool { .. } => "adaptive_max_pool",
            Self::AdaptiveAveragePool { .. } => "adaptive_avg_pool",
            Self::Flatten => "flatten",
            Self::Dropout { .. } => "dropout",
            Self::Add => "add",
            Self::Aten(op) => op.name(),
            Self::Script(_) => "script",
        }
    }
}

#[cfg(test)]
mod tests;
