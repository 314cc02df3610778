//! # Definition
//! Every removed pixel becomes the mean colour of its own image as it was before anything was removed, channel by channel.
//!
//! # Cost
//! One pass over the image.
//!
//! # Reference
//! Hedström et al., "Quantus: An Explainable AI Toolkit for Responsible Evaluation of Neural Network Explanations and
//! Beyond", JMLR 2023 (there the mean is taken anew after every step).

use std::sync::Arc;

use tch::Tensor;

use super::{Imputer, Surroundings};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Imputer> = Entry {
    name: "image-mean",
    summary: "the image's own mean colour",
    reference: "Hedström et al. 2023",
    revision: 1,
    source: include_str!("image_mean.rs"),
    read: |_| Some(Arc::new(ImageMean)),
};

pub struct ImageMean;

impl Imputer for ImageMean {
    fn fill(&self, x: &Tensor, _: &Surroundings) -> Result<Tensor> {
        Ok(x.f_mean_dim([2, 3].as_slice(), true, x.kind())?)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::imputers::Statistics;
    use crate::noise::Noise;

    #[test]
    fn an_image_is_filled_with_its_own_mean_however_much_is_gone() {
        // Means: image 0 (0 + 0 + 0.4 + 0.8) / 4 = 0.3, image 1 (1 + 0 + 0 + 0) / 4 = 0.25.
        let x = Tensor::from_slice(&[0.0, 0.0, 0.4, 0.8, 1.0, 0.0, 0.0, 0.0]).view([2, 1, 2, 2]);
        let on = Surroundings {
            statistics: Statistics { mean: Tensor::from_slice(&[0.9]) },
            noise: Noise::new(0),
            ids: &[0, 1],
        };
        // First the last pixel, then the last three.
        let removed = Tensor::from_slice(&[3_i64, 1]).view([1, 2, 1, 1, 1]);
        let removed = Tensor::arange(4, (Kind::Int64, Device::Cpu)).view([1, 1, 1, 2, 2]).ge_tensor(&removed);
        let filled = ImageMean.impute(&x, &removed.expand([2, 2, 1, 2, 2], false), &on).unwrap();
        let expected = [0.0, 0.0, 0.4, 0.3, 0.0, 0.3, 0.3, 0.3, 1.0, 0.0, 0.0, 0.25, 1.0, 0.25, 0.25, 0.25]
            .map(|value: f64| value);
        let apart = (filled.view(-1) - Tensor::from_slice(&expected)).abs().max().double_value(&[]);
        assert!(apart < 1e-15, "{apart:e}");
    }
}
