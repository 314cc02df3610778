//! # Definition
//! The center of mass of the map is moved away from where it was: the objective is the squared distance, in pixels, of the two
//! centers. The center is sum |s_i| (row, column) / sum |s_i|.
//!
//! Its derivative is 0 where nothing has moved yet, so a search has to start elsewhere.
//!
//! # Cost
//! None beside the maps.
//!
//! # Reference
//! Ghorbani, Abid and Zou, "Interpretation of Neural Networks Is Fragile", AAAI 2019. (Published code cuts the original center to
//! whole pixels; this does not.)

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::{Attack, Objective, Original};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Attack> = Entry {
    name: "mass-center",
    summary: "moves the center of mass of the map away",
    reference: "Ghorbani et al. 2019",
    revision: 1,
    source: include_str!("mass_center.rs"),
    read: |_| Some(Arc::new(MassCenter)),
};

struct MassCenter;

impl Attack for MassCenter {
    fn objective(&self, original: &Original) -> Result<Objective> {
        let before = center(&original.maps)?;
        Ok(Box::new(move |maps| {
            let way = center(maps)?.f_sub(&before)?;
            Ok(way.f_square()?.f_sum_dim_intlist([1].as_slice(), false, None::<Kind>)?)
        }))
    }
}

/// The centers of mass, [B, 2] (row, column), in pixels, of the magnitudes of maps [B, H, W]; NaN for a map of zeros.
pub fn center(maps: &Tensor) -> Result<Tensor> {
    let mass = maps.f_abs()?;
    let total = mass.f_sum_dim_intlist([1, 2].as_slice(), false, None::<Kind>)?;
    let along = |dim: i64| -> Result<Tensor> {
        let places = Tensor::f_arange(mass.size()[dim as usize], (maps.kind(), maps.device()))?;
        let profile = mass.f_sum_dim_intlist([3 - dim].as_slice(), false, None::<Kind>)?;
        Ok(profile.f_mul(&places)?.f_sum_dim_intlist([1].as_slice(), false, None::<Kind>)?.f_div(&total)?)
    };
    Ok(Tensor::f_stack(&[along(1)?, along(2)?], 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 at (0, 0) and -1 at (1, 2): the center is (1/4, 2/4). Everything at (1, 2): away by 3/4 and 3/2.
    #[test]
    fn centers_by_hand() {
        let map = |values: [f64; 6]| Tensor::from_slice(&values).view([1, 2, 3]);
        let original = Original { maps: map([3.0, 0.0, 0.0, 0.0, 0.0, -1.0]), evidence: None };
        assert_eq!(Vec::<f64>::try_from(center(&original.maps).unwrap().flatten(0, -1)).unwrap(), [0.25, 0.5]);
        let away = MassCenter.objective(&original).unwrap()(&map([0.0, 0.0, 0.0, 0.0, 0.0, 7.0])).unwrap();
        assert_eq!(away.double_value(&[0]), 0.5625 + 2.25);
        assert!(center(&map([0.0; 6])).unwrap().double_value(&[0, 0]).is_nan());
    }
}
