//! # Definition
//! Shapley values by Monte Carlo: the value of a segment, painted on its pixels, is the mean over random orders of what the
//! score gains when the segment joins those before it. Every order is followed by its reverse. Without bias; the values
//! add up to f(x) - f(x without all) whatever the draws. The orders are the same for all examples.
//!
//! # Parameters
//! - `samples` (40): orders, an even number.
//! - `segments` ("grid", 7 x 7): as in feature-ablation.
//! - `imputer` ("black"): what takes the place of removed segments.
//! - `score` ("logit"): "logit", "probability" or "log-probability" of the explained class.
//!
//! # Cost
//! `samples` (M - 1) + 2 forward passes for M segments.
//!
//! # Reference
//! Castro, Gomez and Tejada, "Polynomial calculation of the Shapley value based on sampling", Computers & Operations
//! Research 2009; Mitchell et al., "Sampling Permutations for Shapley Value Estimation", JMLR 2022 (antithetic orders).

use std::sync::Arc;

use ndarray::Array2;

use super::Explainer;
use super::coalitions::{Coalitions, Design, MOST_NUMBERS};
use super::perturb::Probe;
use super::segments::Segments;
use crate::catalogue::Entry;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "shapley-sampling",
    summary: "Shapley values of segments from random orders and their reverses",
    reference: "Castro et al. 2009",
    revision: 1,
    source: include_str!("shapley_sampling.rs"),
    read: |section| {
        let segments = Segments::read(section, 7);
        let probe = Probe::read(section, "black", "logit");
        let segments = segments?;
        let count = segments.most();
        let most = (MOST_NUMBERS / (count * count)).min(10_000);
        let fits = |samples: &usize| samples.is_multiple_of(2) && (2..=most).contains(samples);
        let samples = section.get_if("samples", 40usize, fits, &format!("an even number from 2 to {most}"));
        let rows = versions(count, samples);
        let design = Box::new(move |count, noise| Ok(design(count, samples, noise)));
        Some(Arc::new(Coalitions { segments, probe: probe?, rows, design }))
    },
};

/// The empty and the full set are shared by all orders.
fn versions(segments: usize, samples: usize) -> usize {
    samples * (segments - 1) + 2
}

fn design(segments: usize, samples: usize, noise: Noise) -> Design {
    let noise = noise.purpose("shapley-sampling");
    let versions = versions(segments, samples);
    let mut kept = Array2::from_elem((versions, segments), false);
    let mut values = Array2::zeros((segments, versions));
    kept.row_mut(1).fill(true);
    let share = 1.0 / samples as f64;
    for sample in 0..samples {
        let mut order = noise.index(sample as u64 / 2).permutation(segments);
        if sample % 2 == 1 {
            order.reverse();
        }
        let mut before = 0;
        for (joined, segment) in order.iter().copied().enumerate() {
            let after = if joined + 1 == segments { 1 } else { 2 + sample * (segments - 1) + joined };
            for member in &order[..=joined] {
                kept[[after, *member]] = true;
            }
            values[[segment, after]] += share;
            values[[segment, before]] -= share;
            before = after;
        }
    }
    Design { kept, values }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::explainers::coalitions::play;
    use crate::explainers::shapley::tests::{exact, game};

    #[test]
    fn the_mean_over_draws_is_the_shapley_value() {
        // One pair of orders for each of 4000 seeds. Worths lie in [0, 1], so a pair's value has a standard deviation of at
        // most 1 and the mean's standard error is at most .016.
        let worth: Vec<f64> = (0..16).map(|set| Noise::new(1).uniform_u64(set) as f64 / u64::MAX as f64).collect();
        let mut mean = [0.0; 4];
        for seed in 0..4000 {
            let values = play(&design(4, 2, Noise::new(seed)), game(&worth));
            mean.iter_mut().zip(values).for_each(|(mean, value)| *mean += value / 4000.0);
        }
        for (mean, value) in mean.iter().zip(exact(4, game(&worth))) {
            assert!((mean - value).abs() < 0.064, "{mean} {value}");
        }
    }

    proptest! {
        #[test]
        fn values_add_up_and_two_way_games_are_exact(
            worth in proptest::collection::vec(-1.0f64..1.0, 32),
            pairs in proptest::collection::vec(-1.0f64..1.0, 25),
            seed: u64,
        ) {
            let design = design(5, 4, Noise::new(seed));
            let sum: f64 = play(&design, game(&worth)).iter().sum();
            prop_assert!((sum - (worth[31] - worth[0])).abs() < 1e-12);
            // Of two players one joins first in an order and second in its reverse: each gets half of what they make together.
            let together = |kept: &[bool]| {
                (0..25).filter(|at| kept[at / 5] && kept[at % 5]).map(|at| pairs[at]).sum::<f64>()
            };
            for (sampled, value) in play(&design, together).iter().zip(exact(5, together)) {
                prop_assert!((sampled - value).abs() < 1e-12);
            }
        }

        #[test]
        fn one_segment_takes_all(worth in -1.0f64..1.0) {
            let values = play(&design(1, 2, Noise::new(0)), |kept| f64::from(kept[0]) * worth);
            prop_assert!((values[0] - worth).abs() < 1e-15);
        }
    }
}
