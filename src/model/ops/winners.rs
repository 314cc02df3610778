//! Where the maxima of a pool were found.

use tch::Tensor;

use super::Op;
use crate::error::{Error, Result};

/// For each output of a max pool of `x`, `[B, C, ..]`, the place of its maximum within the channel, the dimensions of an image
/// taken as one: int64, `[B, C, outputs]`. Of equal numbers the first in the window.
pub fn winners(op: &Op, x: &Tensor) -> Result<Tensor> {
    let places = match op {
        Op::MaxPool { window: w, dilation } => match w.kernel.len() {
            1 => x.f_max_pool1d_with_indices(&w.kernel, &w.stride, &w.padding, dilation, w.ceil)?.1,
            _ => x.f_max_pool2d_with_indices(&w.kernel, &w.stride, &w.padding, dilation, w.ceil)?.1,
        },
        Op::AdaptiveMaxPool { size } => match size.len() {
            1 => x.f_adaptive_max_pool1d(size)?.1,
            _ => x.f_adaptive_max_pool2d(size)?.1,
        },
        _ => return Err(Error::new(format!("{} has no maxima", op.name()))),
    };
    Ok(places.f_flatten(2, -1)?)
}
