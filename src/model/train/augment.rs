//! Random shifts and flips of training images.

use tch::{Kind, Tensor};

use crate::config::Section;
use crate::error::Result;
use crate::noise::Noise;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Up to so many pixels in each direction; what comes in is black.
    pub shift: i64,
    /// Left and right swapped in half of the images.
    pub flip: bool,
}

impl Augment {
    /// Reads `augment = { shift = 2, flip = true }` for examples of shape `input`.
    pub fn read(section: &Section, input: &[i64]) -> Self {
        let shift = section.get_if("shift", 0_i64, |shift| (0..=1024).contains(shift), "a number of pixels, 0 to 1024");
        let augment = Self { shift, flip: section.get("flip", false) };
        // Nothing is known of the examples where their dataset could not be read.
        if augment != Self::default() && !matches!(input.len(), 0 | 3) {
            section.mistake_at_header(format!("examples of shape {input:?} cannot be shifted or flipped"), None, None);
        }
        augment
    }

    /// Images `[B, C, H, W]`, each moved as `noise` says for its id.
    pub fn apply(&self, images: Tensor, noise: &Noise, ids: &[u64]) -> Result<Tensor> {
        if *self == Self::default() {
            return Ok(images);
        }
        let (batch, channels, height, width) = images.size4()?;
        let device = images.device();
        let draws = noise.uniform(ids, &[3, 1], Kind::Double, device)?;
        // Whole numbers from -shift to shift: draws are below 1.
        let offset = |at: i64| {
            draws.f_select(1, at)?.f_mul_scalar((2 * self.shift + 1) as f64)?.f_floor()?.f_sub_scalar(self.shift)
        };
        let axis = |length: i64| Tensor::f_arange(length, (Kind::Double, device))?.f_unsqueeze(0);
        let rows = axis(height)?.f_add(&offset(0)?)?;
        let mut columns = axis(width)?.f_add(&offset(1)?)?;
        if self.flip {
            let mirrored = columns.f_neg()?.f_add_scalar((width - 1) as f64)?;
            columns = mirrored.f_where_self(&draws.f_select(1, 2)?.f_lt(0.5)?, &columns)?;
        }
        let inside = within(&rows, height)?.f_unsqueeze(2)?.f_mul(&within(&columns, width)?.f_unsqueeze(1)?)?;
        let source = rows.f_clamp(0.0, (height - 1) as f64)?.f_mul_scalar(width as f64)?.f_unsqueeze(2)?;
        let source =
            source.f_add(&columns.f_clamp(0.0, (width - 1) as f64)?.f_unsqueeze(1)?)?.f_to_kind(Kind::Int64)?;
        let source = source.f_view([batch, 1, -1])?.f_expand([batch, channels, height * width], false)?;
        let moved = images
            .f_reshape([batch, channels, -1])?
            .f_gather(2, &source, false)?
            .f_view([batch, channels, height, width])?;
        Ok(moved.f_mul(&inside.f_unsqueeze(1)?.f_to_kind(images.kind())?)?)
    }
}

/// Where coordinates lie in 0 to `length` - 1.
fn within(coordinates: &Tensor, length: i64) -> Result<Tensor> {
    Ok(coordinates.f_ge(0.0)?.f_mul(&coordinates.f_lt(length as f64)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// Images whose pixels are all different and none is black.
    fn images(count: i64) -> Tensor {
        (Tensor::arange(count * 2 * 5 * 4, (Kind::Float, Device::Cpu)) + 1.0).view([count, 2, 5, 4])
    }

    /// One image moved so that the pixel at (row, column) comes from (row + down, column + right).
    fn moved(image: &Tensor, down: i64, right: i64) -> Tensor {
        let padded = image.constant_pad_nd([1, 1, 1, 1]);
        padded.narrow(1, 1 + down, 5).narrow(2, 1 + right, 4)
    }

    #[test]
    fn every_image_is_one_of_the_shifts_and_flips_and_each_occurs() {
        let ids: Vec<u64> = (0..400).collect();
        let augment = Augment { shift: 1, flip: true };
        let images = images(400);
        let augmented = augment.apply(images.shallow_clone(), &Noise::new(0), &ids).unwrap();
        let mut counts = [0; 18];
        for at in 0..400 {
            let image = images.get(at);
            let candidates = (0..18).map(|code: i64| {
                let shifted = moved(&image, code % 3 - 1, code / 3 % 3 - 1);
                if code < 9 { shifted } else { moved(&image.flip([2]), code % 3 - 1, code / 3 % 3 - 1) }
            });
            let found = candidates.enumerate().find(|(_, candidate)| *candidate == augmented.get(at));
            counts[found.expect("a shift or flip of the image").0] += 1;
        }
        assert!(counts.iter().all(|&count| count > 5), "{counts:?}");
    }

    #[test]
    fn an_image_moves_alike_in_every_batch() {
        let augment = Augment { shift: 2, flip: true };
        let images = images(3);
        let whole = augment.apply(images.shallow_clone(), &Noise::new(0), &[4, 5, 6]).unwrap();
        let alone = augment.apply(images.narrow(0, 1, 1), &Noise::new(0), &[5]).unwrap();
        assert_eq!(whole.narrow(0, 1, 1), alone);
    }

    #[test]
    fn nothing_asked_for_changes_nothing() {
        let images = images(2);
        assert_eq!(Augment::default().apply(images.shallow_clone(), &Noise::new(0), &[0, 1]).unwrap(), images);
    }
}
