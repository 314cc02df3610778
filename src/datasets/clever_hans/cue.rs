//! The cues: what tells the class without being the object.

use tch::Tensor;

use super::super::planted::glyphs::{self, GLYPHS};
use super::super::planted::place::Place;
use super::super::planted::texture::texture;
use super::super::truth::{Rect, Truth};
use crate::error::Result;
use crate::noise::Noise;

/// Classes that marks can tell apart.
pub const MARKS: usize = GLYPHS.len();

/// Brightness from which on a pixel belongs to the object.
const OBJECT: f64 = 0.1;

/// The brightest background; objects stay visible before it.
const BRIGHTEST: f64 = 0.6;

/// The part of a background's brightness that is texture.
const GRAIN: f64 = 0.2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    Patch,
    Mark,
    Background,
    Colour,
}

/// Images with their cues.
pub struct Cued {
    /// [N, C, H, W].
    pub images: Tensor,
    /// The same images without cues.
    pub plain: Tensor,
    /// Where the cues are.
    pub truth: Truth,
}

impl Cue {
    /// As suites call them.
    pub const NAMES: [(&str, Self); 4] =
        [("patch", Self::Patch), ("mark", Self::Mark), ("background", Self::Background), ("colour", Self::Colour)];

    /// Gives image i of `x` [N, C, H, W] the cue of class `cues[i]` of `classes`; patches and marks have this size and place.
    pub fn draw(
        self,
        x: &Tensor,
        cues: &[usize],
        classes: usize,
        (size, place): (usize, Place),
        noise: &Noise,
    ) -> Result<Cued> {
        let object = x.f_amax([1].as_slice(), true)?.f_gt(OBJECT)?;
        let share: Vec<f32> = cues.iter().map(|&cue| (classes - cue) as f32 / classes as f32).collect();
        let share = Tensor::from_slice(&share).f_view([-1, 1, 1, 1])?;
        match self {
            Self::Patch | Self::Mark => {
                let (boxes, masks, lit) = squares(x, cues, (size, place), noise)?;
                let values = if self == Self::Patch { share } else { lit };
                let images = values.f_expand_as(x)?.f_where_self(&masks.f_unsqueeze(1)?, x)?;
                Ok(Cued {
                    images,
                    plain: x.shallow_clone(),
                    truth: Truth { masks: Some(masks), ..Truth::from_boxes(boxes) },
                })
            }
            Self::Background => {
                let size = x.size();
                let grain = texture(cues.len(), size[2].max(size[3]) as usize, noise)?;
                let grain = grain.f_narrow(2, 0, size[2])?.f_narrow(3, 0, size[3])?;
                let ground =
                    grain.f_mul_scalar(GRAIN)?.f_add_scalar(1.0 - GRAIN)?.f_mul(&share)?.f_mul_scalar(BRIGHTEST)?;
                let around = object.f_logical_not()?;
                let images = ground.f_expand_as(x)?.f_where_self(&around, x)?;
                Ok(Cued { images, plain: x.shallow_clone(), truth: Truth::from_masks(around.f_squeeze_dim(1)?)? })
            }
            Self::Colour => {
                let colours: Vec<f32> = cues.iter().flat_map(|&cue| hue(cue as f32 / classes as f32)).collect();
                let colours = Tensor::from_slice(&colours).f_view([-1, 3, 1, 1])?;
                let grey = x.f_expand([-1, 3, -1, -1], false)?;
                let images = grey.f_mul(&colours)?.f_where_self(&object, &grey)?;
                Ok(Cued { images, plain: grey.f_contiguous()?, truth: Truth::from_masks(object.f_squeeze_dim(1)?)? })
            }
        }
    }
}

/// A square for each image: its box, its pixels bool [N, H, W], and the lit pixels of the mark in it, [N, 1, H, W] of 0 and 1.
fn squares(
    x: &Tensor,
    cues: &[usize],
    (size, place): (usize, Place),
    noise: &Noise,
) -> Result<(Vec<Vec<Rect>>, Tensor, Tensor)> {
    let (height, width) = (x.size()[2] as usize, x.size()[3] as usize);
    let mut masks = vec![false; cues.len() * height * width];
    let mut lit = vec![0f32; masks.len()];
    let mut boxes = Vec::with_capacity(cues.len());
    for (image, &cue) in cues.iter().enumerate() {
        let (top, left) = place.find((height - size, width - size), &noise.index(image as u64));
        let at = |y: usize, x: usize| (image * height + top + y) * width + left + x;
        (0..size).for_each(|y| masks[at(y, 0)..at(y, size)].fill(true));
        // Sizes that no mark has are those of patches, where what is lit is not asked for.
        glyphs::pixels(&GLYPHS[cue % MARKS], size - size % glyphs::CELLS).for_each(|(y, x)| lit[at(y, x)] = 1.0);
        boxes.push(vec![Rect { y0: top, x0: left, y1: top + size, x1: left + size }]);
    }
    let shape = [cues.len() as i64, height as i64, width as i64];
    let lit = Tensor::f_from_slice(&lit)?.f_view(shape)?.f_unsqueeze(1)?;
    Ok((boxes, Tensor::f_from_slice(&masks)?.f_view(shape)?, lit))
}

/// The fully saturated colour at this share of the colour circle, as [red, green, blue].
fn hue(share: f32) -> [f32; 3] {
    [0.0, 2.0, 4.0].map(|shift: f32| {
        let around = (share * 6.0 + 6.0 - shift).rem_euclid(6.0);
        // The distance to the channel's own hue, in sixths of the circle: full within one, none from two on.
        (2.0 - around.min(6.0 - around)).clamp(0.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn red_yellow_green_cyan_blue_magenta() {
        let expected =
            [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0], [1.0, 0.0, 1.0]];
        for (sixth, expected) in expected.into_iter().enumerate() {
            let found = hue(sixth as f32 / 6.0);
            assert!(found.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-5), "{sixth}: {found:?}");
        }
    }

    /// A single bright pixel of 4 on black; class 1 of 2.
    #[test]
    fn a_background_leaves_the_object_and_a_colour_leaves_the_background() {
        let x = Tensor::zeros([1, 1, 2, 2], (Kind::Float, Device::Cpu));
        let _ = x.get(0).get(0).get(0).get(1).fill_(0.8);
        let draw = |cue: Cue| cue.draw(&x, &[1], 2, (1, Place::Corner), &Noise::new(0)).unwrap().images;
        let background: Vec<f32> = draw(Cue::Background).reshape([-1]).try_into().unwrap();
        assert_eq!(background[1], 0.8);
        // Half of the brightest, of which a fifth is texture.
        assert!([0, 2, 3].iter().all(|at| (0.24..=0.3).contains(&background[*at])), "{background:?}");
        // Hue 1/2 is cyan.
        let colour: Vec<f32> = draw(Cue::Colour).reshape([-1]).try_into().unwrap();
        let expected = [0.0, 0.0, 0.0, 0.0, 0.0, 0.8, 0.0, 0.0, 0.0, 0.8, 0.0, 0.0];
        assert!(colour.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{colour:?}");
    }
}
