//! # Definition
//! Every element of every image of both splits is drawn from a normal distribution, each for itself, and clamped to [0, 1].
//! The distribution of a channel has the mean and the variance that the channel has over all pixels of all training images.
//!
//! The paper speaks of "matching mean and variance to the original image dataset", which may mean the dataset or each image:
//! this is the dataset's. It does not speak of clamping, which moves the moments of images that are mostly black.
//!
//! # Cost
//! Images of 4 bytes an element, and one draw for each.
//!
//! # Reference
//! Zhang, Bengio, Hardt, Recht and Vinyals, "Understanding Deep Learning Requires Rethinking Generalization", ICLR 2017.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::{Transform, ids};
use crate::catalogue::Entry;
use crate::datasets::{Dataset, Split};
use crate::error::Result;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Transform> = Entry {
    name: "gaussian-pixels",
    summary: "normal noise of the training images' mean and variance",
    reference: "Zhang et al. 2017",
    revision: 1,
    source: include_str!("gaussian_pixels.rs"),
    read: |_| Some(Arc::new(GaussianPixels)),
};

/// Images that are read or drawn together.
const TOGETHER: usize = 512;

struct GaussianPixels;

impl Transform for GaussianPixels {
    fn apply(&self, data: Dataset, noise: &Noise) -> Result<Dataset> {
        let noise = noise.purpose("gaussian-pixels");
        let (mean, deviation) = moments(&data.train)?;
        let drawn = |split: Split, train: bool| -> Result<Split> {
            let shape = split.shape();
            let mut blocks = Vec::new();
            for ids in ids(train, split.len()).chunks(TOGETHER) {
                let block = noise.normal(ids, &shape, Kind::Float, Device::Cpu)?;
                blocks.push(block.f_mul(&deviation)?.f_add(&mean)?.f_clamp(0.0, 1.0)?);
            }
            if blocks.is_empty() {
                return Ok(split);
            }
            Ok(split.with_images(Tensor::f_cat(&blocks, 0)?))
        };
        Ok(Dataset { train: drawn(data.train, true)?, test: drawn(data.test, false)?, ..data })
    }

    fn keeps_places(&self) -> bool {
        false
    }
}

/// Mean and standard deviation of each channel, summed in float64; float [C, 1, 1].
fn moments(train: &Split) -> Result<(Tensor, Tensor)> {
    let shape = train.shape();
    let over = |x: &Tensor| x.f_sum_dim_intlist([0, 2, 3].as_slice(), true, Kind::Double)?.f_squeeze_dim(0);
    let zeros = || Tensor::f_zeros([shape[0], 1, 1], (Kind::Double, Device::Cpu));
    let (mut sum, mut squares) = (zeros()?, zeros()?);
    let places: Vec<usize> = (0..train.len()).collect();
    for block in places.chunks(TOGETHER) {
        let images = train.images(block, Kind::Double, Device::Cpu)?;
        sum = sum.f_add(&over(&images)?)?;
        squares = squares.f_add(&over(&images.f_square()?)?)?;
    }
    let count = (train.len() as i64 * shape[1] * shape[2]).max(1) as f64;
    let mean = sum.f_div_scalar(count)?;
    let variance = squares.f_div_scalar(count)?.f_sub(&mean.f_square()?)?.f_clamp_min(0.0)?;
    Ok((mean.f_to_kind(Kind::Float)?, variance.f_sqrt()?.f_to_kind(Kind::Float)?))
}
