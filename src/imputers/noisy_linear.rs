//! # Definition
//! Every removed pixel becomes the weighted mean of its eight neighbours, 1/6 for each that shares an edge and 1/12 for each
//! at a corner; at the border the weights of those that exist are scaled to add up to 1. All removed pixels of an image are
//! solved for together, then each gets noise of standard deviation `sigma` on top; the sum is not clamped to [0, 1]. The
//! noise belongs to the example and the element, the same at every point of a curve. Where nothing is known, because
//! everything is removed, the training images' mean colour stands in for the solution.
//!
//! Removed elements are solved for channel by channel, each channel with its own known pixels. A channel is solved when the
//! Euclidean norm of its residual is at most 1e-6 in single and 1e-14 in double precision: what each removed pixel misses its
//! neighbours' mean by, times the sum of the weights of the neighbours that exist (1 but at the border).
//!
//! # Parameters
//! - `sigma` (0.01): standard deviation of the noise, in pixel space.
//!
//! # Cost
//! No passes. Some dozens of sweeps over each image and mask, more where large areas are removed.
//!
//! # Reference
//! Rong, Leemann, Borisov, Kasneci and Kasneci, "A Consistent and Efficient Evaluation Strategy for Attribution Methods",
//! ICML 2022.

use std::sync::Arc;

use tch::Tensor;

use super::{Imputer, Surroundings};
use crate::catalogue::Entry;
use crate::error::Result;

mod smooth;
#[cfg(test)]
mod tests;

pub const ENTRY: Entry<dyn Imputer> = Entry {
    name: "noisy-linear",
    summary: "the weighted mean of the neighbouring pixels, solved jointly, with a little noise",
    reference: "Rong et al. 2022",
    revision: 1,
    source: concat!(include_str!("noisy_linear.rs"), include_str!("noisy_linear/smooth.rs")),
    read: |section| {
        let sigma = section.get_if("sigma", 0.01, |sigma| *sigma >= 0.0, "a number of 0 or more");
        Some(Arc::new(NoisyLinear { sigma }))
    },
};

pub struct NoisyLinear {
    pub sigma: f64,
}

impl Imputer for NoisyLinear {
    fn fill(&self, x: &Tensor, on: &Surroundings) -> Result<Tensor> {
        Ok(self.noise(x, on)?.f_add(&on.statistics.mean.f_view([-1, 1, 1])?)?)
    }

    fn impute(&self, x: &Tensor, removed: &Tensor, on: &Surroundings) -> Result<Tensor> {
        let x = x.f_unsqueeze(1)?;
        let start = on.statistics.mean.f_view([-1, 1, 1])?.f_where_self(removed, &x)?;
        let planes = smooth::fill(&start.f_flatten(0, 2)?, &removed.f_expand_as(&start)?.f_flatten(0, 2)?)?;
        let filled = planes.f_view_as(&start)?.f_add(&self.noise(&x.f_squeeze_dim(1)?, on)?.f_unsqueeze(1)?)?;
        Ok(filled.f_where_self(removed, &x)?)
    }
}

impl NoisyLinear {
    /// Shape of `x`.
    fn noise(&self, x: &Tensor, on: &Surroundings) -> Result<Tensor> {
        let draws = on.noise.purpose("imputer/noisy-linear").normal(on.ids, &x.size()[1..], x.kind(), x.device())?;
        Ok(draws.f_mul_scalar(self.sigma)?)
    }
}
