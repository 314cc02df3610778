//! Correlation of two lists: Pearson, Spearman, Kendall. Each is NaN where undefined: a constant list, a NaN, fewer
//! than two values. Each panics if the lists differ in length.

use super::intervals::mean;
use super::ranks::average_ranks;

/// Pearson's correlation, in [-1, 1].
pub fn pearson(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len(), "correlated lists have one length");
    let (Some(x), Some(y)) = (standardized(x), standardized(y)) else { return f64::NAN };
    x.iter().zip(&y).map(|(a, b)| a * b).sum::<f64>().clamp(-1.0, 1.0)
}

/// Spearman's correlation, in [-1, 1]: Pearson's of the ranks, ties sharing their average.
pub fn spearman(x: &[f64], y: &[f64]) -> f64 {
    pearson(&average_ranks(x), &average_ranks(y))
}

/// Kendall's tau-b, in [-1, 1], in O(n log n).
///
/// Definition: (concordant - discordant) / √((pairs - pairs tied in x) (pairs - pairs tied in y)).
///
/// Reference: Knight, JASA 1966.
pub fn kendall(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len(), "correlated lists have one length");
    let mut points: Vec<(f64, f64)> = average_ranks(x).into_iter().zip(average_ranks(y)).collect();
    if points.iter().any(|(a, b)| a.is_nan() || b.is_nan()) {
        return f64::NAN;
    }
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let tied_x = tied_pairs(&points, |a, b| a.0 == b.0);
    let tied_both = tied_pairs(&points, |a, b| a == b);
    // Sorted by x and, within ties of x, by y: the exchanges that sort y are the discordant pairs.
    let mut y: Vec<f64> = points.iter().map(|point| point.1).collect();
    let discordant = sort_counting_exchanges(&mut y);
    let tied_y = tied_pairs(&y, |a, b| a == b);
    let pairs = pairs_of(points.len());
    let concordant = pairs + tied_both - tied_x - tied_y - discordant;
    // The root of a square is exact, so that equal orders have exactly 1.
    (concordant - discordant) / ((pairs - tied_x) * (pairs - tied_y)).sqrt()
}

/// Deviations from the mean, scaled to unit length; None if the list is constant or not finite.
fn standardized(values: &[f64]) -> Option<Vec<f64>> {
    let centre = mean(values);
    let deviations: Vec<f64> = values.iter().map(|value| value - centre).collect();
    // Scaled by the largest first, so that squares neither overflow nor vanish.
    let largest = deviations.iter().fold(0.0, |largest: f64, deviation| largest.max(deviation.abs()));
    let length = deviations.iter().map(|deviation| (deviation / largest).powi(2)).sum::<f64>().sqrt();
    (largest > 0.0 && length.is_finite())
        .then(|| deviations.iter().map(|deviation| deviation / largest / length).collect())
}

/// Pairs are counted in f64, exact up to 2^53: 134 million values.
fn pairs_of(count: usize) -> f64 {
    count as f64 * (count as f64 - 1.0) / 2.0
}

fn tied_pairs<T>(sorted: &[T], equal: impl FnMut(&T, &T) -> bool) -> f64 {
    sorted.chunk_by(equal).map(|tied| pairs_of(tied.len())).sum()
}

/// Sorts by merging and counts the pairs that stood in the wrong order.
fn sort_counting_exchanges(values: &mut [f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut exchanges = sort_counting_exchanges(left) + sort_counting_exchanges(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if right[j] < left[i] {
            exchanges += (left.len() - i) as f64;
            merged.push(right[j]);
            j += 1;
        } else {
            merged.push(left[i]);
            i += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    values.copy_from_slice(&merged);
    exchanges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{kendall, pearson, spearman};

    #[test]
    fn hand_worked() {
        let (x, y) = ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 2.0]);
        // Deviations -1.5, -.5, .5, 1.5 and -1, 1, 0, 0: products sum to 1, squares to 5 and 2: 1 / sqrt(10).
        assert!((pearson(&x, &y) - 1.0 / 10f64.sqrt()).abs() < 1e-12);
        // Ranks of y 1, 4, 2.5, 2.5; deviations -1.5, 1.5, 0, 0: products 1.5, squares 5 and 4.5: 1.5 / sqrt(22.5).
        assert!((spearman(&x, &y) - 1.5 / 22.5f64.sqrt()).abs() < 1e-12);
        // Pairs: 3 with the first concordant, 2 of the second discordant, the last tied in y: (3 - 2) / sqrt(6 * 5).
        assert!((kendall(&x, &y) - 1.0 / 30f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_constant_a_nan_or_a_single_value_is_undefined() {
        let varied = [1.0, 2.0, 3.0];
        for correlation in [pearson, spearman, kendall] {
            for other in [[0.1; 3], [1.0, f64::NAN, 2.0]] {
                assert!(correlation(&varied, &other).is_nan() && correlation(&other, &varied).is_nan());
            }
            assert!(correlation(&[1.0], &[2.0]).is_nan() && correlation(&[], &[]).is_nan());
        }
        assert!(pearson(&varied, &[1.0, f64::INFINITY, 2.0]).is_nan());
    }

    #[test]
    fn tiny_and_huge_values_keep_their_correlation() {
        for scale in [1e-300, 1e300] {
            let (x, y) = ([1.0, 2.0, 3.0, 4.0].map(|value| value * scale), [1.0, 3.0, 2.0, 2.0]);
            assert!((pearson(&x, &y) - 1.0 / 10f64.sqrt()).abs() < 1e-12);
        }
    }

    /// Lists with many ties.
    fn lists() -> impl Strategy<Value = Vec<(f64, f64)>> {
        prop::collection::vec((-4..4i32, -4..4i32).prop_map(|(a, b)| (f64::from(a), f64::from(b))), 2..40)
    }

    proptest! {
        #[test]
        fn kendall_counts_pairs(points in lists()) {
            let (x, y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
            let (mut agreement, mut untied_x, mut untied_y) = (0.0, 0.0, 0.0);
            for (i, a) in points.iter().enumerate() {
                for b in &points[..i] {
                    let (dx, dy) = (a.0 - b.0, a.1 - b.1);
                    agreement += if dx * dy == 0.0 { 0.0 } else { (dx * dy).signum() };
                    untied_x += f64::from(dx != 0.0);
                    untied_y += f64::from(dy != 0.0);
                }
            }
            let expected = agreement / f64::sqrt(untied_x * untied_y);
            let found = kendall(&x, &y);
            prop_assert!((found - expected).abs() < 1e-12 || (found.is_nan() && expected.is_nan()));
        }

        #[test]
        fn they_are_symmetric_and_odd(points in lists()) {
            let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            let negative: Vec<f64> = y.iter().map(|value| -value).collect();
            for correlation in [pearson, spearman, kendall] {
                let found = correlation(&x, &y);
                if found.is_nan() {
                    prop_assert!(correlation(&y, &x).is_nan());
                    continue;
                }
                prop_assert!((correlation(&y, &x) - found).abs() < 1e-12);
                prop_assert!((correlation(&x, &negative) + found).abs() < 1e-12);
                prop_assert!((correlation(&x, &x) - 1.0).abs() < 1e-12);
            }
        }

        #[test]
        fn rank_correlations_see_only_the_order(points in lists()) {
            let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            let bent: Vec<f64> = x.iter().map(|value| value.exp()).collect();
            for correlation in [spearman, kendall] {
                prop_assert_eq!(correlation(&x, &y).to_bits(), correlation(&bent, &y).to_bits());
            }
        }
    }
}
