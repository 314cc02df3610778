//! # Definition
//! The pixels of every image of both splits change places, in an order of the image's own. The channels of a pixel move
//! together. Every image keeps its histogram, and nothing else.
//!
//! # Cost
//! A copy of the images, and one draw per pixel of each.
//!
//! # Reference
//! Zhang, Bengio, Hardt, Recht and Vinyals, "Understanding Deep Learning Requires Rethinking Generalization", ICLR 2017.

use std::sync::Arc;

use tch::Tensor;

use super::{Transform, ids};
use crate::catalogue::Entry;
use crate::datasets::{Dataset, Split};
use crate::error::Result;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Transform> = Entry {
    name: "random-pixels",
    summary: "an order of the pixels of its own for each image",
    reference: "Zhang et al. 2017",
    revision: 1,
    source: include_str!("random_pixels.rs"),
    read: |_| Some(Arc::new(RandomPixels)),
};

/// Images that are moved together: the places of their pixels are 8 bytes each.
const TOGETHER: usize = 512;

struct RandomPixels;

impl Transform for RandomPixels {
    fn apply(&self, data: Dataset, noise: &Noise) -> Result<Dataset> {
        let noise = noise.purpose("random-pixels");
        let train = moved(data.train, &noise, true)?;
        Ok(Dataset { train, test: moved(data.test, &noise, false)?, ..data })
    }

    fn keeps_places(&self) -> bool {
        false
    }
}

fn moved(split: Split, noise: &Noise, train: bool) -> Result<Split> {
    let [count, channels, height, width] = split.stored().size()[..] else { return Ok(split) };
    let pixels = height * width;
    let flat = split.stored().f_flatten(2, 3)?;
    let mut blocks = Vec::new();
    for (block, ids) in ids(train, count as usize).chunks(TOGETHER).enumerate() {
        let order = |id: &u64| noise.index(*id).permutation(pixels as usize).into_iter().map(|place| place as i64);
        let orders: Vec<i64> = ids.iter().flat_map(order).collect();
        let rows = ids.len() as i64;
        let orders =
            Tensor::f_from_slice(&orders)?.f_view([rows, 1, pixels])?.f_expand([rows, channels, pixels], false)?;
        let images = flat.f_narrow(0, (block * TOGETHER) as i64, rows)?;
        blocks.push(images.f_gather(2, &orders, false)?);
    }
    if blocks.is_empty() {
        return Ok(split);
    }
    let images = Tensor::f_cat(&blocks, 0)?.f_view([count, channels, height, width])?;
    Ok(split.with_images(images))
}
