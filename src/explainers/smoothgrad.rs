//! # Definition
//! Maps of noisy copies of the input, put together element by element. With e_i drawn from N(0, s^2), where
//! s = `noise` times the range of the image (its maximum minus its minimum), and a the wrapped explainer:
//! `mean`: (1/n) sum a(x + e_i) (SmoothGrad); `square`: (1/n) sum a(x + e_i)^2 (SmoothGrad-squared);
//! `variance`: the variance of a(x + e_i) over the draws, divisor n (VarGrad).
//!
//! # Parameters
//! - `samples` (25): noisy copies per example.
//! - `noise` (0.15): standard deviation relative to the image's range.
//! - `combine` ("mean"): "mean", "square" or "variance".
//! - `of` ("gradient"): the wrapped explainer.
//!
//! # Cost
//! `samples` times that of the wrapped explainer.
//!
//! # Reference
//! Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017; Hooker et al., NeurIPS 2019 (squared);
//! Adebayo et al., "Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values", 2018 (VarGrad).

use std::sync::Arc;

use tch::Tensor;

use super::{Access, Attribution, Explainer, Map, Misfit, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::model::Graph;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "smoothgrad",
    summary: "mean, mean square or variance of another explainer's maps of noisy copies",
    reference: "Smilkov et al. 2017",
    revision: 1,
    source: include_str!("smoothgrad.rs"),
    read: |section| {
        let fits = |samples: &usize| (1..=100_000).contains(samples);
        let samples = section.get_if("samples", 25usize, fits, "an integer from 1 to 100000");
        let noise = section.get_if("noise", 0.15, |noise| *noise >= 0.0, "a number of 0 or more");
        let words = &[("mean", Combine::Mean), ("square", Combine::Square), ("variance", Combine::Variance)];
        let combine = section.choice("combine", "mean", words);
        Some(Arc::new(SmoothGrad { samples, noise, combine, of: super::read_of(section, "gradient")? }))
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    Mean,
    Square,
    Variance,
}

pub struct SmoothGrad {
    pub samples: usize,
    pub noise: f64,
    pub combine: Combine,
    pub of: Arc<dyn Explainer>,
}

impl Explainer for SmoothGrad {
    fn access(&self) -> Access {
        self.of.access()
    }

    fn differentiable(&self) -> bool {
        self.of.differentiable()
    }

    fn unit(&self) -> Unit {
        self.of.unit()
    }

    fn map(&self) -> Map {
        match self.combine {
            Combine::Mean => self.of.map(),
            Combine::Square | Combine::Variance => Map::default(),
        }
    }

    fn rows(&self, shape: &[i64]) -> usize {
        // Wrapped in one another a few times, they multiply beyond any number.
        self.samples.saturating_mul(self.of.rows(shape))
    }

    fn needs_truth(&self) -> bool {
        self.of.needs_truth()
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        self.of.check(graph).map_err(|misfit| misfit.within("of"))
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        self.of.files()
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let noise = on.noise.purpose("smoothgrad");
        let shape = on.x.size();
        let sums = on.sum_over_draws(self.samples, self.of.rows(&on.x.size()[1..]), |part, draws| {
            let range = part.x.f_amax([1, 2, 3], true)? - part.x.f_amin([1, 2, 3], true)?;
            let count = draws.len() as i64;
            let mut noisy = noise.normal_draws(&part.ids, draws, &shape[1..], part.x.kind(), part.x.device())?;
            let spread = range.f_mul_scalar(self.noise)?.f_unsqueeze(1)?;
            let noisy = noisy.f_mul_(&spread)?.f_add_(&part.x.f_unsqueeze(1)?)?;
            let noisy = part.rows(&noisy)?;
            let maps = self.of.explain(&noisy)?.values;
            let unit = maps.size()[1..].to_vec();
            let maps = maps.f_view([&[part.len() as i64, count], unit.as_slice()].concat().as_slice())?;
            let sum = |maps: &Tensor| maps.f_sum_dim_intlist(1, false, maps.kind());
            Ok(match self.combine {
                Combine::Mean => sum(&maps)?,
                Combine::Square => sum(&maps.f_square()?)?,
                Combine::Variance => Tensor::f_stack(&[sum(&maps)?, sum(&maps.f_square()?)?], 1)?,
            })
        })?;
        let means = sums.f_div_scalar(self.samples as f64)?;
        let values = match self.combine {
            Combine::Mean | Combine::Square => means,
            Combine::Variance => (means.f_select(1, 1)? - means.f_select(1, 0)?.f_square()?).f_clamp_min(0.0)?,
        };
        Ok(Attribution { values, unit: self.unit() })
    }
}
