//! # Definition
//! One for every pixel: all ties, no ranking. What a metric makes of it shows how the metric treats ties.
//!
//! # Reference
//! Control of this tool; Adebayo et al., NeurIPS 2018, discuss maps that never change.

use std::sync::Arc;

use super::{Access, Attribution, Explainer, Role, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "constant",
    summary: "control: the same number everywhere",
    reference: "Adebayo et al. 2018",
    revision: 1,
    source: include_str!("constant.rs"),
    read: |_| Some(Arc::new(Constant)),
};

pub struct Constant;

impl Explainer for Constant {
    fn access(&self) -> Access {
        Access::Outputs
    }

    fn role(&self) -> Role {
        Role::Control
    }

    fn unit(&self) -> Unit {
        Unit::Pixel
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let size = on.x.size();
        let options = (on.x.kind(), on.x.device());
        Ok(Attribution::pixels(tch::Tensor::f_ones([size[0], 1, size[2], size[3]], options)?))
    }
}
