//! Conjugate gradients (Hestenes and Stiefel, 1952), all systems side by side.

use std::cell::Cell;

use tch::{Kind, Tensor};

use super::{Inverse, count, inner};
use crate::config::Section;
use crate::error::{Error, Result};
use crate::influence::calculus::Curvature;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConjugateGradients {
    /// Products at most.
    pub iterations: usize,
    /// A system is done when its residual is this share of its right-hand side.
    pub tolerance: f64,
}

impl ConjugateGradients {
    pub fn read(section: &Section) -> Self {
        let share = |tolerance: &f64| (0.0..1.0).contains(tolerance);
        Self {
            iterations: count(section, "iterations", 100),
            tolerance: section.get_if("tolerance", 1e-8, share, "a number from 0 to below 1"),
        }
    }

    pub fn ready(self, curvature: Curvature<'_>) -> Ready<'_> {
        Ready { how: self, curvature, unsolved: Cell::default() }
    }
}

pub struct Ready<'a> {
    how: ConjugateGradients,
    curvature: Curvature<'a>,
    unsolved: Cell<usize>,
}

impl Inverse for Ready<'_> {
    fn apply(&self, vectors: &Tensor) -> Result<Tensor> {
        let mut x = vectors.f_zeros_like()?;
        let (mut residual, mut ahead) = (vectors.shallow_clone(), vectors.shallow_clone());
        let mut left = inner(&residual, &residual)?;
        let enough = left.f_mul_scalar(self.how.tolerance * self.how.tolerance)?;
        for _ in 0..self.how.iterations {
            let open = left.f_gt_tensor(&enough)?;
            if !any(&open)? {
                break;
            }
            let product = self.curvature.product(&ahead)?;
            let curvature = inner(&ahead, &product)?;
            if any(&curvature.f_le(0.0)?.f_logical_and(&open)?)? {
                return Err(Error::refused(
                    "conjugate gradients met a direction in which the Hessian is not positive",
                    "give the method a `damping`, or a `hessian = \"gauss-newton\"`",
                ));
            }
            // Of systems that are done, nothing moves.
            let moving = open.f_to_kind(left.kind())?;
            let step = left.f_div(&curvature)?.f_nan_to_num(0.0, 0.0, 0.0)?.f_mul(&moving)?;
            x = x.f_add(&ahead.f_mul(&step)?)?;
            residual = residual.f_sub(&product.f_mul(&step)?)?;
            let next = inner(&residual, &residual)?;
            let keep = next.f_div(&left)?.f_nan_to_num(0.0, 0.0, 0.0)?.f_mul(&moving)?;
            ahead = residual.f_add(&ahead.f_mul(&keep)?)?;
            left = next;
        }
        if any(&left.f_isfinite()?.f_logical_not()?)? {
            return Err(Error::new("a product with the Hessian is not a finite number"));
        }
        let open = left.f_gt_tensor(&enough)?.f_sum(Kind::Int64)?.f_int64_value(&[])? as usize;
        self.unsolved.set(self.unsolved.get() + open);
        Ok(x)
    }

    fn unsolved(&self) -> usize {
        self.unsolved.get()
    }
}

fn any(of: &Tensor) -> Result<bool> {
    Ok(of.f_any()?.f_int64_value(&[])? != 0)
}
