//! By the Cholesky factor of the whole matrix.

use tch::Tensor;

use super::Inverse;
use crate::error::Result;
use crate::influence::calculus::Curvature;
use crate::model::factor::Factor;

pub struct Exact {
    factor: Factor,
}

impl Exact {
    /// # Errors
    /// Where the matrix would be too large, or is not positive definite.
    pub fn of(curvature: &Curvature) -> Result<Self> {
        Ok(Self { factor: Factor::of(&curvature.matrix()?)? })
    }
}

impl Inverse for Exact {
    fn apply(&self, vectors: &Tensor) -> Result<Tensor> {
        Ok(self.factor.solve(&vectors.f_tr()?)?.f_tr()?)
    }
}
