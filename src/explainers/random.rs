//! # Definition
//! Independent draws from N(0, 1), one per pixel, fixed for an example: a ranking without any information.
//!
//! # Reference
//! Hooker et al., NeurIPS 2019 (the random control).

use std::sync::Arc;

use tch::Tensor;

use super::control::Control;
use super::{Explainer, Scene};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "random",
    summary: "control: noise, one number per pixel",
    reference: "Hooker et al. 2019",
    revision: 1,
    source: include_str!("random.rs"),
    read: |_| Some(Arc::new(Control::pixels(map))),
};

fn map(on: &Scene) -> Result<Tensor> {
    let size = on.x.size();
    on.noise.purpose("random").normal(&on.ids, &[1, size[2], size[3]], on.x.kind(), on.x.device())
}
