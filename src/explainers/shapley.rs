//! # Definition
//! The Shapley value of each segment, painted on its pixels: with v(S) the score of the image that keeps the segments S,
//! phi_i = sum over S without i of |S|! (M - |S| - 1)! / M! (v(S + i) - v(S)), over all sets of the M segments. The values
//! add up to f(x) - f(x without all).
//!
//! # Parameters
//! - `segments` ("grid", 3 x 3): as in feature-ablation, with `rows` and `columns` of 3; at most 12.
//! - `imputer` ("black"): what takes the place of removed segments.
//! - `score` ("logit"): "logit", "probability" or "log-probability" of the explained class.
//!
//! # Cost
//! 2^M forward passes.
//!
//! # Reference
//! Shapley, "A Value for n-Person Games", 1953; Strumbelj and Kononenko, JMLR 2010 (for classifiers).

use std::sync::Arc;

use ndarray::Array2;

use super::Explainer;
use super::coalitions::{self, Coalitions, Design};
use super::perturb::Probe;
use super::segments::Segments;
use crate::catalogue::Entry;

const MOST: usize = 12;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "shapley",
    summary: "exact Shapley values of up to 12 segments",
    reference: "Shapley 1953",
    revision: 1,
    source: include_str!("shapley.rs"),
    read: |section| {
        let segments = Segments::read(section, 3);
        let probe = Probe::read(section, "black", "logit");
        let (segments, probe) = (segments?, probe?);
        let most = segments.most();
        if most > MOST {
            let help = Some("`kernel-shap` and `shapley-sampling` take more".to_string());
            let message = format!("{most} segments are too many for all of their sets");
            section.mistake("segments", message, Some(format!("at most {MOST} segments")), help);
            return None;
        }
        Some(Arc::new(Coalitions { segments, probe, rows: 1 << most, design: Box::new(|count, _| Ok(design(count))) }))
    },
};

fn design(segments: usize) -> Design {
    let kept = coalitions::all(segments);
    let sizes = coalitions::sizes(&kept);
    // weight[s] is s! (M - s - 1)! / M! = 1 / (M C(M - 1, s)), for sets of s others.
    let mut weight = vec![1.0 / segments as f64; segments];
    for size in 1..segments {
        weight[size] = weight[size - 1] * size as f64 / (segments - size) as f64;
    }
    let values = Array2::from_shape_fn((segments, kept.nrows()), |(segment, set)| match kept[[set, segment]] {
        true => weight[sizes[set] - 1],
        false => -weight[sizes[set]],
    });
    Design { kept, values }
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::explainers::coalitions::play;

    pub fn exact(players: usize, game: impl Fn(&[bool]) -> f64) -> Vec<f64> {
        play(&design(players), game)
    }

    /// A game of arbitrary worth for every set.
    pub fn game(worth: &[f64]) -> impl Fn(&[bool]) -> f64 {
        |kept| worth[kept.iter().enumerate().map(|(i, kept)| usize::from(*kept) << i).sum::<usize>()]
    }

    #[test]
    fn the_glove_game_is_worth_two_thirds_to_the_rare_glove() {
        // A left glove (player 0) and two right ones; a pair is worth 1. In 4 of 6 orders player 0 completes the pair (it
        // is not the first), players 1 and 2 in one order each.
        let values = exact(3, |kept| f64::from(kept[0] && (kept[1] || kept[2])));
        for (value, expected) in values.iter().zip([4.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0]) {
            assert!((value - expected).abs() < 1e-15, "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn the_axioms_hold(worth in proptest::collection::vec(-1.0f64..1.0, 32), extra in -1.0f64..1.0) {
            let values = exact(5, game(&worth));
            prop_assert!((values.iter().sum::<f64>() - (worth[31] - worth[0])).abs() < 1e-12, "efficiency");
            // A sixth player that adds `extra` to whatever set it joins gets that, and the others what they had.
            let joined = |kept: &[bool]| game(&worth)(&kept[..5]) + f64::from(kept[5]) * extra;
            let with = exact(6, joined);
            prop_assert!((with[5] - extra).abs() < 1e-12, "dummy");
            prop_assert!(values.iter().zip(&with).all(|(a, b)| (a - b).abs() < 1e-12));
            // Players 0 and 1 made interchangeable.
            let swapped = |kept: &[bool]| [kept[1], kept[0], kept[2], kept[3], kept[4]];
            let alike = exact(5, |kept| game(&worth)(kept) + game(&worth)(&swapped(kept)));
            prop_assert!((alike[0] - alike[1]).abs() < 1e-12, "symmetry");
        }
    }
}
