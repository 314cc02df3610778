//! # Definition
//! The structural similarity of two maps, each brought to [0, 1] by its own smallest and largest pixel; a constant map becomes
//! 0 throughout. With Gaussian-weighted means m, variances v and covariance c of a window,
//!
//! ```text
//! (2 m_a m_b + .01^2) (2 c + .03^2) / ((m_a^2 + m_b^2 + .01^2) (v_a + v_b + .03^2)),
//! ```
//!
//! averaged over all windows of 11 x 11 pixels that lie within the map; the weights have sigma 1.5 and sum to 1, and variances are
//! those of the population. It is scikit-image's `structural_similarity(a, b, data_range=1, gaussian_weights=True, sigma=1.5,
//! use_sample_covariance=False)`. Undefined for maps with a side below 11.
//!
//! Two flat regions are alike at any level, so that maps that are mostly flat score high: published numbers separate hardly any
//! two maps that multiply by the image.
//!
//! # Cost
//! Two blurs of each map, and one of each pair.
//!
//! # Reference
//! Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP
//! 2004; for maps: Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.

use std::sync::Arc;

use tch::Tensor;

use super::{Side, Similarity};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "ssim",
    summary: "structural similarity of the maps as pictures",
    reference: "Wang et al. 2004; Adebayo et al. 2018",
    revision: 1,
    source: concat!(include_str!("ssim.rs"), include_str!("side.rs")),
    read: |_| Some(Arc::new(Ssim)),
};

/// Pixels across a window: 3.5 standard deviations to either side, rounded.
const WINDOW: i64 = 11;
const SIGMA: f64 = 1.5;
/// What keeps the quotients of flat windows finite, for numbers from 0 to 1.
const LEVEL: f64 = 0.01 * 0.01;
const CONTRAST: f64 = 0.03 * 0.03;

pub struct Ssim;

impl Similarity for Ssim {
    fn compare(&self, a: &Side, b: &Side) -> Result<Tensor> {
        let (count, height, width) = a.maps().size3()?;
        if height.min(width) < WINDOW {
            return Ok(Tensor::f_full([count], f64::NAN, (a.maps().kind(), a.maps().device()))?);
        }
        let (a, b) = (a.once(0, Blurred::of)?, b.once(0, Blurred::of)?);
        let product = a.mean.f_mul(&b.mean)?;
        let covariance = windows(&a.unit.f_mul(&b.unit)?)?.f_sub(&product)?;
        let twice = |x: &Tensor, constant: f64| x.f_mul_scalar(2.0)?.f_add_scalar(constant);
        let above = twice(&product, LEVEL)?.f_mul(&twice(&covariance, CONTRAST)?)?;
        let levels = a.mean.f_square()?.f_add(&b.mean.f_square()?)?.f_add_scalar(LEVEL)?;
        let contrasts = a.variance.f_add(&b.variance)?.f_add_scalar(CONTRAST)?;
        let local = above.f_div(&levels.f_mul(&contrasts)?)?;
        Ok(local.f_mean_dim([1, 2].as_slice(), false, local.kind())?)
    }
}

/// What one map contributes.
struct Blurred {
    /// [B, H, W], in [0, 1].
    unit: Tensor,
    /// Of each window, [B, H - 10, W - 10].
    mean: Tensor,
    variance: Tensor,
}

impl Blurred {
    fn of(maps: &Tensor) -> Result<Self> {
        let unit = unit_range(maps)?;
        let mean = windows(&unit)?;
        let variance = windows(&unit.f_square()?)?.f_sub(&mean.f_square()?)?;
        Ok(Self { unit, mean, variance })
    }
}

/// Each map of `maps` [B, H, W] from its smallest to its largest number, as 0 to 1; 0 where they are the same.
pub(super) fn unit_range(maps: &Tensor) -> Result<Tensor> {
    let (low, high) = (maps.f_amin([1, 2].as_slice(), true)?, maps.f_amax([1, 2].as_slice(), true)?);
    let scaled = maps.f_sub(&low)?.f_div(&high.f_sub(&low)?)?;
    // NaN is not equal to itself, so that a map that has one stays undefined.
    Ok(scaled.f_masked_fill(&low.f_eq_tensor(&high)?, 0.0)?)
}

/// The weighted mean of every window of `maps` [B, H, W] that lies within, [B, H - 10, W - 10]: down, then across, each as a sum of
/// shifted maps. libtorch's convolution of one channel takes 10 to 30 times as long in double precision.
fn windows(maps: &Tensor) -> Result<Tensor> {
    let weight = |at: i64| (-((at - WINDOW / 2) as f64).powi(2) / (2.0 * SIGMA * SIGMA)).exp();
    let weights: Vec<f64> = (0..WINDOW).map(weight).collect();
    let total: f64 = weights.iter().sum();
    let along = |maps: &Tensor, dimension: i64| -> Result<Tensor> {
        let inside = maps.size()[usize::try_from(dimension).unwrap_or(0)] - WINDOW + 1;
        let mut sum = maps.f_narrow(dimension, 0, inside)?.f_mul_scalar(weights[0] / total)?;
        for (at, weight) in (0..WINDOW).zip(&weights).skip(1) {
            let weight = Tensor::f_full([1], weight / total, (maps.kind(), maps.device()))?;
            sum = sum.f_addcmul_(&maps.f_narrow(dimension, at, inside)?, &weight)?;
        }
        Ok(sum)
    };
    along(&along(maps, 1)?, 2)
}
