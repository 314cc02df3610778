//! # Definition
//! The image itself. On bright objects before a black background it passes for an explanation, and beats many.
//!
//! # Reference
//! Control of this tool; see also Nie, Zhang and Patel, "A Theoretical Explanation for Perplexing Behaviors of
//! Backpropagation-based Visualizations", ICML 2018.

use std::sync::Arc;

use super::control::Control;
use super::{Explainer, Role, Unit};
use crate::catalogue::Entry;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "input",
    summary: "control: the image itself",
    reference: "Nie et al. 2018",
    revision: 1,
    source: include_str!("input.rs"),
    read: |_| Some(Arc::new(Control { role: Role::Control, unit: Unit::Element, map: |on| Ok(on.x.copy()) })),
};
