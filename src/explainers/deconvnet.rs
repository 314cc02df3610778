//! # Definition
//! The derivative of the target's logit with respect to the input, but for a ReLU, which sends back what is positive
//! wherever its input was: s_in = max(s_out, 0). All else goes by the derivative, maxima to where they were found.
//!
//! # Cost
//! One forward and one backward pass per example.
//!
//! # Reference
//! Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.

use std::sync::Arc;

use super::guided_backprop::through_relu;
use super::{Access, Attribution, Explainer, Map, Scene};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "deconvnet",
    summary: "the gradient, where a ReLU sends back only positive signals, whatever its input",
    reference: "Zeiler and Fergus 2014",
    revision: 1,
    source: concat!(include_str!("deconvnet.rs"), include_str!("guided_backprop.rs")),
    read: |_| Some(Arc::new(Deconvnet)),
};

pub struct Deconvnet;

impl Explainer for Deconvnet {
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
        let values = on.sum_over_draws(1, 1, |part, _| through_relu(part, |visit| Ok(visit.signal.f_relu()?)))?;
        Ok(Attribution::elements(values))
    }
}
