//! What kind of operation a rule looks at.

use crate::model::ops::Op;
use crate::model::ops::aten::{Aten, Binary, Reduction};

/// Operations that backward rules treat alike. Each operation has one: a new one is asked for it by the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Linear in its input, with a weight and perhaps a bias.
    Weighted,
    /// A nonlinear function of one number, element by element.
    Activation,
    /// Scaled and shifted by constants, element by element or channel by channel.
    Scaled,
    /// Every number goes elsewhere or stays, unchanged.
    Moved,
    /// The largest of a window.
    Largest,
    /// Sums and means of its inputs.
    Summed,
    /// Anything else.
    Mixed,
}

impl Family {
    /// In eval mode.
    pub fn of(op: &Op) -> Self {
        match op {
            Op::Linear | Op::Convolution { .. } => Self::Weighted,
            Op::Relu
            | Op::LeakyRelu { .. }
            | Op::Elu { .. }
            | Op::Gelu { .. }
            | Op::Silu
            | Op::Tanh
            | Op::Sigmoid
            | Op::Softplus { .. }
            | Op::SmoothRelu { .. }
            | Op::SmoothClamp { .. } => Self::Activation,
            Op::Normalise { .. } | Op::BatchNorm { .. } => Self::Scaled,
            Op::Flatten | Op::Dropout { .. } => Self::Moved,
            Op::MaxPool { .. } | Op::AdaptiveMaxPool { .. } => Self::Largest,
            Op::AveragePool { .. } | Op::AdaptiveAveragePool { .. } | Op::Add => Self::Summed,
            Op::LayerNorm { .. } | Op::Script(_) => Self::Mixed,
            Op::Aten(op) => Self::of_general(op),
        }
    }

    fn of_general(op: &Aten) -> Self {
        match op {
            Aten::Unary(_) | Aten::Clamp { .. } | Aten::Pow { .. } => Self::Activation,
            Aten::Affine { .. } => Self::Scaled,
            Aten::Reshape { .. }
            | Aten::Permute { .. }
            | Aten::Slice { .. }
            | Aten::Select { .. }
            | Aten::Cat { .. }
            | Aten::Pad { .. } => Self::Moved,
            Aten::Reduce { by: Reduction::Sum | Reduction::Mean, .. }
            | Aten::Binary(Binary::Add)
            | Aten::Resize { .. } => Self::Summed,
            // A transposed convolution is linear too, but its weight has its outputs second, which no rule for weights expects.
            _ => Self::Mixed,
        }
    }
}
