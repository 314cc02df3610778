//! The curvature of the training objective J = 1/n sum of the losses + l2/2 |theta|^2: products with vectors, and the matrix.

use tch::{Device, Kind, Tensor};

use super::{Gradients, Parameters, blocks, rows_of};
use crate::error::{Error, Result};
use crate::influence::{Case, Points, quantity};
use crate::model::convex::{Loss, Regression};
use crate::model::{Mode, Model, Passes};

/// Which curvature of the losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hessian {
    /// All second derivatives.
    Exact,
    /// J_z' S J_z of the logits' derivatives J_z and the losses' curvature S by the logits: never negative, and the same for a
    /// network that is linear in its parameters.
    GaussNewton,
}

/// The largest number of parameters whose Hessian is made a matrix: 10^4, of which it takes 800 MB.
pub const LARGEST: i64 = 10_000;

/// The curvature of J with respect to all parameters, with `damping` added to its diagonal.
pub struct Curvature<'a> {
    model: &'a Model,
    points: &'a Points,
    parameters: Parameters,
    loss: Loss,
    l2: f64,
    chunk: usize,
    pub hessian: Hessian,
    pub damping: f64,
}

impl<'a> Curvature<'a> {
    /// Over all training examples.
    pub fn of(on: &Case<'a>, hessian: Hessian, damping: f64) -> Self {
        let Case { model, train, loss, l2, chunk, .. } = *on;
        Self { model, points: train, parameters: Parameters::of(&model.graph), loss, l2, chunk, hessian, damping }
    }

    /// P
    pub fn parameters(&self) -> i64 {
        self.parameters.count()
    }

    /// Where the tensors are.
    pub fn device(&self) -> Device {
        self.points.x.device()
    }

    /// n
    pub fn examples(&self) -> i64 {
        self.points.len()
    }

    /// The products with vectors [m, P], [m, P].
    pub fn product(&self, vectors: &Tensor) -> Result<Tensor> {
        self.sum(
            vectors,
            blocks(self.examples(), self.chunk).map(|(start, count)| {
                Ok((self.points.x.f_narrow(0, start, count)?, self.points.labels.f_narrow(0, start, count)?))
            }),
        )
    }

    /// The same of the mean over some training examples, by their places.
    pub fn product_on(&self, vectors: &Tensor, places: &[i64]) -> Result<Tensor> {
        self.sum(
            vectors,
            places.chunks(self.chunk.max(1)).map(|places| {
                let places = Tensor::f_from_slice(places)?.f_to_device(self.points.x.device())?;
                Ok((self.points.x.f_index_select(0, &places)?, self.points.labels.f_index_select(0, &places)?))
            }),
        )
    }

    fn sum(&self, vectors: &Tensor, parts: impl Iterator<Item = Result<(Tensor, Tensor)>>) -> Result<Tensor> {
        let mut sum = vectors.f_zeros_like()?;
        let mut count = 0;
        for part in parts {
            let (x, labels) = part?;
            let rows = x.size()[0];
            count += rows;
            let _ = sum.f_add_(&tch::with_grad(|| self.of_chunk(&x, &labels, vectors))?)?;
            let products = rows as u64 * vectors.size()[0] as u64;
            self.model.also_count(Passes {
                forward: rows as u64,
                backward: rows as u64 + products,
                ..Passes::default()
            });
        }
        let mean = sum.f_div_scalar(count.max(1) as f64)?;
        Ok(mean.f_add(&vectors.f_mul_scalar(self.l2 + self.damping)?)?)
    }

    /// The curvature of a sum of losses. The derivatives that all vectors share are taken once.
    fn of_chunk(&self, x: &Tensor, labels: &Tensor, vectors: &Tensor) -> Result<Tensor> {
        let (weights, leaves) = self.parameters.leaves(self.model.weights())?;
        let logits = self.model.graph.run(&weights, x, Mode::Eval, &mut |_, _, _, output| Ok(output))?;
        let vectors = Rows::of(self.parameters.split(vectors)?);
        let products = match self.hessian {
            Hessian::Exact => {
                let total = self.loss.of(&logits, labels)?.f_sum(None::<Kind>)?;
                let first = Tensor::f_run_backward(&[total], &leaves, true, true)?;
                vectors.each(|vector| flat(&derive(&inner(&first, vector)?, &leaves)?))?
            }
            Hessian::GaussNewton => {
                let second = quantity::second(self.loss, &logits, labels)?;
                // J_z v is the derivative of u' J_z v by u, which is any number.
                let any = logits.f_detach()?.f_zeros_like()?.f_set_requires_grad(true)?;
                let total = logits.f_mul(&any)?.f_sum(None::<Kind>)?;
                let back = Tensor::f_run_backward(&[total], &leaves, true, true)?;
                vectors.each(|vector| {
                    let moved = derive(&inner(&back, vector)?, std::slice::from_ref(&any))?.remove(0);
                    let signal = second.f_matmul(&moved.f_unsqueeze(2)?)?.f_squeeze_dim(2)?;
                    flat(&derive(&logits.f_mul(&signal)?.f_sum(None::<Kind>)?, &leaves)?)
                })?
            }
        };
        Ok(Tensor::f_stack(&products, 0)?)
    }

    /// [P, P]
    ///
    /// # Errors
    /// Where it would be too large.
    pub fn matrix(&self) -> Result<Tensor> {
        let count = self.parameters();
        small_enough(count)?;
        if let Some(matrix) = self.of_regression()? {
            return Ok(matrix);
        }
        if self.hessian == Hessian::GaussNewton {
            return self.gauss_newton();
        }
        let unit = Tensor::f_eye(count, (Kind::Double, self.points.x.device()))?;
        let rows = blocks(count, rows_of(count)).map(|(start, rows)| self.product(&unit.f_narrow(0, start, rows)?));
        let matrix = Tensor::f_cat(&rows.collect::<Result<Vec<_>>>()?, 0)?;
        // To rounding it is symmetric already.
        Ok(matrix.f_add(&matrix.f_tr()?)?.f_mul_scalar(0.5)?)
    }

    /// The matrix of a network that is linear in its parameters, class by class.
    fn of_regression(&self) -> Result<Option<Tensor>> {
        let Self { model, points, loss, .. } = self;
        let l2 = self.l2 + self.damping;
        let Some(regression) = Regression::of(model, &points.x, &points.labels, l2, *loss, self.chunk)? else {
            return Ok(None);
        };
        let theta = regression.theta(model.weights())?;
        // It counts its parameters in another order.
        let places = Tensor::f_arange(theta.numel() as i64, (Kind::Double, theta.device()))?.f_view_as(&theta)?;
        let places = self.parameters.flat(&regression.weights(&places)?)?.f_to_kind(Kind::Int64)?;
        let rows = regression.hessian(&theta)?.f_index_select(0, &places)?;
        Ok(Some(rows.f_index_select(1, &places)?))
    }

    fn gauss_newton(&self) -> Result<Tensor> {
        let options = (Kind::Double, self.points.x.device());
        let mut sum = Tensor::f_zeros([self.parameters(), self.parameters()], options)?;
        let gradients = Gradients::at(self.model, self.loss, self.chunk).fewer()?;
        gradients.each(self.points, &mut |_, view| {
            for rows in view.curvature()? {
                let _ = sum.f_addmm_(&rows.f_tr()?, &rows)?;
            }
            Ok(())
        })?;
        let mean = sum.f_div_scalar_(self.examples().max(1) as f64)?;
        let _ = mean.f_diagonal(0, 0, 1)?.f_add_scalar_(self.l2 + self.damping)?;
        Ok(mean)
    }
}

/// # Errors
/// Where the Hessian of so many parameters would be too large for a matrix.
pub fn small_enough(parameters: i64) -> Result<()> {
    if parameters <= LARGEST {
        return Ok(());
    }
    Err(Error::refused(
        format!("the Hessian of {parameters} parameters is too large for a matrix ({LARGEST} at most)"),
        "take `influence-function` with a `solver` such as \"cg\"",
    ))
}

/// Vectors, parameter by parameter.
struct Rows {
    parts: Vec<Tensor>,
}

impl Rows {
    fn of(parts: Vec<Tensor>) -> Self {
        Self { parts }
    }

    fn each(&self, f: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<Vec<Tensor>> {
        let count = self.parts.first().map_or(0, |part| part.size()[0]);
        let row = |at| self.parts.iter().map(|part| Ok(part.f_select(0, at)?)).collect::<Result<Vec<_>>>();
        (0..count).map(|at| f(&row(at)?)).collect()
    }
}

/// Of two lists of tensors, of which the first may hold undefined ones, which are zero.
fn inner(one: &[Tensor], two: &[Tensor]) -> Result<Tensor> {
    let mut sum = Tensor::from(0.0).f_to_device(two[0].device())?;
    for (one, two) in one.iter().zip(two).filter(|(one, _)| one.defined()) {
        sum = sum.f_add(&one.f_mul(two)?.f_sum(None::<Kind>)?)?;
    }
    Ok(sum)
}

/// The derivatives of a number; zeros where it does not depend on a tensor. The tape is kept.
fn derive(total: &Tensor, by: &[Tensor]) -> Result<Vec<Tensor>> {
    let zeros = |of: &Tensor| Ok(of.f_detach()?.f_zeros_like()?);
    if !total.requires_grad() {
        return by.iter().map(zeros).collect();
    }
    let derivatives = Tensor::f_run_backward(&[total], by, true, false)?;
    derivatives.into_iter().zip(by).map(|(of, by)| if of.defined() { Ok(of) } else { zeros(by) }).collect()
}

fn flat(parts: &[Tensor]) -> Result<Tensor> {
    let parts = parts.iter().map(|part| Ok(part.f_reshape([-1])?));
    Ok(Tensor::f_cat(&parts.collect::<Result<Vec<_>>>()?, 0)?)
}

#[cfg(test)]
mod tests;
