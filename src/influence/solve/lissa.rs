//! LiSSA (Agarwal, Bullins and Hazan, "Second-Order Stochastic Optimization for Machine Learning in Linear Time", JMLR 2017): the
//! Neumann series of the inverse, each term by the Hessian of a batch.
//!
//! h_0 = v, h_t = v + h_{t-1} - H_t h_{t-1} / `scale`, and H^-1 v is taken to be the mean over `samples` of h_depth / `scale`. It
//! converges where `scale` exceeds half the largest eigenvalue of every H_t. Batches are drawn without replacement, epoch by
//! epoch; a batch of all examples leaves nothing to chance.

use tch::Tensor;

use super::{Inverse, count, inner};
use crate::config::Section;
use crate::error::{Error, Result};
use crate::influence::calculus::Curvature;
use crate::noise::Noise;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lissa {
    pub scale: f64,
    pub depth: usize,
    pub batch: usize,
    pub samples: usize,
}

impl Lissa {
    pub fn read(section: &Section) -> Self {
        Self {
            scale: section.get_if("scale", 10.0, |scale| *scale > 0.0, "a number above 0"),
            depth: count(section, "depth", 1000),
            batch: count(section, "batch", 50),
            samples: count(section, "samples", 1),
        }
    }

    pub fn ready(self, curvature: Curvature<'_>, noise: Noise) -> Ready<'_> {
        Ready { how: self, curvature, noise: noise.purpose("lissa") }
    }
}

pub struct Ready<'a> {
    how: Lissa,
    curvature: Curvature<'a>,
    noise: Noise,
}

impl Inverse for Ready<'_> {
    fn apply(&self, vectors: &Tensor) -> Result<Tensor> {
        let mut sum = vectors.f_zeros_like()?;
        for sample in 0..self.how.samples {
            sum = sum.f_add(&self.series(vectors, self.noise.index(sample as u64))?)?;
        }
        Ok(sum.f_div_scalar(self.how.scale * self.how.samples as f64)?)
    }
}

impl Ready<'_> {
    fn series(&self, vectors: &Tensor, noise: Noise) -> Result<Tensor> {
        let Lissa { scale, depth, batch, .. } = self.how;
        let examples = self.curvature.examples() as usize;
        let batch = batch.min(examples);
        let in_epoch = examples / batch.max(1);
        let mut order = Vec::new();
        let mut h = vectors.shallow_clone();
        for step in 0..depth {
            let product = if batch == examples {
                self.curvature.product(&h)?
            } else {
                let at = step % in_epoch;
                if at == 0 {
                    let epoch = noise.index((step / in_epoch) as u64);
                    order = epoch.permutation(examples).into_iter().map(|place| place as i64).collect();
                }
                self.curvature.product_on(&h, &order[at * batch..(at + 1) * batch])?
            };
            h = vectors.f_add(&h)?.f_sub(&product.f_div_scalar(scale)?)?;
        }
        // Where every factor shrinks, a term adds no more than the first.
        let most = inner(vectors, vectors)?.f_mul_scalar((depth as f64 + 1.0).powi(2))?;
        let within = inner(&h, &h)?.f_le_tensor(&most.f_mul_scalar(1.0 + 1e-9)?)?;
        if within.f_all()?.f_int64_value(&[])? == 0 {
            return Err(Error::refused(
                format!(
                    "LiSSA diverged: the Hessian has eigenvalues above twice the `scale` of {scale}, or far below 0"
                ),
                "raise `scale`, and `depth` with it; for negative eigenvalues give a `damping` or a `hessian = \"gauss-newton\"`",
            ));
        }
        Ok(h)
    }
}
