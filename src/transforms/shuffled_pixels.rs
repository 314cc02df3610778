//! # Definition
//! One random order of the pixels, the same for all images of both splits. The channels of a pixel move together. A network
//! without any notion of neighbours learns as well as before; what was known of where the evidence lies no longer holds.
//!
//! # Cost
//! A copy of the images.
//!
//! # Reference
//! Zhang, Bengio, Hardt, Recht and Vinyals, "Understanding Deep Learning Requires Rethinking Generalization", ICLR 2017.

use std::sync::Arc;

use tch::Tensor;

use super::Transform;
use crate::catalogue::Entry;
use crate::datasets::{Dataset, Split};
use crate::error::Result;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Transform> = Entry {
    name: "shuffled-pixels",
    summary: "one order of the pixels for all images",
    reference: "Zhang et al. 2017",
    revision: 1,
    source: include_str!("shuffled_pixels.rs"),
    read: |_| Some(Arc::new(ShuffledPixels)),
};

struct ShuffledPixels;

impl Transform for ShuffledPixels {
    fn apply(&self, data: Dataset, noise: &Noise) -> Result<Dataset> {
        let pixels: i64 = data.train.shape()[1..].iter().product();
        let order = noise.purpose("shuffled-pixels").permutation(pixels as usize);
        let order: Vec<i64> = order.into_iter().map(|place| place as i64).collect();
        let order = Tensor::f_from_slice(&order)?;
        let moved = |split: Split| -> Result<Split> {
            let flat = split.stored().f_flatten(2, 3)?;
            let images = flat.f_index_select(2, &order)?.f_view(split.stored().size().as_slice())?;
            Ok(split.with_images(images))
        };
        Ok(Dataset { train: moved(data.train)?, test: moved(data.test)?, ..data })
    }

    fn keeps_places(&self) -> bool {
        false
    }
}
