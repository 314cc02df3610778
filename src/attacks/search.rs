//! The search within a ball. Every method tries the same number of candidates, each explained on the network itself, and keeps
//! the one of the largest objective among those that the network still classifies as before: attack and control differ in
//! nothing but how they find candidates.

use tch::{Kind, Tensor};

use super::ball::{self, Ball};
use super::{Objective, Original, Settings};
use crate::error::Result;
use crate::noise::Noise;

/// How candidates are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Along the gradient of the objective on a smooth copy of the network, from a random image of the ball.
    Gradient,
    /// Squares of random sign, ever smaller, put onto the best candidate so far: no derivatives.
    Square,
    /// A fresh corner of the ball each time: the control.
    RandomSign,
}

/// The explained network, for the rows of one search.
pub trait Victim {
    /// Maps [B, H, W] of candidates `x` [B, C, H, W].
    fn maps(&self, x: &Tensor) -> Result<Tensor>;

    /// The same on a smooth copy of the network, on the tape.
    fn smooth_maps(&self, x: &Tensor) -> Result<Tensor>;

    /// Whether the network still says of `x` [n, C, H, W] what it said of the images at `rows` (int64 [n]), bool [n].
    fn admits(&self, x: &Tensor, rows: &Tensor) -> Result<Tensor>;
}

/// The images under attack.
pub struct Subject<'a> {
    /// [B, C, H, W], pixels in [0, 1].
    pub x: &'a Tensor,
    /// [B, 1, 1, 1], in the range of pixels.
    pub radius: &'a Tensor,
    pub original: &'a Original,
    /// Names of the examples, for draws.
    pub ids: &'a [u64],
    pub noise: Noise,
}

/// What a search came to.
pub struct Found {
    /// The best candidates [B, C, H, W]: the images themselves where none was better, or none was admitted.
    pub x: Tensor,
    /// Their maps [B, H, W]; NaN where the objective was undefined throughout.
    pub maps: Tensor,
    /// The maps of the best of the first half of the candidates; of one candidate that half is none.
    pub half: Tensor,
    /// Whether any candidate was admitted, bool [B].
    pub admitted: Tensor,
}

/// The state of a search.
struct Best {
    x: Tensor,
    maps: Tensor,
    objective: Tensor,
    admitted: Tensor,
}

/// Searches for all rows at once; a row's candidates depend on nothing but the row.
pub fn search(method: Method, settings: &Settings, subject: &Subject, victim: &dyn Victim) -> Result<Found> {
    let Subject { x, radius, original, ids, noise } = subject;
    let ball = Ball { norm: settings.norm, x, radius };
    let worth = settings.attack.method.objective(original)?;
    let mut best = Best {
        x: x.shallow_clone(),
        maps: original.maps.shallow_clone(),
        objective: worth(&original.maps)?,
        admitted: Tensor::f_zeros([x.size()[0]], (Kind::Bool, x.device()))?,
    };
    let total = settings.candidates();
    let mut half = original.maps.shallow_clone();
    let mut here = x.shallow_clone();
    for candidate in 0..total {
        let (restart, iteration) = (candidate / settings.iterations, candidate % settings.iterations);
        let draw = noise.index(candidate as u64);
        here = match method {
            Method::RandomSign => ball.corner(&draw, ids)?,
            Method::Square => {
                // A restart goes on from the best so far with large squares again.
                let share = iteration as f64 / settings.iterations as f64;
                square(&ball, &best.x, share, &draw, ids)?
            }
            Method::Gradient => {
                if iteration == 0 {
                    here = ball.inside(&noise.purpose("start").index(restart as u64), ids)?;
                }
                ball.step(&here, &gradient(&worth, &here, victim)?, settings.step)?
            }
        };
        if candidate == total / 2 {
            half = best.maps.shallow_clone();
        }
        best.meet(&here, &worth, victim)?;
    }
    let Best { x, maps, objective, admitted } = best;
    // What had nothing to aim at is not to look like what cannot be moved.
    let aimless = objective.f_isfinite()?.f_logical_not()?.f_view([-1, 1, 1])?;
    Ok(Found {
        x,
        maps: maps.f_masked_fill(&aimless, f64::NAN)?,
        half: half.f_masked_fill(&aimless, f64::NAN)?,
        admitted,
    })
}

impl Best {
    /// Takes the rows of `x` over that are admitted and better.
    fn meet(&mut self, x: &Tensor, worth: &Objective, victim: &dyn Victim) -> Result<()> {
        let maps = victim.maps(x)?.f_detach()?;
        let objective = worth(&maps)?;
        let better = objective.f_gt_tensor(&self.objective)?.f_logical_or(&self.objective.f_isnan()?)?;
        let better = better.f_logical_and(&objective.f_isfinite()?)?;
        // Only of what would be taken over does it matter, and of rows of which nothing was admitted yet.
        let asked = better.f_logical_or(&self.admitted.f_logical_not()?)?.f_nonzero()?.f_squeeze_dim(1)?;
        let mut admitted = better.f_zeros_like()?;
        if asked.size()[0] > 0 {
            let said = victim.admits(&x.f_index_select(0, &asked)?, &asked)?;
            admitted = admitted.f_index_copy(0, &asked, &said)?;
        }
        let better = better.f_logical_and(&admitted)?;
        let rows = |shape: &[i64]| better.f_view(shape);
        self.x = x.f_where_self(&rows(&[-1, 1, 1, 1])?, &self.x)?;
        self.maps = maps.f_where_self(&rows(&[-1, 1, 1])?, &self.maps)?;
        self.objective = objective.f_where_self(&better, &self.objective)?;
        self.admitted = self.admitted.f_logical_or(&admitted)?;
        Ok(())
    }
}

/// The gradient of the objective on the smooth copy, like `x`; 0 where a map does not depend on the image.
fn gradient(worth: &Objective, x: &Tensor, victim: &dyn Victim) -> Result<Tensor> {
    tch::with_grad(|| {
        let x = x.f_detach()?.f_set_requires_grad(true)?;
        let maps = victim.smooth_maps(&x)?;
        let total = worth(&maps)?.f_sum(None::<Kind>)?;
        if !total.requires_grad() {
            return Ok(x.f_zeros_like()?);
        }
        let gradient = Tensor::f_run_backward(&[total], &[&x], false, false)?.remove(0);
        if gradient.defined() { Ok(gradient.f_detach()?) } else { Ok(x.f_zeros_like()?) }
    })
}

/// A square of random place, with one random sign for each channel, put at the edge of the ball. Its side falls from 0.7 of
/// the image's to a pixel while `share` goes from 0 to 1.
fn square(ball: &Ball, from: &Tensor, share: f64, noise: &Noise, ids: &[u64]) -> Result<Tensor> {
    let (_, channels, height, width) = from.size4()?;
    let side = (0.7 * height.min(width) as f64 * 2f64.powf(-6.0 * share)).round().max(1.0) as i64;
    // Rows and columns within the square, bool [B, 1, length].
    let within = |axis: &str, length: i64| -> Result<Tensor> {
        let starts = (length - side + 1) as u64;
        let at = ids.iter().map(|id| noise.purpose(axis).index(*id).below(0, starts) as i64);
        let at = Tensor::f_from_slice(&at.collect::<Vec<_>>())?.f_to_device(from.device())?.f_view([-1, 1])?;
        let places = Tensor::f_arange(length, (Kind::Int64, from.device()))?.f_view([1, -1])?.f_sub(&at)?;
        Ok(places.f_ge(0)?.f_logical_and(&places.f_lt(side)?)?)
    };
    let mask = within("row", height)?.f_unsqueeze(2)?.f_logical_and(&within("column", width)?.f_unsqueeze(1)?)?;
    let signs = ball::signs(&noise.purpose("sign"), ids, &[channels, 1, 1], from)?;
    // Twice the radius leads to its edge from anywhere in the ball.
    let way = signs.f_mul(ball.radius)?.f_mul_scalar(2.0)?.f_mul(&mask.f_unsqueeze(1)?)?;
    ball.project(&from.f_add(&way)?)
}

#[cfg(test)]
mod tests;
