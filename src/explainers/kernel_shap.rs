//! # Definition
//! Shapley values, painted on the segments' pixels, by weighted least squares: phi minimises
//! sum over S of k(|S|) (v(S) - v(empty) - sum of phi_i over S)^2 under the constraint that the phi add up to
//! v(all) - v(empty), where v(S) is the score of the image that keeps the segments S and
//! k(s) = (M - 1) / (C(M, s) s (M - s)). The constraint is eliminated exactly; there is no penalty. Where 2^M - 2 sets
//! are at most `samples`, all are used, and the values are the exact Shapley values. Otherwise sizes are drawn in
//! proportion to C(M, s) k(s), then a set of that size, always together with its complement; the sets are the same for all
//! examples.
//!
//! # Parameters
//! - `samples` (2 M + 2048): sets, beside the empty and the full one; drawn in pairs, an odd number is rounded up.
//! - `segments` ("grid", 7 x 7): as in feature-ablation.
//! - `imputer` ("black"): what takes the place of removed segments.
//! - `score` ("logit"): "logit", "probability" or "log-probability" of the explained class.
//!
//! # Cost
//! `samples` + 2 forward passes, or 2^M where that is less.
//!
//! # Reference
//! Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017; Covert and Lee, "Improving
//! KernelSHAP: Practical Shapley Value Estimation Using Linear Regression", AISTATS 2021 (paired draws).

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
    name: "kernel-shap",
    summary: "Shapley values of segments by weighted least squares over sets of them",
    reference: "Lundberg and Lee 2017",
    revision: 1,
    source: include_str!("kernel_shap.rs"),
    read: |section| {
        let segments = Segments::read(section, 7);
        let probe = Probe::read(section, "black", "logit");
        let segments = segments?;
        let count = segments.most();
        let most = MOST_NUMBERS / count;
        let fits = |samples: &usize| (2..=most).contains(samples);
        let samples = section.optional_if("samples", fits, &format!("an integer from 2 to {most}"));
        let samples = move |count: usize| samples.unwrap_or(2 * count + 2048);
        let rows = if enumerable(count, samples(count)) { 1 << count } else { pairs(samples(count)) * 2 + 2 };
        let design = Box::new(move |count, noise| design(count, samples(count), noise));
        Some(Arc::new(Coalitions { segments, probe: probe?, rows, design }))
    },
};

/// Whether all sets but the empty and the full one are at most `samples`.
fn enumerable(segments: usize, samples: usize) -> bool {
    segments < 32 && (1usize << segments) - 2 <= samples
}

fn pairs(samples: usize) -> usize {
    samples.div_ceil(2)
}

fn design(segments: usize, samples: usize, noise: Noise) -> Result<Design> {
    if enumerable(segments, samples) {
        let kept = coalitions::all(segments);
        let weights = coalitions::sizes(&kept).into_iter().map(|size| kernel(segments, size)).collect();
        return solve(kept, weights);
    }
    let kept = draw(segments, pairs(samples), noise);
    // The draws follow the kernel, so each counts once.
    let mut weights = Array1::ones(kept.nrows());
    weights[0] = 0.0;
    weights[kept.nrows() - 1] = 0.0;
    solve(kept, weights)
}

/// k(s). The empty and the full set are constraints and have no weight.
fn kernel(segments: usize, size: usize) -> f64 {
    if size == 0 || size == segments {
        return 0.0;
    }
    let choices: f64 = (0..size).map(|i| (segments - i) as f64 / (i + 1) as f64).product();
    (segments - 1) as f64 / (choices * (size * (segments - size)) as f64)
}

/// The empty set, pairs of a set and its complement, and the full set.
fn draw(segments: usize, pairs: usize, noise: Noise) -> Array2<bool> {
    let noise = noise.purpose("kernel-shap");
    // Up to each size, how much the kernel weighs all sets of it.
    let mut total = 0.0;
    let up_to: Vec<f64> = (1..segments)
        .map(|size| {
            total += 1.0 / (size * (segments - size)) as f64;
            total
        })
        .collect();
    let mut kept = Array2::from_elem((2 * pairs + 2, segments), false);
    kept.row_mut(2 * pairs + 1).fill(true);
    for pair in 0..pairs {
        let noise = noise.index(pair as u64);
        let at = (noise.uniform_u64(0) >> 11) as f64 * 2f64.powi(-53) * total;
        let size = up_to.partition_point(|mass| *mass <= at).min(segments - 2) + 1;
        for (place, segment) in noise.purpose("set").permutation(segments).into_iter().enumerate() {
            kept[[2 * pair + 1, segment]] = place < size;
            kept[[2 * pair + 2, segment]] = place >= size;
        }
    }
    kept
}

/// The least squares solution as a matrix; row 0 of `kept` is the empty set and the last the full one.
fn solve(kept: Array2<bool>, weights: Array1<f64>) -> Result<Design> {
    let (versions, segments) = kept.dim();
    let last = versions - 1;
    let mut values = Array2::zeros((segments, versions));
    let mut shares = Array1::ones(segments);
    // The constraint alone determines a single segment.
    if segments > 1 {
        let kept = coalitions::indicator(&kept);
        let weighted = (&kept * &weights.insert_axis(Axis(1))).reversed_axes();
        let inverse = coalitions::inverse(&weighted.dot(&kept), "kernel-shap")?;
        values = inverse.dot(&weighted);
        shares = inverse.sum_axis(Axis(1));
    }
    // The unconstrained solution for v - v(empty) ..
    let of_empty = values.sum_axis(Axis(1));
    values.column_mut(0).scaled_add(-1.0, &of_empty);
    // .. and what its sum lacks, shared out as Lagrange's multiplier does.
    let mut lacking = -values.sum_axis(Axis(0));
    lacking[last] += 1.0;
    lacking[0] -= 1.0;
    let shares = &shares / shares.sum();
    values += &(shares.insert_axis(Axis(1)).dot(&lacking.insert_axis(Axis(0))));
    Ok(Design { kept, values })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::explainers::coalitions::play;
    use crate::explainers::shapley::tests::{exact, game};

    #[test]
    fn the_kernel_of_four_segments() {
        // (M - 1) / (C(M, s) s (M - s)): 3 / (4 * 3) = 1/4 for sizes 1 and 3, 3 / (6 * 4) = 1/8 for size 2.
        let weights: Vec<f64> = (0..=4).map(|size| kernel(4, size)).collect();
        assert!(weights.iter().zip([0.0, 0.25, 0.125, 0.25, 0.0]).all(|(a, b)| (a - b).abs() < 1e-15), "{weights:?}");
    }

    #[test]
    fn too_few_sets_are_an_error_and_not_a_guess() {
        let error = design(20, 4, Noise::new(0)).err().unwrap().to_string();
        assert!(error.contains("raise `samples`"), "{error}");
    }

    #[test]
    fn sizes_are_drawn_in_proportion_to_the_kernel() {
        // Of 5 segments, sizes 1 to 4 weigh 1/4, 1/6, 1/6, 1/4: .3, .2, .2, .3. With a set comes its complement, so sizes 1
        // and 4 together have 60 % of 4000 pairs; the standard error is .008.
        let sizes = coalitions::sizes(&draw(5, 4000, Noise::new(2)));
        let outer = sizes.iter().filter(|size| [1, 4].contains(*size)).count() as f64 / 8000.0;
        assert!((outer - 0.6).abs() < 0.031, "{outer}");
        assert_eq!((sizes[0], sizes[8001]), (0, 5));
        assert!((1..=4000).all(|pair| sizes[2 * pair - 1] + sizes[2 * pair] == 5));
    }

    proptest! {
        #[test]
        fn with_all_sets_it_is_the_exact_shapley_value(worth in proptest::collection::vec(-1.0f64..1.0, 64)) {
            for players in 1..=6 {
                let design = design(players, 62, Noise::new(0)).unwrap();
                for (fitted, value) in play(&design, game(&worth)).iter().zip(exact(players, game(&worth))) {
                    prop_assert!((fitted - value).abs() < 1e-10, "{players} players: {fitted} {value}");
                }
            }
        }

        #[test]
        fn with_drawn_sets_values_add_up_and_additive_games_are_exact(
            worth in proptest::collection::vec(-1.0f64..1.0, 64),
            alone in proptest::collection::vec(-1.0f64..1.0, 6),
            seed: u64,
        ) {
            let design = design(6, 41, Noise::new(seed)).unwrap();
            prop_assert_eq!(design.kept.nrows(), 44);
            let sum: f64 = play(&design, game(&worth)).iter().sum();
            prop_assert!((sum - (worth[63] - worth[0])).abs() < 1e-10);
            let additive = |kept: &[bool]| 0.3 + kept.iter().zip(&alone).map(|(kept, worth)| f64::from(*kept) * worth).sum::<f64>();
            prop_assert!(play(&design, additive).iter().zip(&alone).all(|(fitted, worth)| (fitted - worth).abs() < 1e-10));
        }
    }
}
