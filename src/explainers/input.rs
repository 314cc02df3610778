//! # Definition
//! The image itself. On bright objects before a black background it passes for an explanation, and beats many.
//!
//! # Reference
//! Control of this tool; see also Nie, Zhang and Patel, "A Theoretical Explanation for Perplexing Behaviors of
//! Backpropagation-based Visualizations", ICML 2018.

use std::sync::Arc;

use super::{Access, Attribution, Explainer, Role, Scene};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "input",
    summary: "control: the image itself",
    reference: "Nie et al. 2018",
    revision: 1,
    source: include_str!("input.rs"),
    read: |_| Some(Arc::new(Input)),
};

pub struct Input;

impl Explainer for Input {
    fn access(&self) -> Access {
        Access::Outputs
    }

    fn role(&self) -> Role {
        Role::Control
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        Ok(Attribution::elements(on.x.copy()))
    }
}
