//! One problem solved again many times, each time without some of its examples.
//!
//! Without a few examples the Hessian is almost that of all, so the one Cholesky factor of that serves every problem at every
//! step (the chord method): theta goes by -H^-1 g of the problem's own gradient until that is as short as it is asked to be. The
//! gradient decides where it ends and the factor only how fast, by a factor of about |H - H'| / |H| a step: a few steps for one
//! example of thousands. Problems that do not get there are solved one by one.

use tch::{Kind, Tensor};

use super::{Fit, ROWS, Regression, Solver};
use crate::error::{Error, Result};
use crate::model::factor::Factor;

/// Problems that go together as one matrix product.
const BLOCK: usize = 64;
/// Steps with the factor of all examples.
const STEPS: usize = 30;
/// Where more than this share is left out, the factor of all examples is not one of what is left.
const SHARE: f64 = 0.1;
/// Parameters up to which a problem by itself is solved by Newton's method.
const SMALL: i64 = 2000;
/// Steps of a problem by itself.
const ALONE: Fit = Fit { tolerance: 0.0, iterations: 2000 };

/// What solving many problems again came to.
pub struct Refits {
    /// [m, K, F], in the order of the problems.
    pub theta: Tensor,
    /// The longest gradient among them.
    pub gradient_norm: f64,
    /// How many were not solved by the shared factor, but by themselves.
    pub alone: usize,
    /// How many have a gradient longer than was asked for.
    pub not_converged: usize,
}

impl Regression {
    /// The minima without the examples at each of these places, from `theta` [K, F], the minimum for all of them, where `factor`
    /// is that of the Hessian ([`Regression::factor`]). The means are over the examples that stay.
    pub fn refit(&self, theta: &Tensor, factor: &Factor, left_out: &[Vec<i64>], tolerance: f64) -> Result<Refits> {
        tch::no_grad(|| {
            if left_out.iter().any(|places| places.iter().any(|place| !(0..self.len()).contains(place))) {
                return Err(Error::new(format!("an example is left out of {} that is not there", self.len())));
            }
            let mut done =
                Refits { theta: empty(self, left_out.len())?, gradient_norm: 0.0, alone: 0, not_converged: 0 };
            for start in (0..left_out.len()).step_by(BLOCK) {
                let block = &left_out[start..(start + BLOCK).min(left_out.len())];
                let solved = self.chord(theta, factor, block, tolerance)?;
                for (at, (near, norm)) in solved.into_iter().enumerate() {
                    let (theta, norm) = if norm <= tolerance {
                        (near, norm)
                    } else {
                        done.alone += 1;
                        // What went astray is no place to start from.
                        let start = if norm < 1.0 { &near } else { theta };
                        self.solve_alone(start, &block[at], tolerance)?
                    };
                    done.not_converged += usize::from(norm > tolerance || norm.is_nan());
                    done.gradient_norm = done.gradient_norm.max(norm);
                    done.theta.f_get((start + at) as i64)?.f_copy_(&theta)?;
                }
            }
            Ok(done)
        })
    }

    fn solve_alone(&self, start: &Tensor, left_out: &[i64], tolerance: f64) -> Result<(Tensor, f64)> {
        let solver = if self.parameters() <= SMALL { Solver::Newton } else { Solver::Lbfgs };
        let fitted = self.without(left_out)?.fit(start, &Fit { tolerance, ..ALONE }, solver)?;
        Ok((fitted.theta, fitted.gradient_norm))
    }

    /// theta and the length of the gradient of each problem where the factor took it; infinite where it was not tried.
    fn chord(
        &self,
        theta: &Tensor,
        factor: &Factor,
        left_out: &[Vec<i64>],
        tolerance: f64,
    ) -> Result<Vec<(Tensor, f64)>> {
        let many = |places: &Vec<i64>| places.len() as f64 > SHARE * self.examples;
        let mut solved: Vec<(Tensor, f64)> = left_out.iter().map(|_| (theta.shallow_clone(), f64::INFINITY)).collect();
        let mut open: Vec<usize> = (0..left_out.len()).filter(|at| !many(&left_out[*at])).collect();
        if open.is_empty() {
            return Ok(solved);
        }
        let mut together = Together::new(self, theta, open.iter().map(|at| left_out[*at].as_slice()))?;
        for step in 0..=STEPS {
            let gradient = together.gradient(self)?;
            let norms = gradient.f_square()?.f_sum_dim_intlist([1, 2].as_slice(), false, None::<Kind>)?.f_sqrt()?;
            let norms = Vec::<f64>::try_from(norms)?;
            let mut on = Vec::new();
            for (row, (at, norm)) in open.iter().zip(&norms).enumerate() {
                let grew = *norm > 2.0 * solved[*at].1 || !norm.is_finite();
                if !grew {
                    solved[*at] = (together.theta.f_get(row as i64)?, *norm);
                }
                if *norm > tolerance && !grew {
                    on.push(row as i64);
                }
            }
            if on.is_empty() || step == STEPS {
                break;
            }
            open = on.iter().map(|row| open[*row as usize]).collect();
            let on = Tensor::f_from_slice(&on)?.f_to_device(theta.device())?;
            together = together.of(&on)?;
            together.step(factor, &gradient.f_index_select(0, &on)?)?;
        }
        Ok(solved)
    }
}

fn empty(problem: &Regression, count: usize) -> Result<Tensor> {
    let shape = [count as i64, problem.classes, problem.width()];
    Ok(Tensor::f_zeros(shape, (Kind::Double, problem.features.device()))?)
}

/// Problems under way, m of them.
struct Together {
    /// [m, K, F]
    theta: Tensor,
    /// 1 / the examples that stay, or 0 for those that do not, [N, m].
    shares: Tensor,
}

impl Together {
    fn new<'a>(problem: &Regression, theta: &Tensor, left_out: impl Iterator<Item = &'a [i64]>) -> Result<Self> {
        let mut shares = Vec::new();
        for places in left_out {
            let without = problem.without(places)?;
            let there = without.there.as_ref().ok_or_else(|| Error::new("nothing was left out"))?;
            shares.push(there.f_div_scalar(without.examples)?);
        }
        let count = shares.len() as i64;
        let theta = theta.f_unsqueeze(0)?.f_repeat([count, 1, 1])?;
        Ok(Self { theta, shares: Tensor::f_stack(&shares, 1)? })
    }

    fn of(&self, rows: &Tensor) -> Result<Self> {
        Ok(Self { theta: self.theta.f_index_select(0, rows)?, shares: self.shares.f_index_select(1, rows)? })
    }

    /// The gradient of each problem, [m, K, F]: all logits in one product, all gradients in one, some thousand rows at a time.
    fn gradient(&self, problem: &Regression) -> Result<Tensor> {
        let (count, classes, width) = self.theta.size3()?;
        let weights = self.theta.f_view([count * classes, width])?;
        let mut gradient = weights.f_mul_scalar(problem.l2)?;
        for start in (0..problem.len()).step_by(ROWS as usize) {
            let rows = ROWS.min(problem.len() - start);
            let part = |tensor: &Tensor| tensor.f_narrow(0, start, rows);
            let features = part(&problem.features)?;
            // [rows, m, K], taken as m times as many examples.
            let logits = features.f_matmul(&weights.f_transpose(0, 1)?)?.f_view([rows * count, classes])?;
            let labels = part(&problem.labels)?.f_unsqueeze(1)?.f_expand([rows, count], false)?.f_reshape([-1])?;
            let pulls = problem.loss.first(&logits, &labels)?.f_view([rows, count, classes])?;
            let pulls = pulls.f_mul(&part(&self.shares)?.f_unsqueeze(2)?)?.f_view([rows, count * classes])?;
            gradient = gradient.f_add(&pulls.f_transpose(0, 1)?.f_matmul(&features)?)?;
        }
        Ok(gradient.f_view([count, classes, width])?)
    }

    fn step(&mut self, factor: &Factor, gradient: &Tensor) -> Result<()> {
        let count = gradient.size()[0];
        let columns = gradient.f_view([count, -1])?.f_transpose(0, 1)?;
        let step = factor.solve(&columns)?.f_transpose(0, 1)?.f_reshape_as(&self.theta)?;
        self.theta = self.theta.f_sub(&step)?;
        Ok(())
    }
}
