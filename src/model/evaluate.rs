//! Predictions on whole datasets.

use std::ops::Range;

use tch::{Kind, Tensor};

use super::{Model, Score};
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

/// How often the largest logit is the label's, and the mean probability of the label, for images [N, C, H, W] with labels
/// int64 [N], `rows` at a time.
pub fn outcome(model: &Model, images: &Tensor, labels: &Tensor, rows: usize) -> Result<(f64, f64)> {
    let count = images.size()[0];
    let (mut correct, mut probability) = (0.0, 0.0);
    for start in (0..count).step_by(rows.max(1)) {
        let length = (rows.max(1) as i64).min(count - start);
        let (images, labels) = (images.f_narrow(0, start, length)?, labels.f_narrow(0, start, length)?);
        let logits = tch::no_grad(|| model.logits(&images))?;
        correct += logits.f_argmax(1, false)?.f_eq_tensor(&labels)?.f_sum(Kind::Double)?.f_double_value(&[])?;
        probability += Score::Probability.of(&logits, &labels)?.f_sum(Kind::Double)?.f_double_value(&[])?;
    }
    Ok((correct / count as f64, probability / count as f64))
}

/// Images as numbers in [0, 1]: bytes are divided by 255, others taken as they are.
pub fn pixels(images: &Tensor, kind: Kind) -> Result<Tensor> {
    let bytes = images.f_kind()? == Kind::Uint8;
    let images = images.f_to_kind(kind)?;
    Ok(if bytes { images.f_div_scalar(255.0)? } else { images })
}
