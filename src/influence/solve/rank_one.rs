//! A mean of inverses in the place of the inverse of a mean.

use tch::{Kind, Tensor};

use super::Inverse;
use crate::error::{Error, Result};
use crate::influence::calculus::Gradients;
use crate::influence::{Case, Points, Quantity};

/// Of each parameter tensor, the mean over the training examples of (g_i g_i' + lambda)^-1, where lambda is l2 and a share of the
/// mean square of its gradients.
pub struct RankOne<'a> {
    gradients: Gradients<'a>,
    train: &'a Points,
    /// One for each parameter tensor.
    lambdas: Vec<f64>,
}

impl<'a> RankOne<'a> {
    pub fn of(on: &Case<'a>, damping: f64) -> Result<Self> {
        let gradients = Gradients::of(on);
        let mut squares = vec![0.0; gradients.parameters().blocks().len()];
        gradients.each(on.train, &mut |_, view| {
            let all = view.gradients(Quantity::Loss)?;
            for (sum, block) in squares.iter_mut().zip(gradients.parameters().blocks()) {
                let part = all.f_narrow(1, block.start, block.len())?;
                *sum += part.f_square()?.f_sum(Kind::Double)?.f_double_value(&[])?;
            }
            Ok(())
        })?;
        let blocks = gradients.parameters().blocks();
        let mean = |(sum, length): (f64, i64)| sum / (on.train.len() * length) as f64;
        let lambdas = squares.into_iter().zip(blocks.iter().map(|block| block.len()));
        let lambdas: Vec<f64> = lambdas.map(|of| on.l2 + damping * mean(of)).collect();
        if lambdas.iter().any(|lambda| *lambda <= 0.0) {
            return Err(Error::refused(
                "a parameter tensor has neither gradients nor a regulariser",
                "give the recipe a `weight_decay`, or the method a `damping`",
            ));
        }
        Ok(Self { gradients, train: on.train, lambdas })
    }
}

impl Inverse for RankOne<'_> {
    fn apply(&self, vectors: &Tensor) -> Result<Tensor> {
        let taken = vectors.f_zeros_like()?;
        self.gradients.each(self.train, &mut |_, view| {
            let all = view.gradients(Quantity::Loss)?;
            for (lambda, block) in self.lambdas.iter().zip(self.gradients.parameters().blocks()) {
                let of_block = |of: &Tensor| of.f_narrow(1, block.start, block.len());
                let part = of_block(&all)?;
                let length = part.f_square()?.f_sum_dim_intlist(1, false, Kind::Double)?;
                // (g g' + lambda)^-1 v = (v - g g' v / (lambda + g' g)) / lambda
                let along = of_block(vectors)?.f_matmul(&part.f_tr()?)?.f_div(&length.f_add_scalar(*lambda)?)?;
                let _ = of_block(&taken)?.f_add_(&along.f_matmul(&part)?)?;
            }
            Ok(())
        })?;
        let rest = vectors.f_sub(&taken.f_div_scalar(self.train.len() as f64)?)?;
        for (lambda, block) in self.lambdas.iter().zip(self.gradients.parameters().blocks()) {
            let _ = rest.f_narrow(1, block.start, block.len())?.f_div_scalar_(*lambda)?;
        }
        Ok(rest)
    }
}
