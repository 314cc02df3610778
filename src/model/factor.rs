//! Cholesky factors of the Hessians that convex fits and exact influence share.

use ndarray::Array2;
use ndarray_linalg::{CholeskyInto, UPLO};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// L of a positive definite matrix L L'.
pub struct Factor {
    /// [P, P], on the CPU.
    lower: Tensor,
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
        let lower = array(matrix)?.cholesky_into(UPLO::Lower).map_err(not_definite)?;
        let (rows, columns) = lower.dim();
        let values = lower.as_slice().ok_or_else(|| Error::new("a factor lies scattered in memory"))?;
        Ok(Self { lower: Tensor::f_from_slice(values)?.f_view([rows as i64, columns as i64])? })
    }

    /// The solutions [P, m] of (L L') x = b for the columns of `b` [P, m]: float64, on the device of `b`.
    ///
    /// By libtorch: LAPACK knows one order of numbers in memory, and to solve for either L or L' ndarray-linalg copies it into the
    /// other order, which for thousands of parameters takes longer than the solution.
    pub fn solve(&self, b: &Tensor) -> Result<Tensor> {
        let known = b.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?;
        let half = self.lower.f_linalg_solve_triangular(&known, false, true, false)?;
        let whole = self.lower.f_transpose(0, 1)?.f_linalg_solve_triangular(&half, true, true, false)?;
        Ok(whole.f_to_device(b.device())?)
    }

    /// (L L')^-1, [P, P], on the CPU: where there are more systems than unknowns.
    pub fn inverse(&self) -> Result<Tensor> {
        Ok(self.lower.f_cholesky_inverse(false)?)
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
    use crate::noise::Noise;

    /// (4 2; 2 3): L = (2 0; 1 sqrt 2). Of (8, 7) x = (1.25, 1.5); of (2, 3) x = (0, 1).
    #[test]
    fn solves_several_systems_at_once() {
        let factor = Factor::of(&Tensor::from_slice(&[4.0, 2.0, 2.0, 3.0]).view([2, 2])).unwrap();
        let solved = factor.solve(&Tensor::from_slice(&[8.0, 2.0, 7.0, 3.0]).view([2, 2])).unwrap();
        let gap = (solved - Tensor::from_slice(&[1.25, 0.0, 1.5, 1.0]).view([2, 2])).abs().max();
        assert!(gap.double_value(&[]) < 1e-14);
    }

    /// What is solved is the system: many unknowns, more columns than one, of a matrix of which the upper half is not read.
    #[test]
    fn solutions_solve() {
        let rows: Vec<u64> = (0..50).collect();
        let a = Noise::new(1).normal(&rows, &[50], Kind::Double, Device::Cpu).unwrap();
        let matrix = a.matmul(&a.transpose(0, 1)) + Tensor::eye(50, (Kind::Double, Device::Cpu));
        let b = Noise::new(2).normal(&rows, &[7], Kind::Double, Device::Cpu).unwrap();
        let solved = Factor::of(&matrix.tril(0)).unwrap().solve(&b).unwrap();
        assert!((matrix.matmul(&solved) - b).abs().max().double_value(&[]) < 1e-11);
        let inverse = Factor::of(&matrix).unwrap().inverse().unwrap();
        let one = Tensor::eye(50, (Kind::Double, Device::Cpu));
        assert!((matrix.matmul(&inverse) - one).abs().max().double_value(&[]) < 1e-10);
    }

    #[test]
    fn a_saddle_is_refused() {
        let saddle = Tensor::from_slice(&[1.0, 2.0, 2.0, 1.0]).view([2, 2]);
        assert!(Factor::of(&saddle).err().unwrap().to_string().contains("not positive definite"));
    }
}
