//! # Definition
//! The positive part of a weighted sum of a layer's feature maps A_k, whose weights ask no derivative: each map, brought
//! to the size of the image and scaled to reach from 0 to 1, is multiplied into the image, and the weights are the softmax over
//! k of the target's logits of these images. A map that is the same everywhere leaves a black image. The logit of a
//! baseline image, which the publication subtracts, cancels in the softmax.
//!
//! # Parameters
//! - `layer` (the last convolution): as in `grad-cam`.
//! - `upsample` ("bilinear"): "bilinear" (corners not aligned) or "nearest".
//!
//! # Cost
//! One forward pass for each channel of the layer, and two.
//!
//! # Reference
//! Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", CVPR workshops 2020.

use std::sync::Arc;

use tch::Tensor;

use super::feature_maps::{Cam, FeatureMaps};
use super::{Explainer, Scene};
use crate::catalogue::Entry;
use crate::error::{Error, Result};
use crate::model::Score;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "score-cam",
    summary: "a layer's feature maps, weighted by the target's logit of the image seen through each",
    reference: "Wang et al. 2020",
    revision: 1,
    source: include_str!("score_cam.rs"),
    read: |section| Some(Arc::new(Cam { maps: FeatureMaps::read(section), explain })),
};

fn explain(maps: &FeatureMaps, on: &Scene) -> Result<Tensor> {
    let place = maps.find(&on.model.graph).map_err(|misfit| misfit.error("the network"))?;
    let features = on.sum_over_draws(1, 1, |part, _| features(part, place))?;
    let channels = features.size()[1];
    let logits = on.sum_over_draws(channels as usize, 1, |part, some| {
        let (from, count) = (some.start as i64, some.len() as i64);
        let some = features_of(part, place, from, count)?;
        let masks = between_0_and_1(&maps.enlarge(&some, &part.x)?)?.f_unsqueeze(2)?;
        let seen = part.rows(&part.x.f_unsqueeze(1)?.f_mul(&masks)?)?;
        let logits = seen.model.scores(&seen.x, &seen.target, Score::Logit)?.f_view([-1, count])?;
        // The other channels are asked for at other times, and added.
        Ok(logits.f_constant_pad_nd([from, channels - from - count])?)
    })?;
    let weights = logits.f_softmax(1, logits.kind())?.f_unsqueeze(-1)?.f_unsqueeze(-1)?;
    let sum = features.f_mul(&weights)?.f_sum_dim_intlist(1, true, features.kind())?;
    maps.enlarge(&sum.f_relu()?, &on.x)
}

/// What the node at `place` gives, [B, C, h, w], all rows at once.
fn features(on: &Scene, place: usize) -> Result<Tensor> {
    let mut seen = None;
    let _ = on.model.logits_with(&on.x, &mut |at, _, _, output| {
        if at == place {
            seen = Some(output.shallow_clone());
        }
        Ok(output)
    })?;
    seen.ok_or_else(|| Error::new(format!("the network has no node {place}")))
}

fn features_of(on: &Scene, place: usize, from: i64, count: i64) -> Result<Tensor> {
    Ok(features(on, place)?.f_narrow(1, from, count)?)
}

/// Each map [h, w] of [B, n, h, w] shifted and scaled to reach from 0 to 1; 0 where it is the same everywhere.
fn between_0_and_1(maps: &Tensor) -> Result<Tensor> {
    let low = maps.f_amin([2, 3], true)?;
    let range = maps.f_amax([2, 3], true)?.f_sub(&low)?;
    let none = range.f_eq(0.0)?;
    Ok(maps.f_sub(&low)?.f_div(&range.f_masked_fill(&none, 1.0)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_reach_from_0_to_1() {
        let maps = Tensor::from_slice(&[-1.0, 3.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0]).view([1, 2, 2, 2]);
        let scaled = Vec::<f64>::try_from(between_0_and_1(&maps).unwrap().flatten(0, -1)).unwrap();
        assert_eq!(scaled, [0.0, 1.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0]);
    }
}
