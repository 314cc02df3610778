//! Derivatives written out as operations of their own, for signals that go back on a tape.
//!
//! libtorch's derivative of a derivative does more than is asked for: that of a convolution also correlates for the weights, which
//! never take part here, and that of a softplus takes seven passes over its input. Written out, the way back through a convolution
//! is a transposed convolution and that through a softplus a product with a sigmoid, and only their own first derivatives are taken.

use tch::Tensor;

use crate::error::Result;
use crate::model::ops::Op;

/// Whether `pull` knows the operation, or libtorch's way is as short.
pub fn knows(op: &Op) -> bool {
    match op {
        Op::Convolution { stride, .. } => stride.len() == 2,
        Op::MaxPool { window, .. } => window.kernel.len() == 2,
        Op::Linear
        | Op::Normalise { .. }
        | Op::BatchNorm { .. }
        | Op::SmoothRelu { .. }
        | Op::Flatten
        | Op::Dropout { .. }
        | Op::Add
        | Op::AveragePool { .. }
        | Op::AdaptiveAveragePool { .. } => true,
        _ => false,
    }
}

/// The signal, shaped like the output, sent back to the live inputs in eval mode: one tensor for each, in order; `None` where
/// nothing is written out. What it gives is on the tape that the inputs and the signal are on.
pub fn pull(op: &Op, inputs: &[Tensor], live: &[usize], signal: &Tensor) -> Result<Option<Vec<Tensor>>> {
    if let (Op::Add, [_, _]) = (op, inputs) {
        return Ok(Some(live.iter().map(|_| signal.shallow_clone()).collect()));
    }
    if live != [0] {
        return Ok(None);
    }
    let sent = match (op, inputs) {
        (Op::Convolution { stride, padding, dilation, groups }, [x, weight, ..]) if stride.len() == 2 => {
            let uncovered = uncovered(&x.size(), &signal.size(), &weight.size(), stride, padding, dilation);
            signal.f_conv_transpose2d(weight, None::<&Tensor>, stride, padding, uncovered, *groups, dilation)?
        }
        (Op::Linear, [_, weight, ..]) => signal.f_matmul(weight)?,
        (Op::SmoothRelu { beta, slope }, [x, ..]) => {
            let rise = x.f_mul_scalar(*beta)?.f_sigmoid()?;
            // Most networks have no slope, and each pass counts.
            let rise = if *slope == 0.0 { rise } else { rise.f_mul_scalar(1.0 - slope)?.f_add_scalar(*slope)? };
            signal.f_mul(&rise)?
        }
        (Op::MaxPool { window: w, dilation }, [x, ..]) if w.kernel.len() == 2 => {
            // Which of a window is the largest does not move with the image.
            let x = x.f_detach()?;
            let (_, at) = x.f_max_pool2d_with_indices(&w.kernel, &w.stride, &w.padding, dilation, w.ceil)?;
            x.f_max_pool2d_with_indices_backward(signal, &w.kernel, &w.stride, &w.padding, dilation, w.ceil, &at)?
        }
        (Op::Normalise { std, .. }, [x]) => {
            let std = Tensor::f_from_slice(std)?.f_to_device(x.device())?.f_to_kind(x.kind())?;
            signal.f_div(&per_channel(&std, x)?)?
        }
        (Op::BatchNorm { epsilon, .. }, [x, affine @ .., _, variance]) => {
            let factor = variance.f_add_scalar(*epsilon)?.f_rsqrt()?;
            let factor = if let [weight, ..] = affine { factor.f_mul(weight)? } else { factor };
            signal.f_mul(&per_channel(&factor, x)?)?
        }
        (Op::Flatten, [x]) => signal.f_view_as(x)?,
        (Op::Dropout { .. }, [_]) => signal.shallow_clone(),
        _ => return Ok(None),
    };
    Ok(Some(vec![sent]))
}

/// How many rows and columns at the end of the input no window of a convolution reaches.
fn uncovered(
    input: &[i64],
    output: &[i64],
    weight: &[i64],
    stride: &[i64],
    padding: &[i64],
    dilation: &[i64],
) -> Vec<i64> {
    let reached = |d: usize| (output[d + 2] - 1) * stride[d] - 2 * padding[d] + dilation[d] * (weight[d + 2] - 1) + 1;
    (0..stride.len()).map(|d| input[d + 2] - reached(d)).collect()
}

/// `numbers` [C], shaped so that they meet the channels of `x` [B, C, ..].
fn per_channel(numbers: &Tensor, x: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; x.dim()];
    if let Some(channels) = shape.get_mut(1) {
        *channels = -1;
    }
    Ok(numbers.f_view(shape.as_slice())?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tch::{Device, Kind};

    use crate::config::Section;
    use crate::model::{Model, Score, layers};
    use crate::noise::Noise;

    use super::*;

    /// Strides that leave a column out, groups, dilation, overlapping windows, both ways of a leaky ReLU, a value used twice.
    const KNOWN: &str = "{ conv2d = { out = 4, kernel = 3, stride = 2, padding = 1 } }, 'batch_norm', 'relu', \
        { residual = { layers = [{ conv2d = { out = 4, kernel = 3, padding = 2, dilation = 2, groups = 2 } }, \
        { leaky_relu = { slope = 0.1 } }] } }, { max_pool2d = { kernel = 3, stride = 2, padding = 1 } }, 'dropout', \
        { avg_pool2d = { kernel = 2 } }, 'flatten', { linear = { out = 5 } }, 'relu', { linear = { out = 3 } }";

    /// The gradient and d<gradient, v>/dx are those of libtorch's own tape.
    #[test]
    fn what_is_written_out_is_the_derivative_and_has_its_derivative() {
        let text = format!("layers = [{KNOWN}]\npreprocess = {{ mean = [0.4, 0.5], std = [0.2, 0.3] }}");
        let section = Section::parse("model", &text).unwrap();
        let graph = layers::read(&section, &[2, 10, 9], None).unwrap_or_else(|| panic!("{}", section.mistakes()));
        let noise = Noise::new(8);
        let weights = graph.weights.iter().map(|spec| {
            let drawn = noise.purpose(&spec.name).uniform(&[0], &spec.shape, Kind::Double, Device::Cpu).unwrap();
            if spec.name.ends_with("running_var") { drawn.squeeze_dim(0) + 0.5 } else { drawn.squeeze_dim(0) - 0.4 }
        });
        let model = Model::new(Arc::new(graph.clone()), weights.collect()).unwrap().smoothed(3.0).unwrap();
        assert!(model.graph.nodes.iter().all(|node| knows(&node.op)));
        let x = noise.uniform(&[1, 2, 3], &[2, 10, 9], Kind::Double, Device::Cpu).unwrap().set_requires_grad(true);
        let v = noise.normal(&[4, 5, 6], &[2, 10, 9], Kind::Double, Device::Cpu).unwrap();
        let target = Tensor::from_slice(&[2i64, 0, 1]);
        let second = |gradient: &Tensor| {
            let along = (gradient * &v).sum(Kind::Double);
            Tensor::run_backward(&[along], &[&x], false, false).remove(0)
        };
        let total = model.scores(&x, &target, Score::Logit).unwrap().sum(Kind::Double);
        let theirs = Tensor::run_backward(&[total], &[&x], true, true).remove(0);
        let ours = model.differentiable_gradient(&x, &target, Score::Logit).unwrap();
        for (ours, theirs) in [(ours.detach(), theirs.detach()), (second(&ours), second(&theirs))] {
            let (apart, largest) = ((&ours - &theirs).abs().max(), theirs.abs().max().double_value(&[]));
            assert!(largest > 0.0 && apart.double_value(&[]) <= 1e-12 * largest.max(1.0), "{apart:?} of {largest}");
        }
        assert_eq!((model.passes().forward, model.passes().backward), (2 * 3, 3));
    }
}
