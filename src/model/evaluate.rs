//! Predictions on whole datasets.

use tch::{Kind, Tensor};

use super::Model;
use crate::error::Result;

/// The accuracy and the logits, `[N, K]`, on `images` (`[N, input..]`, see [`pixels`]) with `labels` (`[N]`, int64).
/// Works in chunks, so the dataset may be larger than the device.
pub fn evaluate(model: &Model, images: &Tensor, labels: &Tensor) -> Result<(f64, Tensor)> {
    let (kind, device) = model.options();
    let _guard = tch::no_grad_guard();
    let logits = images
        .f_split(model.rows_within(super::chunk_bytes(device)) as i64, 0)?
        .into_iter()
        .map(|images| model.logits(&pixels(&images.f_to_device(device)?, kind)?));
    let logits = Tensor::f_cat(&logits.collect::<Result<Vec<_>>>()?, 0)?;
    let right = logits.f_argmax(1, false)?.f_eq_tensor(&labels.f_to_device(device)?)?;
    Ok((right.f_mean(Kind::Double)?.f_double_value(&[])?, logits))
}

/// Images as numbers in [0, 1]: bytes are divided by 255, others taken as they are.
pub fn pixels(images: &Tensor, kind: Kind) -> Result<Tensor> {
    let bytes = images.f_kind()? == Kind::Uint8;
    let images = images.f_to_kind(kind)?;
    Ok(if bytes { images.f_div_scalar(255.0)? } else { images })
}
