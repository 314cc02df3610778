//! How much of the top of a map is evidence.

use tch::{Kind, Tensor};

use super::judged::{Judged, count};
use crate::error::Result;

pub struct Overlap {
    /// The share of the highest pixels that is evidence, float64 [B]. Where ties cross the boundary it is the expected
    /// share if every choice among the tied pixels were equally likely.
    pub share: Tensor,
    /// Whether that choice matters, bool [B].
    pub tied: Tensor,
}

/// Of the `top` [B] highest judged pixels, each at least 1 and at most the number of pixels.
pub fn overlap(judged: &Judged, top: &Tensor) -> Result<Overlap> {
    let map = judged.ordered()?;
    let (descending, _) = map.f_sort(1, true)?;
    let last = top.f_sub_scalar(1.0)?.f_to_kind(Kind::Int64)?.f_unsqueeze(1)?;
    let boundary = descending.f_gather(1, &last, false)?;
    let (above, equal) = (map.f_gt_tensor(&boundary)?, map.f_eq_tensor(&boundary)?);
    let hits = count(&above.f_logical_and(&judged.truth)?)?;
    let open = top.f_sub(&count(&above)?)?;
    let (candidates, good) = (count(&equal)?, count(&equal.f_logical_and(&judged.truth)?)?);
    // A draw without replacement: each candidate fills an open place with the same probability.
    let share = hits.f_add(&open.f_mul(&good)?.f_div(&candidates)?)?.f_div(top)?;
    let mixed = good.f_gt(0.0)?.f_logical_and(&good.f_lt_tensor(&candidates)?)?;
    Ok(Overlap { share, tied: open.f_lt_tensor(&candidates)?.f_logical_and(&mixed)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::judged::tests::one;
    use super::*;

    fn of_top(top: f64, map: &[f64], truth: &[u8], ignored: &[u8]) -> (f64, bool) {
        let overlap = overlap(&one(map, truth, ignored), &Tensor::from_slice(&[top])).unwrap();
        (overlap.share.double_value(&[0]), overlap.tied.int64_value(&[0]) == 1)
    }

    /// Of the top 3, the 9 is evidence; two places are left for the four 5s, of which one is evidence: half a hit more.
    #[test]
    fn ties_across_the_boundary_count_with_their_expected_value() {
        let map = [9., 5., 5., 5., 5., 1.];
        assert_eq!(of_top(3.0, &map, &[1, 1, 0, 0, 0, 0], &[0; 6]), (1.5 / 3.0, true));
        // All of the tied are in the top, or all are of one kind: nothing to choose.
        assert_eq!(of_top(5.0, &map, &[1, 1, 0, 0, 0, 0], &[0; 6]), (2.0 / 5.0, false));
        assert_eq!(of_top(3.0, &map, &[1, 0, 0, 0, 0, 0], &[0; 6]), (1.0 / 3.0, false));
        // Ignored, a tied pixel is no candidate: two places for three 5s.
        assert_eq!(of_top(3.0, &map, &[1, 1, 0, 0, 0, 0], &[0, 0, 1, 0, 0, 0]), ((1.0 + 2.0 / 3.0) / 3.0, true));
    }

    proptest! {
        /// The mean over all orders of the pixels, of the share that the first `top` of a stable sort hold.
        #[test]
        fn the_expected_value_is_the_mean_over_all_orders(
            values in prop::collection::vec(0u8..3, 5), truth in prop::collection::vec(0u8..2, 5), top in 1usize..6,
        ) {
            let orders = (0..3125).map(|code| (0..5).map(|digit| code / 5usize.pow(digit) % 5).collect::<Vec<_>>());
            let orders: Vec<Vec<usize>> = orders.filter(|order| (0..5).all(|pixel| order.contains(&pixel))).collect();
            prop_assert_eq!(orders.len(), 120);
            let shares = orders.into_iter().map(|mut order| {
                order.sort_by_key(|&pixel| std::cmp::Reverse(values[pixel]));
                order[..top].iter().map(|&pixel| f64::from(truth[pixel])).sum::<f64>() / top as f64
            });
            let shares: Vec<f64> = shares.collect();
            let map: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
            let (share, tied) = of_top(top as f64, &map, &truth, &[0; 5]);
            prop_assert!((share - shares.iter().sum::<f64>() / 120.0).abs() < 1e-12);
            prop_assert_eq!(tied, shares.iter().any(|other| *other != shares[0]));
        }
    }
}
