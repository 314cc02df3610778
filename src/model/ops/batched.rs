//! The shape that an operation gives, found without running it, where shapes are those of whole tensors with the batch.

use super::aten::{Aten, Length};
use super::{Op, recurrent, shape};

/// No tensor has as many numbers: it keeps products of lengths from overflowing, and memory from being asked for that no
/// machine has.
pub const MOST_NUMBERS: i64 = 1 << 31;

/// How many numbers a tensor of this shape holds, at most `i64::MAX`; none if a length is negative.
pub fn numbers(shape: &[i64]) -> i64 {
    shape.iter().fold(1, |size: i64, length| size.saturating_mul((*length).max(0)))
}

/// The shape of what `op` makes of tensors of these shapes, the batch included.
pub fn batched_shape(op: &Op, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
    let given = match op {
        Op::Aten(op) => general(op, inputs)?,
        Op::Linear | Op::LayerNorm { .. } | Op::Add => shape(op, inputs)?,
        _ => {
            let [[batch, example @ ..], rest @ ..] = inputs else {
                return Err(format!("{} expects a batch", op.name()));
            };
            let given = shape(op, &[&[example], rest].concat())?;
            [&[*batch], &given[..]].concat()
        }
    };
    if given.iter().any(|length| *length < 0) || numbers(&given) >= MOST_NUMBERS {
        return Err(format!("would make a tensor {given:?}, which is not of fewer than 2^31 numbers"));
    }
    Ok(given)
}

fn general(op: &Aten, inputs: &[&[i64]]) -> Result<Vec<i64>, String> {
    let [x, rest @ ..] = inputs else { return Err(format!("{} expects an input, got none", op.name())) };
    match op {
        Aten::Unary(_)
        | Aten::Affine { .. }
        | Aten::Clamp { .. }
        | Aten::Pow { .. }
        | Aten::Compare { .. }
        | Aten::Prelu
        | Aten::Detach
        | Aten::ToInteger
        | Aten::ToFloat => Ok(x.to_vec()),
        Aten::GroupNorm { groups, .. } => match x {
            [_, channels, ..] if *groups > 0 && channels % groups == 0 => Ok(x.to_vec()),
            _ => Err(format!("expects channels in {groups} groups, got {x:?}")),
        },
        Aten::InstanceNorm { .. } => match x {
            [_, _, _, ..] => Ok(x.to_vec()),
            _ => Err(format!("expects [B, C, ..], got {x:?}")),
        },
        Aten::Softmax { dim } | Aten::LogSoftmax { dim } => at(x, *dim).map(|_| x.to_vec()),
        Aten::Binary(_) | Aten::MaskedFill { .. } | Aten::Where => {
            rest.iter().try_fold(x.to_vec(), |shape, other| broadcast(&shape, other))
        }
        Aten::Matmul => match rest {
            [other] => matmul(x, other),
            _ => Err("matmul expects two inputs".into()),
        },
        Aten::Reduce { dims, keep, .. } => {
            dims.iter().try_for_each(|dim| at(x, *dim).map(|_| ()))?;
            let reduced = |place: usize| dims.contains(&(place as i64));
            let lengths = x.iter().enumerate().filter(|(place, _)| *keep || !reduced(*place));
            Ok(lengths.map(|(place, length)| if reduced(place) { 1 } else { *length }).collect())
        }
        Aten::Reshape { lengths } => reshape(x, lengths),
        Aten::Permute { dims } => {
            let mut sorted = dims.clone();
            sorted.sort_unstable();
            if sorted != (0..x.len() as i64).collect::<Vec<_>>() {
                return Err(format!("expects an order of {} dimensions, got {dims:?}", x.len()));
            }
            Ok(dims.iter().map(|dim| x[*dim as usize]).collect())
        }
        Aten::Expand { lengths } => {
            let to = lengths_of(lengths, rest.first().and_then(|like| like.first()).copied())?;
            match broadcast(x, &to) {
                Ok(shape) if shape == to => Ok(to),
                _ => Err(format!("cannot expand {x:?} to {to:?}")),
            }
        }
        Aten::Slice { dim, start, end, step } => {
            let length = at(x, *dim)?;
            if !(0 <= *start && start <= end && *end <= length && *step >= 1) {
                return Err(format!("cannot take {start}..{end} by {step} of {length}"));
            }
            let span = end - start;
            Ok(with(x, *dim, span / step + i64::from(span % step != 0)))
        }
        Aten::Select { dim, index } => {
            let length = at(x, *dim)?;
            if !(0..length).contains(index) {
                return Err(format!("cannot take number {index} of {length}"));
            }
            let mut shape = x.to_vec();
            shape.remove(*dim as usize);
            Ok(shape)
        }
        Aten::Cat { dim } => {
            let mut total = 0;
            for part in inputs {
                let length = at(part, *dim)?;
                total += length;
                if with(part, *dim, 0) != with(x, *dim, 0) {
                    return Err(format!("cannot join {x:?} and {part:?} along dimension {dim}"));
                }
            }
            Ok(with(x, *dim, total))
        }
        Aten::Pad { lengths, .. } => {
            let mut shape = x.to_vec();
            for (place, pair) in lengths.chunks(2).enumerate() {
                let Some(length) = x.len().checked_sub(place + 1).and_then(|place| shape.get_mut(place)) else {
                    return Err(format!("expects padding of at most {} dimensions, got {lengths:?}", x.len()));
                };
                *length = pair.iter().fold(*length, |sum, pad| sum.saturating_add(*pad));
                if *length < 1 {
                    return Err(format!("padding by {lengths:?} leaves nothing of {x:?}"));
                }
            }
            Ok(shape)
        }
        Aten::Embedding => match (x, rest) {
            ([_, width], [indices]) => Ok([indices, &[*width][..]].concat()),
            _ => Err(format!("expects a weight of 2 dimensions, got {x:?}")),
        },
        Aten::Index { dim } => match rest {
            [indices] => {
                at(x, *dim)?;
                let place = *dim as usize;
                Ok([&x[..place], indices, &x[place + 1..]].concat())
            }
            _ => Err("index expects indices".into()),
        },
        Aten::Attention { .. } => attention(x, rest),
        Aten::ConvolutionTranspose { stride, padding, output_padding, dilation, groups } => {
            transposed(x, rest, [stride, padding, output_padding, dilation], *groups)
        }
        Aten::Resize { size, .. } => match x {
            [batch, channels, height, width] if *height > 0 && *width > 0 && size.iter().all(|length| *length > 0) => {
                Ok([&[*batch, *channels], &size[..]].concat())
            }
            _ => Err(format!("cannot give {x:?} the size {size:?}")),
        },
        Aten::Recurrent(layer) => recurrent::shape(layer, x, rest),
        Aten::Full { lengths, .. } => lengths_of(lengths, x.first().copied()),
    }
}

fn at(x: &[i64], dim: i64) -> Result<i64, String> {
    let length = usize::try_from(dim).ok().and_then(|dim| x.get(dim)).copied();
    length.ok_or_else(|| format!("expects a dimension {dim}, got {x:?}"))
}

fn with(x: &[i64], dim: i64, length: i64) -> Vec<i64> {
    let mut shape = x.to_vec();
    if let Some(place) = usize::try_from(dim).ok().and_then(|dim| shape.get_mut(dim)) {
        *place = length;
    }
    shape
}

fn lengths_of(lengths: &[Length], batch: Option<i64>) -> Result<Vec<i64>, String> {
    let lengths = lengths.iter().map(|length| match length {
        Length::Fixed(length) => Ok(*length),
        Length::Batch(times) => batch.map(|batch| times * batch).ok_or("expects a batch to tell its length by"),
    });
    Ok(lengths.collect::<Result<_, _>>()?)
}

fn reshape(x: &[i64], lengths: &[Length]) -> Result<Vec<i64>, String> {
    let fixed: Vec<i64> = lengths
        .iter()
        .filter_map(|length| match length {
            Length::Fixed(length) => Some(*length),
            Length::Batch(_) => None,
        })
        .collect();
    let (all, known) = (numbers(x), numbers(&fixed));
    let left = if known > 0 && all % known == 0 { all / known } else { 0 };
    if left == 0 || fixed.len() + 1 < lengths.len() || (fixed.len() == lengths.len() && left != 1) {
        return Err(format!("cannot give {x:?} the shape {lengths:?}"));
    }
    let length = |length: &Length| if let Length::Fixed(length) = length { *length } else { left };
    Ok(lengths.iter().map(length).collect())
}

/// The shape in which two tensors meet.
pub fn broadcast(a: &[i64], b: &[i64]) -> Result<Vec<i64>, String> {
    let dims = a.len().max(b.len());
    let length = |shape: &[i64], place: usize| (place + shape.len()).checked_sub(dims).map_or(1, |at| shape[at]);
    let meet = |place: usize| match (length(a, place), length(b, place)) {
        (a, b) if a == b => Ok(a),
        (1, other) | (other, 1) => Ok(other),
        _ => Err(format!("expects tensors that broadcast, got {a:?} and {b:?}")),
    };
    (0..dims).map(meet).collect()
}

fn matmul(a: &[i64], b: &[i64]) -> Result<Vec<i64>, String> {
    let wrong = || format!("cannot multiply {a:?} and {b:?}");
    let ([before @ .., rows, inner], [after @ .., other, columns]) = (a, b) else { return Err(wrong()) };
    if inner != other {
        return Err(wrong());
    }
    let batch = broadcast(before, after).map_err(|_| wrong())?;
    Ok([&batch[..], &[*rows, *columns]].concat())
}

fn transposed(x: &[i64], weights: &[&[i64]], lists: [&Vec<i64>; 4], groups: i64) -> Result<Vec<i64>, String> {
    let ([batch, channels, size @ ..], Some([into, per_group, kernel @ ..])) = (x, weights.first()) else {
        return Err(format!("expects an input [B, C, ..] and a weight, got {x:?}"));
    };
    let known = (1..=2).contains(&size.len()) && kernel.len() == size.len();
    if !known || lists.iter().any(|list| list.len() != size.len()) {
        return Err(format!("expects lengths for {} dimensions, got a kernel {kernel:?} and {lists:?}", size.len()));
    }
    if into != channels || groups < 1 || channels % groups != 0 || *per_group < 1 {
        return Err(format!("expects {into} channels in {groups} groups, got {x:?}"));
    }
    let mut shape = vec![*batch, per_group.saturating_mul(groups)];
    for (at, length) in size.iter().enumerate() {
        let [stride, padding, extra, dilation] = lists.map(|list| list[at]);
        if *length < 1 || kernel[at] < 1 || stride < 1 || dilation < 1 || padding < 0 || extra < 0 {
            return Err(format!("expects a kernel, stride and dilation of 1 or more, got {kernel:?} and {lists:?}"));
        }
        // As PyTorch has it: more would be nothing but bias.
        if extra >= stride.max(dilation) {
            return Err(format!("expects an output padding below the stride or the dilation, got {extra}"));
        }
        let reach = dilation.saturating_mul(kernel[at] - 1).saturating_add(1);
        let whole = (length - 1).saturating_mul(stride).saturating_add(reach).saturating_add(extra);
        let left = whole.saturating_sub(padding.saturating_mul(2));
        if left < 1 {
            return Err(format!("leaves nothing of {x:?}"));
        }
        shape.push(left);
    }
    Ok(shape)
}

fn attention(query: &[i64], rest: &[&[i64]]) -> Result<Vec<i64>, String> {
    let [key, value, mask @ ..] = rest else { return Err("attention expects queries, keys and values".into()) };
    let [others @ .., keys, width] = key else { return Err(format!("expects keys [.., L, E], got {key:?}")) };
    let scores = matmul(query, &[others, &[*width, *keys]].concat())?;
    for mask in mask {
        if broadcast(&scores, mask)? != scores {
            return Err(format!("the mask {mask:?} does not fit the scores {scores:?}"));
        }
    }
    if numbers(&scores) >= MOST_NUMBERS {
        return Err(format!("would make scores {scores:?}: 2^31 numbers or more"));
    }
    matmul(&scores, value)
}
