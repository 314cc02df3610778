//! Products of vectors with the inverse of a curvature that is too large, or too dear, to invert outright; or not.

mod arnoldi;
mod conjugate_gradients;
mod exact;
mod kronecker;
mod lissa;
mod rank_one;

use tch::{Kind, Tensor};

use super::calculus::{Curvature, Gradients, blocks, rows_of};
use super::{Case, Quantity};
use crate::config::Section;
use crate::error::Result;
use crate::noise::Noise;

use arnoldi::Arnoldi;
use conjugate_gradients::ConjugateGradients;
use exact::Exact;
use lissa::Lissa;

pub use kronecker::Kronecker;
pub use rank_one::RankOne;

/// How the systems are solved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Solver {
    Exact,
    ConjugateGradients(ConjugateGradients),
    Lissa(Lissa),
    Arnoldi(Arnoldi),
}

/// (curvature)^-1, or what a solver takes for it.
pub trait Inverse {
    /// Its products with vectors [m, P], [m, P].
    fn apply(&self, vectors: &Tensor) -> Result<Tensor>;

    /// How many of the systems so far were given up before they were solved.
    fn unsolved(&self) -> usize {
        0
    }
}

impl Solver {
    /// By the key `solver`; each reads what it takes from the same table.
    pub fn read(section: &Section) -> Self {
        #[derive(Clone, Copy)]
        enum Word {
            Exact,
            Cg,
            Lissa,
            Arnoldi,
        }
        let words = &[("exact", Word::Exact), ("cg", Word::Cg), ("lissa", Word::Lissa), ("arnoldi", Word::Arnoldi)];
        match section.choice("solver", "exact", words) {
            Word::Exact => Self::Exact,
            Word::Cg => Self::ConjugateGradients(ConjugateGradients::read(section)),
            Word::Lissa => Self::Lissa(Lissa::read(section)),
            Word::Arnoldi => Self::Arnoldi(Arnoldi::read(section)),
        }
    }

    /// Does what all vectors share.
    pub fn ready<'a>(&self, curvature: Curvature<'a>, noise: Noise) -> Result<Box<dyn Inverse + 'a>> {
        Ok(match self {
            Self::Exact => Box::new(Exact::of(&curvature)?),
            Self::ConjugateGradients(how) => Box::new(how.ready(curvature)),
            Self::Lissa(how) => Box::new(how.ready(curvature, noise)),
            Self::Arnoldi(how) => Box::new(how.ready(&curvature, noise)?),
        })
    }
}

/// (1/n) grad q' inverse g_train for all pairs, [T, N]: of what an inverse is taken for.
pub fn of_pairs_by(inverse: &dyn Inverse, on: &Case) -> Result<Tensor> {
    let gradients = Gradients::of(on);
    let rows = blocks(on.test.len(), rows_of(gradients.parameters().count())).map(|(start, count)| {
        let moved = inverse.apply(&gradients.all(&on.test.part(start, count)?, on.quantity)?)?;
        gradients.products(&moved, on.train, Quantity::Loss)
    });
    let all = Tensor::f_cat(&rows.collect::<Result<Vec<_>>>()?, 0)?;
    on.unsolved.set(on.unsolved.get() + inverse.unsolved());
    Ok(all.f_div_scalar(on.train.len() as f64)?)
}

/// The same of each training example's own quantity, [N].
pub fn of_itself_by(inverse: &dyn Inverse, on: &Case) -> Result<Tensor> {
    let mut all = Vec::new();
    Gradients::of(on).each(on.train, &mut |_, view| {
        let moved = inverse.apply(&view.gradients(on.quantity)?)?;
        let own = moved.f_mul(&view.gradients(Quantity::Loss)?)?;
        all.push(own.f_sum_dim_intlist(1, false, Kind::Double)?);
        Ok(())
    })?;
    on.unsolved.set(on.unsolved.get() + inverse.unsolved());
    Ok(Tensor::f_cat(&all, 0)?.f_div_scalar(on.train.len() as f64)?)
}

/// An integer from 1 to a million.
fn count(section: &Section, key: &str, default: usize) -> usize {
    section.get_if(key, default, |count| (1..=1_000_000).contains(count), "an integer from 1 to 1000000")
}

/// The inner products, [m, 1], of two lists of vectors [m, P].
fn inner(one: &Tensor, two: &Tensor) -> Result<Tensor> {
    Ok(one.f_mul(two)?.f_sum_dim_intlist(1, true, Kind::Double)?)
}

#[cfg(test)]
mod tests;
