//! # Definition
//! Independent draws from N(0, 1), one per pixel or element, fixed for an example: a ranking without any information.
//!
//! # Parameters
//! - `unit` ("pixel"): what has a draw of its own, a "pixel" or an "element" (each channel of a pixel).
//! - `redraw` ("never"): when a network is trained anew on images without their top part, "never" removes the same pixels of an
//!   image in every epoch, and "epoch" draws them anew. The released code of ROAR redraws: its network sees other pixels of an
//!   image in every epoch, which is augmentation that no map under test has. "network" draws anew for every network whose layers
//!   were drawn anew: what a map is worth that changes with everything. Other metrics see no difference.
//!
//! # Reference
//! Hooker et al., NeurIPS 2019 (the random control).

use std::sync::Arc;

use tch::Tensor;

use super::control::Control;
use super::{Access, Attribution, Explainer, Role, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "random",
    summary: "control: noise, one number per pixel",
    reference: "Hooker et al. 2019",
    revision: 2,
    source: include_str!("random.rs"),
    read: |section| {
        let words = [("never", Redraw::Never), ("epoch", Redraw::Epoch), ("network", Redraw::Network)];
        let redraw = section.choice("redraw", "never", &words);
        let unit = section.choice("unit", "pixel", &[("pixel", Unit::Pixel), ("element", Unit::Element)]);
        let map = if unit == Unit::Pixel { pixels } else { elements };
        Some(Arc::new(Random { noise: Control { role: Role::Control, unit, map }, redraw }))
    },
};

struct Random {
    noise: Control,
    redraw: Redraw,
}

/// When an image gets other noise.
#[derive(Clone, Copy, PartialEq)]
enum Redraw {
    Never,
    Epoch,
    Network,
}

impl Explainer for Random {
    fn access(&self) -> Access {
        self.noise.access()
    }

    fn role(&self) -> Role {
        self.noise.role()
    }

    fn unit(&self) -> Unit {
        self.noise.unit()
    }

    fn differentiable(&self) -> bool {
        self.noise.differentiable()
    }

    fn redrawn(&self) -> bool {
        self.redraw == Redraw::Epoch
    }

    fn redrawn_by_network(&self) -> bool {
        self.redraw == Redraw::Network
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        self.noise.explain(on)
    }
}

fn pixels(on: &Scene) -> Result<Tensor> {
    let size = on.x.size();
    draw(on, &[1, size[2], size[3]])
}

fn elements(on: &Scene) -> Result<Tensor> {
    draw(on, &on.x.size()[1..])
}

fn draw(on: &Scene, shape: &[i64]) -> Result<Tensor> {
    on.noise.purpose("random").normal(&on.ids, shape, on.x.kind(), on.x.device())
}
