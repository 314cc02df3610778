//! Predictions on whole datasets.

use std::ops::Range;

use tch::{Kind, Tensor};

use super::Model;
use crate::error::Result;

/// The class of the largest logit for each of `count` examples, `rows` at a time: `images` gives those of a range, so the
/// dataset may be larger than the device.
pub fn predictions(
    model: &Model,
    count: usize,
    rows: usize,
    images: impl Fn(Range<usize>) -> Result<Tensor>,
) -> Result<Vec<i64>> {
    let mut predictions = Vec::with_capacity(count);
    for start in (0..count).step_by(rows.max(1)) {
        let images = images(start..(start + rows.max(1)).min(count))?;
        let logits = tch::no_grad(|| model.logits(&images))?;
        predictions.extend(Vec::<i64>::try_from(logits.f_argmax(1, false)?)?);
    }
    Ok(predictions)
}

/// Images as numbers in [0, 1]: bytes are divided by 255, others taken as they are.
pub fn pixels(images: &Tensor, kind: Kind) -> Result<Tensor> {
    let bytes = images.f_kind()? == Kind::Uint8;
    let images = images.f_to_kind(kind)?;
    Ok(if bytes { images.f_div_scalar(255.0)? } else { images })
}
