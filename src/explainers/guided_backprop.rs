//! # Definition
//! The derivative of the target's logit with respect to the input, but for a ReLU, which sends back only what is
//! positive, and only where its input was: s_in = max(s_out, 0) [x > 0]. All else goes by the derivative; a network without
//! ReLU gives its gradient.
//!
//! # Cost
//! One forward and one backward pass per example.
//!
//! # Reference
//! Springenberg et al., "Striving for Simplicity: The All Convolutional Net", ICLR workshop 2015.

use std::sync::Arc;

use tch::Tensor;

use super::{Access, Attribution, Explainer, Map, Scene};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::model::rules::Visit;
use crate::model::{Arg, Op};

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "guided-backprop",
    summary: "the gradient, where a ReLU sends back only positive signals to positive inputs",
    reference: "Springenberg et al. 2015",
    revision: 1,
    source: include_str!("guided_backprop.rs"),
    read: |_| Some(Arc::new(GuidedBackprop)),
};

pub struct GuidedBackprop;

impl Explainer for GuidedBackprop {
    fn access(&self) -> Access {
        Access::Layers
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn map(&self) -> Map {
        Map::MAGNITUDE
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let values = on.sum_over_draws(1, 1, |part, _| guided_backprop(part))?;
        Ok(Attribution::elements(values))
    }
}

/// The map at the scene's inputs, all rows at once. Shape of `on.x`.
pub fn guided_backprop(on: &Scene) -> Result<Tensor> {
    through_relu(on, |visit| {
        let positive = visit.signal.f_relu()?;
        match visit.node.op {
            Op::Relu => Ok(positive.f_mul(&visit.output.f_gt(0.0)?)?),
            // A smooth one has a slope everywhere.
            _ => Ok(visit.derivative(&positive)?.remove(0)),
        }
    })
}

/// The derivative of the target's logit, where `relu` says what each ReLU sends back. Shape of `on.x`.
pub fn through_relu(on: &Scene, relu: impl Fn(&Visit) -> Result<Tensor>) -> Result<Tensor> {
    let trace = on.model.trace(&on.x, Arg::Input, on.differentiable)?;
    trace.back(&trace.one_hot(&on.target)?, &mut |visit| match visit.node.op {
        Op::Relu | Op::SmoothRelu { .. } => Ok(Some(vec![relu(visit)?])),
        _ => Ok(None),
    })
}
