//! What each operation computes, by libtorch's checked calls: a wrong shape or a full memory is an error, not a panic.

use tch::Tensor;

use super::{Mode, Op, aten_apply};
use crate::error::{Error, Result};

/// Applies `op` to a batch: every input but the weights has the examples as its first dimension.
pub fn apply(op: &Op, inputs: &[&Tensor], mode: Mode) -> Result<Tensor> {
    let training = matches!(mode, Mode::Train { .. });
    let output = match (op, inputs) {
        (Op::Normalise { mean, std }, [x]) => x.f_sub(&per_channel(mean, x)?)?.f_div(&per_channel(std, x)?)?,
        (Op::Linear, [x, weight, bias @ ..]) => x.f_linear(weight, bias.first().copied())?,
        (Op::Convolution { stride, padding, dilation, groups }, [x, weight, bias @ ..]) => {
            let bias = bias.first().copied();
            match stride.len() {
                1 => x.f_conv1d(weight, bias, stride, padding, dilation, *groups)?,
                2 => x.f_conv2d(weight, bias, stride, padding, dilation, *groups)?,
                _ => return Err(unknown(op, inputs)),
            }
        }
        (Op::BatchNorm { momentum, epsilon }, [x, affine @ .., mean, variance]) => {
            let (weight, bias) = (affine.first().copied(), affine.get(1).copied());
            x.f_batch_norm(weight, bias, Some(*mean), Some(*variance), training, *momentum, *epsilon, true)?
        }
        (Op::LayerNorm { shape, epsilon }, [x, affine @ ..]) => {
            x.f_layer_norm(shape, affine.first().copied(), affine.get(1).copied(), *epsilon, true)?
        }
        (Op::Relu, [x]) => x.f_relu()?,
        (Op::LeakyRelu { slope }, [x]) => x.f_prelu(&Tensor::f_full([1], *slope, (x.kind(), x.device()))?)?,
        (Op::Elu { alpha: 1.0 }, [x]) => x.f_elu()?,
        (Op::Elu { alpha }, [x]) => x.f_relu()?.f_add(&x.f_clamp_max(0.0)?.f_expm1()?.f_mul_scalar(*alpha)?)?,
        (Op::Gelu { tanh }, [x]) => x.f_gelu(if *tanh { "tanh" } else { "none" })?,
        (Op::Silu, [x]) => x.f_silu()?,
        (Op::Tanh, [x]) => x.f_tanh()?,
        (Op::Sigmoid, [x]) => x.f_sigmoid()?,
        (Op::SmoothRelu { beta, slope: 0.0 }, [x]) => softplus(x, *beta)?,
        (Op::SmoothRelu { beta, slope }, [x]) => {
            softplus(x, *beta)?.f_mul_scalar(1.0 - slope)?.f_add(&x.f_mul_scalar(*slope)?)?
        }
        (Op::SmoothClamp { beta, low, high }, [x]) => {
            let above = match low {
                Some(low) => softplus(&x.f_sub_scalar(*low)?, *beta)?.f_add_scalar(*low)?,
                None => x.shallow_clone(),
            };
            match high {
                Some(high) => softplus(&above.f_neg()?.f_add_scalar(*high)?, *beta)?.f_neg()?.f_add_scalar(*high)?,
                None => above,
            }
        }
        (Op::Softplus { beta: 1.0 }, [x]) => x.f_softplus()?,
        (Op::Softplus { beta }, [x]) => softplus(x, *beta)?,
        (Op::MaxPool { window: w, dilation }, [x]) => match w.kernel.len() {
            1 => x.f_max_pool1d(&w.kernel, &w.stride, &w.padding, dilation, w.ceil)?,
            2 => x.f_max_pool2d(&w.kernel, &w.stride, &w.padding, dilation, w.ceil)?,
            _ => return Err(unknown(op, inputs)),
        },
        (Op::AveragePool { window: w, count_padding }, [x]) => match w.kernel.len() {
            1 => x.f_avg_pool1d(&w.kernel, &w.stride, &w.padding, w.ceil, *count_padding)?,
            2 => x.f_avg_pool2d(&w.kernel, &w.stride, &w.padding, w.ceil, *count_padding, None::<i64>)?,
            _ => return Err(unknown(op, inputs)),
        },
        (Op::AdaptiveMaxPool { size }, [x]) => match size.len() {
            1 => x.f_adaptive_max_pool1d(size)?.0,
            2 => x.f_adaptive_max_pool2d(size)?.0,
            _ => return Err(unknown(op, inputs)),
        },
        (Op::AdaptiveAveragePool { size }, [x]) => match size.len() {
            1 => x.f_adaptive_avg_pool1d(size)?,
            2 => x.f_adaptive_avg_pool2d(size)?,
            _ => return Err(unknown(op, inputs)),
        },
        (Op::Flatten, [x]) => x.f_flatten(1, -1)?,
        (Op::Dropout { probability }, [x]) => match mode {
            Mode::Train { noise, ids } => {
                let kept = noise.uniform(ids, &x.size()[1..], x.kind(), x.device())?.f_ge(*probability)?;
                // Of probability 1 nothing is kept, and the scale must not make 0/0 of it.
                let scale = if *probability < 1.0 { 1.0 / (1.0 - probability) } else { 0.0 };
                x.f_mul(&kept.f_to_kind(x.kind())?.f_mul_scalar(scale)?)?
            }
            Mode::Eval => x.shallow_clone(),
        },
        (Op::Add, [a, b]) => a.f_add(b)?,
        (Op::Aten(op), inputs) => aten_apply::apply(op, inputs)?,
        (Op::Script(script), [x]) => script.run(x)?,
        _ => return Err(unknown(op, inputs)),
    };
    Ok(output)
}

/// log(1 + exp(beta x)) / beta
fn softplus(x: &Tensor, beta: f64) -> Result<Tensor> {
    Ok(x.f_mul_scalar(beta)?.f_softplus()?.f_div_scalar(beta)?)
}

/// One number per channel, shaped so that it meets the channels of `x`, `[B, C, ..]`.
fn per_channel(numbers: &[f64], x: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; x.dim()];
    if let Some(channels) = shape.get_mut(1) {
        *channels = numbers.len() as i64;
    }
    Ok(Tensor::f_from_slice(numbers)?.f_view(&shape[..])?.f_to_device(x.device())?.f_to_kind(x.kind())?)
}

fn unknown(op: &Op, inputs: &[&Tensor]) -> Error {
    let shapes: Vec<_> = inputs.iter().map(|input| input.size()).collect();
    Error::new(format!("{} is not defined for inputs of shapes {shapes:?}", op.name()))
}
