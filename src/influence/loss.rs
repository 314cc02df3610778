//! # Definition
//! The training example's own loss, whatever the test point: an example that was learnt badly is taken for an influential one.
//! It knows nothing of the test point, and is the bar for finding wrong labels.
//!
//! # Cost
//! A forward pass over the training examples.
//!
//! # Reference
//! Koh and Liang, "Understanding Black-box Predictions via Influence Functions", ICML 2017 (the baseline of its section 5.4).

use std::sync::Arc;

use tch::Tensor;

use super::calculus::blocks;
use super::{Case, InfluenceMethod, ORDER};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::explainers::Role;

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "loss",
    summary: "control: the training example's own loss",
    reference: "Koh and Liang 2017",
    revision: 1,
    source: include_str!("loss.rs"),
    read: |_| Some(Arc::new(OwnLoss)),
};

struct OwnLoss;

impl InfluenceMethod for OwnLoss {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        let own = self.of_itself(on)?;
        Ok(own.f_unsqueeze(0)?.f_repeat([on.test.labels.size()[0], 1])?)
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        let block = |(start, count)| {
            let part = on.train.part(start, count)?;
            on.loss.of(&tch::no_grad(|| on.model.logits(&part.x))?, &part.labels)
        };
        let losses = Tensor::f_cat(&blocks(on.train.len(), on.chunk).map(block).collect::<Result<Vec<_>>>()?, 0)?;
        // What is taken for helpful raises the loss when it goes, and lowers a margin or logit.
        Ok(losses.f_mul_scalar(-on.quantity.better())?)
    }

    fn convention(&self) -> &'static str {
        ORDER
    }

    fn role(&self) -> Role {
        Role::Control
    }
}
