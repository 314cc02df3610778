//! # Definition
//! One for every pixel: all ties, no ranking. What a metric makes of it shows how the metric treats ties.
//!
//! # Reference
//! Control of this tool; Adebayo et al., NeurIPS 2018, discuss maps that never change.

use std::sync::Arc;

use tch::Tensor;

use super::control::Control;
use super::{Explainer, Scene};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "constant",
    summary: "control: the same number everywhere",
    reference: "Adebayo et al. 2018",
    revision: 1,
    source: include_str!("constant.rs"),
    read: |_| Some(Arc::new(Control::pixels(map))),
};

fn map(on: &Scene) -> Result<Tensor> {
    let size = on.x.size();
    Ok(Tensor::f_ones([size[0], 1, size[2], size[3]], (on.x.kind(), on.x.device()))?)
}
