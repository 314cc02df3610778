//! # Definition
//! Grad-CAM with other weights: the weight of a layer's feature map A_k is the sum over its positions of
//! alpha max(0, g), where g = dz_c/dA_k and alpha = g^2 / (2 g^2 + g^3 sum_ab A_k[a,b]), 0 where g is 0; the map is
//! max(0, sum_k A_k weight_k), brought to the size of the image. The published weights hold the factor exp(z_c) too, which
//! scales the map of an image as a whole and is left out.
//!
//! # Parameters
//! - `layer` (the last convolution): as in `grad-cam`.
//! - `upsample` ("bilinear"): "bilinear" (corners not aligned) or "nearest".
//!
//! # Cost
//! One forward pass per example, and a backward pass from the output to the layer.
//!
//! # Reference
//! Chattopadhay et al., "Grad-CAM++: Generalized Gradient-Based Visual Explanations for Deep Convolutional Networks",
//! WACV 2018.

use std::sync::Arc;

use tch::Tensor;

use super::feature_maps::{Cam, FeatureMaps};
use super::{Explainer, Scene};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::model::Arg;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "grad-cam-plus-plus",
    summary: "Grad-CAM whose weights count positive derivatives, so that several objects are found",
    reference: "Chattopadhay et al. 2018",
    revision: 1,
    source: include_str!("grad_cam_plus_plus.rs"),
    read: |section| Some(Arc::new(Cam { maps: FeatureMaps::read(section), explain })),
};

fn explain(maps: &FeatureMaps, on: &Scene) -> Result<Tensor> {
    on.sum_over_draws(1, 1, |part, _| {
        let place = maps.find(&part.model.graph).map_err(|misfit| misfit.error("the network"))?;
        let trace = part.model.trace(&part.x, Arg::Node(place), part.differentiable)?;
        let derivative = trace.back(&trace.one_hot(&part.target)?, &mut |_| Ok(None))?;
        let weights = weights(&trace.value, &derivative)?;
        let sum = trace.value.f_mul(&weights)?.f_sum_dim_intlist(1, true, derivative.kind())?;
        maps.enlarge(&sum.f_relu()?, &part.x)
    })
}

/// The weight of each feature map, [B, C, 1, 1], by the maps and the logit's derivative, both [B, C, h, w].
fn weights(maps: &Tensor, derivative: &Tensor) -> Result<Tensor> {
    let over_positions = |tensor: &Tensor| tensor.f_sum_dim_intlist([2, 3].as_slice(), true, tensor.kind());
    // g^2 cancels: 1 / (2 + g sum A).
    let divisor = derivative.f_mul(&over_positions(maps)?)?.f_add_scalar(2.0)?;
    let none = divisor.f_eq(0.0)?;
    let alpha = divisor.f_masked_fill(&none, 1.0)?.f_reciprocal()?;
    Ok(over_positions(&alpha.f_mul(&derivative.f_relu()?)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_by_hand() {
        // One map of 1 and 3, so that its sum is 4; derivatives .5 and -1: 1 / (2 + 2) * .5, and nothing.
        let of = |numbers: &[f64]| Tensor::from_slice(numbers).view([1, 1, 1, 2]);
        let weight = weights(&of(&[1.0, 3.0]), &of(&[0.5, -1.0])).unwrap();
        assert_eq!((weight.size(), weight.double_value(&[0, 0, 0, 0])), (vec![1, 1, 1, 1], 0.125));
        assert_eq!(weights(&of(&[1.0, 3.0]), &of(&[0.0, 0.0])).unwrap().double_value(&[0, 0, 0, 0]), 0.0);
    }
}
