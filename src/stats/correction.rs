//! Correction for many tests.

/// Holm's adjusted p values, in the order given: comparing them with alpha keeps the chance of any false alarm in the
/// family at or below alpha, whatever the dependence between the tests.
///
/// Definition: the k-th smallest of m becomes the largest so far of (m - k + 1) p, at most 1. NaN stays NaN and is not
/// of the family.
///
/// Reference: Holm, Scandinavian Journal of Statistics 1979.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|&index| !p_values[index].is_nan()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![f64::NAN; p_values.len()];
    let mut largest: f64 = 0.0;
    for (place, &index) in order.iter().enumerate() {
        largest = largest.max((order.len() - place) as f64 * p_values[index]).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::holm;

    #[test]
    fn hand_worked() {
        // Sorted .01, .02, .03, .5 by 4, 3, 2, 1: .04, .06, .06 (not less than the one before), .5.
        let adjusted = holm(&[0.03, 0.01, f64::NAN, 0.5, 0.02]);
        for (found, expected) in adjusted.iter().zip([0.06, 0.04, f64::NAN, 0.5, 0.06]) {
            assert!((found - expected).abs() < 1e-12 || (found.is_nan() && expected.is_nan()), "{adjusted:?}");
        }
        assert!(holm(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn it_lies_between_none_and_bonferroni_and_keeps_the_order(p in prop::collection::vec(0.0..1.0f64, 1..20)) {
            let adjusted = holm(&p);
            for (i, &raw) in p.iter().enumerate() {
                prop_assert!(raw <= adjusted[i] && adjusted[i] <= (raw * p.len() as f64).min(1.0));
                prop_assert!((0..p.len()).all(|j| p[j] > raw || adjusted[j] <= adjusted[i]));
            }
        }
    }
}
