//! # Definition
//! The gradient averaged along the straight line from a reference x' to the input, times the way:
//! a(x) = (x - x') * sum_k w_k dz_c/dx (x' + t_k (x - x')). Completeness: the sum of a is z_c(x) - z_c(x'), up to the
//! error of the quadrature.
//!
//! # Parameters
//! - `steps` (32): points t_k on the line, or "auto": doubled from 16 until the completeness gap of every example is
//!   at most `tolerance` times |z_c(x) - z_c(x')| (or times 1 where that is smaller); an error after 4096.
//! - `rule` ("midpoint"): "midpoint", t_k = (k - 1/2) / steps, or "gauss-legendre".
//! - `reference` ("black"): an imputer, such as "mean" or { use = "blur", sigma = 2.0 }: what it makes of the whole image is the
//!   reference; or the path of a safetensors file with a tensor `reference` [C, H, W].
//! - `tolerance` (0.01): for `steps = "auto"`.
//!
//! # Cost
//! `steps` forward and backward passes per example.
//!
//! # Reference
//! Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017.

use std::path::PathBuf;
use std::sync::Arc;

use tch::{Kind, Tensor};

use super::gradient::gradient;
use super::reference::Reference;
use super::{Access, Attribution, Explainer, Scene};
use crate::catalogue::Entry;
use crate::config::Section;
use crate::error::{Error, Result};
use crate::model::Score;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "integrated-gradients",
    summary: "the gradient averaged on the way from a reference, times the way",
    reference: "Sundararajan et al. 2017",
    revision: 1,
    source: concat!(include_str!("integrated_gradients.rs"), include_str!("gradient.rs")),
    read: |section| {
        let steps = read_steps(section);
        let rules = &[("midpoint", Rule::Midpoint), ("gauss-legendre", Rule::GaussLegendre)];
        let rule = section.choice("rule", "midpoint", rules);
        let tolerance = section.get_if("tolerance", 0.01, |tolerance| *tolerance > 0.0, "a number above 0");
        Some(Arc::new(IntegratedGradients { steps, rule, reference: Reference::read(section)?, tolerance }))
    },
};

const FIRST: usize = 16;
const LAST: usize = 4096;

/// The most steps that can be asked for.
const MOST: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    Fixed(usize),
    /// As many as completeness asks for.
    Auto,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Midpoint,
    GaussLegendre,
}

pub struct IntegratedGradients {
    pub steps: Steps,
    pub rule: Rule,
    pub reference: Reference,
    pub tolerance: f64,
}

fn read_steps(section: &Section) -> Steps {
    if section.peek::<String>("steps").is_some_and(|word| word == "auto") {
        // Not read with a default: without `steps` there are 32, and the two must not be taken for each other.
        section.optional::<String>("steps");
        return Steps::Auto;
    }
    let expected = format!("an integer from 1 to {MOST}, or \"auto\"");
    Steps::Fixed(section.get_if("steps", 32usize, |steps| (1..=MOST).contains(steps), &expected))
}

impl Explainer for IntegratedGradients {
    fn access(&self) -> Access {
        Access::Gradients
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn rows(&self, _: &[i64]) -> usize {
        match self.steps {
            Steps::Fixed(steps) => steps,
            Steps::Auto => FIRST,
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        self.reference.files()
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let start = self.reference.at(on)?;
        let values = match self.steps {
            Steps::Fixed(steps) => self.integrate(on, &start, steps)?,
            Steps::Auto => self.refine(on, &start)?,
        };
        Ok(Attribution::elements(values))
    }
}

impl IntegratedGradients {
    fn integrate(&self, on: &Scene, start: &Tensor, steps: usize) -> Result<Tensor> {
        let (points, weights) = self.rule.points(steps);
        let like = |values: &[f64]| Tensor::from_slice(values).to_kind(on.x.kind()).to_device(on.x.device());
        let (points, weights) = (like(&points), like(&weights));
        // The way travels with the examples as a second set of images, so that chunks of both are cut alike.
        let both = Scene { x: Tensor::f_stack(&[start, &on.x], 1)?, ..on.part(0..on.len())? };
        both.sum_over_draws(steps, 1, |part, draws| {
            let (start, end) = (part.x.f_select(1, 0)?.f_unsqueeze(1)?, part.x.f_select(1, 1)?.f_unsqueeze(1)?);
            let (from, count) = (draws.start as i64, draws.len() as i64);
            let way = end.f_sub(&start)?;
            let at = points.f_narrow(0, from, count)?.f_view([1, -1, 1, 1, 1])?;
            let gradients = gradient(&part.rows(&start.f_addcmul(&at, &way)?)?)?;
            let shape = [&[part.len() as i64, count], &gradients.size()[1..]].concat();
            let share = weights.f_narrow(0, from, count)?.f_view([1, -1, 1, 1, 1])?;
            let mean = gradients.f_view(shape.as_slice())?.f_mul(&share)?.f_sum_dim_intlist(1, false, on.x.kind())?;
            Ok(mean.f_mul(&way.f_squeeze_dim(1)?)?)
        })
    }

    /// Doubles the steps of the examples whose completeness gap is still too wide.
    fn refine(&self, on: &Scene, start: &Tensor) -> Result<Tensor> {
        let score = |x: &Tensor| -> Result<Tensor> {
            let scores = Scene { x: x.shallow_clone(), ..on.part(0..on.len())? };
            scores.sum_over_draws(1, 1, |part, _| part.model.scores(&part.x, &part.target, Score::Logit))
        };
        let difference = tch::no_grad(|| Ok::<_, Error>(score(&on.x)?.f_sub(&score(start)?)?))?;
        let allowed = difference.f_abs()?.f_clamp_min(1.0)?.f_mul_scalar(self.tolerance)?;
        let mut answer = on.x.f_zeros_like()?;
        let mut open: Vec<i64> = (0..on.len() as i64).collect();
        let mut steps = FIRST;
        while !open.is_empty() {
            if steps > LAST {
                return Err(Error::new(format!(
                    "integrated-gradients: {} of {} examples miss the completeness tolerance of {} with {LAST} steps; \
                     raise `tolerance`",
                    open.len(),
                    on.len(),
                    self.tolerance
                )));
            }
            let index = Tensor::from_slice(&open).to_device(on.x.device());
            let part = on.pick(&open)?;
            let values = self.integrate(&part, &start.f_index_select(0, &index)?, steps)?;
            let gap = values
                .f_sum_dim_intlist([1, 2, 3].as_slice(), false, values.kind())?
                .f_sub(&difference.f_index_select(0, &index)?)?
                .f_abs()?;
            let wide =
                Vec::<bool>::try_from(gap.f_gt_tensor(&allowed.f_index_select(0, &index)?)?.to_kind(Kind::Bool))?;
            answer = answer.f_index_copy(0, &index, &values)?;
            open = open.into_iter().zip(wide).filter_map(|(example, wide)| wide.then_some(example)).collect();
            steps *= 2;
        }
        Ok(answer)
    }
}

impl Rule {
    /// Points in (0, 1) and weights that add up to 1.
    pub fn points(self, steps: usize) -> (Vec<f64>, Vec<f64>) {
        match self {
            Rule::Midpoint => {
                let points = (0..steps).map(|k| (k as f64 + 0.5) / steps as f64).collect();
                (points, vec![1.0 / steps as f64; steps])
            }
            Rule::GaussLegendre => gauss_legendre(steps),
        }
    }
}

/// Nodes and weights of Gauss-Legendre quadrature on [0, 1]: roots of the Legendre polynomial by Newton's method from
/// Tricomi's estimate.
fn gauss_legendre(steps: usize) -> (Vec<f64>, Vec<f64>) {
    let n = steps as f64;
    (1..=steps)
        .rev()
        .map(|i| {
            let mut root = (std::f64::consts::PI * (i as f64 - 0.25) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (value, derivative) = legendre(steps, root);
                slope = derivative;
                let step = value / derivative;
                root -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            (0.5 * (root + 1.0), 1.0 / ((1.0 - root * root) * slope * slope))
        })
        .unzip()
}

/// The Legendre polynomial of degree n and its derivative at x, by the three-term recurrence.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, n as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_steps_as_it_takes_are_another_setting_than_the_usual_ones() {
        let identity = |parameters: &str| {
            let section = Section::parse("a.toml", &format!("use = 'integrated-gradients'\n{parameters}")).unwrap();
            crate::explainers::read(&section).unwrap().chosen.identity
        };
        assert_eq!(identity("steps = 32"), identity(""));
        assert_ne!(identity("steps = 'auto'"), identity(""));
    }

    #[test]
    fn two_gauss_legendre_points_are_one_half_plus_minus_one_over_root_twelve() {
        let (points, weights) = gauss_legendre(2);
        let off = 1.0 / 12f64.sqrt();
        assert!((points[0] - (0.5 - off)).abs() < 1e-15 && (points[1] - (0.5 + off)).abs() < 1e-15);
        assert!((weights[0] - 0.5).abs() < 1e-15 && (weights[1] - 0.5).abs() < 1e-15);
    }

    #[test]
    fn gauss_legendre_integrates_polynomials_of_degree_2n_minus_1_exactly() {
        for steps in 1..=40 {
            let (points, weights) = gauss_legendre(steps);
            for degree in [0, 1, 2 * steps - 1] {
                let sum: f64 = points.iter().zip(&weights).map(|(x, w)| w * x.powi(degree as i32)).sum();
                assert!((sum - 1.0 / (degree as f64 + 1.0)).abs() < 1e-13, "{steps} points, x^{degree}: {sum}");
            }
        }
    }
}
