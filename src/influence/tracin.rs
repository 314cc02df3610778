//! # Definition
//! What the steps of the training with this example did to the test quantity, to first order, taken back: the sum over checkpoints
//! of (1/n) rate grad q' g_train, where the rate is the sum of the learning rates of the steps since the checkpoint before and
//! 1/n the share that an example has in the mean loss that is stepped along. Where the training kept no checkpoints, the trained
//! network alone, at rate 1. Steps with momentum or of Adam are not the gradient times a rate: there its scale predicts nothing,
//! and its order is what counts.
//!
//! # Cost
//! That of `gradient-dot` for each checkpoint.
//!
//! # Reference
//! Pruthi et al., "Estimating Training Data Influence by Tracing Gradient Descent", NeurIPS 2020 (TracInCP).

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::calculus::{Gradients, check};
use super::{Case, InfluenceMethod, OVER_ALL, Quantity};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::explainers::Misfit;
use crate::model::{Graph, Model};

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "tracin",
    summary: "inner products of gradients, summed over checkpoints of the training",
    reference: "Pruthi et al. 2020",
    revision: 1,
    source: include_str!("tracin.rs"),
    read: |_| Some(Arc::new(TracIn)),
};

struct TracIn;

impl InfluenceMethod for TracIn {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        sum(on, |gradients| gradients.gram((on.test, on.quantity), (on.train, Quantity::Loss)))
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        sum(on, |gradients| gradients.pairs(on.train, on.quantity, Quantity::Loss))
    }

    fn convention(&self) -> &'static str {
        OVER_ALL
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        check(graph)
    }
}

fn sum(on: &Case, products: impl Fn(&Gradients) -> Result<Tensor>) -> Result<Tensor> {
    let mut states: Vec<(&Model, f64)> = on.checkpoints.iter().map(|state| (&state.model, state.rate)).collect();
    if states.is_empty() {
        states.push((on.model, 1.0));
    }
    let mut sum = Tensor::f_zeros([1], (Kind::Double, on.train.x.device()))?;
    for (model, rate) in states {
        let products = products(&Gradients::at(model, on.loss, on.chunk))?;
        sum = sum.f_add(&products.f_mul_scalar(rate / on.train.len() as f64)?)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::influence::Checkpoint;
    use crate::influence::support::{Setting, method, near};

    #[test]
    fn checkpoints_add_up_by_their_rates() {
        let setting = Setting::drawn("layers = [{ linear = { out = 3 } }]", &[4], 3, 9, 4);
        let case = setting.case();
        let [tracin, dot] = ["tracin", "gradient-dot"].map(|name| method(&format!("use = '{name}'")));
        near(&tracin.influence(&case).unwrap(), &dot.influence(&case).unwrap(), 1e-15);
        let smaller = setting.model.weights().iter().map(|weight| weight * 0.5).collect();
        let before = Model::new(setting.model.graph.clone(), smaller).unwrap();
        let checkpoints = [
            Checkpoint { model: before.shallow_copy(), rate: 0.3 },
            Checkpoint { model: setting.model.shallow_copy(), rate: 0.1 },
        ];
        let through = Case { checkpoints: &checkpoints, ..setting.case() };
        let earlier = Case { model: &before, ..setting.case() };
        for of in [
            |method: &dyn InfluenceMethod, on: &Case| method.influence(on).unwrap(),
            |method: &dyn InfluenceMethod, on: &Case| method.of_itself(on).unwrap(),
        ] {
            let expected = of(&*dot, &earlier) * 0.3 + of(&*dot, &case) * 0.1;
            near(&of(&*tracin, &through), &expected, 1e-14);
        }
    }

    /// One step of gradient descent from a checkpoint: by the example's part of it, the quantity moved by as much, with the sign
    /// turned.
    #[test]
    fn it_is_what_a_small_step_did() {
        let mut setting =
            Setting::drawn("layers = [{ linear = { out = 4 } }, 'tanh', { linear = { out = 3 } }]", &[4], 3, 1, 1);
        let before = setting.model.shallow_copy();
        let gradients = Gradients::at(&before, setting.loss, 10);
        let parameters = gradients.parameters();
        let (theta, rate) = (parameters.flat(before.weights()).unwrap(), 1e-6);
        let theta = theta - gradients.all(&setting.train, Quantity::Loss).unwrap().squeeze_dim(0) * rate;
        let weights = parameters.split(&theta.unsqueeze(0)).unwrap().iter().map(|part| part.squeeze_dim(0)).collect();
        let loss = |model: &Model| {
            let logits = model.logits(&setting.test.x).unwrap();
            setting.loss.of(&logits, &setting.test.labels).unwrap().double_value(&[0])
        };
        let after = Model::new(before.graph.clone(), weights).unwrap();
        let undone = loss(&before) - loss(&after);
        setting.model = after;
        let checkpoints = [Checkpoint { model: before, rate }];
        let case = Case { checkpoints: &checkpoints, ..setting.case() };
        let traced = method("use = 'tracin'").influence(&case).unwrap().double_value(&[0, 0]);
        assert!((traced - undone).abs() < 1e-3 * undone.abs(), "{traced:e} and {undone:e}");
    }
}
