//! Finding the minimum of a convex problem, to a gradient of a given length.
//!
//! - *Newton*: steps along -H^-1 g by the Cholesky factor of the Hessian. Few steps, each of N F² K² / 4 multiplications.
//! - *L-BFGS* (Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", 1980; two loops, the last 20 steps remembered):
//!   many steps, each of two passes over the data.
//!
//! Logits are linear in theta. So along a direction they are known for every length of a step once they are known for one, and
//! the search for a length does not look at the data again.

use std::collections::VecDeque;

use tch::{Kind, Tensor};

use super::{Regression, dot, norm};
use crate::error::Result;

/// How many steps L-BFGS remembers.
const MEMORY: usize = 20;
/// A step goes down by at least this share of what its slope at the start promises (Armijo).
const DECREASE: f64 = 1e-4;
/// A step that leaves more of the slope than this is too short (Wolfe).
const SLOPE: f64 = 0.9;
/// Lengths that are tried along one direction.
const TRIES: usize = 60;
/// Steps that neither take J down by more than rounding nor find a gradient that is shorter by a tenth, before no more is hoped for.
const IDLE: usize = 100;

/// How the minimum is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Solver {
    Newton,
    Lbfgs,
}

/// When a fit ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The length of the gradient at which it has converged.
    pub tolerance: f64,
    /// Steps, at most.
    pub iterations: usize,
}

/// What a fit came to.
pub struct Fitted {
    /// [K, F]
    pub theta: Tensor,
    pub iterations: usize,
    /// Of the gradient at `theta`, the length.
    pub gradient_norm: f64,
    pub converged: bool,
}

impl Regression {
    /// The minimum, from `start` [K, F]. Where it is not found, the result says so.
    pub fn fit(&self, start: &Tensor, fit: &Fit, solver: Solver) -> Result<Fitted> {
        tch::no_grad(|| {
            let mut here = Place::at(self, start.f_detach()?.copy())?;
            let mut memory = Memory::default();
            let (mut iterations, mut idle, mut least) = (0, 0, here.norm);
            // As far as rounding lets it go down; fresh logits may show a way on.
            let mut stuck = false;
            loop {
                if (here.norm <= fit.tolerance || stuck) && !here.fresh {
                    here = Place::at(self, here.theta)?;
                    stuck = idle >= IDLE;
                    memory = Memory::default();
                }
                let converged = here.norm <= fit.tolerance;
                if converged || stuck || iterations == fit.iterations || !here.norm.is_finite() {
                    let Place { theta, norm, .. } = here;
                    return Ok(Fitted { theta, iterations, gradient_norm: norm, converged });
                }
                let way = match solver {
                    Solver::Newton => self.newton_step(&here)?,
                    Solver::Lbfgs => memory.step(&here.gradient)?,
                };
                // A first step of L-BFGS knows nothing of lengths: one that would be of length 1 at most.
                let length = match solver {
                    Solver::Lbfgs if memory.is_empty() => (1.0 / here.norm).min(1.0),
                    _ => 1.0,
                };
                let line = Line::along(self, &here, way)?;
                let Some(Chosen { length, fell }) = line.search(length)? else {
                    stuck = true;
                    continue;
                };
                let there = line.go(length)?;
                memory.remember(&here, &there)?;
                here = there;
                iterations += 1;
                idle = if fell || here.norm < 0.9 * least { 0 } else { idle + 1 };
                least = least.min(here.norm);
                stuck = idle >= IDLE;
            }
        })
    }

    /// -H^-1 g
    fn newton_step(&self, here: &Place) -> Result<Tensor> {
        let flat = here.gradient.f_view([self.parameters(), 1])?;
        let step = self.factor(&here.theta)?.solve(&flat)?;
        Ok(step.f_neg()?.f_view_as(&here.theta)?)
    }
}

/// A theta with what is known there.
struct Place {
    theta: Tensor,
    logits: Tensor,
    gradient: Tensor,
    norm: f64,
    /// Whether the logits are those of theta, and not the sum of many steps.
    fresh: bool,
}

impl Place {
    fn at(problem: &Regression, theta: Tensor) -> Result<Self> {
        let logits = problem.logits(&theta)?;
        Self::with(problem, theta, logits, true)
    }

    fn with(problem: &Regression, theta: Tensor, logits: Tensor, fresh: bool) -> Result<Self> {
        let gradient = problem.gradient_at(&theta, &problem.pulls(&logits)?)?;
        let norm = norm(&gradient)?;
        Ok(Self { theta, logits, gradient, norm, fresh })
    }
}

/// How far to go.
struct Chosen {
    length: f64,
    /// Whether J falls by more than rounding.
    fell: bool,
}

/// J along a direction, as a function of the length of the step.
struct Line<'a> {
    problem: &'a Regression,
    from: &'a Place,
    way: Tensor,
    /// How the logits change, [N, K].
    change: Tensor,
    /// |theta|², theta way, |way|²
    squares: [f64; 3],
}

impl<'a> Line<'a> {
    fn along(problem: &'a Regression, from: &'a Place, way: Tensor) -> Result<Self> {
        let change = problem.logits(&way)?;
        let squares = [dot(&from.theta, &from.theta)?, dot(&from.theta, &way)?, dot(&way, &way)?];
        Ok(Self { problem, from, way, change, squares })
    }

    fn logits(&self, length: f64) -> Result<Tensor> {
        Ok(self.from.logits.f_add(&self.change.f_mul_scalar(length)?)?)
    }

    /// The value of J and its slope.
    fn at(&self, length: f64) -> Result<(f64, f64)> {
        let (problem, [own, both, way]) = (self.problem, self.squares);
        let logits = self.logits(length)?;
        let value = problem.mean_loss(&logits)? + 0.5 * problem.l2 * (own + length * (2.0 * both + length * way));
        let slope = dot(&problem.pulls(&logits)?, &self.change)? + problem.l2 * (both + length * way);
        Ok((value, slope))
    }

    fn go(&self, length: f64) -> Result<Place> {
        let theta = self.from.theta.f_add(&self.way.f_mul_scalar(length)?)?;
        Place::with(self.problem, theta, self.logits(length)?, false)
    }

    /// A length at which J is low enough and its slope, along which it falls ever less, has come near enough to 0. `None` where
    /// the direction does not go down or, as at the end, rounding hides where it does.
    ///
    /// Near the minimum differences of J are lost in its last digits while the slope is still exact: there a step that takes J
    /// no higher than rounding would is judged by its slope alone (Hager and Zhang, "A New Conjugate Gradient Method with
    /// Guaranteed Descent and an Efficient Line Search", 2005).
    fn search(&self, first: f64) -> Result<Option<Chosen>> {
        let (value, slope) = self.at(0.0)?;
        if slope >= 0.0 || slope.is_nan() {
            return Ok(None);
        }
        let rounding = 1e-14 * (1.0 + value.abs());
        // The slope rises along the way. `low` is too short, `high`, once it is known, too long.
        let (mut low, mut high) = ((0.0, slope), None::<(f64, f64)>);
        let mut length = first;
        for _ in 0..TRIES {
            let (there, rise) = self.at(length)?;
            let fell = there <= value + DECREASE * length * slope;
            let flat = there <= value + rounding && rise <= 0.8 * -slope;
            if !(fell || flat) {
                high = Some((length, rise));
            } else if rise < SLOPE * slope {
                low = (length, rise);
            } else {
                return Ok(Some(Chosen { length, fell: there < value - rounding }));
            }
            length = match high {
                None => 2.0 * length,
                Some(high) => between(low, high),
            };
        }
        Ok(None)
    }
}

/// Where the slope would be 0 on a straight line between two places, well inside of them.
fn between((low, falls): (f64, f64), (high, rises): (f64, f64)) -> f64 {
    let share = if rises > 0.0 { -falls / (rises - falls) } else { 0.5 };
    let share = if share.is_finite() { share.clamp(0.1, 0.9) } else { 0.5 };
    low + share * (high - low)
}

/// What L-BFGS knows of the curvature: the last steps with the changes of the gradient that they made.
#[derive(Default)]
struct Memory(VecDeque<Pair>);

struct Pair {
    step: Tensor,
    change: Tensor,
    /// 1 / (step change)
    scale: f64,
}

impl Memory {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn remember(&mut self, here: &Place, there: &Place) -> Result<()> {
        let step = there.theta.f_sub(&here.theta)?;
        let change = there.gradient.f_sub(&here.gradient)?;
        let bend = dot(&step, &change)?;
        // At rounding's end a step may seem to bend down.
        if bend > 1e-14 * norm(&step)? * norm(&change)? {
            if self.0.len() == MEMORY {
                self.0.pop_front();
            }
            self.0.push_back(Pair { step, change, scale: 1.0 / bend });
        }
        Ok(())
    }

    /// Minus the inverse curvature times the gradient.
    fn step(&self, gradient: &Tensor) -> Result<Tensor> {
        let mut way = gradient.f_neg()?;
        let mut shares = Vec::with_capacity(self.0.len());
        for Pair { step, change, scale } in self.0.iter().rev() {
            let share = scale * dot(step, &way)?;
            way = way.f_sub(&change.f_mul_scalar(share)?)?;
            shares.push(share);
        }
        if let Some(Pair { change, scale, .. }) = self.0.back() {
            way = way.f_div_scalar(scale * change.f_square()?.f_sum(None::<Kind>)?.f_double_value(&[])?)?;
        }
        for (Pair { step, change, scale }, share) in self.0.iter().zip(shares.into_iter().rev()) {
            let share = share - scale * dot(change, &way)?;
            way = way.f_add(&step.f_mul_scalar(share)?)?;
        }
        Ok(way)
    }
}
