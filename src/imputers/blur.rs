//! # Definition
//! Every removed pixel becomes what a Gaussian blur makes of the image there. Borders are padded with zeros.
//!
//! # Parameters
//! - `kernel` (11): width of the square kernel in pixels, odd.
//! - `sigma` (5.0): standard deviation of the Gaussian in pixels.
//!
//! # Cost
//! One separable convolution per image.
//!
//! # Reference
//! Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018.

use std::sync::Arc;

use tch::Tensor;

use super::{Imputer, Surroundings};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Imputer> = Entry {
    name: "blur",
    summary: "the image itself under a Gaussian blur",
    reference: "Petsiuk et al. 2018",
    revision: 1,
    source: include_str!("blur.rs"),
    read: |section| {
        let kernel =
            section.get_if("kernel", 11usize, |width| width % 2 == 1 && *width < 1024, "an odd number below 1024");
        let sigma = section.get_if("sigma", 5.0, |sigma| *sigma > 0.0, "a number above 0");
        Some(Arc::new(Blur { kernel, sigma }))
    },
};

pub struct Blur {
    pub kernel: usize,
    pub sigma: f64,
}

impl Imputer for Blur {
    fn fill(&self, x: &Tensor, _: &Surroundings) -> Result<Tensor> {
        gaussian_blur(x, self.kernel, self.sigma)
    }
}

/// `x` [.., H, W] blurred image by image, zeros beyond the border.
pub fn gaussian_blur(x: &Tensor, kernel: usize, sigma: f64) -> Result<Tensor> {
    let half = (kernel / 2) as f64;
    let weights: Vec<f64> = (0..kernel).map(|i| (-(i as f64 - half).powi(2) / (2.0 * sigma * sigma)).exp()).collect();
    let total: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
    let line = Tensor::from_slice(&weights).to_kind(x.kind()).to_device(x.device());
    let size = x.size();
    let (height, width, pad) = (size[size.len() - 2], size[size.len() - 1], (kernel / 2) as i64);
    let planes = x.f_reshape([-1, 1, height, width])?;
    let none: Option<Tensor> = None;
    let rows = planes.f_conv2d(&line.f_view([1, 1, 1, -1])?, none.as_ref(), [1, 1], [0, pad], [1, 1], 1)?;
    let both = rows.f_conv2d(&line.f_view([1, 1, -1, 1])?, none.as_ref(), [1, 1], [pad, 0], [1, 1], 1)?;
    Ok(both.f_reshape(size.as_slice())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_the_outer_product_of_the_kernel() {
        // kernel 3, sigma 1: weights e^-.5, 1, e^-.5 over their sum 2.2130613 -> .2740686, .4518628, .2740686.
        let x = Tensor::zeros([1, 1, 5, 5], (tch::Kind::Double, tch::Device::Cpu));
        let _ = x.get(0).get(0).get(2).get(2).fill_(1.0);
        let y = gaussian_blur(&x, 3, 1.0).unwrap();
        assert!((y.double_value(&[0, 0, 2, 2]) - 0.4518628_f64.powi(2)).abs() < 1e-6);
        assert!((y.double_value(&[0, 0, 1, 2]) - 0.2740686 * 0.4518628).abs() < 1e-6);
        assert_eq!(y.double_value(&[0, 0, 0, 2]), 0.0);
        assert!((y.sum(tch::Kind::Double).double_value(&[]) - 1.0).abs() < 1e-12);
    }
}
