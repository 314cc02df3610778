//! # Definition
//! Every removed element becomes a number drawn uniformly from [0, 1), each channel its own. The draws belong to the
//! example and the element: they are the same at every point of a curve and for every contender.
//!
//! # Cost
//! One draw per element of an image.
//!
//! # Reference
//! Samek, Binder, Montavon, Lapuschkin and Müller, "Evaluating the Visualization of What a Deep Neural Network Has
//! Learned", IEEE TNNLS 2017.

use std::sync::Arc;

use tch::Tensor;

use super::{Imputer, Surroundings};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Imputer> = Entry {
    name: "noise",
    summary: "uniform noise, drawn once per image",
    reference: "Samek et al. 2017",
    revision: 1,
    source: include_str!("noise.rs"),
    read: |_| Some(Arc::new(UniformNoise)),
};

pub struct UniformNoise;

impl Imputer for UniformNoise {
    fn fill(&self, x: &Tensor, on: &Surroundings) -> Result<Tensor> {
        on.noise.purpose("imputer/noise").uniform(on.ids, &x.size()[1..], x.kind(), x.device())
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::imputers::Statistics;
    use crate::noise::Noise;

    #[test]
    fn an_image_keeps_its_draws_in_any_batch_and_at_any_stage() {
        let x = Tensor::zeros([3, 2, 4, 4], (Kind::Double, Device::Cpu));
        let statistics = || Statistics { mean: Tensor::from_slice(&[0.5, 0.5]) };
        let on = |ids| Surroundings { statistics: statistics(), noise: Noise::new(1), ids };
        // Everything at the first stage, the lower half at the second.
        let removed = Tensor::ones([3, 2, 1, 4, 4], (Kind::Bool, Device::Cpu));
        let _ = removed.select(1, 1).narrow(2, 0, 2).fill_(0);
        let filled = UniformNoise.impute(&x, &removed, &on(&[4, 5, 6])).unwrap();
        assert_eq!(filled.select(1, 0).narrow(2, 2, 2), filled.select(1, 1).narrow(2, 2, 2));
        let alone = UniformNoise.fill(&x.narrow(0, 1, 1), &on(&[5])).unwrap();
        assert_eq!(filled.select(1, 0).narrow(0, 1, 1), alone);
        assert_ne!(alone.select(1, 0), alone.select(1, 1), "each channel has draws of its own");
        assert!(filled.min().double_value(&[]) >= 0.0 && filled.max().double_value(&[]) < 1.0);
    }
}
