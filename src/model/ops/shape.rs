//! The shape that an operation gives, found without running it.

use super::{Op, Window};

/// The shape of what `op` makes of inputs of these shapes. Activations are one example's, without the batch; weights are
/// whole. The error says what was expected and what came.
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
    let mut shape = vec![*out];
    for at in 0..size.len() {
        shape.push(windows(size[at], kernel[at], stride[at], padding[at], dilation[at], false)?);
    }
    Ok(shape)
}

fn pool(x: &[i64], window: &Window, dilation: &[i64]) -> Result<Vec<i64>, String> {
    let Window { kernel, stride, padding, ceil } = window;
    let (channels, size) = spatial(x, kernel.len())?;
    let mut shape = vec![channels];
    for at in 0..size.len() {
        if 2 * padding[at] > kernel[at] {
            return Err(format!("expects a padding of at most half its kernel, {}, got {}", kernel[at], padding[at]));
        }
        shape.push(windows(size[at], kernel[at], stride[at], padding[at], dilation[at], *ceil)?);
    }
    Ok(shape)
}

/// How many windows fit along one dimension.
fn windows(size: i64, kernel: i64, stride: i64, padding: i64, dilation: i64, ceil: bool) -> Result<i64, String> {
    let reach = dilation * (kernel - 1) + 1;
    let room = size + 2 * padding - reach;
    if room < 0 {
        return Err(format!(
            "expects an input at least as large as its kernel, which spans {reach}, got {}",
            size + 2 * padding
        ));
    }
    let hangs_over = ceil && room % stride != 0;
    let starts_inside = (room / stride + 1) * stride < size + padding;
    Ok(room / stride + 1 + i64::from(hangs_over && starts_inside))
}

/// The channels and the spatial dimensions of [C, L] or [C, H, W].
fn spatial(x: &[i64], dimensions: usize) -> Result<(i64, &[i64]), String> {
    match x {
        [channels, size @ ..] if size.len() == dimensions => Ok((*channels, size)),
        _ => Err(format!("expects {}, got {x:?}", if dimensions == 1 { "[C, L]" } else { "[C, H, W]" })),
    }
}

/// `x` itself where its first dimension is `expected`.
fn channels(x: &[i64], expected: i64) -> Result<Vec<i64>, String> {
    match x.first() {
        Some(&found) if found == expected => Ok(x.to_vec()),
        _ => Err(format!("expects {expected} channels, got {x:?}")),
    }
}
