//! The proximal Bregman response: where a trained network goes when some examples are to be learnt worse, while its outputs on
//! all of them and its weights stay near what they were. It asks what an influence function answers, without the noise of
//! training and without asking that the network be a minimum.

use tch::{Kind, Tensor};

use super::optimizer::Optimizer;
use super::{Mode, flat};
use crate::error::{Error, Result};
use crate::model::convex::Loss;
use crate::model::graph::{Graph, Role};

/// What weighs against going far, and how it is minimised: full steps of Adam with a rate that falls to nothing as a cosine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proximal {
    /// lambda of lambda/2 |theta - theta_s|².
    pub damping: f64,
    pub steps: usize,
    pub rate: f64,
}

impl Proximal {
    pub fn new(damping: f64) -> Self {
        Self { damping, steps: 1000, rate: 3e-4 }
    }
}

/// The weights, in the order of the graph's, at which
/// 1/n sum_i KL(p_s(x_i) | p(x_i)) - 1/n sum_{m removed} L(x_m) + lambda/2 |theta - theta_s|²
/// is smallest near the trained weights theta_s, p_s being what these predict: for cross-entropy, the Bregman divergence of the
/// outputs. And the share of its first gradient that is left at the end.
///
/// `x` [n, input..] and `weights` in float64, `removed` [m] int64; `chunk` rows go through the network together.
///
/// Reference: Bae, Ng, Lo, Ghassemi and Grosse, "If Influence Functions are the Answer, Then What is the Question?", NeurIPS 2022.
pub fn response(
    graph: &Graph,
    weights: &[Tensor],
    x: &Tensor,
    labels: &Tensor,
    removed: &Tensor,
    proximal: &Proximal,
    chunk: usize,
) -> Result<(Vec<Tensor>, f64)> {
    let leaves: Vec<usize> = (0..weights.len()).filter(|at| graph.weights[*at].role == Role::Parameter).collect();
    let mut parameters = flat(leaves.iter().map(|at| &weights[*at]))?.f_detach()?.copy();
    let start = parameters.copy();
    let mut all: Vec<Tensor> = weights.iter().map(Tensor::shallow_clone).collect();
    let mut first = 0;
    for at in &leaves {
        let length = weights[*at].numel() as i64;
        let part = parameters.f_narrow(0, first, length)?.f_view(&graph.weights[*at].shape[..])?;
        all[*at] = part.f_detach()?.f_set_requires_grad(true)?;
        first += length;
    }
    let logits_of = |all: &[Tensor], x: &Tensor| graph.run(all, x, Mode::Eval, &mut |_, _, _, output| Ok(output));
    let parts = x.f_split(chunk.max(1) as i64, 0)?;
    let before = parts.iter().map(|x| Ok(tch::no_grad(|| logits_of(&all, x))?.f_softmax(1, Kind::Double)?));
    let before = before.collect::<Result<Vec<Tensor>>>()?;
    let (taken, labels) = (x.f_index_select(0, removed)?, labels.f_index_select(0, removed)?);
    let examples = x.size()[0] as f64;
    let mut descent = Optimizer::Adam {
        rate: proximal.rate,
        betas: [0.9, 0.999],
        epsilon: 1e-12,
        weight_decay: 0.0,
        decoupled: false,
    }
    .start(&parameters)?;
    let (mut length, mut at_first) = (f64::NAN, f64::NAN);
    for step in 0..proximal.steps {
        let kept: Vec<&Tensor> = leaves.iter().map(|at| &all[*at]).collect();
        let derive = |sum: Tensor| -> Result<Tensor> {
            let mean = sum.f_div_scalar(examples)?;
            flat(Tensor::f_run_backward(&[mean], &kept, false, false)?.iter())
        };
        let mut gradient = parameters.f_sub(&start)?.f_mul_scalar(proximal.damping)?;
        for (x, before) in parts.iter().zip(&before) {
            // The entropy of what was predicted does not depend on the weights.
            let log = logits_of(&all, x)?.f_log_softmax(1, Kind::Double)?;
            let _ = gradient.f_add_(&derive(before.f_mul(&log)?.f_sum(Kind::Double)?.f_neg()?)?)?;
        }
        for (x, labels) in taken.f_split(chunk.max(1) as i64, 0)?.iter().zip(labels.f_split(chunk.max(1) as i64, 0)?) {
            let worse = Loss::CrossEntropy.of(&logits_of(&all, x)?, &labels)?.f_sum(Kind::Double)?;
            let _ = gradient.f_sub_(&derive(worse)?)?;
        }
        length = gradient.f_norm()?.f_double_value(&[])?;
        if step == 0 {
            at_first = length;
        }
        if !length.is_finite() {
            return Err(Error::new("the proximal response diverged"));
        }
        let factor = 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / proximal.steps as f64).cos());
        tch::no_grad(|| descent.step(&mut parameters, &gradient, factor))?;
    }
    let found = all.iter().map(|weight| Ok(weight.f_detach()?.copy())).collect::<Result<Vec<_>>>()?;
    Ok((found, length / at_first))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tch::Device;

    use super::*;
    use crate::config::Section;
    use crate::model::layers;
    use crate::noise::Noise;

    /// Of a network that is linear in its weights, with little to learn worse, the response is the linear one:
    /// (H + lambda)^-1 g / n with H the Gauss-Newton Hessian, which is the Hessian.
    #[test]
    fn a_small_response_is_linear() {
        let text = "layers = [{ linear = { out = 2, bias = false } }]";
        let graph = Arc::new(layers::read(&Section::parse("model", text).unwrap(), &[1], None).unwrap());
        let x = Noise::new(1).normal(&(0..200).collect::<Vec<_>>(), &[1], Kind::Double, Device::Cpu).unwrap();
        let labels = Tensor::from_slice(&(0..200).map(|at| at % 2).collect::<Vec<i64>>());
        let weights = vec![Tensor::from_slice(&[0.3, -0.2]).view([2, 1])];
        let removed = Tensor::from_slice(&[5i64]);
        let proximal = Proximal { damping: 0.05, steps: 4000, rate: 1e-4 };
        let (found, left) = response(&graph, &weights, &x, &labels, &removed, &proximal, 64).unwrap();
        let (whole, _) = response(&graph, &weights, &x, &labels, &removed, &proximal, 1000).unwrap();
        assert!((&found[0] - &whole[0]).abs().max().double_value(&[]) < 1e-9, "chunks change rounding alone");
        assert!(left < 1e-3, "{left}");
        let way = (&found[0] - &weights[0]).view([2]);
        // By hand: p of class 0 is s(0.5 x); H = 1/n sum p (1 - p) x² (1 -1; -1 1); g = (p - [y = 0], ..) x.
        let values = Vec::<f64>::try_from(x.view([-1])).unwrap();
        let p = |x: f64| 1.0 / (1.0 + (-0.5 * x).exp());
        let curvature = values.iter().map(|x| p(*x) * (1.0 - p(*x)) * x * x).sum::<f64>() / 200.0;
        let pull = p(values[5]) * values[5];
        // Along (1, -1) the Hessian is twice the curvature.
        let expected = pull / 200.0 / (2.0 * curvature + 0.05);
        assert!((way.double_value(&[0]) / expected - 1.0).abs() < 0.01, "{way:?} {expected}");
        assert!((way.double_value(&[0]) + way.double_value(&[1])).abs() < 1e-9);
    }
}
