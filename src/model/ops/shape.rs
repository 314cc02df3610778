//! The shape that an operation gives, found without running it.

use super::{Op, Window};

/// The shape of what `op` makes of inputs of these shapes. Activations are one example's, without the batch; weights
/// are whole. The error says what was expected and what came.
pub fn shape(op: &Op, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
    let [x, rest @ ..] = inputs else { return Err(format!("{} expects an input, got none", op.name())) };
    match op {
        Op::Normalise { mean, .. } => channels(x, mean.len() as i64),
        Op::Linear => linear(x, rest),
        Op::Convolution { stride, padding, dilation, groups } => {
            convolution(x, rest, stride, padding, dilation, *groups)
        }
        Op::BatchNorm { .. } => match rest {
            [.., mean, _] => channels(x, mean.iter().product()),
            _ => Err("batch_norm expects running statistics".into()),
        },
        Op::LayerNorm { shape, .. } if x.ends_with(shape) => Ok(x.to_vec()),
        Op::LayerNorm { shape, .. } => Err(format!("expects an input that ends in {shape:?}, got {x:?}")),
        Op::Relu
        | Op::LeakyRelu { .. }
        | Op::Elu { .. }
        | Op::Gelu { .. }
        | Op::Silu
        | Op::Tanh
        | Op::Sigmoid
        | Op::Softplus { .. }
        | Op::SmoothRelu { .. }
        | Op::SmoothClamp { .. }
        | Op::Dropout { .. } => Ok(x.to_vec()),
        Op::MaxPool { window, dilation } => pool(x, window, dilation),
        Op::AveragePool { window, .. } => pool(x, window, &vec![1; window.kernel.len()]),
        Op::AdaptiveMaxPool { size } | Op::AdaptiveAveragePool { size } => {
            let (channels, _) = spatial(x, size.len())?;
            Ok([&[channels], &size[..]].concat())
        }
        Op::Flatten => Ok(vec![x.iter().product()]),
        Op::Add => match rest {
            [other] if x == other => Ok(x.to_vec()),
            [other] => Err(format!("expects two branches of one shape, got {x:?} and {other:?}")),
            _ => Err("add expects two inputs".into()),
        },
        Op::Script(script) => script.shape(x),
        // Its batch may be any of its dimensions: `batched_shape` knows.
        Op::Aten(op) => Err(format!("cannot tell the shape of {} from one example", op.name())),
    }
}

fn linear(x: &[i64], weights: &[&[i64]]) -> Result<Vec<i64>, String> {
    let ([[out, features], ..], [before @ .., last]) = (weights, x) else {
        return Err(format!("expects a weight of 2 dimensions and an input of 1 or more, got {weights:?} and {x:?}"));
    };
    if last != features {
        return Err(format!("expects {features} features, got {x:?}"));
    }
    Ok([before, &[*out]].concat())
}

fn convolution(
    x: &[i64],
    weights: &[&[i64]],
    stride: &[i64],
    padding: &[i64],
    dilation: &[i64],
    groups: i64,
) -> Result<Vec<i64>, String> {
    let (channels, size) = spatial(x, stride.len())?;
    let Some([out, per_group, kernel @ ..]) = weights.first() else {
        return Err("expects a weight".into());
    };
    if groups < 1 || channels % groups != 0 || out % groups != 0 {
        return Err(format!("expects groups that divide {channels} input and {out} output channels, got {groups}"));
    }
    if per_group * groups != channels {
        return Err(format!("expects {} channels, got {x:?}", per_group * groups));
    }
    let kernel = kernel.to_vec();
    let window = Window { kernel, stride: stride.to_vec(), padding: padding.to_vec(), ceil: false };
    windows(*out, size, &window, dilation)
}

fn pool(x: &[i64], window: &Window, dilation: &[i64]) -> Result<Vec<i64>, String> {
    let (channels, size) = spatial(x, window.kernel.len())?;
    for (kernel, padding) in window.kernel.iter().zip(&window.padding) {
        if 2 * padding > *kernel {
            return Err(format!("expects a padding of at most half its kernel, {kernel}, got {padding}"));
        }
    }
    windows(channels, size, window, dilation)
}

/// `channels` and how many windows fit along each dimension of `size`.
fn windows(channels: i64, size: &[i64], window: &Window, dilation: &[i64]) -> Result<Vec<i64>, String> {
    let Window { kernel, stride, padding, ceil } = window;
    if [kernel, stride, padding, dilation].iter().any(|list| list.len() != size.len()) {
        return Err(format!("expects {} lengths each, got {window:?} and dilation {dilation:?}", size.len()));
    }
    let mut shape = vec![channels];
    for at in 0..size.len() {
        let (kernel, stride, padding, dilation) = (kernel[at], stride[at], padding[at], dilation[at]);
        if kernel < 1 || stride < 1 || padding < 0 || dilation < 1 {
            return Err(format!("expects a kernel, stride and dilation of 1 or more, got {window:?}, {dilation}"));
        }
        let (padded, reach) = (size[at] + 2 * padding, dilation * (kernel - 1) + 1);
        if padded < reach {
            return Err(format!("expects an input at least as large as its kernel, which spans {reach}, got {padded}"));
        }
        let fitting = (padded - reach) / stride + 1;
        // One more hangs over the end if it is allowed to and starts before the padding there.
        let hangs_over = *ceil && (padded - reach) % stride != 0 && fitting * stride < size[at] + padding;
        shape.push(fitting + i64::from(hangs_over));
    }
    Ok(shape)
}

/// The channels and the spatial dimensions of `[C, L]` or `[C, H, W]`.
fn spatial(x: &[i64], dimensions: usize) -> Result<(i64, &[i64]), String> {
    match x {
        [channels, size @ ..] if size.len() == dimensions => Ok((*channels, size)),
        _ => Err(format!(
            "expects {}, got {x:?}",
            if dimensions == 1 { "a signal [C, L]" } else { "an image [C, H, W]" }
        )),
    }
}

/// `x` itself where its first dimension is `expected`.
fn channels(x: &[i64], expected: i64) -> Result<Vec<i64>, String> {
    match x.first() {
        Some(&found) if found == expected => Ok(x.to_vec()),
        _ => Err(format!("expects {expected} channels, got {x:?}")),
    }
}
