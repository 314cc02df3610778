//! The ball that a perturbation stays in, cut to what is an image: pixels from 0 to 1.

use tch::{Kind, Tensor};

use crate::error::Result;
use crate::noise::Noise;

/// How long a perturbation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// The largest change of an element.
    Linf,
    /// The Euclidean length over all elements of an image.
    L2,
}

/// Around images `x` [B, C, H, W] in [0, 1], all x' in [0, 1] no farther away than `radius` [B, 1, 1, 1].
pub struct Ball<'a> {
    pub norm: Norm,
    pub x: &'a Tensor,
    pub radius: &'a Tensor,
}

const ELEMENTS: [i64; 3] = [1, 2, 3];

impl Ball<'_> {
    /// The images in the ball that `there` [B, C, H, W] is moved to: onto its surface on the straight way back, then into the
    /// range of pixels, which shortens the way in every element.
    pub fn project(&self, there: &Tensor) -> Result<Tensor> {
        let way = there.f_sub(self.x)?;
        let way = match self.norm {
            Norm::Linf => way.f_minimum(self.radius)?.f_maximum(&self.radius.f_neg()?)?,
            Norm::L2 => {
                let length = length(&way)?;
                let factor = self.radius.f_div(&length)?.f_clamp_max(1.0)?.f_nan_to_num(1.0, 1.0, 1.0)?;
                way.f_mul(&factor)?
            }
        };
        Ok(self.x.f_add(&way)?.f_clamp(0.0, 1.0)?)
    }

    /// From `here`, a step of `share` of the radius along a gradient, then back into the ball: by its signs, or along its
    /// direction for L2.
    pub fn step(&self, here: &Tensor, gradient: &Tensor, share: f64) -> Result<Tensor> {
        // An undefined element has no say, and the others go on.
        let gradient = gradient.f_nan_to_num(0.0, 0.0, 0.0)?;
        let direction = match self.norm {
            Norm::Linf => gradient.f_sign()?,
            // Without a direction nothing moves.
            Norm::L2 => gradient.f_div(&length(&gradient)?)?.f_nan_to_num(0.0, 0.0, 0.0)?,
        };
        self.project(&here.f_add(&direction.f_mul(&self.radius.f_mul_scalar(share)?)?)?)
    }

    /// A random image of the ball: each element uniform within the radius; for L2 a random direction at a random length.
    pub fn inside(&self, noise: &Noise, ids: &[u64]) -> Result<Tensor> {
        let (shape, kind, device) = (self.x.size(), self.x.kind(), self.x.device());
        let way = match self.norm {
            Norm::Linf => noise.uniform(ids, &shape[1..], kind, device)?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?,
            Norm::L2 => {
                let normal = noise.normal(ids, &shape[1..], kind, device)?;
                let share = noise.purpose("length").uniform(ids, &[1, 1, 1], kind, device)?;
                normal.f_div(&length(&normal)?)?.f_mul(&share)?
            }
        };
        self.project(&self.x.f_add(&way.f_mul(self.radius)?)?)
    }

    /// A random corner: plus or minus the radius in every element; for L2 random signs, as long as the radius.
    pub fn corner(&self, noise: &Noise, ids: &[u64]) -> Result<Tensor> {
        let shape = self.x.size();
        let signs = signs(noise, ids, &shape[1..], self.x)?;
        let signs = match self.norm {
            Norm::Linf => signs,
            Norm::L2 => signs.f_div_scalar((shape[1..].iter().product::<i64>() as f64).sqrt())?,
        };
        self.project(&self.x.f_add(&signs.f_mul(self.radius)?)?)
    }
}

/// -1 or 1, [B, shape..].
pub fn signs(noise: &Noise, ids: &[u64], shape: &[i64], like: &Tensor) -> Result<Tensor> {
    let uniform = noise.uniform(ids, shape, like.kind(), like.device())?;
    Ok(uniform.f_ge(0.5)?.f_to_kind(like.kind())?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?)
}

/// [B, 1, 1, 1]
fn length(way: &Tensor) -> Result<Tensor> {
    Ok(way.f_square()?.f_sum_dim_intlist(ELEMENTS.as_slice(), true, None::<Kind>)?.f_sqrt()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::Device;

    use super::*;

    /// An undefined element stays where it is; the step of the others has the whole length.
    #[test]
    fn an_undefined_element_stops_none_of_the_others() {
        let x = Tensor::from_slice(&[0.5, 0.5, 0.5]).view([1, 1, 1, 3]);
        let radius = Tensor::from_slice(&[0.25]).view([1, 1, 1, 1]);
        let gradient = Tensor::from_slice(&[f64::NAN, 3.0, -4.0]).view([1, 1, 1, 3]);
        for (norm, expected) in [(Norm::L2, [0.5, 0.65, 0.3]), (Norm::Linf, [0.5, 0.75, 0.25])] {
            let there = Ball { norm, x: &x, radius: &radius }.step(&x, &gradient, 1.0).unwrap();
            let there = Vec::<f64>::try_from(there.flatten(0, -1)).unwrap();
            assert!(there.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{there:?}");
        }
    }

    proptest! {
        /// Whatever a search does, what comes out is an image in the ball.
        #[test]
        fn nothing_leaves_the_ball(seed in 0u64..1000, radius in 0.0f64..2.0, l2 in any::<bool>(), share in 0.0f64..5.0) {
            let options = (Kind::Double, Device::Cpu);
            let noise = Noise::new(seed);
            let ids = [3, 4];
            let x = noise.uniform(&ids, &[2, 3, 3], options.0, options.1).unwrap();
            let radius = Tensor::full([2, 1, 1, 1], radius, options);
            let norm = if l2 { Norm::L2 } else { Norm::Linf };
            let ball = Ball { norm, x: &x, radius: &radius };
            let gradient = noise.purpose("g").normal(&ids, &[2, 3, 3], options.0, options.1).unwrap();
            let start = ball.inside(&noise, &ids).unwrap();
            let found = [
                ball.step(&start, &gradient, share).unwrap(),
                ball.step(&start, &gradient.zeros_like(), share).unwrap(),
                ball.corner(&noise, &ids).unwrap(),
                start,
            ];
            for there in found {
                let way = &there - &x;
                let far = match norm {
                    Norm::Linf => way.abs().amax(ELEMENTS.as_slice(), true),
                    Norm::L2 => length(&way).unwrap(),
                };
                prop_assert!((far - &radius).max().double_value(&[]) <= 1e-12);
                prop_assert!(there.min().double_value(&[]) >= 0.0 && there.max().double_value(&[]) <= 1.0);
            }
        }
    }
}
