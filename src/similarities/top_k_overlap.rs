//! # Definition
//! The share of the k highest pixels that two maps have in common: |A and B| / k. With `radius` r, a pixel is in common if the
//! other map has one of its k within r rows and r columns: the mean of both ways. Undefined for a map that is constant or
//! not finite; of equal pixels those that come first in reading order are taken.
//!
//! # Parameters
//! - `k` (a tenth of the pixels): how many.
//! - `radius` (0): how many pixels away is near enough.
//!
//! # Cost
//! One sort of each map.
//!
//! # Reference
//! Ghorbani, Abid and Zou, "Interpretation of Neural Networks Is Fragile", AAAI 2019; that a shift by a pixel must not count as a
//! change: Kamath, Mittal, Plumb, Sinha and Balasubramanian, "Rethinking Robustness of Model Attributions", AAAI 2024.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::{Side, Similarity};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "top-k-overlap",
    summary: "share of the highest pixels that two maps have in common",
    reference: "Ghorbani et al. 2019",
    revision: 1,
    source: include_str!("top_k_overlap.rs"),
    read: |section| {
        let k = section.optional_if("k", |k| *k >= 1, "a number of pixels, from 1");
        let radius = section.get_if("radius", 0, |radius| (0..=1000).contains(radius), "a number of pixels, from 0");
        Some(Arc::new(TopKOverlap { k, radius }))
    },
};

pub struct TopKOverlap {
    /// A tenth of the pixels where it is not said.
    pub k: Option<i64>,
    pub radius: i64,
}

impl Similarity for TopKOverlap {
    fn compare(&self, a: &Side, b: &Side) -> Result<Tensor> {
        let (_, height, width) = a.maps().size3()?;
        let k = count(self.k, height * width);
        let tops = |side: &Side| side.once(k, |maps| Ok(Tops(top(maps, k)?.f_to_kind(Kind::Double)?)));
        let (of_a, of_b) = (&tops(a)?.0, &tops(b)?.0);
        let found = |tops: &Tensor, near: &Tensor| -> Result<Tensor> {
            Ok(tops.f_mul(&self.spread(near)?)?.f_sum_dim_intlist([1, 2].as_slice(), false, Kind::Double)?)
        };
        let both = found(of_a, of_b)?.f_add(&found(of_b, of_a)?)?.f_div_scalar(2.0 * k as f64)?;
        // What is not finite leaves no finite range.
        let ordered = |side: &Side| -> Result<Tensor> {
            let pixels = side.maps().f_flatten(1, -1)?;
            let range = pixels.f_amax([1].as_slice(), false)?.f_sub(&pixels.f_amin([1].as_slice(), false)?)?;
            Ok(range.f_isfinite()?.f_logical_and(&range.f_gt(0.0)?)?)
        };
        Ok(both.f_masked_fill(&ordered(a)?.f_logical_and(&ordered(b)?)?.f_logical_not()?, f64::NAN)?)
    }
}

/// 1 at the highest pixels, 0 elsewhere.
struct Tops(Tensor);

impl TopKOverlap {
    /// 1 wherever a pixel that is 1 lies within the radius.
    fn spread(&self, mask: &Tensor) -> Result<Tensor> {
        let (side, r) = (2 * self.radius + 1, self.radius);
        Ok(match r {
            0 => mask.shallow_clone(),
            _ => mask.f_unsqueeze(1)?.f_max_pool2d([side, side], [1, 1], [r, r], [1, 1], false)?.f_squeeze_dim(1)?,
        })
    }
}

/// How many of this many pixels: a tenth of them where it is not said.
pub fn count(k: Option<i64>, pixels: i64) -> i64 {
    k.unwrap_or((pixels + 5) / 10).clamp(1, pixels.max(1))
}

/// Where the `k` highest pixels of maps [B, H, W] are, bool [B, H, W]; of equal ones those that come first in reading order.
pub fn top(maps: &Tensor, k: i64) -> Result<Tensor> {
    let flat = maps.f_detach()?.f_flatten(1, -1)?;
    let places = flat.f_argsort_stable(true, 1, true)?.f_narrow(1, 0, k)?;
    let mask = Tensor::f_zeros(flat.size(), (Kind::Bool, maps.device()))?.f_scatter_value(1, &places, 1)?;
    Ok(mask.f_view_as(maps)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: [f64; 4]) -> Tensor {
        Tensor::from_slice(&values).view([1, 1, 4])
    }

    #[test]
    fn the_highest_pixels_with_their_signs_and_the_first_of_equals() {
        let where_ = |values, k| Vec::<bool>::try_from(top(&map(values), k).unwrap().flatten(0, -1)).unwrap();
        assert_eq!(where_([-9.0, 1.0, 3.0, 2.0], 2), [false, false, true, true]);
        assert_eq!(where_([1.0, 1.0, 1.0, 1.0], 2), [true, true, false, false]);
    }

    #[test]
    fn a_tenth_of_the_pixels_is_rounded_and_at_least_one() {
        assert_eq!([(None, 784), (None, 4), (Some(9), 4), (Some(3), 100)].map(|(k, n)| count(k, n)), [78, 1, 4, 3]);
    }

    /// The two highest are pixels 0, 1 and 1, 3: one in common. One pixel away counts: 0 is beside 1, but 3 is beside neither.
    #[test]
    fn overlaps_by_hand() {
        let (a, b) = (map([4.0, 3.0, 2.0, 1.0]), map([1.0, 4.0, 2.0, 3.0]));
        let overlap = |radius| {
            TopKOverlap { k: Some(2), radius }
                .compare(&Side::new(a.shallow_clone()), &Side::new(b.shallow_clone()))
                .unwrap()
                .double_value(&[0])
        };
        assert_eq!([overlap(0), overlap(1), overlap(2)], [0.5, 0.75, 1.0]);
    }
}
