//! What the general operations compute.

use tch::{Kind, Tensor};

use super::aten::{Aten, Binary, Comparison, Length, Mask, PadMode, Reduction, Resizing, Unary};
use super::recurrent;
use crate::error::{Error, Result};

/// Applies an operation to whole tensors.
pub fn apply(op: &Aten, inputs: &[&Tensor]) -> Result<Tensor> {
    let output = match (op, inputs) {
        (Aten::Unary(by), [x]) => unary(*by, x)?,
        (Aten::Affine { scale, offset }, [x]) => affine(x, *scale, *offset)?,
        (Aten::Clamp { low, high }, [x]) => match (low, high) {
            (Some(low), Some(high)) => x.f_clamp(*low, *high)?,
            (Some(low), None) => x.f_clamp_min(*low)?,
            (None, Some(high)) => x.f_clamp_max(*high)?,
            (None, None) => x.shallow_clone(),
        },
        (Aten::Pow { exponent }, [x]) => x.f_pow_tensor_scalar(*exponent)?,
        (Aten::Binary(by), [a, b]) => binary(*by, a, b)?,
        (Aten::Compare { by, with }, [x]) => match by {
            Comparison::Equal => x.f_eq(*with)?,
            Comparison::NotEqual => x.f_ne(*with)?,
            Comparison::Less => x.f_lt(*with)?,
            Comparison::LessOrEqual => x.f_le(*with)?,
            Comparison::Greater => x.f_gt(*with)?,
            Comparison::GreaterOrEqual => x.f_ge(*with)?,
        },
        (Aten::MaskedFill { value }, [x, mask]) => x.f_masked_fill(&truth(mask)?, *value)?,
        (Aten::Where, [condition, a, b]) => a.f_where_self(&truth(condition)?, b)?,
        (Aten::Prelu, [x, slope]) => x.f_prelu(slope)?,
        (Aten::Softmax { dim }, [x]) => x.f_softmax(*dim, x.kind())?,
        (Aten::LogSoftmax { dim }, [x]) => x.f_log_softmax(*dim, x.kind())?,
        (Aten::Matmul, [a, b]) => a.f_matmul(b)?,
        (Aten::Reduce { by, dims, keep }, [x]) => match by {
            Reduction::Mean => x.f_mean_dim(&dims[..], *keep, x.kind())?,
            Reduction::Sum => x.f_sum_dim_intlist(&dims[..], *keep, x.kind())?,
            Reduction::Maximum => x.f_amax(&dims[..], *keep)?,
        },
        // What is stored otherwise than it was when the model was exported has no view of every shape.
        (Aten::Reshape { lengths }, [x]) => x.f_reshape(sizes(lengths, -1).collect::<Vec<_>>())?,
        (Aten::Permute { dims }, [x]) => x.f_permute(dims)?,
        (Aten::Expand { lengths }, [x]) => x.f_expand(sizes(lengths, 1).collect::<Vec<_>>(), false)?,
        (Aten::Expand { lengths }, [x, like]) => {
            x.f_expand(sizes(lengths, examples(like)?).collect::<Vec<_>>(), false)?
        }
        (Aten::Slice { dim, start, end, step }, [x]) => x.f_slice(*dim, *start, *end, *step)?,
        (Aten::Select { dim, index }, [x]) => x.f_select(*dim, *index)?,
        (Aten::Cat { dim }, tensors) => Tensor::f_cat(tensors, *dim)?,
        (Aten::Pad { lengths, mode, value }, [x]) => {
            x.f_pad(lengths, mode.name(), (*mode == PadMode::Constant).then_some(*value))?
        }
        (Aten::GroupNorm { groups, epsilon }, [x, affine @ ..]) => {
            x.f_group_norm(*groups, affine.first().copied(), affine.get(1).copied(), *epsilon, false)?
        }
        (Aten::InstanceNorm { epsilon }, [x, affine @ ..]) => {
            let none = None::<&Tensor>;
            let (weight, bias) = (affine.first().copied(), affine.get(1).copied());
            x.f_instance_norm(weight, bias, none, none, true, 0.0, *epsilon, false)?
        }
        (Aten::Embedding, [weight, indices]) => take(weight, 0, indices)?,
        (Aten::Index { dim }, [x, indices]) => take(x, *dim, indices)?,
        (Aten::Attention { scale, mask }, [query, key, value, given @ ..]) => {
            attention([query, key, value], given.first().copied(), *scale, *mask)?
        }
        (Aten::Full { lengths, value }, [like]) => {
            let kind = if like.is_floating_point() { like.kind() } else { Kind::Float };
            let sizes: Vec<i64> = sizes(lengths, examples(like)?).collect();
            Tensor::f_full(sizes, *value, (kind, like.device()))?
        }
        (Aten::ConvolutionTranspose { stride, padding, output_padding, dilation, groups }, [x, weight, bias @ ..]) => {
            let bias = bias.first().copied();
            match stride.len() {
                1 => x.f_conv_transpose1d(weight, bias, stride, padding, output_padding, *groups, dilation)?,
                _ => x.f_conv_transpose2d(weight, bias, stride, padding, output_padding, *groups, dilation)?,
            }
        }
        (Aten::Resize { by, size, scales }, [x]) => {
            let (down, across) = (scales.map(|scales| scales[0]), scales.map(|scales| scales[1]));
            match by {
                Resizing::Nearest => x.f_upsample_nearest2d(size, down, across)?,
                Resizing::Bilinear { align_corners } => x.f_upsample_bilinear2d(size, *align_corners, down, across)?,
            }
        }
        (Aten::Recurrent(layer), inputs) => recurrent::apply(layer, inputs)?,
        (Aten::Detach, [x]) => x.f_detach()?,
        (Aten::ToInteger, [x]) => x.f_to_kind(Kind::Int64)?,
        (Aten::ToFloat, [x]) if x.is_floating_point() => x.shallow_clone(),
        (Aten::ToFloat, [x]) => x.f_to_kind(Kind::Float)?,
        _ => return Err(Error::new(format!("{} is not defined for {} inputs", op.name(), inputs.len()))),
    };
    Ok(output)
}

fn unary(by: Unary, x: &Tensor) -> Result<Tensor> {
    Ok(match by {
        Unary::Abs => x.f_abs()?,
        Unary::Cos => x.f_cos()?,
        Unary::Erf => x.f_erf()?,
        Unary::Exp => x.f_exp()?,
        // Spelled out: libtorch's own has no second derivative.
        Unary::Hardsigmoid => sixth(x)?,
        Unary::Hardswish => x.f_mul(&sixth(x)?)?,
        Unary::Log => x.f_log()?,
        Unary::LogSigmoid => x.f_log_sigmoid()?,
        Unary::LogicalNot => x.f_logical_not()?,
        Unary::Mish => x.f_mish()?,
        Unary::Reciprocal => x.f_reciprocal()?,
        Unary::Rsqrt => x.f_rsqrt()?,
        Unary::Sin => x.f_sin()?,
        Unary::Sqrt => x.f_sqrt()?,
    })
}

/// What of x + 3 lies within 0 and 6, as a share of 6.
fn sixth(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_add_scalar(3.0)?.f_clamp(0.0, 6.0)?.f_div_scalar(6.0)?)
}

fn binary(by: Binary, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    Ok(match by {
        Binary::Add => a.f_add(b)?,
        Binary::Sub => a.f_sub(b)?,
        Binary::Mul => a.f_mul(b)?,
        Binary::Div => a.f_div(b)?,
        Binary::Maximum => a.f_maximum(b)?,
        Binary::Minimum => a.f_minimum(b)?,
        Binary::LogicalAnd => a.f_logical_and(b)?,
        Binary::LogicalOr => a.f_logical_or(b)?,
    })
}

fn affine(x: &Tensor, scale: f64, offset: f64) -> Result<Tensor> {
    let scaled = if scale == 1.0 { x.shallow_clone() } else { x.f_mul_scalar(scale)? };
    Ok(if offset == 0.0 { scaled } else { scaled.f_add_scalar(offset)? })
}

/// A mask may come as numbers: all weights of a model are of one kind.
fn truth(mask: &Tensor) -> Result<Tensor> {
    Ok(mask.f_to_kind(Kind::Bool)?)
}

fn examples(like: &Tensor) -> Result<i64> {
    like.size().first().copied().ok_or_else(|| Error::new("expects a batch, got a single number"))
}

fn sizes(lengths: &[Length], batch: i64) -> impl Iterator<Item = i64> {
    lengths.iter().map(move |length| match length {
        Length::Fixed(length) => *length,
        // In a reshape, -1: what is left.
        Length::Batch(_) if batch < 0 => batch,
        Length::Batch(times) => times * batch,
    })
}

/// The slices of `x` along a dimension that `indices`, of any shape, name.
fn take(x: &Tensor, dim: i64, indices: &Tensor) -> Result<Tensor> {
    let taken = x.f_index_select(dim, &indices.f_to_kind(Kind::Int64)?.f_reshape([-1])?)?;
    let (dim, shape) = (dim as usize, x.size());
    Ok(taken.f_reshape([&shape[..dim], &indices.size()[..], &shape[dim + 1..]].concat())?)
}

/// softmax(query key' scale + mask) value, where the scale is 1 / sqrt(E) unless given.
fn attention(inputs: [&Tensor; 3], given: Option<&Tensor>, scale: Option<f64>, mask: Mask) -> Result<Tensor> {
    let [query, key, value] = inputs;
    let width = query.size().last().copied().unwrap_or(1).max(1);
    let scale = scale.unwrap_or(1.0 / (width as f64).sqrt());
    let scores = query.f_mul_scalar(scale)?.f_matmul(&key.f_transpose(-2, -1)?)?;
    let unseen = |seen: &Tensor| seen.f_logical_not();
    let scores = match (mask, given) {
        (Mask::Nothing, _) => scores,
        (Mask::Causal, _) => {
            let seen = scores.f_ones_like()?.f_tril(0)?;
            scores.f_masked_fill(&unseen(&seen)?, f64::NEG_INFINITY)?
        }
        (Mask::Added, Some(added)) => scores.f_add(added)?,
        (Mask::Seen, Some(seen)) => scores.f_masked_fill(&unseen(seen)?, f64::NEG_INFINITY)?,
        _ => return Err(Error::new("scaled_dot_product_attention lacks its mask")),
    };
    Ok(scores.f_softmax(-1, scores.kind())?.f_matmul(value)?)
}
