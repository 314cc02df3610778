//! The kinds of layers that a list can name, with their parameters and defaults. Names and defaults are ATen's.

use super::super::graph::Role;
use super::super::init::Init;
use super::super::ops::{Op, Window};
use crate::config::{Node, Section, Value};

/// A layer as read: its operation and the weights it brings, in the order in which the operation takes them.
pub struct Layer {
    pub op: Op,
    pub weights: Vec<Weight>,
}

/// A weight under its name within the layer.
pub struct Weight {
    pub name: &'static str,
    pub shape: Vec<i64>,
    pub role: Role,
    pub init: Init,
}

/// Reads a layer's parameters for an input of a shape. None: a mistake was made.
pub type Read = fn(&Section, &[i64]) -> Option<Layer>;

#[derive(Clone, Copy)]
pub enum Kind {
    Layer(Read),
    /// Holds layers whose result is added to that of its shortcut.
    Residual,
    /// Holds layers that come several times over.
    Repeat,
}

pub const KINDS: &[(&str, Kind)] = &[
    ("adaptive_avg_pool1d", Kind::Layer(|section, _| adaptive_average_pool(section, 1))),
    ("adaptive_avg_pool2d", Kind::Layer(|section, _| adaptive_average_pool(section, 2))),
    ("adaptive_max_pool1d", Kind::Layer(|section, _| adaptive_max_pool(section, 1))),
    ("adaptive_max_pool2d", Kind::Layer(|section, _| adaptive_max_pool(section, 2))),
    ("avg_pool1d", Kind::Layer(|section, _| average_pool(section, 1))),
    ("avg_pool2d", Kind::Layer(|section, _| average_pool(section, 2))),
    ("batch_norm", Kind::Layer(batch_norm)),
    ("conv1d", Kind::Layer(|section, input| convolution(section, input, 1))),
    ("conv2d", Kind::Layer(|section, input| convolution(section, input, 2))),
    ("dropout", Kind::Layer(dropout)),
    ("elu", Kind::Layer(|section, _| plain(Op::Elu { alpha: positive(section, "alpha", 1.0) }))),
    ("flatten", Kind::Layer(|_, _| plain(Op::Flatten))),
    ("gelu", Kind::Layer(gelu)),
    ("layer_norm", Kind::Layer(layer_norm)),
    ("leaky_relu", Kind::Layer(leaky_relu)),
    ("linear", Kind::Layer(linear)),
    ("max_pool1d", Kind::Layer(|section, _| max_pool(section, 1))),
    ("max_pool2d", Kind::Layer(|section, _| max_pool(section, 2))),
    ("relu", Kind::Layer(|_, _| plain(Op::Relu))),
    ("repeat", Kind::Repeat),
    ("residual", Kind::Residual),
    ("sigmoid", Kind::Layer(|_, _| plain(Op::Sigmoid))),
    ("silu", Kind::Layer(|_, _| plain(Op::Silu))),
    ("softplus", Kind::Layer(|section, _| plain(Op::Softplus { beta: positive(section, "beta", 1.0) }))),
    ("tanh", Kind::Layer(|_, _| plain(Op::Tanh))),
];

/// No length in a layer list may exceed this, so that no product of them overflows.
const LONGEST: i64 = 1 << 16;

fn plain(op: Op) -> Option<Layer> {
    Some(Layer { op, weights: Vec::new() })
}

fn linear(section: &Section, input: &[i64]) -> Option<Layer> {
    let out = required_count(section, "out");
    let features = *input.last()?;
    let bias = section.get("bias", true);
    Some(Layer { op: Op::Linear, weights: fan_in_weights(vec![out?, features], bias) })
}

fn convolution(section: &Section, input: &[i64], dimensions: usize) -> Option<Layer> {
    let out = required_count(section, "out");
    let kernel = required_sizes(section, "kernel", dimensions);
    let stride = sizes(section, "stride", 1, dimensions, 1);
    let padding = sizes(section, "padding", 0, dimensions, 0);
    let dilation = sizes(section, "dilation", 1, dimensions, 1);
    let groups = section.get_if("groups", 1, |given| (1..=LONGEST).contains(given), &up_to_longest(1));
    let bias = section.get("bias", true);
    let per_group = (input.first()? / groups).max(1);
    let shape = [vec![out?, per_group], kernel?].concat();
    Some(Layer { op: Op::Convolution { stride, padding, dilation, groups }, weights: fan_in_weights(shape, bias) })
}

/// The weight `[out, in, ..]` of a linear or convolution layer and its bias. Fan-in: the inputs to one output.
fn fan_in_weights(shape: Vec<i64>, bias: bool) -> Vec<Weight> {
    let out = shape[0];
    let init = Init::FanIn(shape[1..].iter().product());
    let mut weights = vec![Weight { name: "weight", shape, role: Role::Parameter, init: init.clone() }];
    if bias {
        weights.push(Weight { name: "bias", shape: vec![out], role: Role::Parameter, init });
    }
    weights
}

fn batch_norm(section: &Section, input: &[i64]) -> Option<Layer> {
    let momentum = within(section, "momentum", 0.1, 0.0, 1.0);
    let epsilon = positive(section, "epsilon", 1e-5);
    let shape = vec![*input.first()?];
    let mut weights = if section.get("affine", true) { scale_and_offset(&shape) } else { Vec::new() };
    for (name, init) in [("running_mean", Init::Zeros), ("running_var", Init::Ones)] {
        weights.push(Weight { name, shape: shape.clone(), role: Role::Buffer, init });
    }
    Some(Layer { op: Op::BatchNorm { momentum, epsilon }, weights })
}

/// Over the last `dimensions` of an example; by default over all.
fn layer_norm(section: &Section, input: &[i64]) -> Option<Layer> {
    let all = input.len();
    let expected = format!("an integer from 1 to {all}, the dimensions of its input");
    let dimensions = section.get_if("dimensions", all, |given| (1..=all).contains(given), &expected);
    let epsilon = positive(section, "epsilon", 1e-5);
    let shape = input[all - dimensions..].to_vec();
    let weights = if section.get("affine", true) { scale_and_offset(&shape) } else { Vec::new() };
    Some(Layer { op: Op::LayerNorm { shape, epsilon }, weights })
}

fn scale_and_offset(shape: &[i64]) -> Vec<Weight> {
    [("weight", Init::Ones), ("bias", Init::Zeros)]
        .map(|(name, init)| Weight { name, shape: shape.to_vec(), role: Role::Parameter, init })
        .into()
}

fn max_pool(section: &Section, dimensions: usize) -> Option<Layer> {
    let window = window(section, dimensions);
    let dilation = sizes(section, "dilation", 1, dimensions, 1);
    plain(Op::MaxPool { window: window?, dilation })
}

fn average_pool(section: &Section, dimensions: usize) -> Option<Layer> {
    let window = window(section, dimensions);
    let count_padding = section.get("count_padding", true);
    plain(Op::AveragePool { window: window?, count_padding })
}

fn adaptive_max_pool(section: &Section, dimensions: usize) -> Option<Layer> {
    plain(Op::AdaptiveMaxPool { size: required_sizes(section, "size", dimensions)? })
}

fn adaptive_average_pool(section: &Section, dimensions: usize) -> Option<Layer> {
    plain(Op::AdaptiveAveragePool { size: required_sizes(section, "size", dimensions)? })
}

fn dropout(section: &Section, _: &[i64]) -> Option<Layer> {
    plain(Op::Dropout { probability: within(section, "probability", 0.5, 0.0, 1.0) })
}

fn gelu(section: &Section, _: &[i64]) -> Option<Layer> {
    plain(Op::Gelu { tanh: section.choice("approximate", "none", &[("none", false), ("tanh", true)]) })
}

fn leaky_relu(section: &Section, _: &[i64]) -> Option<Layer> {
    plain(Op::LeakyRelu { slope: within(section, "slope", 0.01, 0.0, 1.0) })
}

/// The stride is the kernel unless given.
fn window(section: &Section, dimensions: usize) -> Option<Window> {
    let kernel = required_sizes(section, "kernel", dimensions);
    let fits = |given: &Sizes| given.fits(dimensions, 1);
    // Not read with a default: a stride of 1 is another setting than none.
    let stride = section.optional_if("stride", fits, &sizes_expected(dimensions, 1));
    let padding = sizes(section, "padding", 0, dimensions, 0);
    let ceil = section.get("ceil", false);
    let kernel = kernel?;
    let stride = stride.map_or_else(|| kernel.clone(), |stride| stride.spread(dimensions));
    Some(Window { kernel, stride, padding, ceil })
}

pub fn required_count(section: &Section, key: &str) -> Option<i64> {
    section.required_if(key, |given| (1..=LONGEST).contains(given), &up_to_longest(1))
}

/// One length per dimension.
fn sizes(section: &Section, key: &str, default: i64, dimensions: usize, least: i64) -> Vec<i64> {
    let fits = |given: &Sizes| given.fits(dimensions, least);
    section.get_if(key, Sizes(vec![default]), fits, &sizes_expected(dimensions, least)).spread(dimensions)
}

fn required_sizes(section: &Section, key: &str, dimensions: usize) -> Option<Vec<i64>> {
    let fits = |given: &Sizes| given.fits(dimensions, 1);
    Some(section.required_if(key, fits, &sizes_expected(dimensions, 1))?.spread(dimensions))
}

fn sizes_expected(dimensions: usize, least: i64) -> String {
    up_to_longest(least) + if dimensions == 2 { ", or a pair of them" } else { "" }
}

fn up_to_longest(least: i64) -> String {
    format!("an integer from {least} to {LONGEST}")
}

fn within(section: &Section, key: &str, default: f64, low: f64, high: f64) -> f64 {
    section.get_if(key, default, |given| (low..=high).contains(given), &format!("a number from {low} to {high}"))
}

fn positive(section: &Section, key: &str, default: f64) -> f64 {
    section.get_if(key, default, |given| *given > 0.0, "a number above 0")
}

/// A length for all dimensions, or a list of one for each.
#[derive(Clone, PartialEq)]
struct Sizes(Vec<i64>);

impl Sizes {
    fn fits(&self, dimensions: usize, least: i64) -> bool {
        [1, dimensions].contains(&self.0.len()) && self.0.iter().all(|size| (least..=LONGEST).contains(size))
    }

    fn spread(self, dimensions: usize) -> Vec<i64> {
        if self.0.len() == dimensions { self.0 } else { vec![self.0[0]; dimensions] }
    }
}

impl Value for Sizes {
    const EXPECTED: &'static str = "an integer, or one per dimension";

    fn read(node: &Node) -> Option<Self> {
        i64::read(node).map(|size| vec![size]).or_else(|| Vec::read(node)).map(Self)
    }

    fn canonical(&self) -> String {
        self.0.canonical()
    }
}
