//! # Definition
//! Where the last layer is at a minimum with l2 > 0, its weights are a sum over the training examples: theta = sum of
//! alpha_i (f_i, 1), alpha_i = -(1 / (n l2)) dL_i/dz, so the logits of a test point are the sum of alpha_i (f_i' f_test + 1), where f
//! is what the last layer is given and the 1 stands for its bias. Without example i a test quantity changes by
//! -dq/dz' alpha_i (f_i' f_test + 1).
//!
//! # Cost
//! A forward pass over both splits.
//!
//! # Reference
//! Yeh et al., "Representer Point Selection for Explaining Deep Neural Networks", NeurIPS 2018.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::last_layer::{self, has_bias, seen};
use super::{Case, InfluenceMethod, OVER_ALL, Points, Quantity};
use crate::catalogue::Entry;
use crate::error::{Error, Result};
use crate::explainers::Misfit;
use crate::model::Graph;

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "representer",
    summary: "the training example's term in the test point's logits, by the last layer's optimum",
    reference: "Yeh et al. 2018",
    revision: 1,
    source: include_str!("representer.rs"),
    read: |_| Some(Arc::new(Representer)),
};

struct Representer;

impl InfluenceMethod for Representer {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        let scale = scale(on)?;
        let (near, loss) = sides(on, on.train, Quantity::Loss)?;
        let (test, of_quantity) = sides(on, on.test, on.quantity)?;
        let kernel = test.f_matmul(&near.f_tr()?)?.f_add_scalar(bias(on))?;
        Ok(of_quantity.f_matmul(&loss.f_tr()?)?.f_mul(&kernel)?.f_mul_scalar(scale)?)
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        let scale = scale(on)?;
        let (features, loss) = sides(on, on.train, Quantity::Loss)?;
        let (_, of_quantity) = sides(on, on.train, on.quantity)?;
        let rows = |a: &Tensor, b: &Tensor| a.f_mul(b)?.f_sum_dim_intlist(1, false, Kind::Double);
        let kernel = rows(&features, &features)?.f_add_scalar(bias(on))?;
        Ok(rows(&of_quantity, &loss)?.f_mul(&kernel)?.f_mul_scalar(scale)?)
    }

    fn convention(&self) -> &'static str {
        OVER_ALL
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        last_layer::check(graph)
    }
}

/// 1 / (n l2)
fn scale(on: &Case) -> Result<f64> {
    if on.l2 > 0.0 {
        return Ok(1.0 / (on.train.len() as f64 * on.l2));
    }
    Err(Error::refused(
        "representer points take the weights for a sum over the training examples, which they are only with an l2 above 0",
        "train with `l2` (weight decay), or leave the method out for this network with `models = [..]`",
    ))
}

fn bias(on: &Case) -> f64 {
    f64::from(has_bias(&on.model.graph))
}

/// What the last layer is given, [N, F], and a quantity's derivative by the logits, [N, K].
fn sides(on: &Case, points: &Points, quantity: Quantity) -> Result<(Tensor, Tensor)> {
    let (features, logits) = seen(on.model, &points.x, on.chunk)?;
    let by_logits = quantity.first(on.loss, &logits, &points.labels)?;
    Ok((features, by_logits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::influence::support::{Setting, method, near};

    /// At a minimum the terms of all training examples are the logits: taking all of them away leaves a logit of 0.
    #[test]
    fn at_a_minimum_all_terms_sum_to_the_logit() {
        for text in ["layers = [{ linear = { out = 3 } }]", "layers = [{ linear = { out = 3, bias = false } }]"] {
            let setting = Setting::drawn(text, &[4], 3, 30, 6).fitted();
            let case = Case { quantity: Quantity::Logit, ..setting.case() };
            let sum = method("use = 'representer'").influence(&case).unwrap().sum_dim_intlist(1, false, Kind::Double);
            let logits = setting.model.logits(&setting.test.x).unwrap();
            near(&-sum, &Quantity::Logit.of(case.loss, &logits, &setting.test.labels).unwrap(), 1e-10);
        }
    }

    /// For a linear network it is the influence function with l2 for a Hessian.
    #[test]
    fn of_a_linear_network_it_is_the_gradients_inner_product_over_l2() {
        let setting = Setting::drawn("layers = [{ linear = { out = 3 } }]", &[4], 3, 9, 4);
        let [own, dot] = ["representer", "gradient-dot"].map(|name| method(&format!("use = '{name}'")));
        for quantity in [Quantity::Loss, Quantity::Margin] {
            let case = Case { quantity, ..setting.case() };
            near(&own.influence(&case).unwrap(), &(dot.influence(&case).unwrap() / setting.l2), 1e-12);
            near(&own.of_itself(&case).unwrap(), &(dot.of_itself(&case).unwrap() / setting.l2), 1e-12);
        }
    }

    #[test]
    fn without_a_regulariser_there_are_none() {
        let setting = Setting::drawn("layers = [{ linear = { out = 3 } }]", &[4], 3, 9, 4);
        let error =
            method("use = 'representer'").influence(&Case { l2: 0.0, ..setting.case() }).unwrap_err().to_string();
        assert!(error.contains("only with an l2 above 0"), "{error}");
    }
}
