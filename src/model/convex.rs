//! Losses of a convex fit.

use tch::{Reduction, Tensor};

use crate::error::Result;

/// What a fit minimises of each example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// -log softmax(z)_y
    CrossEntropy,
    /// t log(1 + exp((1 - m) / t)) of the margin m = z_y - z_other, for two classes: a hinge whose kink is rounded.
    SmoothHinge { t: f64 },
}

impl Loss {
    /// The losses [N] of logits [N, K] and labels [N].
    pub fn of(self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::CrossEntropy => logits.f_cross_entropy_loss::<Tensor>(labels, None, Reduction::None, -100, 0.0)?,
            Self::SmoothHinge { t } => {
                let margin = hinge_margin(logits, labels)?;
                // Softplus with its own threshold would be linear where it is not yet.
                let x = margin.f_neg()?.f_add_scalar(1.0)?.f_div_scalar(t)?;
                x.f_clamp_min(0.0)?.f_add(&x.f_abs()?.f_neg()?.f_exp()?.f_log1p()?)?.f_mul_scalar(t)?
            }
        })
    }
}

/// z_y - z_other of two classes, [N].
fn hinge_margin(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let own = labels.f_unsqueeze(1)?;
    let of = |class: &Tensor| logits.f_gather(1, class, false)?.f_squeeze_dim(1);
    Ok(of(&own)?.f_sub(&of(&own.f_neg()?.f_add_scalar(1)?)?)?)
}
