//! Steps of gradient descent, as `torch.optim` defines them, on all parameters as one vector.

use tch::Tensor;

use crate::config::Section;
use crate::error::Result;

/// PyTorch's default learning rate, of SGD too.
const RATE: f64 = 1e-3;

/// How parameters follow their gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum, Nesterov's if asked for (Sutskever et al., "On the importance of
    /// initialization and momentum in deep learning", 2013).
    Sgd { rate: f64, momentum: f64, nesterov: bool, weight_decay: f64 },
    /// Kingma and Ba, "Adam", 2015. Decoupled weight decay makes it AdamW (Loshchilov and Hutter, 2019).
    Adam { rate: f64, betas: [f64; 2], epsilon: f64, weight_decay: f64, decoupled: bool },
}

type Read = fn(&Section) -> Optimizer;

impl Optimizer {
    /// Reads `optimizer = { use = "adam", lr = 1e-3 }`.
    pub fn read(section: &Section) -> Self {
        let kinds: [(&str, Read); 3] = [("sgd", Self::sgd), ("adam", Self::adam), ("adamw", Self::adamw)];
        section.choice("use", "adam", &kinds)(section)
    }

    fn sgd(section: &Section) -> Self {
        let expected = "a number from 0 to below 1";
        let momentum = section.get_if("momentum", 0.0, |given| (0.0..1.0).contains(given), expected);
        let nesterov = section.get("nesterov", false);
        if nesterov && momentum == 0.0 {
            let help = "momentum = 0.9 is usual".to_string();
            section.mistake("nesterov", "`nesterov` needs a momentum", None, Some(help));
        }
        let weight_decay = not_negative(section, "weight_decay", 0.0);
        Self::Sgd { rate: positive(section, "lr", RATE), momentum, nesterov, weight_decay }
    }

    fn adam(section: &Section) -> Self {
        Self::adaptive(section, 0.0, false)
    }

    fn adamw(section: &Section) -> Self {
        Self::adaptive(section, 1e-2, true)
    }

    fn adaptive(section: &Section, weight_decay: f64, decoupled: bool) -> Self {
        let fits = |given: &Vec<f64>| given.len() == 2 && given.iter().all(|beta| (0.0..1.0).contains(beta));
        let betas = section.get_if("betas", vec![0.9, 0.999], fits, "two numbers from 0 to below 1");
        Self::Adam {
            rate: positive(section, "lr", RATE),
            betas: [betas[0], betas[1]],
            epsilon: positive(section, "epsilon", 1e-8),
            weight_decay: not_negative(section, "weight_decay", weight_decay),
            decoupled,
        }
    }

    /// The learning rate, before a schedule's factor.
    pub fn rate(self) -> f64 {
        match self {
            Self::Sgd { rate, .. } | Self::Adam { rate, .. } => rate,
        }
    }

    /// The state before the first step.
    pub fn start(self, parameters: &Tensor) -> Result<Descent> {
        Ok(Descent { optimizer: self, steps: 0, first: parameters.f_zeros_like()?, second: parameters.f_zeros_like()? })
    }
}

/// An optimiser under way: the running averages of the gradient (its velocity, for SGD) and of its square.
pub struct Descent {
    optimizer: Optimizer,
    steps: i32,
    first: Tensor,
    second: Tensor,
}

impl Descent {
    /// Changes `parameters` in place by one step along `gradient`, at `factor` times the learning rate.
    pub fn step(&mut self, parameters: &mut Tensor, gradient: &Tensor, factor: f64) -> Result<()> {
        self.steps += 1;
        match self.optimizer {
            Optimizer::Sgd { rate, momentum, nesterov, weight_decay } => {
                let mut gradient = decayed(gradient, parameters, weight_decay)?;
                if momentum > 0.0 {
                    self.first = self.first.f_mul_scalar_(momentum)?.f_add_(&gradient)?;
                    gradient = if nesterov {
                        gradient.f_add(&self.first.f_mul_scalar(momentum)?)?
                    } else {
                        self.first.shallow_clone()
                    };
                }
                let _ = parameters.f_sub_(&gradient.f_mul_scalar(rate * factor)?)?;
            }
            Optimizer::Adam { rate, betas: [beta1, beta2], epsilon, weight_decay, decoupled } => {
                let rate = rate * factor;
                let gradient = if decoupled {
                    let _ = parameters.f_mul_scalar_(1.0 - rate * weight_decay)?;
                    gradient.shallow_clone()
                } else {
                    decayed(gradient, parameters, weight_decay)?
                };
                let _ = self.first.f_lerp_(&gradient, 1.0 - beta1)?;
                let _ = self.second.f_lerp_(&gradient.f_square()?, 1.0 - beta2)?;
                let bias1 = 1.0 - beta1.powi(self.steps);
                let bias2 = 1.0 - beta2.powi(self.steps);
                let scale = self.second.f_sqrt()?.f_div_scalar_(bias2.sqrt())?.f_add_scalar_(epsilon)?;
                let _ = parameters.f_sub_(&self.first.f_div(&scale)?.f_mul_scalar_(rate / bias1)?)?;
            }
        }
        Ok(())
    }
}

fn positive(section: &Section, key: &str, default: f64) -> f64 {
    section.get_if(key, default, |given| *given > 0.0, "a number above 0")
}

fn not_negative(section: &Section, key: &str, default: f64) -> f64 {
    section.get_if(key, default, |given| *given >= 0.0, "a number of 0 or more")
}

/// The gradient with that of weight_decay/2 |parameters|² added.
fn decayed(gradient: &Tensor, parameters: &Tensor, weight_decay: f64) -> Result<Tensor> {
    if weight_decay == 0.0 {
        return Ok(gradient.shallow_clone());
    }
    Ok(gradient.f_add(&parameters.f_mul_scalar(weight_decay)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameter after each step on f(p) = p², whose gradient is 2p, from p = 1.
    fn path(optimizer: Optimizer, steps: usize) -> Vec<f64> {
        let mut parameters = Tensor::from_slice(&[1.0]);
        let mut descent = optimizer.start(&parameters).unwrap();
        (0..steps)
            .map(|_| {
                let gradient = &parameters * 2.0;
                descent.step(&mut parameters, &gradient, 1.0).unwrap();
                parameters.double_value(&[0])
            })
            .collect()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        let gap = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max);
        assert!(found.len() == expected.len() && gap < 1e-12, "{found:?} is not {expected:?}");
    }

    #[test]
    fn sgd_follows_the_gradient() {
        // 1 - 0.1 x 2 = 0.8; 0.8 - 0.1 x 1.6 = 0.64
        let sgd = Optimizer::Sgd { rate: 0.1, momentum: 0.0, nesterov: false, weight_decay: 0.0 };
        assert_close(&path(sgd, 2), &[0.8, 0.64]);
    }

    #[test]
    fn momentum_adds_up_velocity() {
        // v = 2, p = 0.8; v = 0.5 x 2 + 1.6 = 2.6, p = 0.54
        let sgd = Optimizer::Sgd { rate: 0.1, momentum: 0.5, nesterov: false, weight_decay: 0.0 };
        assert_close(&path(sgd, 2), &[0.8, 0.54]);
    }

    #[test]
    fn nesterov_looks_ahead_and_decay_pulls_to_zero() {
        // g = 2 + 0.5 x 1 = 2.5, v = 2.5, step 2.5 + 0.5 x 2.5 = 3.75: p = 0.625
        // g = 1.25 + 0.3125 = 1.5625, v = 1.25 + 1.5625 = 2.8125, step 1.5625 + 1.40625 = 2.96875: p = 0.328125
        let sgd = Optimizer::Sgd { rate: 0.1, momentum: 0.5, nesterov: true, weight_decay: 0.5 };
        assert_close(&path(sgd, 2), &[0.625, 0.328125]);
    }

    #[test]
    fn adam_divides_by_the_root_mean_square() {
        // Step 1: m = 0.2, v = 0.004, both over their bias: 2 and 4, so the step is 0.1 x 2 / (2 + 0.5) = 0.08: p =
        // 0.92. Step 2: g = 1.84, m = 0.18 + 0.184 = 0.364 over 0.19, v = 0.003996 + 0.0033856 over 0.001999.
        let adam =
            Optimizer::Adam { rate: 0.1, betas: [0.9, 0.999], epsilon: 0.5, weight_decay: 0.0, decoupled: false };
        let second = 0.92 - 0.1 * (0.364 / 0.19) / ((0.007_381_6_f64 / 0.001_999).sqrt() + 0.5);
        assert_close(&path(adam, 2), &[0.92, second]);
    }

    #[test]
    fn weight_decay_is_in_adams_gradient_but_beside_adamws() {
        let adam =
            |decoupled| Optimizer::Adam { rate: 0.1, betas: [0.9, 0.999], epsilon: 0.5, weight_decay: 0.5, decoupled };
        // g = 2.5: the step is 0.1 x 2.5 / (2.5 + 0.5).
        assert_close(&path(adam(false), 1), &[1.0 - 0.25 / 3.0]);
        // p = 1 x (1 - 0.1 x 0.5), and then the step of 0.08.
        assert_close(&path(adam(true), 1), &[0.95 - 0.08]);
    }
}
