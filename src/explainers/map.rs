//! From an attribution per element to one number per pixel.
//!
//! The reduction belongs to the explainer's row and not to a metric: whether a pixel of three channels is the sum, the sum
//! of absolute values or the largest one changes rankings, and so does the sign.

use tch::Tensor;

use crate::config::Section;
use crate::error::Result;

/// How the channels of a pixel are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    Sum,
    SumAbs,
    MaxAbs,
}

/// What becomes of the sign after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Signed,
    Absolute,
    Positive,
    Square,
}

const CHANNELS: &[(&str, Channels)] =
    &[("sum", Channels::Sum), ("sum-abs", Channels::SumAbs), ("max-abs", Channels::MaxAbs)];
const SIGNS: &[(&str, Sign)] =
    &[("signed", Sign::Signed), ("absolute", Sign::Absolute), ("positive", Sign::Positive), ("square", Sign::Square)];

/// `map = { channels = .., sign = .. }` of an `[[explainer]]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    pub channels: Channels,
    pub sign: Sign,
}

impl Default for Map {
    /// The sum of a pixel's channels, signs kept: what methods with the completeness axiom mean by a pixel's share.
    fn default() -> Self {
        Self { channels: Channels::Sum, sign: Sign::Signed }
    }
}

impl Map {
    /// For derivatives, whose sign says which way the score moves and not how much it depends on the pixel.
    pub const MAGNITUDE: Self = Self { channels: Channels::SumAbs, sign: Sign::Absolute };

    pub fn read(section: &Section, default: Self) -> Self {
        let Some(section) = section.section("map") else { return default };
        let map = Self {
            channels: section.choice("channels", word(CHANNELS, default.channels), CHANNELS),
            sign: section.choice("sign", word(SIGNS, default.sign), SIGNS),
        };
        section.finish();
        map
    }

    /// As suites and tables write it.
    pub fn shown(&self) -> String {
        format!("{}, {}", word(CHANNELS, self.channels), word(SIGNS, self.sign))
    }

    /// One number per pixel, [B, H, W], of `attribution` [B, C, H, W].
    pub fn reduce(&self, attribution: &Tensor) -> Result<Tensor> {
        let kind = attribution.kind();
        let pixels = match self.channels {
            Channels::Sum => attribution.f_sum_dim_intlist(1, false, kind)?,
            Channels::SumAbs => attribution.f_abs()?.f_sum_dim_intlist(1, false, kind)?,
            Channels::MaxAbs => attribution.f_abs()?.f_amax(1, false)?,
        };
        Ok(match self.sign {
            Sign::Signed => pixels,
            Sign::Absolute => pixels.f_abs()?,
            Sign::Positive => pixels.f_clamp_min(0.0)?,
            Sign::Square => pixels.f_square()?,
        })
    }
}

fn word<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reductions_of_one_pixel_with_channels_3_and_minus_4() {
        let pixel = Tensor::from_slice(&[3.0, -4.0]).view([1, 2, 1, 1]);
        for (channels, sign, expected) in [
            (Channels::Sum, Sign::Signed, -1.0),
            (Channels::Sum, Sign::Absolute, 1.0),
            (Channels::Sum, Sign::Positive, 0.0),
            (Channels::Sum, Sign::Square, 1.0),
            (Channels::SumAbs, Sign::Signed, 7.0),
            (Channels::MaxAbs, Sign::Square, 16.0),
        ] {
            let reduced = Map { channels, sign }.reduce(&pixel).unwrap();
            assert_eq!(reduced.size(), [1, 1, 1]);
            assert_eq!(reduced.double_value(&[0, 0, 0]), expected, "{channels:?} {sign:?}");
        }
    }
}
