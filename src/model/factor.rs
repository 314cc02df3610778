//! Cholesky factors of the Hessians that convex fits and exact influence share.

use ndarray::Array2;
use ndarray_linalg::{CholeskyInto, Diag, SolveTriangularInto, UPLO};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// L of a positive definite matrix L L'.
pub struct Factor {
    lower: Array2<f64>,
}

impl Factor {
    /// Of a symmetric matrix [P, P], of which only the lower half is read. An error where it is not positive definite.
    pub fn of(matrix: &Tensor) -> Result<Self> {
        let not_definite = |_| {
            Error::refused(
                "the Hessian is not positive definite",
                "give the method a `damping`, or a `hessian = \"gauss-newton\"`",
            )
        };
        Ok(Self { lower: array(matrix)?.cholesky_into(UPLO::Lower).map_err(not_definite)? })
    }

    /// The solutions [P, m] of (L L') x = b for the columns of `b` [P, m]: float64, on the device of `b`.
    pub fn solve(&self, b: &Tensor) -> Result<Tensor> {
        let failed = |error| Error::new(format!("a triangular system could not be solved: {error}"));
        let half = self.lower.solve_triangular_into(UPLO::Lower, Diag::NonUnit, array(b)?).map_err(failed)?;
        let whole = self.lower.t().solve_triangular_into(UPLO::Upper, Diag::NonUnit, half).map_err(failed)?;
        let (rows, columns) = whole.dim();
        let values = whole.as_standard_layout();
        let values = values.as_slice().ok_or_else(|| Error::new("a solution lies scattered in memory"))?;
        Ok(Tensor::f_from_slice(values)?.f_view([rows as i64, columns as i64])?.f_to_device(b.device())?)
    }
}

fn array(matrix: &Tensor) -> Result<Array2<f64>> {
    let (rows, columns) = matrix.size2()?;
    let values = matrix.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?.f_contiguous()?;
    let values = Vec::<f64>::try_from(values.f_view([-1])?)?;
    Array2::from_shape_vec((rows as usize, columns as usize), values).map_err(|error| Error::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (4 2; 2 3): L = (2 0; 1 sqrt 2). Of (8, 7) x = (1.25, 1.5); of (2, 3) x = (0, 1).
    #[test]
    fn solves_several_systems_at_once() {
        let factor = Factor::of(&Tensor::from_slice(&[4.0, 2.0, 2.0, 3.0]).view([2, 2])).unwrap();
        let solved = factor.solve(&Tensor::from_slice(&[8.0, 2.0, 7.0, 3.0]).view([2, 2])).unwrap();
        let gap = (solved - Tensor::from_slice(&[1.25, 0.0, 1.5, 1.0]).view([2, 2])).abs().max();
        assert!(gap.double_value(&[]) < 1e-14);
    }

    #[test]
    fn a_saddle_is_refused() {
        let saddle = Tensor::from_slice(&[1.0, 2.0, 2.0, 1.0]).view([2, 2]);
        assert!(Factor::of(&saddle).err().unwrap().to_string().contains("not positive definite"));
    }
}
