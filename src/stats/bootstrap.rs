//! The bootstrap over units: one resampling matrix for all rows that have the same units, and the interval it gives.

use super::intervals::{Interval, mean, t_interval, variance};

/// Resamples behind an interval. One short of a round number, so that the usual quantiles fall on order statistics.
const DRAWS: usize = 1999;

/// The weight, in units, that the sample's own variance has in the variance of a resample.
const PRIOR: f64 = 0.5;

/// A resampling matrix: row = draw, column = place, entry = the unit drawn, uniform with replacement.
///
/// The matrix depends on the seed and the number of units alone, so all contenders share it. Its entries come from a
/// counter-based hash and are computed where they are needed: it takes no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampler {
    seed: u64,
}

impl Resampler {
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// An interval of the mean at level `1 - alpha`: each end is the farther one of Student's t and the bootstrap-t.
    ///
    /// Definition: with mean m, variance s² and n values, each resample gives t* = (m* - m) / √(v* / n); the
    /// bootstrap-t is m - t*(1 - alpha/2) · s/√n to m - t*(alpha/2) · s/√n.
    /// v* = (sum of squares of the resample + s²/2) / (n - 1/2): without the second term a resample of equal values has
    /// an infinite t*, and few non-zero values among many zeros have an infinite interval.
    ///
    /// Why the farther end: Student's t misses skewed data (at 95 %, 20 lognormal values: covers 87 %), the bootstrap-t
    /// heavy tails (20 values of t with 3 degrees of freedom: 92 %), percentile and BCa both. Together they cover at
    /// least 93 % in simulations with 10 to 200 normal, uniform, exponential, t(3) and mildly lognormal (log-sd 1/2)
    /// values, and with shares of hits of several networks and differences of hits unless all are equal. Of values with
    /// a very long tail (lognormal, log-sd 1) 10 are too few (90 %; Student's t 84 %), 20 nearly enough (92.6 %), 50
    /// enough (94.6 %). On normal data the price is 8 % more width than Student's t for 10 values and 2 % for 50.
    ///
    /// NaN for fewer than two values. The smallest `alpha` that the draws resolve is 0.001.
    ///
    /// Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 12.
    pub fn interval(self, values: &[f64], alpha: f64) -> Interval {
        let (low, high) = t_interval(values, alpha);
        let (centre, spread) = (mean(values), variance(values));
        // Without spread, or without two values to have any, there is nothing to resample.
        if spread.is_nan() || spread == 0.0 {
            return (low, high);
        }
        let deviations: Vec<f64> = values.iter().map(|value| value - centre).collect();
        let mut ratios: Vec<f64> = (0..DRAWS).map(|draw| self.t_ratio(draw, &deviations, spread)).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let error = (spread / values.len() as f64).sqrt();
        let below = quantile(&ratios, 1.0 - alpha / 2.0) * error;
        let above = -quantile(&ratios, alpha / 2.0) * error;
        (low.min(centre - below), high.max(centre + above))
    }

    /// The mean of the values of one resample; NaN of no values.
    pub(super) fn resampled_mean(self, draw: usize, values: &[f64]) -> f64 {
        self.row(draw, values.len()).map(|unit| values[unit]).sum::<f64>() / values.len() as f64
    }

    /// t* of one resample of values that are given as deviations from their mean.
    fn t_ratio(self, draw: usize, deviations: &[f64], spread: f64) -> f64 {
        let count = deviations.len() as f64;
        let (sum, squares) = self.row(draw, deviations.len()).fold((0.0, 0.0), |(sum, squares), unit| {
            let deviation = deviations[unit];
            (sum + deviation, squares + deviation * deviation)
        });
        let shift = sum / count;
        let within = (squares - sum * shift).max(0.0);
        let variance = (within + PRIOR * spread) / (count - 1.0 + PRIOR);
        shift / (variance / count).sqrt()
    }

    /// The units (0 to `count - 1`) of one row of the matrix.
    fn row(self, draw: usize, count: usize) -> impl Iterator<Item = usize> {
        let key = hash(hash(self.seed).wrapping_add(draw as u64));
        // The high half of the product maps 64 random bits to 0..count.
        (0..count as u64).map(move |place| ((u128::from(hash(key.wrapping_add(place))) * count as u128) >> 64) as usize)
    }
}

/// The splitmix64 generator's output for the counter `state` (Steele, Lea and Flood, OOPSLA 2014).
fn hash(state: u64) -> u64 {
    let mut bits = state.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The `p` quantile of sorted values: the value of rank p (n + 1), between two of them by a straight line.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let last = sorted.len() - 1;
    let rank = (p * (sorted.len() + 1) as f64 - 1.0).clamp(0.0, last as f64);
    let below = rank as usize;
    let above = (below + 1).min(last);
    sorted[below] + (rank - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Resampler, hash, quantile};
    use crate::stats::t_interval;

    #[test]
    fn hash_is_the_published_splitmix64() {
        // The first two outputs of the generator seeded with 0.
        assert_eq!([hash(0), hash(1)], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn every_unit_is_drawn_equally_often() {
        // 2000 rows of 7: each unit is expected 2000 times, with a standard deviation of sqrt(14000 * 6 / 49) = 41.
        let mut drawn = [0i32; 7];
        (0..2000).flat_map(|draw| Resampler::new(3).row(draw, 7)).for_each(|unit| drawn[unit] += 1);
        assert!(drawn.iter().all(|count| (count - 2000).abs() < 4 * 41), "{drawn:?}");
    }

    #[test]
    fn quantiles_fall_on_order_statistics() {
        // Ranks of 4 values: .2 (4 + 1) = 1, the smallest; .5 * 5 = 2.5, halfway between the second and the third.
        let sorted = [1.0, 2.0, 4.0, 8.0];
        let found = [0.0, 0.2, 0.5, 0.8, 1.0].map(|p| quantile(&sorted, p));
        assert_eq!(found, [1.0, 1.0, 3.0, 8.0, 8.0]);
    }

    #[test]
    fn a_long_tail_reaches_farther_on_its_side() {
        let values: Vec<f64> = (0..20).map(|step| (f64::from(step) / 4.0).exp()).collect();
        let (low, high) = Resampler::new(1).interval(&values, 0.05);
        let (t_low, t_high) = t_interval(&values, 0.05);
        assert!(high > t_high && low == t_low);
    }

    #[test]
    fn one_hit_among_misses_has_a_finite_interval() {
        let mut values = vec![0.0; 10];
        values[4] = 1.0;
        let (low, high) = Resampler::new(1).interval(&values, 0.05);
        assert!(low < 0.0 && high > 0.1 && high.is_finite());
    }

    proptest! {
        #[test]
        fn it_moves_scales_and_mirrors_with_the_values(
            values in prop::collection::vec(-5.0..5.0f64, 10..30), shift in -9.0..9.0f64, scale in 0.1..9.0f64,
        ) {
            let resampler = Resampler::new(11);
            let (low, high) = resampler.interval(&values, 0.05);
            let moved: Vec<f64> = values.iter().map(|value| value * scale + shift).collect();
            let (moved_low, moved_high) = resampler.interval(&moved, 0.05);
            prop_assert!((moved_low - (low * scale + shift)).abs() < 1e-7);
            prop_assert!((moved_high - (high * scale + shift)).abs() < 1e-7);
            let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
            let (mirrored_low, mirrored_high) = resampler.interval(&mirrored, 0.05);
            prop_assert!((mirrored_low + high).abs() < 1e-7 && (mirrored_high + low).abs() < 1e-7);
        }
    }
}
