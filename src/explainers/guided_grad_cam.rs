//! # Definition
//! Guided backprop times Grad-CAM, brought to the size of the image, element by element.
//!
//! # Parameters
//! - `layer` (the last convolution): as in `grad-cam`.
//! - `upsample` ("bilinear"): "bilinear" (corners not aligned) or "nearest".
//!
//! # Cost
//! Two forward and two backward passes per example.
//!
//! # Reference
//! Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.

use std::sync::Arc;

use super::feature_maps::FeatureMaps;
use super::grad_cam::grad_cam;
use super::guided_backprop::guided_backprop;
use super::{Access, Attribution, Explainer, Map, Misfit, Scene};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::model::Graph;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "guided-grad-cam",
    summary: "guided backprop times Grad-CAM",
    reference: "Selvaraju et al. 2017",
    revision: 1,
    source: concat!(
        include_str!("guided_grad_cam.rs"),
        include_str!("grad_cam.rs"),
        include_str!("guided_backprop.rs")
    ),
    read: |section| Some(Arc::new(GuidedGradCam { maps: FeatureMaps::read(section) })),
};

pub struct GuidedGradCam {
    pub maps: FeatureMaps,
}

impl Explainer for GuidedGradCam {
    fn access(&self) -> Access {
        Access::Layers
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn map(&self) -> Map {
        Map::MAGNITUDE
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        self.maps.find(graph).map(drop)
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let values = on.sum_over_draws(1, 1, |part, _| {
            let cam = self.maps.enlarge(&grad_cam(&self.maps, part)?, &part.x)?;
            Ok(guided_backprop(part)?.f_mul(&cam)?)
        })?;
        Ok(Attribution::elements(values))
    }
}
