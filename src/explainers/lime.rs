//! # Definition
//! The coefficients, painted on the segments' pixels, of a linear model fitted to the scores of images of which segments
//! are hidden: the first image is whole, in the others each of M segments is kept with probability 1/2, the same draws
//! for all examples. Ridge regression on which segments are kept, an image weighted by exp(-d^2 / (2 `width`^2)) with
//! d = 1 - sqrt(kept / M), its cosine distance from the whole one; the intercept is not penalised. That root of the usual
//! exponential kernel is the authors' program's, not their paper's.
//!
//! # Parameters
//! - `samples` (1000): images, the whole one included.
//! - `width` (0.25): of the kernel.
//! - `ridge` (1.0): the penalty on the squared coefficients.
//! - `segments` ("grid", 7 x 7): as in feature-ablation. (The authors' program makes superpixels by quickshift.)
//! - `imputer` ("image-mean"): what takes the place of hidden segments. (The authors' program: each superpixel's mean colour.)
//! - `score` ("probability"): "logit", "probability" or "log-probability" of the explained class.
//!
//! # Cost
//! `samples` forward passes.
//!
//! # Reference
//! Ribeiro, Singh and Guestrin, "Why Should I Trust You? Explaining the Predictions of Any Classifier", KDD 2016.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis};

use super::Explainer;
use super::coalitions::{self, Coalitions, Design, MOST_NUMBERS};
use super::perturb::Probe;
use super::segments::Segments;
use crate::catalogue::Entry;
use crate::error::Result;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "lime",
    summary: "a linear model of the score fitted to images with segments hidden",
    reference: "Ribeiro et al. 2016",
    revision: 1,
    source: include_str!("lime.rs"),
    read: |section| {
        let segments = Segments::read(section, 7);
        let probe = Probe::read(section, "image-mean", "probability");
        let width = section.get_if("width", 0.25, |width| *width > 0.0, "a number above 0");
        let ridge = section.get_if("ridge", 1.0, |ridge| *ridge > 0.0, "a number above 0");
        let segments = segments?;
        let most = MOST_NUMBERS / segments.most();
        let fits = |samples: &usize| (2..=most).contains(samples);
        let samples = section.get_if("samples", 1000usize, fits, &format!("an integer from 2 to {most}"));
        let design = Box::new(move |count, noise| design(count, samples, width, ridge, noise));
        Some(Arc::new(Coalitions { segments, probe: probe?, rows: samples, design }))
    },
};

fn design(segments: usize, samples: usize, width: f64, ridge: f64, noise: Noise) -> Result<Design> {
    let noise = noise.purpose("lime");
    let bit = |sample: usize, segment: usize| {
        noise.index(sample as u64).uniform_u64(segment as u64 / 64) >> (segment % 64) & 1 == 1
    };
    let kept = Array2::from_shape_fn((samples, segments), |(sample, segment)| sample == 0 || bit(sample, segment));
    let weight = |size: usize| {
        let distance = 1.0 - (size as f64 / segments as f64).sqrt();
        (-distance * distance / (2.0 * width * width)).exp()
    };
    let weights: Array1<f64> = coalitions::sizes(&kept).into_iter().map(weight).collect();
    let mut centred = coalitions::indicator(&kept);
    // An intercept without a penalty is what centring amounts to.
    let mean = weights.dot(&centred) / weights.sum();
    centred -= &mean;
    let weighted = (&centred * &weights.insert_axis(Axis(1))).reversed_axes();
    let normal = weighted.dot(&centred) + Array2::<f64>::eye(segments) * ridge;
    Ok(Design { kept, values: coalitions::inverse(&normal, "lime")?.dot(&weighted) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explainers::coalitions::play;

    #[test]
    fn two_images_and_one_segment() {
        // Kept 1 and 0 with weights 1 and w = e^-8 (distance 1, width 1/4); centred on 1 / (1 + w), the sum of squares is
        // q = w / (1 + w) and the coefficient q (v1 - v0) / (q + ridge). The seed is one whose draw hides the segment.
        let hides = (0..64).map(Noise::new).find(|seed| !design(1, 2, 0.25, 0.5, *seed).unwrap().kept[[1, 0]]);
        let fitted = play(&design(1, 2, 0.25, 0.5, hides.unwrap()).unwrap(), |kept| if kept[0] { 5.0 } else { 2.0 });
        let w = (-8.0f64).exp();
        let q = w / (1.0 + w);
        assert!((fitted[0] - 3.0 * q / (q + 0.5)).abs() < 1e-12, "{fitted:?}");
    }

    #[test]
    fn an_additive_game_is_recovered_in_sign_and_order_and_exactly_without_a_penalty() {
        let worth = [3.0, -2.0, 1.0, 0.5, -0.25, 0.0];
        let game =
            |kept: &[bool]| 7.0 + kept.iter().zip(worth).map(|(kept, worth)| f64::from(*kept) * worth).sum::<f64>();
        let shrunk = play(&design(6, 1000, 0.25, 1.0, Noise::new(3)).unwrap(), game);
        let order = |values: &[f64]| {
            let mut order: Vec<usize> = (0..6).collect();
            order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
            order
        };
        assert_eq!(order(&shrunk), order(&worth));
        assert!((0..5).all(|i| shrunk[i].signum() == worth[i].signum()), "{shrunk:?}");
        let free = play(&design(6, 1000, 0.25, 1e-12, Noise::new(3)).unwrap(), game);
        assert!(free.iter().zip(worth).all(|(fitted, worth)| (fitted - worth).abs() < 1e-9), "{free:?}");
    }
}
