//! Ranks, with ties sharing their average.

/// The rank of each value from 1 (smallest) to n; equal values share the mean of the ranks they take up.
///
/// A NaN has no place in an order, so it leaves all ranks NaN.
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    if values.iter().any(|value| value.is_nan()) {
        return vec![f64::NAN; values.len()];
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    // Compared by ==, not by total_cmp: -0 and 0 are a tie.
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let shared = before as f64 + (tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|&index| ranks[index] = shared);
        before += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::average_ranks;

    #[test]
    fn ties_share_the_mean_of_their_ranks() {
        // 1 takes rank 1; the two 3s take 2 and 3; the three 5s take 4, 5 and 6.
        assert_eq!(average_ranks(&[5.0, 1.0, 3.0, 5.0, 3.0, 5.0]), [5.0, 1.0, 2.5, 5.0, 2.5, 5.0]);
        assert_eq!(average_ranks(&[0.0, -0.0, f64::INFINITY]), [1.5, 1.5, 3.0]);
        assert!(average_ranks(&[]).is_empty());
    }

    #[test]
    fn nan_has_no_order() {
        assert!(average_ranks(&[1.0, f64::NAN]).iter().all(|rank| rank.is_nan()));
    }

    proptest! {
        #[test]
        fn a_rank_counts_the_smaller_and_half_the_other_equals(values in prop::collection::vec(-5..5i32, 0..40)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let count = |holds: &dyn Fn(f64) -> bool| values.iter().filter(|&&value| holds(value)).count() as f64;
            let expected: Vec<f64> = values
                .iter()
                .map(|&value| count(&|other| other < value) + (count(&|other| other == value) + 1.0) / 2.0)
                .collect();
            prop_assert_eq!(average_ranks(&values), expected);
        }
    }
}
