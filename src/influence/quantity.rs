//! What is looked at of an example, and its derivatives by the logits.

use tch::{Kind, Tensor};

use crate::config::Section;
use crate::error::Result;
use crate::model::Score;
use crate::model::convex::Loss;

/// What is looked at of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// That which training minimises, of the label, without the regulariser.
    Loss,
    /// log p / (1 - p) of the label's probability p: z_y - log sum over the others of exp z.
    Margin,
    /// The label's logit.
    Logit,
}

impl Quantity {
    /// Reads `quantity = "loss"`.
    pub fn read(section: &Section, default: &str) -> Self {
        section.choice("quantity", default, &[("loss", Self::Loss), ("margin", Self::Margin), ("logit", Self::Logit)])
    }

    /// "loss", "margin", "logit"
    pub fn words(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Margin => "margin",
            Self::Logit => "logit",
        }
    }

    /// The quantity, [B], of logits [B, K] and labels [B], where `loss` is what training minimises.
    pub fn of(self, loss: Loss, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        match self {
            Self::Loss => loss.of(logits, labels),
            Self::Margin => {
                let own = labels.f_unsqueeze(1)?;
                let others = logits.f_scatter_value(1, &own, f64::NEG_INFINITY)?;
                Ok(Score::Logit.of(logits, labels)?.f_sub(&others.f_logsumexp(1, false)?)?)
            }
            Self::Logit => Score::Logit.of(logits, labels),
        }
    }

    /// Its derivative by the logits, [B, K].
    pub fn first(self, loss: Loss, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        tch::with_grad(|| {
            let logits = logits.f_detach()?.f_set_requires_grad(true)?;
            let total = self.of(loss, &logits, labels)?.f_sum(None::<Kind>)?;
            Ok(Tensor::f_run_backward(&[total], &[&logits], false, false)?.remove(0))
        })
    }

    /// 1 where more of it is better for the example, and -1 where less is.
    pub fn better(self) -> f64 {
        match self {
            Self::Loss => -1.0,
            Self::Margin | Self::Logit => 1.0,
        }
    }
}

/// The losses' second derivatives by the logits, [B, K, K].
pub fn second(loss: Loss, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    tch::with_grad(|| {
        let logits = logits.f_detach()?.f_set_requires_grad(true)?;
        let total = loss.of(&logits, labels)?.f_sum(None::<Kind>)?;
        let first = Tensor::f_run_backward(&[total], &[&logits], true, true)?.remove(0);
        let row = |class| {
            let total = first.f_select(1, class)?.f_sum(None::<Kind>)?;
            Ok(Tensor::f_run_backward(&[total], &[&logits], true, false)?.remove(0))
        };
        let rows = (0..logits.size()[1]).map(row).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::f_stack(&rows, 1)?)
    })
}

/// R [B, K, K] with R R' = the second derivatives. The losses are convex, so what rounding makes negative is nothing.
pub fn second_root(loss: Loss, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let (values, vectors) = second(loss, logits, labels)?.f_linalg_eigh("L")?;
    Ok(vectors.f_mul(&values.f_clamp_min(0.0)?.f_sqrt()?.f_unsqueeze(1)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: &Tensor, b: &Tensor, tolerance: f64) {
        let apart = (a - b).abs().max().double_value(&[]);
        assert!(apart < tolerance, "{apart:e} apart");
    }

    /// Of logits (log 2, log 3, log 5), label 1: p = (.2, .3, .5). Loss -log .3, derivative p - e_1; margin log(3/7), derivative
    /// e_1 minus the others' shares (2/7, 5/7).
    #[test]
    fn quantities_by_hand() {
        let logits = Tensor::from_slice(&[2.0f64, 3.0, 5.0]).log().unsqueeze(0);
        let labels = Tensor::from_slice(&[1i64]);
        let expected: [(Quantity, f64, [f64; 3]); 3] = [
            (Quantity::Loss, -0.3f64.ln(), [0.2, -0.7, 0.5]),
            (Quantity::Margin, (3.0f64 / 7.0).ln(), [-2.0 / 7.0, 1.0, -5.0 / 7.0]),
            (Quantity::Logit, 3.0f64.ln(), [0.0, 1.0, 0.0]),
        ];
        for (quantity, value, first) in expected {
            let of = quantity.of(Loss::CrossEntropy, &logits, &labels).unwrap();
            assert!((of.double_value(&[0]) - value).abs() < 1e-14, "{quantity:?}");
            let by_logits = quantity.first(Loss::CrossEntropy, &logits, &labels).unwrap();
            near(&by_logits, &Tensor::from_slice(&first).unsqueeze(0), 1e-14);
        }
    }

    /// Of the cross-entropy diag(p) - p p', whatever the label; of the hinge a curvature by the margin alone.
    #[test]
    fn second_derivatives_and_their_roots() {
        let logits = Tensor::from_slice(&[2.0f64, 3.0, 5.0, 1.0, 1.0, 8.0]).log().view([2, 3]);
        let labels = Tensor::from_slice(&[1i64, 2]);
        let p = logits.softmax(1, Kind::Double);
        let by_hand = p.diag_embed(0, 1, 2) - p.unsqueeze(2) * p.unsqueeze(1);
        near(&second(Loss::CrossEntropy, &logits, &labels).unwrap(), &by_hand, 1e-14);
        let hinge = Loss::SmoothHinge { t: 0.5 };
        let two = Tensor::from_slice(&[0.3f64, 0.1, -2.0, 1.0]).view([2, 2]);
        let binary = Tensor::from_slice(&[1i64, 0]);
        for (loss, logits, labels) in [(Loss::CrossEntropy, &logits, &labels), (hinge, &two, &binary)] {
            let root = second_root(loss, logits, labels).unwrap();
            near(&root.matmul(&root.transpose(1, 2)), &second(loss, logits, labels).unwrap(), 1e-14);
        }
    }
}
