//! Random texture as a background: blotches with grain.

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::noise::Noise;

/// How much of a pixel is blotch; the rest is grain.
const BLOTCH: f64 = 0.7;
/// Pixels between the points that blotches are interpolated between.
const SPACING: usize = 4;

/// `count` grey textures in [0, 1), [N, 1, `side`, `side`]: uniform noise on a coarse grid, interpolated bilinearly, mixed
/// with uniform noise of each pixel.
pub fn texture(count: usize, side: usize, noise: &Noise) -> Result<Tensor> {
    let ids: Vec<u64> = (0..count as u64).collect();
    let draw =
        |purpose: &str, side: i64| noise.purpose(purpose).uniform(&ids, &[1, side, side], Kind::Float, Device::Cpu);
    let (points, side) = ((side / SPACING + 1).max(2) as i64, side as i64);
    let blotches = draw("blotch", points)?.f_upsample_bilinear2d([side, side], true, None, None)?;
    let grain = draw("grain", side)?;
    Ok(blotches.f_mul_scalar(BLOTCH)?.f_add(&grain.f_mul_scalar(1.0 - BLOTCH)?)?)
}
