//! Quantiles with intervals that assume nothing of the distribution.

use std::collections::BTreeMap;

use statrs::distribution::{Binomial, DiscreteCDF};

use super::intervals::{Interval, mean, t_interval};
use super::{Estimate, Inference, Population, Sample};

/// The smallest value that at least a share `q` of the values does not exceed; NaN of none. `q` lies in (0, 1).
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // 0.07 of 100 is 7.000000000000001.
    let place = (1..=sorted.len()).find(|place| *place as f64 >= q * sorted.len() as f64 - 1e-9);
    place.map_or(f64::NAN, |place| sorted[place - 1])
}

/// The interval of a quantile at level `1 - alpha`: from the largest of the ordered values that lies above the quantile with
/// probability `alpha / 2` at most to the smallest that lies below it so, by the binomial distribution of how many values lie
/// below. NaN where there are too few values for either end, see [`quantile_needs`].
///
/// Reference: Thompson, "On Confidence Ranges for the Median and Other Expectation Distributions", 1936.
pub fn quantile_interval(values: &[f64], q: f64, alpha: f64) -> Interval {
    let undefined = (f64::NAN, f64::NAN);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as u64;
    let Ok(below) = Binomial::new(q, count) else { return undefined };
    // The l-th value lies above the quantile if fewer than l values lie below it, the u-th lies below if at least u do.
    let low = (1..=sorted.len()).rev().find(|place| below.cdf(*place as u64 - 1) <= alpha / 2.0);
    let high = (1..=sorted.len()).find(|place| 1.0 - below.cdf(*place as u64 - 1) <= alpha / 2.0);
    match (low, high) {
        (Some(low), Some(high)) => (sorted[low - 1], sorted[high - 1]),
        _ => undefined,
    }
}

/// From how many values on a quantile has an interval.
pub fn quantile_needs(q: f64, alpha: f64) -> usize {
    // Either all values lie on one side of it, or all on the other.
    let misses = |share: f64| ((alpha / 2.0).ln() / share.ln()).ceil();
    misses(1.0 - q).max(misses(q)).max(1.0) as usize
}

/// Which of a distribution's ends a quantile cuts off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    Lower,
    Upper,
}

impl Inference {
    /// What at most a share of the units lies below, or above, with its interval. Over new images: of the images, each with its
    /// worst value among the networks, as [`quantile_interval`] says. Over new trainings: Student's t on the quantiles of the
    /// networks. A value that is not a number is worse than any, so that what is undefined cannot pass for good.
    pub fn quantile(&self, sample: &Sample, share: f64, tail: Tail) -> Estimate {
        // The upper tail is the lower one seen from the other side.
        let sign = if tail == Tail::Lower { 1.0 } else { -1.0 };
        let seen = |value: f64| if value.is_finite() { sign * value } else { f64::NEG_INFINITY };
        let (point, (low, high), n) = match self.over {
            Population::Model => {
                let mut images: BTreeMap<u64, f64> = BTreeMap::new();
                for &(id, value) in sample.networks.iter().flatten() {
                    let worst = images.entry(id).or_insert(f64::INFINITY);
                    *worst = worst.min(seen(value));
                }
                let images: Vec<f64> = images.into_values().collect();
                (quantile(&images, share), quantile_interval(&images, share, self.alpha), images.len())
            }
            Population::Recipe => {
                let networks = sample.networks.iter().filter(|network| !network.is_empty());
                let values = networks.map(|network| network.iter().map(|(_, value)| seen(*value)).collect::<Vec<_>>());
                let trainings: Vec<f64> = values.map(|values| quantile(&values, share)).collect();
                (mean(&trainings), t_interval(&trainings, self.alpha), trainings.len())
            }
        };
        let (low, high) = if tail == Tail::Lower { (low, high) } else { (-high, -low) };
        Estimate { point: sign * point, low, high, n, invalid: sample.invalid(), covers: self.over }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Resampler;

    #[test]
    fn quantiles_by_hand() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.2, 0.21, 0.5, 0.8, 0.99].map(|q| quantile(&values, q)), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(quantile(&[], 0.5).is_nan());
    }

    /// The median of ten values at 95 %: P(Bin(10, 1/2) <= 1) = 11 / 1024 = .0107 and P(.. <= 2) = 56 / 1024 = .0547, so the
    /// second from either end.
    #[test]
    fn the_interval_of_a_median() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(quantile_interval(&values, 0.5, 0.05), (2.0, 9.0));
        // Of five all would have to lie on one side: 2 / 32 > .05.
        assert!(quantile_interval(&values[..5], 0.5, 0.05).0.is_nan());
        assert_eq!(quantile_interval(&values[..6], 0.5, 0.05), (1.0, 6.0));
        assert_eq!(quantile_needs(0.5, 0.05), 6);
    }

    /// .95^72 = .0249.
    #[test]
    fn rare_quantiles_need_many_values() {
        assert_eq!((quantile_needs(0.05, 0.05), quantile_needs(0.95, 0.05)), (72, 72));
        let values = vec![0.5; 72];
        assert_eq!(quantile_interval(&values, 0.05, 0.05), (0.5, 0.5));
        assert_eq!(quantile_interval(&values, 0.95, 0.05), (0.5, 0.5));
        assert!(quantile_interval(&values[1..], 0.05, 0.05).0.is_nan());
    }

    #[test]
    fn the_unit_is_the_image_or_the_training() {
        let network = |values: [f64; 3]| (0..).zip(values).collect::<Vec<(u64, f64)>>();
        let sample = Sample { networks: vec![network([1.0, 2.0, 6.0]), network([3.0, 4.0, f64::NAN])] };
        let over = |over| Inference { over, alpha: 0.05, resampler: Resampler::new(0) };
        // Images at their worst: 1, 2, and one that is undefined in the second network.
        let model = over(Population::Model).quantile(&sample, 0.5, Tail::Lower);
        assert_eq!((model.point, model.n, model.invalid), (1.0, 3, 1));
        assert!(model.low.is_nan());
        let from_above = over(Population::Model).quantile(&sample, 0.5, Tail::Upper);
        assert_eq!(from_above.point, 4.0, "3, 4 and undefined");
        // Trainings: 2, and 3 of (undefined, 3, 4).
        let recipe = over(Population::Recipe).quantile(&sample, 0.5, Tail::Lower);
        assert_eq!((recipe.point, recipe.n), (2.5, 2));
        assert_eq!((recipe.low, recipe.high), t_interval(&[2.0, 3.0], 0.05));
    }

    /// A share of .07 of 0 to 99: the seventh from either end, and what is undefined lies beyond both.
    #[test]
    fn both_tails_are_mirrors() {
        let inference = Inference { over: Population::Model, alpha: 0.05, resampler: Resampler::new(0) };
        let mut values: Vec<(u64, f64)> = (0..100).map(|id| (id, id as f64)).collect();
        let of = |values: &[(u64, f64)], tail| {
            inference.quantile(&Sample { networks: vec![values.to_vec()] }, 0.07, tail).point
        };
        assert_eq!((of(&values, Tail::Lower), of(&values, Tail::Upper)), (6.0, 93.0));
        values[50].1 = f64::NAN;
        assert_eq!((of(&values, Tail::Lower), of(&values, Tail::Upper)), (5.0, 94.0));
    }
}
