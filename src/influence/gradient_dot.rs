//! # Definition
//! (1/n) grad q' g_train in the trained network: the influence function with a Hessian of 1, or the first step of gradient descent,
//! of rate 1, that the training example takes no part in.
//!
//! # Cost
//! A pass forward and back over both splits; of linear layers no gradients are made, their inner products are those of inputs
//! times those of signals.
//!
//! # Reference
//! Charpiat et al., "Input Similarity from the Neural Network Perspective", NeurIPS 2019.

use std::sync::Arc;

use tch::Tensor;

use super::calculus::{Gradients, check};
use super::{Case, InfluenceMethod, OVER_ALL, Quantity};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::explainers::Misfit;
use crate::model::Graph;

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "gradient-dot",
    summary: "inner product of the gradients of the test quantity and the training example's loss",
    reference: "Charpiat et al. 2019",
    revision: 1,
    source: include_str!("gradient_dot.rs"),
    read: |_| Some(Arc::new(GradientDot)),
};

struct GradientDot;

impl InfluenceMethod for GradientDot {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        let products = Gradients::of(on).gram((on.test, on.quantity), (on.train, Quantity::Loss))?;
        Ok(products.f_div_scalar(on.train.len() as f64)?)
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        let products = Gradients::of(on).pairs(on.train, on.quantity, Quantity::Loss)?;
        Ok(products.f_div_scalar(on.train.len() as f64)?)
    }

    fn convention(&self) -> &'static str {
        OVER_ALL
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        check(graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::influence::support::{Setting, method, near};

    /// Logits z = W x + b of x = 2 and of x = 3, all parameters 0, two classes: p - e_y = (-1/2, 1/2) for label 0 and (1/2, -1/2)
    /// for label 1. Of the test point x = 3, label 0, and the training points: (1/2) (2 * 3 + 1) and minus (1/2) (3 * 3 + 1),
    /// over n = 2.
    #[test]
    fn two_examples_by_hand() {
        let mut setting = Setting::drawn("layers = [{ linear = { out = 2 } }]", &[1], 2, 2, 1);
        let zeros = setting.model.weights().iter().map(Tensor::zeros_like).collect();
        setting.model = crate::model::Model::new(setting.model.graph.clone(), zeros).unwrap();
        setting.train.x = Tensor::from_slice(&[2.0, 3.0]).view([2, 1]);
        setting.train.labels = Tensor::from_slice(&[0i64, 1]);
        setting.test.x = Tensor::from_slice(&[3.0]).view([1, 1]);
        setting.test.labels = Tensor::from_slice(&[0i64]);
        let dot = method("use = 'gradient-dot'");
        near(&dot.influence(&setting.case()).unwrap(), &Tensor::from_slice(&[1.75, -2.5]).unsqueeze(0), 1e-15);
        near(&dot.of_itself(&setting.case()).unwrap(), &Tensor::from_slice(&[1.25, 2.5]), 1e-15);
    }
}
