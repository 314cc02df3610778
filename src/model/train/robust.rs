//! Training against small moves of the image, as the `robust` table of a recipe says it.
//!
//! Moves are searched for within the largest-change ball of `radius` around each image, pixels staying in [0, 1]: from a
//! uniformly random place, `iterations` steps of `step` along the signs of a gradient. While they are searched the network is in
//! evaluation mode, so that running statistics do not see them.
//!
//! - `pgd`: the loss is that of the moved images (Madry, Makelov, Schmidt, Tsipras and Vladu, "Towards Deep Learning Models
//!   Resistant to Adversarial Attacks", ICLR 2018).
//! - `ig-norm`: the loss of the images plus `weight` times the largest |IG(x, x')|, the sum of magnitudes of the integrated
//!   gradients of the loss on the way from x to x'; `ig-sum-norm`: the largest of the loss of x' plus `weight` times it (Chen, Wu,
//!   Rastogi, Liang and Jha, "Robust Attribution Regularization", NeurIPS 2019). The integral has `segments` points.

use tch::{Kind, Reduction, Tensor};

use crate::config::Section;
use crate::error::{Error, Result};
use crate::noise::Noise;

/// Pixels of 8 bits have so many steps: lengths are given in these.
const LEVELS: f64 = 255.0;

/// How a training meets moved images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Robust {
    pub against: Against,
    /// In the range of pixels, as are steps.
    pub radius: f64,
    pub step: f64,
    pub iterations: usize,
}

/// What of the moved images the loss speaks of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Against {
    Pgd,
    IgNorm { weight: f64, segments: usize },
    IgSumNorm { weight: f64, segments: usize },
}

/// A network in training: logits of images in the mode of the step, or in evaluation mode.
pub trait Network {
    fn logits(&self, x: &Tensor) -> Result<Tensor>;
    fn logits_as_evaluated(&self, x: &Tensor) -> Result<Tensor>;
}

impl Robust {
    pub fn read(section: &Section) -> Self {
        let kinds = [("pgd", 0), ("ig-norm", 1), ("ig-sum-norm", 2)];
        let kind = section.choice("use", "pgd", &kinds);
        let positive = |number: &f64| *number > 0.0 && number.is_finite();
        let radius = section.get_if("radius", 8.0, positive, "a number above 0, in 1/255");
        let many = |count: &usize| (1..=10_000).contains(count);
        let iterations = section.get_if("iterations", 7, many, "an integer from 1 to 10000");
        // Without it, enough to cross the ball: it follows from the others, so no number is its default.
        let step = section.optional_if("step", positive, "a number above 0, in 1/255");
        let step = step.unwrap_or(2.5 * radius / iterations as f64);
        let regularised = |usual| {
            let weight = section.get_if("weight", usual, positive, "a number above 0");
            (weight, section.get_if("segments", 10, many, "an integer from 1 to 10000"))
        };
        let against = match kind {
            0 => Against::Pgd,
            1 => {
                let (weight, segments) = regularised(1.0);
                Against::IgNorm { weight, segments }
            }
            _ => {
                let (weight, segments) = regularised(0.1);
                Against::IgSumNorm { weight, segments }
            }
        };
        Self { against, radius: radius / LEVELS, step: step / LEVELS, iterations }
    }

    /// The mean loss of a batch [B, ..] and its logits, on the tape of the network's weights. `loss` gives that of logits, [B].
    pub fn loss(
        &self,
        network: &dyn Network,
        x: &Tensor,
        loss: &dyn Fn(&Tensor) -> Result<Tensor>,
        noise: &Noise,
        ids: &[u64],
    ) -> Result<(Tensor, Tensor)> {
        let mean = |losses: Tensor| losses.f_mean(None::<Kind>).map_err(Error::from);
        let plain = |x: &Tensor| loss(&network.logits_as_evaluated(x)?);
        Ok(match self.against {
            Against::Pgd => {
                let moved = self.search(x, noise, ids, &plain)?;
                let logits = network.logits(&moved)?;
                (mean(loss(&logits)?)?, logits)
            }
            Against::IgNorm { weight, segments } => {
                let length = |moved: &Tensor| integrated(&plain, x, moved, segments);
                let moved = self.search(x, noise, ids, &length)?;
                let logits = network.logits(x)?;
                let way = length(&moved)?.f_mul_scalar(weight)?;
                (mean(loss(&logits)?.f_add(&way)?)?, logits)
            }
            Against::IgSumNorm { weight, segments } => {
                let length = |moved: &Tensor| scaled(&integrated(&plain, x, moved, segments)?, weight);
                let moved = self.search(x, noise, ids, &|moved| Ok(plain(moved)?.f_add(&length(moved)?)?))?;
                let logits = network.logits(&moved)?;
                (mean(loss(&logits)?.f_add(&length(&moved)?)?)?, logits)
            }
        })
    }

    /// The images moved so that `objective`, [B], is large.
    fn search(
        &self,
        x: &Tensor,
        noise: &Noise,
        ids: &[u64],
        objective: &dyn Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let start = noise.uniform(ids, &x.size()[1..], x.kind(), x.device())?;
        let mut here = self.project(x, &start.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?.f_mul_scalar(self.radius)?)?;
        for _ in 0..self.iterations {
            let at = here.f_detach()?.f_set_requires_grad(true)?;
            let total = objective(&at)?.f_sum(None::<Kind>)?;
            let gradient = Tensor::f_run_backward(&[total], &[&at], false, false)?.remove(0);
            let step = gradient.f_detach()?.f_sign()?.f_nan_to_num(0.0, 0.0, 0.0)?.f_mul_scalar(self.step)?;
            here = self.project(x, &at.f_detach()?.f_sub(x)?.f_add(&step)?)?;
        }
        Ok(here)
    }

    /// `x` moved by `way`, no farther than the radius.
    fn project(&self, x: &Tensor, way: &Tensor) -> Result<Tensor> {
        Ok(x.f_add(&way.f_clamp(-self.radius, self.radius)?)?.f_clamp(0.0, 1.0)?)
    }
}

/// The sum of magnitudes, [B], of the integrated gradients of `loss` [B] from `x` to `moved`, on the tape of both.
fn integrated(loss: &dyn Fn(&Tensor) -> Result<Tensor>, x: &Tensor, moved: &Tensor, segments: usize) -> Result<Tensor> {
    let way = moved.f_sub(x)?;
    let mut sum: Option<Tensor> = None;
    for segment in 0..segments {
        let share = (segment as f64 + 0.5) / segments as f64;
        let at = x.f_add(&way.f_mul_scalar(share)?)?;
        // Where the way itself is not on a tape, its points have to begin one.
        let at = if at.requires_grad() { at } else { at.f_set_requires_grad(true)? };
        let total = loss(&at)?.f_sum(None::<Kind>)?;
        let gradient = Tensor::f_run_backward(&[total], &[&at], true, true)?.remove(0);
        sum = Some(match sum {
            Some(sum) => sum.f_add(&gradient)?,
            None => gradient,
        });
    }
    let mean = sum.unwrap_or(x.f_zeros_like()?).f_div_scalar(segments as f64)?;
    let dims: Vec<i64> = (1..x.dim() as i64).collect();
    Ok(way.f_mul(&mean)?.f_abs()?.f_sum_dim_intlist(dims.as_slice(), false, None::<Kind>)?)
}

fn scaled(losses: &Tensor, weight: f64) -> Result<Tensor> {
    Ok(losses.f_mul_scalar(weight)?)
}

/// The cross-entropy of each example, [B].
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    Ok(logits.f_cross_entropy_loss::<Tensor>(labels, None, Reduction::None, super::NO_LABEL, smoothing)?)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// Logits (w x, 0) with w on the tape: the loss of label 0 is log(1 + exp(-w x)).
    struct Line(Tensor);

    impl Network for Line {
        fn logits(&self, x: &Tensor) -> Result<Tensor> {
            let z = x.f_mul(&self.0)?;
            Ok(Tensor::f_cat(&[&z, &z.f_zeros_like()?], 1)?)
        }

        fn logits_as_evaluated(&self, x: &Tensor) -> Result<Tensor> {
            self.logits(x)
        }
    }

    fn robust(text: &str) -> Robust {
        let section = Section::parse("robust", text).unwrap();
        let read = Robust::read(&section);
        section.finish();
        assert!(!section.has_mistakes(), "{}", section.mistakes());
        read
    }

    fn loss_of(text: &str) -> (f64, f64) {
        let w = Tensor::from_slice(&[2.0]).set_requires_grad(true);
        let network = Line(w.shallow_clone());
        let x = Tensor::from_slice(&[0.5]).view([1, 1]);
        let labels = Tensor::from_slice(&[0i64]);
        let loss = |logits: &Tensor| cross_entropy(logits, &labels, 0.0);
        let (loss, _) = robust(text).loss(&network, &x, &loss, &Noise::new(1), &[0]).unwrap();
        let gradient = Tensor::run_backward(&[&loss], &[&w], false, false).remove(0);
        (loss.double_value(&[]), gradient.double_value(&[0]))
    }

    /// The worst image lies a radius of 0.2 below: the loss is log(1 + exp(-0.6)), its derivative by w -0.3 / (1 + exp(0.6)).
    #[test]
    fn pgd_is_the_loss_of_the_worst_image() {
        let (loss, gradient) = loss_of("radius = 51.0");
        assert!((loss - (-0.6f64).exp().ln_1p()).abs() < 1e-12, "{loss}");
        assert!((gradient + 0.3 / (1.0 + 0.6f64.exp())).abs() < 1e-12, "{gradient}");
    }

    /// On a line the integrated gradients are the difference of the losses, l(x) and l(x') - l(x) beside it.
    #[test]
    fn regularised_losses_by_completeness() {
        let loss = |x: f64| (-2.0 * x).exp().ln_1p();
        let (own, worst) = (loss(0.5), loss(0.3));
        let (norm, _) = loss_of("use = 'ig-norm'\nradius = 51.0\nsegments = 200\nweight = 3.0");
        assert!((norm - (own + 3.0 * (worst - own))).abs() < 1e-5, "{norm}");
        let (sum, _) = loss_of("use = 'ig-sum-norm'\nradius = 51.0\nsegments = 200\nweight = 3.0");
        assert!((sum - (worst + 3.0 * (worst - own))).abs() < 1e-5, "{sum}");
    }

    #[test]
    fn moved_images_stay_images_in_the_ball() {
        let x = Noise::new(2).uniform(&[0, 1, 2], &[1, 3, 3], Kind::Double, Device::Cpu).unwrap();
        let moved = robust("radius = 100.0")
            .search(&x, &Noise::new(3), &[0, 1, 2], &|x| Ok(x.f_sum_dim_intlist([1, 2, 3].as_slice(), false, None)?))
            .unwrap();
        assert!(moved.max().double_value(&[]) <= 1.0);
        assert!((&moved - &x - 100.0 / 255.0).clamp_min(0.0).max().double_value(&[]) < 1e-12);
        // The sum is largest as bright as it may be.
        let brightest = (&x + 100.0 / 255.0).clamp_max(1.0);
        assert!((moved - brightest).abs().max().double_value(&[]) < 1e-12);
    }
}
