//! Maps as weights, for metrics that divide sums.

use tch::Tensor;

use super::judged::Judged;
use crate::error::Result;
use crate::explainers::Sign;

/// What each pixel weighs, float64 [B, D]; nothing where pixels are ignored.
pub fn weights(judged: &Judged, sign: Sign) -> Result<Tensor> {
    let map = judged.filled(0.0)?;
    Ok(match sign {
        Sign::Signed => map,
        Sign::Absolute => map.f_abs()?,
        Sign::Positive => map.f_clamp_min(0.0)?,
        Sign::Square => map.f_square()?,
    })
}

/// The sum of `values` [B, D] where `mask` holds, [B].
pub fn sum_where(values: &Tensor, mask: &Tensor) -> Result<Tensor> {
    Ok(values.f_mul(mask)?.f_sum_dim_intlist(1, false, values.kind())?)
}
