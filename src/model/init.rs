//! Fresh weights, distributed as PyTorch's layers draw them by default.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::graph::WeightSpec;
use crate::error::Result;
use crate::noise::Noise;

/// How a weight starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// Uniform within ±1/sqrt(fan-in): weights and biases of linear and convolution layers. PyTorch arrives there by
    /// He et al.'s bound sqrt(6 / ((1 + a²) fan-in)), "Delving deep into rectifiers", 2015, with a = sqrt(5).
    FanIn(i64),
    /// Uniform within ± this bound.
    Uniform(f64),
    /// Normal around 0, of this standard deviation.
    Normal(f64),
    Ones,
    Zeros,
    /// One number everywhere.
    Constant(f64),
    /// A constant: what stands in the file that the model came from. Never drawn anew.
    Fixed(Arc<[f64]>),
}

impl WeightSpec {
    /// The weight's first value. It depends on the noise and on the weight's name alone, so equal layers of two models
    /// of one seed start equal.
    pub fn draw(&self, noise: &Noise, kind: Kind, device: Device) -> Result<Tensor> {
        let options = (kind, device);
        let noise = noise.purpose(&format!("init/{}", self.name));
        let uniform = |bound: f64| -> Result<Tensor> {
            let drawn = noise.uniform(&[0], &self.shape, kind, device)?.f_squeeze_dim(0)?;
            Ok(drawn.f_mul_scalar(2.0 * bound)?.f_add_scalar(-bound)?)
        };
        match &self.init {
            Init::FanIn(fan_in) => uniform(1.0 / ((*fan_in).max(1) as f64).sqrt()),
            Init::Uniform(bound) => uniform(*bound),
            Init::Normal(deviation) => {
                let drawn = noise.normal(&[0], &self.shape, kind, device)?.f_squeeze_dim(0)?;
                Ok(drawn.f_mul_scalar(*deviation)?)
            }
            Init::Fixed(values) => {
                Ok(Tensor::f_from_slice(values)?.f_view(&self.shape[..])?.f_to_device(device)?.f_to_kind(kind)?)
            }
            Init::Constant(value) => Ok(Tensor::f_full(&self.shape[..], *value, options)?),
            Init::Ones => Ok(Tensor::f_ones(&self.shape, options)?),
            Init::Zeros => Ok(Tensor::f_zeros(&self.shape, options)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::graph::Role;

    fn spec(name: &str, shape: &[i64], init: Init) -> WeightSpec {
        WeightSpec { name: name.into(), shape: shape.into(), role: Role::Parameter, init }
    }

    fn draw(spec: &WeightSpec) -> Tensor {
        spec.draw(&Noise::new(0), Kind::Double, Device::Cpu).unwrap()
    }

    /// Fan-in 25: uniform within 0.2, of standard deviation 0.4 / sqrt(12) = 0.1155.
    #[test]
    fn fan_in_bounds_the_draws() {
        let weight = draw(&spec("conv1.weight", &[400, 1, 5, 5], Init::FanIn(25)));
        assert_eq!(weight.size(), [400, 1, 5, 5]);
        let (low, high) = (weight.min().double_value(&[]), weight.max().double_value(&[]));
        assert!((-0.2..-0.199).contains(&low) && (0.199..0.2).contains(&high), "{low} {high}");
        assert!((weight.std(true).double_value(&[]) - 0.1155).abs() < 2e-3);
    }

    #[test]
    fn draws_follow_the_name() {
        let of = |name: &str| draw(&spec(name, &[4, 3], Init::FanIn(3)));
        assert_eq!(of("fc.weight"), of("fc.weight"));
        assert_ne!(of("fc.weight"), of("fc1.weight"));
    }
}
