//! How far rankings agree.

use crate::stats::kendall;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Kendall's W, from 0 (none) to 1 (all rankings are equal); NaN where every ranking is one tie.
    pub concordance: f64,
    /// Kendall's tau between two rankings: its mean over all pairs, the least and the greatest.
    pub tau: f64,
    pub least: f64,
    pub greatest: f64,
}

impl Agreement {
    /// Of rankings of the same things, ties sharing their mean rank.
    pub fn of(ranks: &[Vec<f64>]) -> Self {
        let pairs = (0..ranks.len()).flat_map(|first| (first + 1..ranks.len()).map(move |second| (first, second)));
        let taus = pairs.map(|(first, second)| kendall(&ranks[first], &ranks[second]));
        let taus: Vec<f64> = taus.filter(|tau| !tau.is_nan()).collect();
        Self {
            concordance: concordance(ranks),
            tau: crate::stats::mean(&taus),
            least: taus.iter().copied().reduce(f64::min).unwrap_or(f64::NAN),
            greatest: taus.iter().copied().reduce(f64::max).unwrap_or(f64::NAN),
        }
    }
}

/// Kendall's W with its correction for ties: 12 S / (m² (n³ - n) - m T), with m rankings of n things, S the squared
/// deviations of the sums of ranks, and T the sum of t³ - t over all groups of t tied things in all rankings.
///
/// Reference: Kendall and Babington Smith, "The Problem of m Rankings", Annals of Mathematical Statistics 1939.
fn concordance(ranks: &[Vec<f64>]) -> f64 {
    let (m, n) = (ranks.len() as f64, ranks.first().map_or(0, Vec::len) as f64);
    let sums = (0..n as usize).map(|thing| ranks.iter().map(|ranks| ranks[thing]).sum::<f64>());
    let centre = m * (n + 1.0) / 2.0;
    let squares: f64 = sums.map(|sum| (sum - centre).powi(2)).sum();
    let ties: f64 = ranks.iter().map(|ranks| tied(ranks)).sum();
    12.0 * squares / (m * m * (n.powi(3) - n) - m * ties)
}

fn tied(ranks: &[f64]) -> f64 {
    let mut sorted = ranks.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|tied| (tied.len() as f64).powi(3) - tied.len() as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked() {
        // Sums 4, 5, 9 around 6: S = 4 + 1 + 9 = 14; W = 12 * 14 / (9 * 24) = 7/9.
        let ranks = [vec![1.0, 2.0, 3.0], vec![2.0, 1.0, 3.0], vec![1.0, 2.0, 3.0]];
        let agreement = Agreement::of(&ranks);
        assert!((agreement.concordance - 7.0 / 9.0).abs() < 1e-12);
        // Taus 1/3, 1 and 1/3.
        assert!((agreement.tau - 5.0 / 9.0).abs() < 1e-12);
        assert!((agreement.least - 1.0 / 3.0).abs() < 1e-12 && (agreement.greatest - 1.0).abs() < 1e-12);
    }

    #[test]
    fn equal_rankings_agree_with_ties_too_and_opposite_ones_do_not() {
        let equal = vec![vec![1.0, 2.5, 2.5]; 4];
        assert!((concordance(&equal) - 1.0).abs() < 1e-12);
        assert_eq!(concordance(&[vec![1.0, 2.0, 3.0], vec![3.0, 2.0, 1.0]]), 0.0);
        assert!(Agreement::of(&[vec![2.0; 3], vec![2.0; 3]]).concordance.is_nan());
    }

    proptest::proptest! {
        #[test]
        fn it_lies_between_none_and_all(values in proptest::collection::vec(proptest::collection::vec(0..5i32, 4), 2..6)) {
            let rank = |values: &Vec<i32>| {
                crate::stats::average_ranks(&values.iter().copied().map(f64::from).collect::<Vec<_>>())
            };
            let found = concordance(&values.iter().map(rank).collect::<Vec<_>>());
            proptest::prop_assert!(found.is_nan() || (-1e-12..=1.0 + 1e-12).contains(&found), "{found}");
        }
    }
}
