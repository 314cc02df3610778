//! The general operations on tensors that models from PyTorch are made of, beside the layers of [`Op`](super::Op).
//!
//! They take whole tensors, the batch among their dimensions, wherever it lies: attention moves it about.

/// One operation. Dimensions count from 0. Two tensors meet as they broadcast.
#[derive(Clone, Debug, PartialEq)]
pub enum Aten {
    Unary(Unary),
    /// scale x + offset
    Affine {
        scale: f64,
        offset: f64,
    },
    Clamp {
        low: Option<f64>,
        high: Option<f64>,
    },
    Pow {
        exponent: f64,
    },
    Binary(Binary),
    /// Truths, of which element compares so with a number.
    Compare {
        by: Comparison,
        with: f64,
    },
    /// Input and mask: the value where the mask is true.
    MaskedFill {
        value: f64,
    },
    /// Condition, what is taken where it is true, and where it is not.
    Where,
    /// Input and one slope, or one per channel.
    Prelu,
    Softmax {
        dim: i64,
    },
    LogSoftmax {
        dim: i64,
    },
    Matmul,
    Reduce {
        by: Reduction,
        dims: Vec<i64>,
        keep: bool,
    },
    Reshape {
        lengths: Vec<Length>,
    },
    Permute {
        dims: Vec<i64>,
    },
    /// Where a length speaks of the batch a second input tells how many examples it has.
    Expand {
        lengths: Vec<Length>,
    },
    Slice {
        dim: i64,
        start: i64,
        end: i64,
        step: i64,
    },
    Select {
        dim: i64,
        index: i64,
    },
    Cat {
        dim: i64,
    },
    /// Pairs of lengths before and after, the last dimension first.
    Pad {
        lengths: Vec<i64>,
        mode: PadMode,
        value: f64,
    },
    /// Input, perhaps weight and bias.
    GroupNorm {
        groups: i64,
        epsilon: f64,
    },
    /// Input, perhaps weight and bias. By the statistics of each example.
    InstanceNorm {
        epsilon: f64,
    },
    /// Weight and indices.
    Embedding,
    /// Input and indices along a dimension.
    Index {
        dim: i64,
    },
    /// Queries, keys and values, `[.., L, E]`, and perhaps a mask. Spelled out as products and a softmax, so that it has
    /// derivatives of every order.
    Attention {
        scale: Option<f64>,
        mask: Mask,
    },
    /// Tensors of one number, of the input's batch.
    Full {
        lengths: Vec<Length>,
        value: f64,
    },
    /// Input, weight `[in, out / groups, ..]` and perhaps bias: how a convolution's derivative goes back to its input. Lists
    /// as for [`Op::Convolution`](super::Op::Convolution).
    ConvolutionTranspose {
        stride: Vec<i64>,
        padding: Vec<i64>,
        /// What is added at the end of each dimension.
        output_padding: Vec<i64>,
        dilation: Vec<i64>,
        groups: i64,
    },
    /// Images `[B, C, H, W]` in another size. Where there are scales they, not the sizes, say where a pixel comes from.
    Resize {
        by: Resizing,
        size: [i64; 2],
        scales: Option<[f64; 2]>,
    },
    /// One layer of a recurrent network: see [`Recurrent`].
    Recurrent(Recurrent),
    Detach,
    ToInteger,
    ToFloat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resizing {
    Nearest,
    /// Whether the centres of the corner pixels stay where they are, or the corners.
    Bilinear {
        align_corners: bool,
    },
}

/// One layer of a recurrent network over `[T, B, I]`, or `[B, T, I]` with `batch_first`, forwards and perhaps backwards too.
///
/// Inputs: the sequence, the first states `[D, B, H]` (of an LSTM also the first cells), and for each of the D directions the
/// weights `[G H, I]` and `[G H, H]` and with `biases` two biases `[G H]`; G gates in PyTorch's order. Gives all states,
/// `[T, B, D H]`, or the last cells of an LSTM, `[D, B, H]`. Spelled out step by step, so that it has derivatives of every order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrent {
    pub unit: Unit,
    pub biases: bool,
    pub both_ways: bool,
    pub batch_first: bool,
    /// Gives the last cells, not the states.
    pub cells: bool,
}

/// What makes a state of the state before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Hochreiter and Schmidhuber, "Long short-term memory", 1997, with the forget gate of Gers et al., 2000.
    Lstm,
    /// Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014.
    Gru,
    Tanh,
    Relu,
}

impl Unit {
    pub fn gates(self) -> i64 {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
            Self::Tanh | Self::Relu => 1,
        }
    }

    /// How many tensors a step hands to the next.
    pub fn states(self) -> usize {
        if self == Self::Lstm { 2 } else { 1 }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Lstm => "lstm",
            Self::Gru => "gru",
            Self::Tanh => "rnn_tanh",
            Self::Relu => "rnn_relu",
        }
    }
}

impl Recurrent {
    /// How many weights belong to a direction.
    pub fn weights(&self) -> usize {
        if self.biases { 4 } else { 2 }
    }

    pub fn directions(&self) -> i64 {
        1 + i64::from(self.both_ways)
    }
}

/// A length that is given, or so many times the number of examples in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Fixed(i64),
    Batch(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    Abs,
    Cos,
    Erf,
    Exp,
    Hardsigmoid,
    Hardswish,
    Log,
    LogSigmoid,
    LogicalNot,
    Mish,
    Reciprocal,
    Rsqrt,
    Sin,
    Sqrt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Maximum,
    Minimum,
    LogicalAnd,
    LogicalOr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    Mean,
    Sum,
    Maximum,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PadMode {
    Constant,
    Reflect,
    Replicate,
}

/// What attention looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    Nothing,
    /// A query sees the keys up to its own place.
    Causal,
    /// A fourth input is added to the scores.
    Added,
    /// A fourth input is true where a query sees a key.
    Seen,
}

impl Aten {
    /// The name in messages and documents: ATen's.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unary(unary) => unary.name(),
            Self::Affine { .. } => "affine",
            Self::Clamp { .. } => "clamp",
            Self::Pow { .. } => "pow",
            Self::Binary(binary) => binary.name(),
            Self::Compare { .. } => "compare",
            Self::MaskedFill { .. } => "masked_fill",
            Self::Where => "where",
            Self::Prelu => "prelu",
            Self::Softmax { .. } => "softmax",
            Self::LogSoftmax { .. } => "log_softmax",
            Self::Matmul => "matmul",
            Self::Reduce { by: Reduction::Mean, .. } => "mean",
            Self::Reduce { by: Reduction::Sum, .. } => "sum",
            Self::Reduce { by: Reduction::Maximum, .. } => "amax",
            Self::Reshape { .. } => "reshape",
            Self::Permute { .. } => "permute",
            Self::Expand { .. } => "expand",
            Self::Slice { .. } => "slice",
            Self::Select { .. } => "select",
            Self::Cat { .. } => "cat",
            Self::Pad { .. } => "pad",
            Self::GroupNorm { .. } => "group_norm",
            Self::InstanceNorm { .. } => "instance_norm",
            Self::Embedding => "embedding",
            Self::Index { .. } => "index",
            Self::Attention { .. } => "scaled_dot_product_attention",
            Self::Full { .. } => "full",
            Self::ConvolutionTranspose { .. } => "conv_transpose",
            Self::Resize { by: Resizing::Nearest, .. } => "upsample_nearest",
            Self::Resize { by: Resizing::Bilinear { .. }, .. } => "upsample_bilinear",
            Self::Recurrent(layer) => layer.unit.name(),
            Self::Detach => "detach",
            Self::ToInteger | Self::ToFloat => "to",
        }
    }
}

impl Unary {
    pub fn name(self) -> &'static str {
        match self {
            Self::Abs => "abs",
            Self::Cos => "cos",
            Self::Erf => "erf",
            Self::Exp => "exp",
            Self::Hardsigmoid => "hardsigmoid",
            Self::Hardswish => "hardswish",
            Self::Log => "log",
            Self::LogSigmoid => "log_sigmoid",
            Self::LogicalNot => "logical_not",
            Self::Mish => "mish",
            Self::Reciprocal => "reciprocal",
            Self::Rsqrt => "rsqrt",
            Self::Sin => "sin",
            Self::Sqrt => "sqrt",
        }
    }
}

impl Binary {
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
            Self::Maximum => "maximum",
            Self::Minimum => "minimum",
            Self::LogicalAnd => "logical_and",
            Self::LogicalOr => "logical_or",
        }
    }
}

impl PadMode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Reflect => "reflect",
            Self::Replicate => "replicate",
        }
    }
}
