//! What stands in for removed features. All work in pixel space [0, 1].
//!
//! An imputer that is asked to replace a whole image gives the reference that path methods start from: the same word
//! means the same picture wherever a suite uses it.

use tch::Tensor;

use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::error::Result;
use crate::noise::Noise;

mod black;
mod blur;
mod image_mean;
mod mean;
mod noise;
mod noisy_linear;

pub use blur::gaussian_blur;

/// Training statistics of a dataset, in pixel space.
#[derive(Debug)]
pub struct Statistics {
    /// Mean per channel, [C].
    pub mean: Tensor,
}

impl Statistics {
    pub fn shallow_clone(&self) -> Self {
        Self { mean: self.mean.shallow_clone() }
    }

    /// The same numbers where and how `like` is stored.
    pub fn like(&self, like: &Tensor) -> Self {
        Self { mean: self.mean.to_device(like.device()).to_kind(like.kind()) }
    }
}

/// What an imputer knows beside the images that it works on.
pub struct Surroundings<'a> {
    /// Stored like the images.
    pub statistics: Statistics,
    pub noise: Noise,
    /// One name per image: draws are keyed by them.
    pub ids: &'a [u64],
}

/// Says what takes the place of features.
pub trait Imputer: Send + Sync {
    /// What takes the place of removed features of `x` [B, C, H, W]; broadcastable to its shape. An imputer whose fill depends
    /// on what is removed answers as if everything were.
    fn fill(&self, x: &Tensor, on: &Surroundings) -> Result<Tensor>;

    /// n versions of each image of `x` [B, C, H, W], [B, n, C, H, W]: without the features where `removed`, bool
    /// [B, n, 1 or C, H, W], is true.
    fn impute(&self, x: &Tensor, removed: &Tensor, on: &Surroundings) -> Result<Tensor> {
        Ok(self.fill(x, on)?.f_expand_as(x)?.f_unsqueeze(1)?.f_where_self(removed, &x.f_unsqueeze(1)?)?)
    }

    /// The picture with every pixel replaced: the reference input of path methods. Shape of `x`.
    fn reference(&self, x: &Tensor, on: &Surroundings) -> Result<Tensor> {
        Ok(self.fill(x, on)?.f_expand_as(x)?.f_contiguous()?)
    }
}

pub const ALL: &[Entry<dyn Imputer>] =
    &[black::ENTRY, mean::ENTRY, image_mean::ENTRY, blur::ENTRY, noise::ENTRY, noisy_linear::ENTRY];

/// Reads `key = "black"` or `key = { use = "blur", sigma = 3 }` of `section`.
pub fn choose(section: &Section, key: &str, default: &str) -> Option<Chosen<dyn Imputer>> {
    crate::catalogue::choose_word(section, key, default, "imputer", ALL)
}
