//! # Definition
//! A square window slides over the image; a pixel's value is the mean, over the windows that cover it, of what the score
//! loses without the window: f(x) - f(x without it). Windows start at multiples of the stride, from the upper left corner
//! to the first that reaches the border, where the part outside is cut off.
//!
//! # Parameters
//! - `window` (4): its side in pixels; an image that is smaller is covered by one window.
//! - `stride` (half the window, at least 1): at most `window`, so that every pixel is covered.
//! - `imputer` ("black"): what takes the place of the window, all channels together.
//! - `score` ("logit"): "logit", "probability" or "log-probability" of the explained class.
//!
//! # Cost
//! One forward pass per window, and one: (ceil((H - window) / stride) + 1) (ceil((W - window) / stride) + 1) + 1.
//!
//! # Reference
//! Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.

use std::sync::Arc;

use tch::Tensor;

use super::perturb::Probe;
use super::{Access, Attribution, Explainer, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "occlusion",
    summary: "what the score loses when a window that slides over the image is removed",
    reference: "Zeiler and Fergus 2014",
    revision: 1,
    source: include_str!("occlusion.rs"),
    read: |section| {
        let window =
            section.get_if("window", 4usize, |window| (1..=4096).contains(window), "an integer from 1 to 4096");
        let fits = |stride: &usize| (1..=window).contains(stride);
        let stride = section.optional_if("stride", fits, &format!("an integer from 1 to the window's {window}"));
        let (window, stride) = (window as i64, stride.unwrap_or((window / 2).max(1)) as i64);
        Some(Arc::new(Occlusion { window, stride, probe: Probe::read(section, "black", "logit")? }))
    },
};

pub struct Occlusion {
    pub window: i64,
    pub stride: i64,
    pub probe: Probe,
}

impl Explainer for Occlusion {
    fn access(&self) -> Access {
        Access::Outputs
    }

    fn unit(&self) -> Unit {
        Unit::Pixel
    }

    fn rows(&self, shape: &[i64]) -> usize {
        (self.windows(shape[1]) * self.windows(shape[2]) + 1) as usize
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let (examples, _, height, width) = on.x.size4()?;
        let (down, across) = (self.windows(height), self.windows(width));
        // The first version lacks nothing: its window lies below the image.
        let starts = |start: &dyn Fn(i64) -> i64, outside: i64| {
            let starts: Vec<i64> = std::iter::once(outside).chain((0..down * across).map(start)).collect();
            Tensor::from_slice(&starts).to_device(on.x.device())
        };
        let tops = starts(&|window| window / across * self.stride, height);
        let lefts = starts(&|window| window % across * self.stride, width);
        let scores = self.probe.scores(on, (down * across + 1) as usize, |_, versions| {
            let inside = |starts: &Tensor, length: i64| -> Result<Tensor> {
                let starts = starts.f_narrow(0, versions.start as i64, versions.len() as i64)?.f_unsqueeze(1)?;
                let places = Tensor::f_arange(length, (tch::Kind::Int64, on.x.device()))?;
                let from = places.f_ge_tensor(&starts)?;
                Ok(from.f_logical_and(&places.f_lt_tensor(&starts.f_add_scalar(self.window)?)?)?)
            };
            let rows = inside(&tops, height)?.f_unsqueeze(2)?;
            let columns = inside(&lefts, width)?.f_unsqueeze(1)?;
            Ok(rows.f_logical_and(&columns)?.f_unsqueeze(1)?.f_unsqueeze(0)?)
        })?;
        let lost = scores.f_narrow(1, 0, 1)?.f_sub(&scores.f_narrow(1, 1, down * across)?)?;
        let lost = lost.f_view([examples, 1, down, across])?;
        let covering = self.spread(&lost.f_ones_like()?.f_narrow(0, 0, 1)?, height, width)?;
        Ok(Attribution::pixels(self.spread(&lost, height, width)?.f_div(&covering)?))
    }
}

impl Occlusion {
    /// How many windows start along a side of the image.
    fn windows(&self, length: i64) -> i64 {
        ((length - self.window).max(0) as u64).div_ceil(self.stride as u64) as i64 + 1
    }

    /// For each pixel the sum over the windows that cover it, [B, 1, H, W], of `values` [B, 1, down, across].
    fn spread(&self, values: &Tensor, height: i64, width: i64) -> Result<Tensor> {
        let side = |length: i64| self.window.min(length);
        let ones = Tensor::f_ones([1, 1, side(height), side(width)], (values.kind(), values.device()))?;
        let none: Option<Tensor> = None;
        let stride = [self.stride, self.stride];
        let pixels = values.f_conv_transpose2d(&ones, none.as_ref(), stride, [0, 0], [0, 0], 1, [1, 1])?;
        Ok(pixels.f_narrow(2, 0, height)?.f_narrow(3, 0, width)?.f_contiguous()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Section;
    use crate::imputers;

    fn occlusion(window: i64, stride: i64) -> Occlusion {
        let imputer = imputers::choose(&Section::parse("a.toml", "").unwrap(), "imputer", "black").unwrap().method;
        Occlusion { window, stride, probe: Probe { imputer, score: crate::model::Score::Logit } }
    }

    #[test]
    fn windows_reach_the_border_and_no_further() {
        // Side 3, stride 2, length 6: starts 0, 2, 4, of which the last is cut to two pixels.
        let occlusion = occlusion(3, 2);
        assert_eq!([3, 4, 5, 6, 7].map(|length| occlusion.windows(length)), [1, 2, 2, 3, 3]);
        assert_eq!(occlusion.windows(2), 1);
    }

    #[test]
    fn overlapping_windows_add_up_where_they_overlap() {
        // One row: windows 0..3 and 2..5 with values 1 and 10; pixel 2 lies in both, and the image ends at 4.
        let spread = occlusion(3, 2).spread(&Tensor::from_slice(&[1.0, 10.0]).view([1, 1, 1, 2]), 1, 4).unwrap();
        assert_eq!(Vec::<f64>::try_from(spread.flatten(0, -1)).unwrap(), [1.0, 1.0, 11.0, 10.0]);
    }

    #[test]
    fn a_stride_beyond_the_window_is_refused() {
        let section = Section::parse("a.toml", "window = 3\nstride = 4").unwrap();
        (ENTRY.read)(&section);
        assert!(section.mistakes().to_string().contains("from 1 to the window's 3"));
    }
}
