//! # Definition
//! The positive part of a weighted sum of a layer's feature maps A_k, where a map's weight is the mean of the derivative of
//! the target's logit over its positions: max(0, sum_k A_k mean_ij dz_c/dA_k[i,j]), brought to the size of the image.
//!
//! # Parameters
//! - `layer` (the last convolution): the name of a layer that gives feature maps, or the path of a module, whose last layer
//!   it is. The default is the last convolution in execution order, or what follows it as long as one layer alone reads
//!   it and that layer is a batch norm, an activation, a dropout or the sum of a residual block: `relu2` of
//!   conv1, relu1, pool1, conv2, relu2, pool2, fc.
//! - `upsample` ("bilinear"): "bilinear" (corners not aligned) or "nearest".
//!
//! # Cost
//! One forward pass per example, and a backward pass from the output to the layer.
//!
//! # Reference
//! Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.

use std::sync::Arc;

use tch::Tensor;

use super::feature_maps::FeatureMaps;
use super::{Access, Attribution, Explainer, Misfit, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::model::{Arg, Graph};

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "grad-cam",
    summary: "a layer's feature maps, weighted by the mean derivative of the target's logit",
    reference: "Selvaraju et al. 2017",
    revision: 1,
    source: include_str!("grad_cam.rs"),
    read: |section| Some(Arc::new(GradCam { maps: FeatureMaps::read(section) })),
};

pub struct GradCam {
    pub maps: FeatureMaps,
}

impl Explainer for GradCam {
    fn access(&self) -> Access {
        Access::Layers
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn unit(&self) -> Unit {
        Unit::Pixel
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        self.maps.find(graph).map(drop)
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let values = on.sum_over_draws(1, 1, |part, _| self.maps.enlarge(&grad_cam(&self.maps, part)?, &part.x))?;
        Ok(Attribution::pixels(values))
    }
}

/// The map in the size of the layer, [B, 1, h, w], all rows at once.
pub fn grad_cam(maps: &FeatureMaps, on: &Scene) -> Result<Tensor> {
    let place = maps.find(&on.model.graph).map_err(|misfit| misfit.error("the network"))?;
    let trace = on.model.trace(&on.x, Arg::Node(place), on.differentiable)?;
    let derivative = trace.back(&trace.one_hot(&on.target)?, &mut |_| Ok(None))?;
    let weights = derivative.f_mean_dim([2, 3].as_slice(), true, derivative.kind())?;
    let sum = trace.value.f_mul(&weights)?.f_sum_dim_intlist(1, true, derivative.kind())?;
    Ok(sum.f_relu()?)
}
