//! Losses of a convex fit, with their first and second derivatives in the logits.
//!
//! Both losses see differences of logits only, so that derivatives sum to 0 over the classes. What that leaves unsaid (the
//! diagonal) is never computed as a difference from 1, of which nothing would remain for an example that is fitted well.

use tch::{Kind, Reduction, Tensor};

use crate::error::{Error, Result};

/// What a fit minimises of each example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// -log softmax(z)_y
    CrossEntropy,
    /// t log(1 + exp((1 - m) / t)) of the margin m = z_y - z_other, for two classes: a hinge whose kink is rounded.
    SmoothHinge { t: f64 },
}

/// The second derivatives of N losses, [N, K, K], by pairs of classes.
pub struct Second {
    classes: i64,
    values: Values,
}

enum Values {
    /// The probabilities [N, K]: -p_k p_l.
    Probabilities(Tensor),
    /// By the margin [N]: the logits of the two classes pull against each other.
    Margin(Tensor),
}

impl Loss {
    /// For people.
    pub fn words(self) -> String {
        match self {
            Self::CrossEntropy => "cross-entropy".to_string(),
            Self::SmoothHinge { t } => format!("smoothed hinge (t = {t})"),
        }
    }

    /// The losses [N] of logits [N, K] and labels [N].
    pub fn of(self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::CrossEntropy => logits.f_cross_entropy_loss::<Tensor>(labels, None, Reduction::None, -100, 0.0)?,
            Self::SmoothHinge { t } => {
                // Softplus with its own threshold would be linear where it is not yet.
                let x = short_of_one(logits, labels, t)?;
                x.f_clamp_min(0.0)?.f_add(&x.f_abs()?.f_neg()?.f_exp()?.f_log1p()?)?.f_mul_scalar(t)?
            }
        })
    }

    /// Their derivatives by the logits, [N, K].
    pub fn first(self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        // -pull for the label, and its shares for the others.
        let own = labels.f_unsqueeze(1)?;
        let shares = match self {
            Self::CrossEntropy => logits.f_softmax(-1, logits.kind())?.f_scatter_value(1, &own, 0.0)?,
            Self::SmoothHinge { t } => {
                let pull = short_of_one(logits, labels, t)?.f_sigmoid()?.f_unsqueeze(1)?;
                logits.f_zeros_like()?.f_scatter(1, &other(&own)?, &pull)?
            }
        };
        let pull = shares.f_sum_dim_intlist([1].as_slice(), true, None::<Kind>)?;
        Ok(shares.f_scatter(1, &own, &pull.f_neg()?)?)
    }

    /// Their second derivatives by the logits.
    pub fn second(self, logits: &Tensor, labels: &Tensor) -> Result<Second> {
        let values = match self {
            Self::CrossEntropy => Values::Probabilities(logits.f_softmax(-1, logits.kind())?),
            Self::SmoothHinge { t } => {
                let x = short_of_one(logits, labels, t)?;
                // sigmoid(-x), not 1 - sigmoid(x).
                let bend = x.f_sigmoid()?.f_mul(&x.f_neg()?.f_sigmoid()?)?;
                Values::Margin(bend.f_div_scalar(t)?)
            }
        };
        Ok(Second { classes: logits.size2()?.1, values })
    }

    /// Whether it is defined for so many classes.
    pub fn fits(self, classes: i64) -> bool {
        match self {
            Self::CrossEntropy => true,
            Self::SmoothHinge { .. } => classes == 2,
        }
    }
}

impl Second {
    /// Minus the derivative by the logits of two different classes, [N]: never negative. The one by a class twice is the sum of
    /// these over the other classes.
    pub fn pair(&self, k: i64, l: i64) -> Result<Tensor> {
        if k == l || k.max(l) >= self.classes {
            return Err(Error::new(format!("{k} and {l} are not two of {} classes", self.classes)));
        }
        Ok(match &self.values {
            Values::Probabilities(p) => p.f_select(1, k)?.f_mul(&p.f_select(1, l)?)?,
            Values::Margin(bend) => bend.shallow_clone(),
        })
    }
}

/// (1 - m) / t of the margin m = z_y - z_other of two classes, [N].
fn short_of_one(logits: &Tensor, labels: &Tensor, t: f64) -> Result<Tensor> {
    let own = labels.f_unsqueeze(1)?;
    let of = |class: &Tensor| logits.f_gather(1, class, false)?.f_squeeze_dim(1);
    let margin = of(&own)?.f_sub(&of(&other(&own)?)?)?;
    Ok(margin.f_neg()?.f_add_scalar(1.0)?.f_div_scalar(t)?)
}

/// The other one of two classes.
fn other(own: &Tensor) -> Result<Tensor> {
    Ok(own.f_neg()?.f_add_scalar(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logits() -> Tensor {
        Tensor::from_slice2(&[[0.3, -1.2], [2.0, 0.5], [-40.0, 40.0], [1.0, 0.0]])
    }

    const LABELS: [i64; 4] = [0, 1, 1, 0];

    /// Of the logit of one class, moved by a small step both ways.
    fn differences(class: i64, of: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let step = 1e-6;
        let mut way = [0.0; 2];
        way[class as usize] = step;
        let way = Tensor::from_slice(&way);
        (of(&(logits() + &way)) - of(&(logits() - &way))) / (2.0 * step)
    }

    #[test]
    fn derivatives_are_central_differences() {
        let labels = Tensor::from_slice(&LABELS);
        for loss in [Loss::CrossEntropy, Loss::SmoothHinge { t: 0.5 }] {
            let first = loss.first(&logits(), &labels).unwrap();
            let second = loss.second(&logits(), &labels).unwrap().pair(0, 1).unwrap();
            for class in 0..2 {
                let slope = differences(class, |z| loss.of(z, &labels).unwrap());
                assert!((first.select(1, class) - slope).abs().max().double_value(&[]) < 1e-8, "{loss:?}");
                let bend = differences(class, |z| loss.first(z, &labels).unwrap().select(1, class));
                assert!((&second - bend).abs().max().double_value(&[]) < 1e-8, "{loss:?}");
            }
        }
    }

    /// At a margin of 1 - t log 3 the hinge has gone up to t log 4, with slope 3/4 and curvature 3/16 / t.
    #[test]
    fn a_rounded_hinge_by_hand() {
        let loss = Loss::SmoothHinge { t: 0.1 };
        let logits = Tensor::from_slice2(&[[1.0 - 0.1 * 3f64.ln(), 0.0]]);
        let labels = Tensor::from_slice(&[0i64]);
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        near(loss.of(&logits, &labels).unwrap().double_value(&[0]), 0.1 * 4f64.ln());
        let first = loss.first(&logits, &labels).unwrap();
        near(first.double_value(&[0, 0]), -0.75);
        near(first.double_value(&[0, 1]), 0.75);
        near(loss.second(&logits, &labels).unwrap().pair(1, 0).unwrap().double_value(&[0]), 1.875);
    }

    /// exp(-80) is far below what is left of 1 - p.
    #[test]
    fn an_example_that_is_fitted_well_still_has_derivatives() {
        let labels = Tensor::from_slice(&LABELS);
        let first = Loss::CrossEntropy.first(&logits(), &labels).unwrap();
        let tiny = (-80f64).exp();
        assert!((first.double_value(&[2, 1]) / -tiny - 1.0).abs() < 1e-12);
        let second = Loss::CrossEntropy.second(&logits(), &labels).unwrap();
        assert!((second.pair(0, 1).unwrap().double_value(&[2]) / tiny - 1.0).abs() < 1e-12);
        assert!(second.pair(1, 1).is_err() && second.pair(0, 2).is_err());
    }

    #[test]
    fn a_small_t_comes_near_the_hinge() {
        let labels = Tensor::from_slice(&LABELS);
        let found = Loss::SmoothHinge { t: 1e-4 }.of(&logits(), &labels).unwrap();
        // Margins 1.5, -1.5, 80 and 1: the last one is the kink itself, t log 2.
        let hinge = Tensor::from_slice(&[0.0, 2.5, 0.0, 1e-4 * 2f64.ln()]);
        assert!((found - hinge).abs().max().double_value(&[]) < 1e-12);
        assert!(!Loss::SmoothHinge { t: 1.0 }.fits(3) && Loss::CrossEntropy.fits(3));
    }
}
