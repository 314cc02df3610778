//! The gradients of single examples by the parameters of one layer: sums over its positions of products of what the layer was
//! given and the signal at its output.

use tch::Tensor;

use crate::error::{Error, Result};
use crate::model::Op;

/// The gradients, [B, numbers], by each of a layer's weights, in the order in which it takes them. `inputs` are those of the layer
/// and `signal` is the derivative by its output, of each example's own quantity.
pub fn gradients(op: &Op, inputs: &[Tensor], signal: &Tensor) -> Result<Vec<Tensor>> {
    let [x, weights @ ..] = inputs else { return Err(Error::new(format!("{} without an input", op.name()))) };
    if x.size().first() != signal.size().first() {
        return Err(Error::new("the examples are not its first dimension, so their gradients cannot be told apart"));
    }
    if let Some((x, signal)) = positions(op, inputs, signal)? {
        let weight = signal.f_transpose(1, 2)?.f_matmul(&x)?;
        let bias = signal.f_sum_dim_intlist(1, false, signal.kind())?;
        return Ok(vec![weight.f_reshape([signal.size()[0], -1])?, bias]);
    }
    let both = match op {
        Op::Convolution { groups, .. } => grouped(&windows(op, inputs)?, signal, *groups)?,
        Op::BatchNorm { epsilon, .. } => {
            let [.., mean, variance] = weights else { return Err(Error::new("batch norm without its statistics")) };
            let none = None::<&Tensor>;
            let normalised = x.f_batch_norm(none, none, Some(mean), Some(variance), false, 0.0, *epsilon, true)?;
            norm(&normalised, signal, 1, 1)?
        }
        Op::LayerNorm { shape, epsilon } => {
            let normalised = x.f_layer_norm(shape, None::<&Tensor>, None::<&Tensor>, *epsilon, true)?;
            norm(&normalised, signal, x.dim() - shape.len(), shape.len())?
        }
        other => return Err(Error::new(format!("the gradients of single examples are not known at {}", other.name()))),
    };
    Ok(both.into())
}

/// A layer whose output at every position is one matrix times what stands there: what that is, [B, T, I], and the signal, [B, T, O].
/// Its gradient is the sum over positions of their outer products. `None` for other layers.
pub fn positions(op: &Op, inputs: &[Tensor], signal: &Tensor) -> Result<Option<(Tensor, Tensor)>> {
    let batch = signal.size()[0];
    Ok(match op {
        Op::Linear => {
            let rows = |of: &Tensor| of.f_reshape([batch, -1, of.size().last().copied().unwrap_or(1)]);
            Some((rows(&inputs[0])?, rows(signal)?))
        }
        Op::Convolution { groups: 1, .. } => {
            Some((windows(op, inputs)?.f_transpose(1, 2)?, signal.f_flatten(2, -1)?.f_transpose(1, 2)?))
        }
        _ => None,
    })
}

/// What a convolution sees at each position of its output, [B, I kernel, T].
fn windows(op: &Op, inputs: &[Tensor]) -> Result<Tensor> {
    let (Op::Convolution { stride, padding, dilation, .. }, [x, weight, ..]) = (op, inputs) else {
        return Err(Error::new("a convolution without a weight"));
    };
    let kernel = &weight.size()[2..];
    if kernel.len() == 2 {
        return Ok(x.f_contiguous()?.f_im2col(kernel, dilation, padding, stride)?);
    }
    // A row of pixels.
    let flat = |list: &[i64], across: i64| [&[across], list].concat();
    let (dilation, padding, stride) = (flat(dilation, 1), flat(padding, 0), flat(stride, 1));
    Ok(x.f_contiguous()?.f_unsqueeze(2)?.f_im2col(flat(kernel, 1), dilation, padding, stride)?)
}

/// Of a weight [O, I / groups, kernel..] and a bias [O].
fn grouped(windows: &Tensor, signal: &Tensor, groups: i64) -> Result<[Tensor; 2]> {
    let (batch, outputs) = (signal.size()[0], signal.size()[1]);
    let signal = signal.f_reshape([batch, groups, outputs / groups, -1])?;
    let windows = windows.f_view([batch, groups, -1, signal.size()[3]])?;
    let weight = signal.f_matmul(&windows.f_transpose(2, 3)?)?;
    let bias = signal.f_sum_dim_intlist(3, false, signal.kind())?;
    Ok([weight.f_reshape([batch, -1])?, bias.f_reshape([batch, -1])?])
}

/// Of a scale and an offset that `dims` dimensions from `from` on have, and all positions outside of them share.
fn norm(normalised: &Tensor, signal: &Tensor, from: usize, dims: usize) -> Result<[Tensor; 2]> {
    let shared: Vec<i64> =
        (1..signal.dim()).filter(|dim| !(from..from + dims).contains(dim)).map(|dim| dim as i64).collect();
    let sum = |of: Tensor| -> Result<Tensor> {
        let sum = if shared.is_empty() { of } else { of.f_sum_dim_intlist(&shared[..], false, signal.kind())? };
        Ok(sum.f_reshape([signal.size()[0], -1])?)
    };
    Ok([sum(normalised.f_mul(signal)?)?, sum(signal.shallow_clone())?])
}
