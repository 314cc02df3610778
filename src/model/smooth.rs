//! The smooth copy of a network that stands in for it where second derivatives are asked for: a ReLU is flat twice over.

use std::sync::Arc;

use super::ops::aten::{Aten, Binary, Unary};
use super::{Graph, Model, Op};
use crate::error::Result;

impl Model {
    /// The same network with the kinks of ReLUs, leaky ReLUs and clamps rounded by softplus, log(1 + exp(`beta` x)) / `beta`: the
    /// larger `beta`, the closer to the network, and the narrower the places that have a second derivative. Other operations,
    /// maximum pools among them, are as they are; see [`Graph::unrounded`].
    pub fn smoothed(&self, beta: f64) -> Result<Self> {
        let mut graph = (*self.graph).clone();
        for node in &mut graph.nodes {
            node.op = match &node.op {
                Op::Relu => Op::SmoothRelu { beta, slope: 0.0 },
                Op::LeakyRelu { slope } => Op::SmoothRelu { beta, slope: *slope },
                Op::Aten(Aten::Clamp { low, high }) => Op::SmoothClamp { beta, low: *low, high: *high },
                op => op.clone(),
            };
        }
        Self::new(Arc::new(graph), self.weights().iter().map(tch::Tensor::shallow_clone).collect())
    }
}

impl Graph {
    /// The first operation, if any, that takes the place of a ReLU and that [`Model::smoothed`] leaves as it is: flat twice over
    /// but for a kink. (A maximum pool has the derivatives of what it lets through, a hard sigmoid those of what it is a factor
    /// of.)
    pub fn unrounded(&self) -> Option<&'static str> {
        let kinked = |op: &Op| {
            use {Binary::*, Unary::Abs};
            matches!(op, Op::Aten(Aten::Prelu | Aten::Unary(Abs) | Aten::Binary(Maximum | Minimum)))
        };
        self.nodes.iter().find(|node| kinked(&node.op)).map(|node| node.op.name())
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::config::Section;
    use crate::model::{Score, layers};
    use crate::noise::Noise;

    #[test]
    fn kinks_that_stay_are_named() {
        let text = "layers = [{ linear = { out = 1 } }, 'relu', { linear = { out = 1, bias = false } }]";
        let mut graph = layers::read(&Section::parse("model", text).unwrap(), &[1], None).unwrap();
        assert_eq!(graph.unrounded(), None);
        let relu = graph.nodes.iter().position(|node| node.op == Op::Relu).unwrap();
        for (op, name) in [
            (Aten::Prelu, "prelu"),
            (Aten::Unary(Unary::Abs), "abs"),
            (Aten::Binary(Binary::Maximum), "maximum"),
            (Aten::Binary(Binary::Minimum), "minimum"),
        ] {
            graph.nodes[relu].op = Op::Aten(op);
            assert_eq!(graph.unrounded(), Some(name));
        }
    }

    /// y = relu(2 x - 1) relu-summed by hand: the smooth copy gives softplus instead, comes close with a large beta, and its
    /// gradient has a derivative, 4 beta s (1 - s) with s = 1 / (1 + exp(-beta (2 x - 1))), where the network's has none.
    #[test]
    fn a_smooth_copy_has_a_second_derivative() {
        let text = "layers = [{ linear = { out = 1 } }, 'relu', { linear = { out = 1, bias = false } }]";
        let graph = layers::read(&Section::parse("model", text).unwrap(), &[1], None).unwrap();
        let number = |x: f64| Tensor::from_slice(&[x]);
        let weights = vec![number(2.0).view([1, 1]), number(-1.0), number(1.0).view([1, 1])];
        let model = Model::new(Arc::new(graph), weights).unwrap();
        let x = number(0.6).view([1, 1]).set_requires_grad(true);
        let target = Tensor::from_slice(&[0i64]);
        let beta = 5.0;
        let smooth = model.smoothed(beta).unwrap();
        let s = 1.0 / (1.0 + (-beta * 0.2f64).exp());
        assert!((smooth.logits(&x).unwrap().double_value(&[0, 0]) - (beta * 0.2).exp().ln_1p() / beta).abs() < 1e-12);
        let second = |model: &Model| {
            let gradient = model.differentiable_gradient(&x, &target, Score::Logit).unwrap().sum(Kind::Double);
            Tensor::run_backward(&[gradient], &[&x], false, false).remove(0)
        };
        assert!((second(&smooth).double_value(&[0, 0]) - 4.0 * beta * s * (1.0 - s)).abs() < 1e-12);
        assert_eq!(second(&model).double_value(&[0, 0]), 0.0);
        let close = model.smoothed(1e4).unwrap();
        let xs = Noise::new(1).uniform(&[0, 1, 2], &[1], Kind::Double, Device::Cpu).unwrap();
        let gap = (close.logits(&xs).unwrap() - model.logits(&xs).unwrap()).abs().max().double_value(&[]);
        assert!(gap < 1e-4, "{gap}");
    }
}
