//! Fresh weights, distributed as PyTorch's layers draw them by default.

use tch::{Device, Kind, Tensor};

use super::graph::WeightSpec;
use crate::error::Result;
use crate::noise::Noise;

/// How a weight starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Uniform within ±1/sqrt(fan-in): weights and biases of linear and convolution layers. PyTorch arrives there by
    /// He et al.'s bound sqrt(6 / ((1 + a²) fan-in)), "Delving deep into rectifiers", 2015, with a = sqrt(5).
    FanIn(i64),
    Ones,
    Zeros,
}

impl WeightSpec {
    /// The weight's first value. It depends on the noise and on the weight's name alone, so equal layers of two models
    /// of one seed start equal.
    pub fn draw(&self, noise: &Noise, kind: Kind, device: Device) -> Result<Tensor> {
        let options = (kind, device);
        match self.init {
            Init::FanIn(fan_in) => {
                let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
                let noise = noise.purpose(&format!("init/{}", self.name));
                let drawn = noise.uniform(&[0], &self.shape, kind, device)?.f_squeeze_dim(0)?;
                Ok(drawn.f_mul_scalar(2.0 * bound)?.f_add_scalar(-bound)?)
            }
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
