//! Arnoldi's iteration (1951), which for a symmetric matrix is Lanczos's, orthogonalised in full: the inverse on the space of the
//! largest eigenvalues that a Krylov space of `iterations` products from a random vector finds, and nothing outside of it.
//! For influence by Schioppa et al., "Scaling Up Influence Functions", AAAI 2022.

use tch::{Device, Kind, Tensor};

use super::{Inverse, count};
use crate::config::Section;
use crate::error::Result;
use crate::influence::calculus::Curvature;
use crate::noise::Noise;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arnoldi {
    /// Eigenvalues that are kept.
    pub rank: usize,
    pub iterations: usize,
}

impl Arnoldi {
    pub fn read(section: &Section) -> Self {
        let iterations = count(section, "iterations", 200);
        let fits = |rank: &usize| (1..=iterations).contains(rank);
        let rank = section.get_if("rank", 100.min(iterations), fits, "an integer from 1 to `iterations`");
        Self { rank, iterations }
    }

    pub fn ready(self, curvature: &Curvature, noise: Noise) -> Result<Ready> {
        let length = curvature.parameters();
        let first = noise.purpose("arnoldi").normal(&[0], &[length], Kind::Double, Device::Cpu)?;
        let mut next = first.f_to_device(curvature.device())?;
        let mut basis: Vec<Tensor> = Vec::new();
        let mut products: Vec<Tensor> = Vec::new();
        while (basis.len() as i64) < length.min(self.iterations as i64) {
            let size = next.f_norm()?.f_double_value(&[])?;
            // What is left is rounding: the space maps into itself.
            let scale = products.last().map_or(Ok(0.0), |product| product.f_norm()?.f_double_value(&[]))?;
            if size <= 1e-10 * scale {
                break;
            }
            let vector = next.f_div_scalar(size)?;
            let product = curvature.product(&vector)?;
            basis.push(vector);
            let all = Tensor::f_cat(&basis, 0)?;
            next = product.shallow_clone();
            // Once does not leave them orthogonal to rounding; twice does.
            for _ in 0..2 {
                next = next.f_sub(&next.f_matmul(&all.f_tr()?)?.f_matmul(&all)?)?;
            }
            products.push(product);
        }
        let (basis, products) = (Tensor::f_cat(&basis, 0)?, Tensor::f_cat(&products, 0)?);
        let small = basis.f_matmul(&products.f_tr()?)?;
        let (values, vectors) = small.f_add(&small.f_tr()?)?.f_mul_scalar(0.5)?.f_linalg_eigh("L")?;
        let rank = values.size()[0].min(self.rank as i64);
        let sizes = values.f_abs()?;
        // What is 0 but for rounding has no inverse.
        let defined = sizes.f_gt_tensor(&sizes.f_max()?.f_mul_scalar(1e-12)?)?.f_sum(Kind::Int64)?.f_int64_value(&[])?;
        let kept = sizes.f_topk(rank.min(defined), 0, true, true)?.1;
        let vectors = vectors.f_index_select(1, &kept)?.f_tr()?.f_matmul(&basis)?;
        Ok(Ready { vectors, values: values.f_index_select(0, &kept)? })
    }
}

/// Eigenvectors [rank, P] and their eigenvalues [rank].
pub struct Ready {
    vectors: Tensor,
    values: Tensor,
}

impl Inverse for Ready {
    fn apply(&self, vectors: &Tensor) -> Result<Tensor> {
        Ok(vectors.f_matmul(&self.vectors.f_tr()?)?.f_div(&self.values)?.f_matmul(&self.vectors)?)
    }
}
