//! # Definition
//! Independent draws from N(0, 1), one per pixel, fixed for an example: a ranking without any information.
//!
//! # Reference
//! Hooker et al., NeurIPS 2019 (the random control).

use std::sync::Arc;

use super::{Access, Attribution, Explainer, Role, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "random",
    summary: "control: noise, one number per pixel",
    reference: "Hooker et al. 2019",
    revision: 1,
    source: include_str!("random.rs"),
    read: |_| Some(Arc::new(Random)),
};

pub struct Random;

impl Explainer for Random {
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
        let noise = on.noise.purpose("random");
        Ok(Attribution::pixels(noise.normal(&on.ids, &[1, size[2], size[3]], on.x.kind(), on.x.device())?))
    }
}
