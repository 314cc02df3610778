//! # Definition
//! The input times the derivative of the target's logit: a(x) = x * dz_c / dx, element by element.
//!
//! # Cost
//! One forward and one backward pass per example.
//!
//! # Reference
//! Shrikumar et al., "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences", 2016.

use std::sync::Arc;

use super::gradient::gradient;
use super::{Access, Attribution, Explainer, Scene};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "input-x-gradient",
    summary: "the input times the gradient",
    reference: "Shrikumar et al. 2016",
    revision: 1,
    source: concat!(include_str!("input_x_gradient.rs"), include_str!("gradient.rs")),
    read: |_| Some(Arc::new(InputXGradient)),
};

pub struct InputXGradient;

impl Explainer for InputXGradient {
    fn access(&self) -> Access {
        Access::Gradients
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let values = on.sum_over_draws(1, 1, |part, _| Ok(part.x.f_mul(&gradient(part)?)?))?;
        Ok(Attribution::elements(values))
    }
}
