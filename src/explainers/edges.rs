//! # Definition
//! The magnitude of the Sobel gradient of the image, sqrt(gx^2 + gy^2), mean over channels, border pixels repeated: an
//! edge detector that knows neither network nor class.
//!
//! # Reference
//! Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018 (the edge-detector control).

use std::sync::Arc;

use tch::Tensor;

use super::Explainer;
use super::control::Control;
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "edges",
    summary: "control: magnitude of the image's Sobel gradient",
    reference: "Adebayo et al. 2018",
    revision: 1,
    source: include_str!("edges.rs"),
    read: |_| Some(Arc::new(Control::pixels(|on| sobel(&on.x)))),
};

/// The magnitude of the gradient of `x` [B, C, H, W], mean over channels, [B, 1, H, W].
fn sobel(x: &Tensor) -> Result<Tensor> {
    let size = x.size();
    let planes = x.f_view([-1, 1, size[2], size[3]])?.f_replication_pad2d([1, 1, 1, 1])?;
    let across = Tensor::from_slice(&[-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0]).view([3, 3]);
    let kernels = Tensor::f_stack(&[across.shallow_clone(), across.tr()], 0)?.f_unsqueeze(1)?;
    let kernels = kernels.to_kind(x.kind()).to_device(x.device());
    let none: Option<Tensor> = None;
    let both = planes.f_conv2d(&kernels, none.as_ref(), [1, 1], [0, 0], [1, 1], 1)?;
    // The norm's derivative at 0 is taken as 0; that of a square root is infinite.
    let magnitude = both.f_norm_scalaropt_dim(2.0, [1].as_slice(), true)?;
    let channels = magnitude.f_view([size[0], size[1], size[2], size[3]])?;
    Ok(channels.f_mean_dim([1].as_slice(), true, x.kind())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_height_one_has_magnitude_four_on_both_sides() {
        // Columns 0 0 1 1: the Sobel kernel sums (1 + 2 + 1) * 1 at the two middle columns and 0 at the outer ones.
        let x = Tensor::from_slice(&[0.0, 0.0, 1.0, 1.0]).repeat([4, 1]).view([1, 1, 4, 4]);
        let map = sobel(&x).unwrap();
        assert_eq!(Vec::<f64>::try_from(map.get(0).get(0).get(1)).unwrap(), [0.0, 4.0, 4.0, 0.0]);
    }

    #[test]
    fn flat_places_have_a_derivative() {
        let x = Tensor::from_slice(&[0.0, 0.0, 0.0, 1.0]).repeat([4, 1]).view([1, 1, 4, 4]).set_requires_grad(true);
        let total = sobel(&x).unwrap().sum(tch::Kind::Double);
        let slope = Tensor::run_backward(&[total], &[&x], false, false).remove(0);
        assert!(bool::try_from(slope.isfinite().all()).unwrap());
    }
}
