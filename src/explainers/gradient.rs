//! # Definition
//! The derivative of the target's logit with respect to the input: a(x) = dz_c / dx.
//!
//! # Cost
//! One forward and one backward pass per example.
//!
//! # Reference
//! Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", ICLR workshop 2014.

use std::sync::Arc;

use super::{Access, Attribution, Explainer, Map, Scene};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::model::Score;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "gradient",
    summary: "derivative of the target's logit with respect to the input",
    reference: "Simonyan et al. 2014",
    revision: 1,
    source: include_str!("gradient.rs"),
    read: |_| Some(Arc::new(Gradient)),
};

pub struct Gradient;

impl Explainer for Gradient {
    fn access(&self) -> Access {
        Access::Gradients
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn map(&self) -> Map {
        Map::MAGNITUDE
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let gradient = on.sum_over_draws(1, 1, |part, _| gradient(part))?;
        Ok(Attribution::elements(gradient))
    }
}

/// The derivative of the target's logit at the scene's inputs, all rows at once. Shape of `on.x`.
pub fn gradient(on: &Scene) -> Result<tch::Tensor> {
    if on.differentiable {
        on.model.differentiable_gradient(&on.x, &on.target, Score::Logit)
    } else {
        on.model.gradient(&on.x, &on.target, Score::Logit)
    }
}
