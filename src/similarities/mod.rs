//! How alike two maps of one image are: one number per image, 1 for equal maps.
//!
//! A similarity that a pair of maps does not have, such as the rank correlation with a constant map, is NaN: it is counted as
//! invalid, and never stands for "unlike" or "alike".

use tch::Tensor;

use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::error::Result;

mod absolute_spearman;
mod cosine;
mod hog;
mod kendall;
mod nonzero_spearman;
mod ranks;
mod side;
mod spearman;
mod ssim;
mod top_k_overlap;

pub use absolute_spearman::AbsoluteSpearman;
pub use cosine::Cosine;
pub use hog::Hog;
pub use kendall::Kendall;
pub use nonzero_spearman::NonzeroSpearman;
pub use side::Side;
pub use spearman::Spearman;
pub use ssim::Ssim;
pub use top_k_overlap::{TopKOverlap, count, top};

/// Compares the maps of a batch, image by image.
pub trait Similarity: Send + Sync {
    /// float64 [B], NaN where undefined, of `a` and `b`, maps of one shape on one device. Symmetric. A map with a NaN has no
    /// similarity to any other.
    fn compare(&self, a: &Side, b: &Side) -> Result<Tensor>;
}

pub const ALL: &[Entry<dyn Similarity>] = &[
    spearman::ENTRY,
    absolute_spearman::ENTRY,
    nonzero_spearman::ENTRY,
    kendall::ENTRY,
    ssim::ENTRY,
    cosine::ENTRY,
    top_k_overlap::ENTRY,
    hog::ENTRY,
];

/// The source of all similarities as one literal: part of the identity of each metric that compares by them.
macro_rules! sources {
    () => { $crate::similarities::sources!(
        "absolute_spearman", "cosine", "hog", "kendall", "mod", "nonzero_spearman", "ranks", "side", "spearman", "ssim",
        "top_k_overlap"
    ) };
    ($($file:literal),*) => { concat!($(
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/similarities/", $file, ".rs"))
    ),*) };
}
pub(crate) use sources;

/// Reads `key = "spearman"` or `key = { use = ".." }` of `section`.
pub fn choose(section: &Section, key: &str, default: &str) -> Option<Chosen<dyn Similarity>> {
    crate::catalogue::choose_word(section, key, default, "similarity", ALL)
}

#[cfg(test)]
mod tests;
