//! Intervals in closed form: Student's t for a mean, Wilson's for a share of hits; and the quantiles they need.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Lower and upper end of a two-sided interval; NaN where it is undefined.
pub type Interval = (f64, f64);

/// The interval of a mean that too few units support.
const UNDEFINED: Interval = (f64::NAN, f64::NAN);

/// The arithmetic mean, NaN of nothing. Summing distances from the first value makes it exact for equal values.
pub fn mean(values: &[f64]) -> f64 {
    let Some(&first) = values.first() else { return f64::NAN };
    first + values.iter().map(|value| value - first).sum::<f64>() / values.len() as f64
}

/// The variance with the divisor `n - 1`, NaN of fewer than two values.
pub(super) fn variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let centre = mean(values);
    values.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

/// The `p` quantile of the standard normal distribution; NaN for `p` outside (0, 1).
pub fn normal_quantile(p: f64) -> f64 {
    if p > 0.0 && p < 1.0 { Normal::standard().inverse_cdf(p) } else { f64::NAN }
}

/// The `p` quantile of Student's t with `freedom` degrees of freedom; NaN for `p` outside (0, 1) or no freedom.
pub fn t_quantile(p: f64, freedom: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(student) if p > 0.0 && p < 1.0 => student.inverse_cdf(p),
        _ => f64::NAN,
    }
}

/// Student's interval of the mean at level `1 - alpha`: mean ± t · s / √n. NaN for fewer than two values.
pub fn t_interval(values: &[f64], alpha: f64) -> Interval {
    if values.len() < 2 {
        return UNDEFINED;
    }
    let count = values.len() as f64;
    let reach = t_quantile(1.0 - alpha / 2.0, count - 1.0) * (variance(values) / count).sqrt();
    (mean(values) - reach, mean(values) + reach)
}

/// Wilson's score interval of a probability from `hits` among `count` trials, at level `1 - alpha`. NaN of no trials.
///
/// Reference: Wilson 1927; recommended for small counts by Brown, Cai and DasGupta, Statistical Science 2001.
pub fn wilson_interval(hits: usize, count: usize, alpha: f64) -> Interval {
    if count == 0 {
        return UNDEFINED;
    }
    let (count, share) = (count as f64, hits as f64 / count as f64);
    let z = normal_quantile(1.0 - alpha / 2.0);
    let shrink = 1.0 + z * z / count;
    let centre = (share + z * z / (2.0 * count)) / shrink;
    let reach = z / shrink * (share * (1.0 - share) / count + (z / (2.0 * count)).powi(2)).sqrt();
    ((centre - reach).max(0.0), (centre + reach).min(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{mean, normal_quantile, t_interval, t_quantile, variance, wilson_interval};

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-8 * b.abs().max(1.0)
    }

    #[test]
    fn quantiles_agree_with_closed_forms() {
        assert!(near(normal_quantile(0.975), 1.959963984540054));
        // One degree of freedom is the Cauchy distribution: tan(pi (p - 1/2)).
        assert!(near(t_quantile(0.975, 1.0), (std::f64::consts::PI * 0.475).tan()));
        // Two: a sqrt(2 / (1 - a^2)) with a = 2p - 1 = .95.
        assert!(near(t_quantile(0.975, 2.0), 0.95 * (2.0 / (1.0 - 0.95f64.powi(2))).sqrt()));
        assert!(near(t_quantile(0.025, 2.0), -t_quantile(0.975, 2.0)));
        for p in [0.0, 1.0, -1.0, f64::NAN] {
            assert!(normal_quantile(p).is_nan() && t_quantile(p, 3.0).is_nan());
        }
        assert!(t_quantile(0.975, 0.0).is_nan());
    }

    #[test]
    fn t_interval_of_three_values() {
        // 1, 2, 3: mean 2, s = 1, s / sqrt(3) = .577350, t(.975, 2) = 4.302653, reach 2.484138.
        let (low, high) = t_interval(&[1.0, 2.0, 3.0], 0.05);
        assert!((low + 0.484138).abs() < 1e-6 && (high - 4.484138).abs() < 1e-6);
    }

    #[test]
    fn too_few_values_have_no_interval() {
        assert!(t_interval(&[1.0], 0.05).0.is_nan() && t_interval(&[], 0.05).1.is_nan());
        assert!(mean(&[]).is_nan() && variance(&[1.0]).is_nan() && wilson_interval(0, 0, 0.05).0.is_nan());
    }

    #[test]
    fn wilson_interval_of_half_and_of_none() {
        // 5 of 10: centre 1/2, reach = z / (2 sqrt(n + z^2)) = 1.959964 / (2 sqrt(13.841459)) = .263407.
        let (low, high) = wilson_interval(5, 10, 0.05);
        assert!((low - 0.236593).abs() < 1e-6 && (high - 0.763407).abs() < 1e-6);
        // 0 of 10: from 0 to z^2 / (n + z^2) = 3.841459 / 13.841459 = .277533.
        let (low, high) = wilson_interval(0, 10, 0.05);
        assert!(low.abs() < 1e-12 && (high - 0.277533).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn equal_values_have_exactly_their_mean(value in -1e6..1e6f64, count in 2..40usize) {
            let values = vec![value; count];
            prop_assert_eq!(mean(&values), value);
            prop_assert_eq!(t_interval(&values, 0.05), (value, value));
        }

        #[test]
        fn wilson_of_misses_mirrors_that_of_hits(count in 1..300usize, part in 0.0..1.0f64, alpha in 0.001..0.5f64) {
            let hits = (part * count as f64) as usize;
            let (low, high) = wilson_interval(hits, count, alpha);
            let (mirror_low, mirror_high) = wilson_interval(count - hits, count, alpha);
            prop_assert!((low - (1.0 - mirror_high)).abs() < 1e-12 && (high - (1.0 - mirror_low)).abs() < 1e-12);
            let share = hits as f64 / count as f64;
            prop_assert!(low <= share + 1e-12 && share <= high + 1e-12);
        }
    }
}
