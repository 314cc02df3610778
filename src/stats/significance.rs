//! What a number of units can show at all: an exact test of few units has few p values to give.

/// The smallest two-sided p that `units` paired differences can reach in the sign-flip and in Wilcoxon's signed-rank
/// test: both extremes of the 2^n patterns of signs, 2^(1 - n). 1 for no unit.
pub fn smallest_p(units: usize) -> f64 {
    0.5f64.powf(units as f64 - 1.0).min(1.0)
}

/// The smallest number of units whose [`smallest_p`] does not exceed `alpha`; None for `alpha` outside (0, 1].
pub fn units_needed(alpha: f64) -> Option<usize> {
    (alpha > 0.0 && alpha <= 1.0).then(|| (1..).find(|&units| smallest_p(units) <= alpha)).flatten()
}

#[cfg(test)]
mod tests {
    use super::{smallest_p, units_needed};

    #[test]
    fn five_trainings_cannot_reach_one_in_twenty() {
        assert_eq!([0, 1, 2, 5, 6].map(smallest_p), [1.0, 1.0, 0.5, 0.0625, 0.03125]);
        assert_eq!([1.0, 0.05, 0.0625, 0.05 / 10.0].map(units_needed), [Some(1), Some(6), Some(5), Some(9)]);
    }

    #[test]
    fn no_number_of_units_reaches_nothing() {
        assert_eq!([0.0, -1.0, 2.0, f64::NAN].map(units_needed), [None; 4]);
        // The smallest positive f64 is 2^-1074.
        assert_eq!(units_needed(f64::from_bits(1)), Some(1075));
    }

    /// Wilcoxon's p by enumeration of all patterns of signs, for the clearest data there is: all differences positive.
    #[test]
    fn the_bound_is_what_the_test_reaches() {
        for units in 1..10u32 {
            let ranks: Vec<i64> = (1..=i64::from(units)).collect();
            let observed: i64 = ranks.iter().sum();
            let signed_sum = |pattern: u32| -> i64 {
                (0..units).zip(&ranks).map(|(bit, rank)| if pattern >> bit & 1 == 1 { -rank } else { *rank }).sum()
            };
            let extreme = (0..1u32 << units).filter(|&pattern| signed_sum(pattern).abs() >= observed).count();
            assert_eq!(smallest_p(units as usize), extreme as f64 / f64::from(1u32 << units));
        }
    }
}
