//! Ranks of the pixels of maps, of the signed numbers and of their magnitudes, by one sort: that of the magnitudes. Positive numbers
//! are in the same order as their magnitudes, negative ones in the opposite order, and zeros between them.

use tch::{Device, Kind, Tensor};

use crate::error::Result;

/// Ranks [B, D] of maps with D pixels, float64, each minus the mean of all ranks, (D - 1) / 2. Equal numbers share the average of
/// their ranks. A map with a NaN has no ranks: its row is all NaN.
pub(super) struct Ranks {
    pub signed: Tensor,
    pub absolute: Tensor,
}

impl Ranks {
    /// Of maps [B, ..].
    pub fn of(maps: &Tensor) -> Result<Self> {
        let rows = maps.f_flatten(1, -1)?;
        match rows.device() {
            Device::Cpu => Self::by_row(&rows),
            _ => {
                let middle = (rows.size2()?.1 - 1) as f64 / 2.0;
                let centered = |rows: &Tensor| sorted_ranks(rows)?.f_sub_scalar(middle);
                Ok(Self { signed: centered(&rows)?, absolute: centered(&rows.f_abs()?)? })
            }
        }
    }

    /// Row by row, without libtorch: its sort takes about ten times as long as this one.
    fn by_row(rows: &Tensor) -> Result<Self> {
        let size = rows.size();
        let values = Vec::<f64>::try_from(rows.f_contiguous()?.f_view([-1])?)?;
        let (mut signed, mut absolute) = (vec![f64::NAN; values.len()], vec![f64::NAN; values.len()]);
        let width = usize::try_from(size[1]).unwrap_or(0).max(1);
        let mut order = Vec::with_capacity(width);
        let ranks = signed.chunks_mut(width).zip(absolute.chunks_mut(width));
        for (row, (signed, absolute)) in values.chunks(width).zip(ranks) {
            rank_row(row, signed, absolute, &mut order);
        }
        let tensor = |ranks: &[f64]| Tensor::f_from_slice(ranks)?.f_view(size.as_slice());
        Ok(Self { signed: tensor(&signed)?, absolute: tensor(&absolute)? })
    }
}

/// Writes the ranks of `row`, and of its magnitudes, minus their mean; leaves both as they are if there is a NaN. `order` is
/// working space.
fn rank_row(row: &[f64], signed: &mut [f64], absolute: &mut [f64], order: &mut Vec<(u64, u32)>) {
    if row.iter().any(|value| value.is_nan()) {
        return;
    }
    order.clear();
    // Numbers that are not negative are ordered as their bits.
    order.extend(row.iter().zip(0..).map(|(value, place): (_, u32)| (value.abs().to_bits(), place)));
    order.sort_unstable();
    let middle = (row.len() as f64 - 1.0) / 2.0;
    let negative = row.iter().filter(|value| **value < 0.0).count() as f64;
    let zero = row.iter().filter(|value| **value == 0.0).count() as f64;
    // Of smaller magnitude, with and without regard to signs.
    let (mut before, mut positive_before, mut negative_before) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let value = |(_, place): &(u64, u32)| row[*place as usize];
        let all = tied.len() as f64;
        let below = tied.iter().filter(|one| value(one) < 0.0).count() as f64;
        let above = tied.iter().filter(|one| value(one) > 0.0).count() as f64;
        // The average rank of n numbers that follow k others: k + (n - 1) / 2.
        let shared = |before: f64, count: f64| before + (count - 1.0) / 2.0 - middle;
        let magnitude = shared(before, all);
        let of_negative = shared(negative - negative_before - below, below);
        let of_positive = shared(negative + zero + positive_before, above);
        let of_zero = shared(negative, zero);
        for one in tied {
            let place = one.1 as usize;
            absolute[place] = magnitude;
            signed[place] = match value(one) {
                value if value < 0.0 => of_negative,
                value if value > 0.0 => of_positive,
                _ => of_zero,
            };
        }
        before += all;
        negative_before += below;
        positive_before += above;
    }
}

/// The rank, from 0, of each number within its row of `rows` [B, D], as tensors: for maps that are not on the CPU.
fn sorted_ranks(rows: &Tensor) -> Result<Tensor, tch::TchError> {
    let size = rows.size();
    let last = size[1] - 1;
    let (sorted, places) = rows.f_sort(1, false)?;
    // Where a run of equal numbers begins and ends in the sorted row, carried to all of its members.
    let places_of = Tensor::f_arange(size[1], (Kind::Int64, rows.device()))?.f_expand(size.as_slice(), false)?;
    let changes = sorted.f_narrow(1, 1, last)?.f_ne_tensor(&sorted.f_narrow(1, 0, last)?)?;
    let edge = Tensor::f_ones([size[0], 1], (Kind::Bool, rows.device()))?;
    let (begins, ends) = (Tensor::f_cat(&[&edge, &changes], 1)?, Tensor::f_cat(&[&changes, &edge], 1)?);
    let begin = places_of.f_where_scalarother(&begins, 0)?.f_cummax(1)?.0;
    let end = places_of.f_where_scalarother(&ends, last)?.f_flip([1])?.f_cummin(1)?.0.f_flip([1])?;
    let rank = begin.f_add(&end)?.f_to_kind(Kind::Double)?.f_div_scalar(2.0)?;
    let ranks = rank.f_empty_like()?.f_scatter(1, &places, &rank)?;
    let unordered = rows.f_isnan()?.f_any_dim(1, true)?;
    ranks.f_masked_fill(&unordered, f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;
    use crate::stats::average_ranks;

    /// 3, -1, 0, 1, -0, -3, 1 in order: -3, -1, 0 and -0, 1 and 1, 3; by magnitude 0 and 0, three 1s, two 3s. The mean rank is 3.
    #[test]
    fn ranks_by_hand() {
        let ranks = Ranks::of(&Tensor::from_slice(&[3.0, -1.0, 0.0, 1.0, -0.0, -3.0, 1.0]).view([1, 7])).unwrap();
        let numbers = |ranks: &Tensor| Vec::<f64>::try_from(ranks.view([-1])).unwrap();
        assert_eq!(numbers(&ranks.signed), [3.0, -2.0, -0.5, 1.5, -0.5, -3.0, 1.5]);
        assert_eq!(numbers(&ranks.absolute), [2.5, 0.0, -2.5, 0.0, -2.5, 2.5, 0.0]);
    }

    /// Three ways of ranking give the same bits, with ties, infinities and a NaN.
    #[test]
    fn rows_tensors_and_statistics_agree() {
        let smooth = Noise::new(3).normal(&[0, 1, 2, 3, 4, 5], &[97], Kind::Double, Device::Cpu).unwrap() * 3.0;
        let maps = smooth.round().where_self(&smooth.gt(0.4), &smooth);
        let _ = maps.get(1).fill_(0.25);
        let _ = maps.get(2).narrow(0, 0, 2).fill_(f64::NEG_INFINITY);
        let _ = maps.get(3).narrow(0, 50, 1).fill_(f64::NAN);
        let ranks = Ranks::of(&maps).unwrap();
        let check = |ours: &Tensor, maps: &Tensor| {
            let tensors = sorted_ranks(maps).unwrap() - 48.0;
            for row in 0..6 {
                // NaN does not equal itself.
                let bits = |numbers: Vec<f64>| {
                    numbers.into_iter().map(|x| if x.is_nan() { f64::MAX } else { x }).collect::<Vec<_>>()
                };
                let numbers = |of: &Tensor| Vec::<f64>::try_from(of.get(row)).unwrap();
                assert_eq!(bits(numbers(ours)), bits(numbers(&tensors)));
                let statistics = average_ranks(&numbers(maps)).into_iter().map(|rank| rank - 49.0).collect();
                assert_eq!(bits(numbers(ours)), bits(statistics));
            }
        };
        check(&ranks.signed, &maps);
        check(&ranks.absolute, &maps.abs());
    }
}
