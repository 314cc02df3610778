//! # Definition
//! How much nearer to the middle of the image a pixel is than the corners are: the guess of somebody who knows how photographs are made.
//!
//! # Reference
//! Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016 (the center baseline of the pointing game).

use std::sync::Arc;

use tch::Tensor;

use super::control::Control;
use super::{Explainer, Scene};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "center",
    summary: "control: the nearer to the middle, the more important",
    reference: "Zhang et al. 2016",
    revision: 2,
    source: include_str!("center.rs"),
    read: |_| Some(Arc::new(Control::pixels(map))),
};

fn map(on: &Scene) -> Result<Tensor> {
    let size = on.x.size();
    let squares = |length: i64| -> Result<Tensor> {
        let middle = (length - 1) as f64 / 2.0;
        Ok(Tensor::f_arange(length, (on.x.kind(), on.x.device()))?.f_sub_scalar(middle)?.f_square()?)
    };
    let distance = (squares(size[2])?.f_unsqueeze(1)? + squares(size[3])?.f_unsqueeze(0)?).f_sqrt()?;
    Ok(distance.f_max()?.f_sub(&distance)?.f_expand([size[0], 1, size[2], size[3]], false)?.f_contiguous()?)
}
