//! # Definition
//! The cosine of the angle between grad q and g_train in the trained network; 0 where either is 0. Of an example's own loss it is 1
//! for all examples, by definition: as a score of single examples it says nothing.
//!
//! # Parameters
//! - `over` ("trained"): the trained network, or "checkpoints": the mean of the cosines over the states that the recipe keeps
//!   (`checkpoints = k`).
//!
//! # Cost
//! That of `gradient-dot`, and a pass forward and back for the lengths, for each state.
//!
//! # Reference
//! Charpiat et al., "Input Similarity from the Neural Network Perspective", NeurIPS 2019.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::calculus::{Gradients, check};
use super::{Case, InfluenceMethod, ORDER, Points, Quantity};
use crate::catalogue::Entry;
use crate::error::{Error, Result};
use crate::explainers::Misfit;
use crate::model::Graph;

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "gradient-cosine",
    summary: "cosine between the gradients of the test quantity and the training example's loss",
    reference: "Charpiat et al. 2019",
    revision: 1,
    source: include_str!("gradient_cosine.rs"),
    read: |section| {
        let over = &[("trained", false), ("checkpoints", true)];
        Some(Arc::new(GradientCosine { over_checkpoints: section.choice("over", "trained", over) }))
    },
};

struct GradientCosine {
    over_checkpoints: bool,
}

impl InfluenceMethod for GradientCosine {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        self.mean(on, |gradients| {
            let products = gradients.gram((on.test, on.quantity), (on.train, Quantity::Loss))?;
            let lengths = lengths(gradients, on.test, on.quantity)?.f_unsqueeze(1)?;
            cosine(&products, &lengths.f_mul(&self::lengths(gradients, on.train, Quantity::Loss)?)?)
        })
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        if on.quantity == Quantity::Loss {
            // Computed, it would be so but for rounding, whose order means nothing.
            return Ok(Tensor::f_ones([on.train.len()], (Kind::Double, on.train.x.device()))?);
        }
        self.mean(on, |gradients| {
            let products = gradients.pairs(on.train, on.quantity, Quantity::Loss)?;
            let of_loss = lengths(gradients, on.train, Quantity::Loss)?;
            cosine(&products, &lengths(gradients, on.train, on.quantity)?.f_mul(&of_loss)?)
        })
    }

    fn convention(&self) -> &'static str {
        ORDER
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        check(graph)
    }
}

impl GradientCosine {
    /// The mean over the states that are looked at.
    fn mean(&self, on: &Case, cosines: impl Fn(&Gradients) -> Result<Tensor>) -> Result<Tensor> {
        if !self.over_checkpoints {
            return cosines(&Gradients::of(on));
        }
        if on.checkpoints.is_empty() {
            return Err(Error::refused(
                "the training kept no checkpoints",
                "give its recipe `checkpoints = 5`, or leave `over` out",
            ));
        }
        let mut sum = Tensor::f_zeros([1], (Kind::Double, on.train.x.device()))?;
        for state in on.checkpoints {
            sum = sum.f_add(&cosines(&Gradients::at(&state.model, on.loss, on.chunk))?)?;
        }
        Ok(sum.f_div_scalar(on.checkpoints.len() as f64)?)
    }
}

/// [N]
fn lengths(gradients: &Gradients, points: &Points, quantity: Quantity) -> Result<Tensor> {
    Ok(gradients.pairs(points, quantity, quantity)?.f_sqrt()?)
}

fn cosine(products: &Tensor, lengths: &Tensor) -> Result<Tensor> {
    Ok(products.f_div(lengths)?.f_nan_to_num(0.0, 0.0, 0.0)?.f_clamp(-1.0, 1.0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::influence::support::{Setting, largest, method};

    const NETWORK: &str = "layers = [{ linear = { out = 4 } }, 'tanh', { linear = { out = 3 } }]";

    #[test]
    fn of_itself_it_says_nothing() {
        let setting = Setting::drawn(NETWORK, &[5], 3, 9, 4);
        let cosine = method("use = 'gradient-cosine'");
        let own = cosine.of_itself(&setting.case()).unwrap();
        assert_eq!(Vec::<f64>::try_from(own).unwrap(), [1.0; 9]);
        // The cross-entropy falls as the margin rises, in the opposite direction.
        let case = Case { quantity: Quantity::Margin, ..setting.case() };
        assert!(largest(&(cosine.of_itself(&case).unwrap() + 1.0)) < 1e-12);
        // As computed for pairs, where the test points are the training points.
        let case = Case { test: &setting.train, ..setting.case() };
        let all = cosine.influence(&case).unwrap();
        assert!(largest(&(all.diagonal(0, 0, 1) - 1.0)) < 1e-12);
        assert!(all.min().double_value(&[]) < 0.9);
    }

    #[test]
    fn it_is_that_of_the_gradients() {
        let setting = Setting::drawn(NETWORK, &[5], 3, 9, 4);
        let case = setting.case();
        let gradients = Gradients::of(&case);
        let unit = |points: &Points| {
            let all = gradients.all(points, Quantity::Loss).unwrap();
            let length = all.square().sum_dim_intlist(1, true, Kind::Double).sqrt();
            all / length
        };
        let expected = unit(&setting.test).matmul(&unit(&setting.train).tr());
        assert!(largest(&(method("use = 'gradient-cosine'").influence(&case).unwrap() - expected)) < 1e-12);
    }

    #[test]
    fn checkpoints_have_a_mean() {
        let setting = Setting::drawn(NETWORK, &[4], 3, 9, 4);
        let other = setting.model.weights().iter().map(|weight| weight * 0.5 + 0.1).collect();
        let other = crate::model::Model::new(setting.model.graph.clone(), other).unwrap();
        let copy = |model: &crate::model::Model| {
            let weights = model.weights().iter().map(tch::Tensor::shallow_clone).collect();
            crate::influence::Checkpoint {
                model: crate::model::Model::new(model.graph.clone(), weights).unwrap(),
                rate: 7.0,
            }
        };
        let checkpoints = [copy(&other), copy(&setting.model)];
        let over = |case: &Case, text: &str| method(&format!("use = 'gradient-cosine'\n{text}")).influence(case);
        let early = over(&Case { model: &other, ..setting.case() }, "").unwrap();
        let late = over(&setting.case(), "").unwrap();
        let both = over(&Case { checkpoints: &checkpoints, ..setting.case() }, "over = 'checkpoints'").unwrap();
        assert!(largest(&(both - (early + late) / 2.0)) < 1e-14);
        assert!(over(&setting.case(), "over = 'checkpoints'").is_err());
    }
}
