//! What all controls share: they are functions of the images, the draws and at most the truth.

use super::{Access, Attribution, Explainer, Role, Scene, Unit};
use crate::error::Result;
use tch::Tensor;

/// An explainer that never asks the model.
pub struct Control {
    pub role: Role,
    pub unit: Unit,
    /// Attributions in the shape of the unit.
    pub map: fn(&Scene) -> Result<Tensor>,
}

impl Control {
    /// One number per pixel, made without the truth.
    pub fn pixels(map: fn(&Scene) -> Result<Tensor>) -> Self {
        Self { role: Role::Control, unit: Unit::Pixel, map }
    }
}

impl Explainer for Control {
    fn access(&self) -> Access {
        Access::Outputs
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn role(&self) -> Role {
        self.role
    }

    fn unit(&self) -> Unit {
        self.unit
    }

    fn needs_truth(&self) -> bool {
        self.role == Role::Oracle
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        Ok(Attribution { values: (self.map)(on)?, unit: self.unit })
    }
}
