//! What a suite may do to a dataset before any network sees it: other labels, or other pixels.
//!
//! Labels change in the training split alone, once and for all epochs: test accuracy is always that of the true labels.
//! Pixels change in both splits, or the test images would be of another kind than those that were learnt.

use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::datasets::Dataset;
use crate::error::Result;
use crate::noise::Noise;

mod corrupted_labels;
mod flipped_labels;
mod gaussian_pixels;
mod none;
mod permuted_labels;
mod random_labels;
mod random_pixels;
mod shuffled_pixels;

pub use flipped_labels::{Flips, flipped};
pub use permuted_labels::permuted;

/// Makes another dataset of one. The same `noise` gives the same dataset.
pub trait Transform: Send + Sync {
    /// `data` with as many images and classes, of the same shape. The draws of an image follow its place in its split.
    fn apply(&self, data: Dataset, noise: &Noise) -> Result<Dataset>;

    /// Whether the evidence of an image is where it was, so that boxes and masks still hold.
    fn keeps_places(&self) -> bool;
}

pub const ALL: &[Entry<dyn Transform>] = &[
    none::ENTRY,
    permuted_labels::ENTRY,
    random_labels::ENTRY,
    corrupted_labels::ENTRY,
    shuffled_pixels::ENTRY,
    random_pixels::ENTRY,
    gaussian_pixels::ENTRY,
];

/// Reads `key = "random-labels"` or `key = { use = "corrupted-labels", p = 0.5 }` of `section`. `None` also stands for
/// "none": data as they are, whether the suite says so or says nothing.
pub fn choose(section: &Section, key: &str) -> Option<Chosen<dyn Transform>> {
    let chosen = crate::catalogue::choose_word(section, key, none::ENTRY.name, "transform", ALL)?;
    (chosen.entry != none::ENTRY.name).then_some(chosen)
}

/// The names of the images of a split, for draws: training images are told apart from test images.
fn ids(train: bool, count: usize) -> Vec<u64> {
    let base = if train { 1 << 32 } else { 0 };
    (0..count as u64).map(|place| base + place).collect()
}

#[cfg(test)]
mod tests;
