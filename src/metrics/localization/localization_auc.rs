//! # Definition
//! `auc`: the probability that a pixel of the evidence has a higher value than a pixel of the rest of the image, equal
//! values counting one half: the area under the ROC curve of the map as a detector of the evidence. Higher is better;
//! 0.5 is what a map that knows nothing scores. Examples in which evidence and rest share a value are counted ("tied
//! ranks").
//!
//! # Parameters
//! - `largest` (0.5): images of which evidence covers more than this share are left out; with 1, only those it fills.
//!
//! # Cost
//! No passes.
//!
//! # Reference
//! Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 2006; Mann and Whitney 1947 (by ranks).

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::judged::{Judged, flags, largest};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Line, Measure, Metric, Scores};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "localization-auc",
    summary: "area under the ROC curve of the map as a detector of the evidence",
    reference: "Fawcett 2006",
    revision: 1,
    source: concat!(include_str!("localization_auc.rs"), include_str!("judged.rs")),
    read: |section| Some(Arc::new(LocalizationAuc { largest: largest(section) })),
};

pub struct LocalizationAuc {
    pub largest: f64,
}

impl Metric for LocalizationAuc {
    fn family(&self) -> Family {
        Family::Localization
    }

    fn measures(&self) -> Vec<Measure> {
        vec![Measure::new("auc", Direction::Higher, 0.02).against(&[Line::Chance(0.5)])]
    }

    fn needs_truth(&self) -> bool {
        true
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let judged = Judged::new(given, self.largest)?;
        let (auc, tied) = auc(&judged)?;
        Ok(judged.scores(vec![("auc", judged.valid(&auc)?)], &[("tied ranks", flags(&tied)?)]))
    }
}

/// The area of each example, float64 [B], and whether evidence ties with the rest, bool [B].
pub fn auc(judged: &Judged) -> Result<(Tensor, Tensor)> {
    let (ascending, order) = judged.map.f_sort(1, false)?;
    let pixels = ascending.size()[1];
    // Equal values form a group; groups are counted upwards from 0.
    let [low, high] = [0, 1].map(|start| ascending.f_narrow(1, start, pixels - 1));
    let group = high?.f_ne_tensor(&low?)?.f_cumsum(1, Kind::Int64)?.f_constant_pad_nd([1, 0])?;
    let in_groups = |mask: &Tensor| -> Result<Tensor> {
        let members = mask.f_to_kind(Kind::Double)?.f_gather(1, &order, false)?;
        Ok(members.f_zeros_like()?.f_scatter_add(1, &group, &members)?)
    };
    let rest = match &judged.ignored {
        Some(ignored) => judged.truth.f_logical_or(ignored)?.f_logical_not()?,
        None => judged.truth.f_logical_not()?,
    };
    let (evidence, rest) = (in_groups(&judged.truth)?, in_groups(&rest)?);
    let ties = evidence.f_mul(&rest)?;
    // What lies in lower groups, or in the same one, which is half a win.
    let beaten = rest.f_cumsum(1, Kind::Double)?.f_mul(&evidence)?.f_sub(&ties.f_mul_scalar(0.5)?)?;
    let wins = beaten.f_sum_dim_intlist(1, false, Kind::Double)?;
    let pairs = judged.pixels.f_sub(&judged.inside)?.f_mul(&judged.inside)?;
    Ok((wins.f_div(&pairs)?, ties.f_amax(1, false)?.f_gt(0.0)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::judged::tests::one;
    use super::*;

    fn of(map: &[f64], truth: &[u8], ignored: &[u8]) -> (f64, bool) {
        let (auc, tied) = auc(&one(map, truth, ignored)).unwrap();
        (auc.double_value(&[0]), tied.int64_value(&[0]) == 1)
    }

    /// The pairs (evidence, rest): 3 > 2, 3 > 1, 1 < 2 and 1 = 1, which is half a win.
    #[test]
    fn equal_values_are_half_a_win() {
        assert_eq!(of(&[3., 1., 2., 1.], &[1, 1, 0, 0], &[0; 4]), (2.5 / 4.0, true));
        assert_eq!(of(&[3., 0., 2., 1.], &[1, 1, 0, 0], &[0; 4]), (2.0 / 4.0, false));
    }

    proptest! {
        #[test]
        fn the_area_is_the_share_of_pairs_that_evidence_wins(
            pixels in prop::collection::vec((-2i8..3, 0u8..3), 2..30)
        ) {
            // Kind 2 is ignored.
            let map: Vec<f64> = pixels.iter().map(|pixel| f64::from(pixel.0)).collect();
            let of_kind = |kind| pixels.iter().map(|pixel| u8::from(pixel.1 == kind)).collect::<Vec<u8>>();
            let values = |kind| map.iter().zip(of_kind(kind)).filter(|(_, is)| *is == 1).map(|(value, _)| *value);
            let win = |inside: f64, rest: f64| match inside.total_cmp(&rest) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Greater => 1.0,
            };
            let pairs: Vec<f64> = values(1).flat_map(|inside| values(0).map(move |rest| win(inside, rest))).collect();
            prop_assume!(!pairs.is_empty());
            let expected = pairs.iter().sum::<f64>() / pairs.len() as f64;
            let (auc, _) = of(&map, &of_kind(1), &of_kind(2));
            prop_assert!((auc - expected).abs() < 1e-12, "{auc} {expected}");
        }
    }
}
