//! # Definition
//! The optical digits of UCI: 1797 handwritten digits of 8x8 pixels in 10 classes. They are part of the program, so that a
//! suite needs no download.
//!
//! # Parameters
//! - `scale` (1): how many times larger the images are made, bilinearly.
//! - `test` (0.2): share of the images held out.
//! - `classes`: which ones to take, such as ["1", "7"]; without it all.
//! - `train`: how many of the others to learn from; without it all.
//! - `seed` (0): which ones these are.
//!
//! # Reference
//! Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
//! DOI 10.24432/C50P49, CC BY 4.0. Changes made: the test part alone, stored as IDX files of bytes.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tch::{Kind, Tensor};

use super::folder::DataFolder;
use super::idx::Idx;
use super::split::{Dataset, Split, held_out};
use super::subset::Subset;
use super::{Described, Source};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "digits",
    summary: "1797 handwritten digits, 8x8, built in",
    reference: "Alpaydin and Kaynak 1998, CC BY 4.0",
    revision: 1,
    source: concat!(include_str!("digits.rs"), include_str!("idx.rs"), include_str!("subset.rs")),
    read: |section| {
        let seed = section.get("seed", 0);
        Some(Arc::new(Digits {
            scale: section.get_if("scale", 1, |scale| (1..=16).contains(scale), "an integer from 1 to 16"),
            test: super::test_share(section),
            seed,
            subset: Subset::read(section, &classes(), [Some("train"), None], seed),
        }))
    },
};

/// Values are the source's 0 to 16, divided by 16.
///
/// Parameters: `scale` enlarges the images by bilinear interpolation; `test` is the share of images held out, drawn by `seed`.
struct Digits {
    scale: usize,
    test: f64,
    seed: u64,
    subset: Subset,
}

const COUNT: usize = 1797;
const SIDE: usize = 8;
const IMAGES: &[u8] = include_bytes!("data/digits-images.idx.gz");
const LABELS: &[u8] = include_bytes!("data/digits-labels.idx.gz");

impl Source for Digits {
    fn describe(&self, _data: &DataFolder) -> Result<Described> {
        let side = (SIDE * self.scale) as i64;
        let classes = self.subset.names(&classes());
        let (train, test) = if self.subset.by_class() {
            let data = self.all()?;
            (self.subset.there(&data.train.labels), self.subset.there(&data.test.labels))
        } else {
            let test = held_out(COUNT, self.test)?;
            (COUNT - test, test)
        };
        let (train, test) = (self.subset.count(0, train)?, self.subset.count(1, test)?);
        Ok(Described { shape: vec![1, side, side], classes, train, test, truth: false })
    }

    fn files(&self, _data: &DataFolder) -> Result<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    fn load(&self, _data: &DataFolder) -> Result<Dataset> {
        self.subset.of(self.all()?)
    }
}

impl Digits {
    fn all(&self) -> Result<Dataset> {
        let read = |bytes: &'static [u8], dimensions| {
            Idx::from_reader(Path::new("digits"), Cursor::new(bytes), bytes.len() as u64, dimensions)?.read()
        };
        let shape = [COUNT, 1, SIDE, SIDE].map(|size| size as i64);
        let bytes = Tensor::f_from_slice(&read(IMAGES, 3)?)?.f_reshape(shape)?;
        let images = bytes.f_to_kind(Kind::Float)?.f_div_scalar_(16.0)?;
        let side = (SIDE * self.scale) as i64;
        let images = images.f_upsample_bilinear2d([side, side], false, None, None)?;
        let labels = read(LABELS, 1)?.into_iter().map(i64::from).collect();
        let noise = Noise::new(self.seed).purpose("digits/split");
        Dataset::hold_out(classes(), Split::new(images, labels, None), self.test, &noise)
    }
}

fn classes() -> Vec<String> {
    (0..10).map(|digit| digit.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn load(scale: usize, seed: u64) -> Dataset {
        Digits { scale, test: 0.2, seed, subset: Subset::whole() }.load(&DataFolder::default()).unwrap()
    }

    /// The counts of the digits 0 to 9 that the source states for its test part.
    #[test]
    fn the_data_are_those_of_the_source() {
        let data = load(1, 0);
        let mut counts = [0; 10];
        data.train.labels.iter().chain(&data.test.labels).for_each(|&label| counts[label as usize] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let sum =
            |split: &Split| split.all_images(Kind::Double, Device::Cpu).unwrap().sum(Kind::Double).double_value(&[]);
        // The sum of all values of the source's table is 561718.
        assert_eq!((sum(&data.train) + sum(&data.test)) * 16.0, 561718.0);
    }

    #[test]
    fn the_split_follows_the_seed_alone() {
        assert_eq!(load(1, 0).test.labels, load(2, 0).test.labels);
        assert_ne!(load(1, 0).test.labels, load(1, 1).test.labels);
    }

    /// Twice as large, pixel 1 lies a quarter of the way from the centre of old pixel 0 to that of old pixel 1; what lies
    /// beyond the outermost centres repeats them.
    #[test]
    fn scaling_interpolates_between_pixel_centres() {
        let [small, large] = [1, 2].map(|scale| load(scale, 0).test.images(&[5], Kind::Double, Device::Cpu).unwrap());
        assert_eq!(large.size(), [1, 1, 16, 16]);
        let (old, new) = (|y, x| small.double_value(&[0, 0, y, x]), |y, x| large.double_value(&[0, 0, y, x]));
        assert_eq!((new(0, 0), new(15, 15)), (old(0, 0), old(7, 7)));
        let row = |y| 0.75 * old(y, 3) + 0.25 * old(y, 4);
        assert!((new(7, 7) - (0.75 * row(3) + 0.25 * row(4))).abs() < 1e-6);
        assert!((large.mean(Kind::Double) - small.mean(Kind::Double)).double_value(&[]).abs() < 1e-6);
    }
}
