//! What stands in for removed features. All work in pixel space [0, 1].
//!
//! An imputer that is asked to replace a whole image gives the reference that path methods start from: the same word
//! means the same picture wherever a suite uses it.

use tch::Tensor;

use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::error::Result;

mod black;
mod blur;
mod mean;

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

/// Says what takes the place of features.
pub trait Imputer: Send + Sync {
    /// The values that replace removed pixels of `x` [.., C, H, W]; broadcastable to its shape.
    fn fill(&self, x: &Tensor, statistics: &Statistics) -> Result<Tensor>;

    /// `x` [.., C, H, W] without the pixels where `removed` (bool [.., 1, H, W], broadcast against `x`) is true.
    fn impute(&self, x: &Tensor, removed: &Tensor, statistics: &Statistics) -> Result<Tensor> {
        Ok(self.fill(x, statistics)?.f_where_self(removed, x)?)
    }

    /// The picture with every pixel replaced: the reference input of path methods. Shape of `x`.
    fn reference(&self, x: &Tensor, statistics: &Statistics) -> Result<Tensor> {
        Ok(self.fill(x, statistics)?.f_expand_as(x)?.f_contiguous()?)
    }
}

pub const ALL: &[Entry<dyn Imputer>] = &[black::ENTRY, mean::ENTRY, blur::ENTRY];

/// Reads `key = "black"` or `key = { use = "blur", sigma = 3 }` of `section`.
pub fn choose(section: &Section, key: &str, default: &str) -> Option<Chosen<dyn Imputer>> {
    crate::catalogue::choose_word(section, key, default, "imputer", ALL)
}
