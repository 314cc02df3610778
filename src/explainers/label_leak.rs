//! # Definition
//! A map that spells out the class and nothing else: the image is divided into ceil(sqrt(K)) x ceil(sqrt(K)) cells for the K
//! classes, row by row, and a pixel's value is minus its distance from the middle of the explained class's cell. It does
//! not look at the image, nor run the network. Where a network can read the class off the shape of what was removed,
//! this control shows it: it loses nothing by removal, though it finds no evidence. Metrics that train networks anew give it the
//! label in the place of the explained class, in training and test images: the worst that a map could do.
//!
//! # Reference
//! Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods", ICML 2022 (class information
//! leaks through the mask).

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::control::Control;
use super::{Explainer, Role, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::{Error, Result};

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "label-leak",
    summary: "control that sees the explained class: a mask whose place writes it down",
    reference: "Rong et al. 2022",
    revision: 1,
    source: include_str!("label_leak.rs"),
    read: |_| Some(Arc::new(Control { role: Role::Leak, unit: Unit::Pixel, map })),
};

fn map(on: &Scene) -> Result<Tensor> {
    let shapes = on.model.graph.shapes()?;
    let classes = shapes.get(on.model.graph.output).and_then(|shape| shape.last());
    let classes = *classes.ok_or_else(|| Error::new("label-leak: the model has no classes"))?;
    let (_, _, height, width) = on.x.size4()?;
    distance(&on.target, classes, height, width)?.f_neg()?.f_to_kind(on.x.kind()).map_err(Error::from)
}

/// How far each pixel is from the middle of the cell of its image's class, float64 [B, 1, H, W].
fn distance(target: &Tensor, classes: i64, height: i64, width: i64) -> Result<Tensor> {
    let side = (classes as f64).sqrt().ceil();
    let class = target.f_to_kind(Kind::Double)?.f_view([-1, 1, 1, 1])?;
    let row = class.f_div_scalar(side)?.f_floor()?;
    let column = class.f_sub(&row.f_mul_scalar(side)?)?;
    let squares = |cell: &Tensor, length: i64, shape: [i64; 4]| -> Result<Tensor> {
        let middle = cell.f_add_scalar(0.5)?.f_mul_scalar(length as f64 / side)?;
        let places = Tensor::f_arange(length, (Kind::Double, target.device()))?.f_add_scalar(0.5)?;
        Ok(places.f_view(shape)?.f_sub(&middle)?.f_square()?)
    };
    let down = squares(&row, height, [1, 1, height, 1])?;
    Ok(down.f_add(&squares(&column, width, [1, 1, 1, width])?)?.f_sqrt()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_pixels_are_those_of_the_class_s_cell() {
        // Ten classes: 4 x 4 cells, of 2 x 2 pixels on an 8 x 8 image. Class 6 has cell (1, 2): rows 2, 3, columns 4, 5, whose
        // pixels lie sqrt(1/2) from its middle; the next ones lie sqrt(1/4 + 9/4) away.
        let far = distance(&Tensor::from_slice(&[6i64]), 10, 8, 8).unwrap();
        let near = far.lt(1.0).get(0).get(0);
        assert_eq!(near.narrow(0, 2, 2).narrow(1, 4, 2).sum(Kind::Int64).int64_value(&[]), 4);
        assert_eq!(near.sum(Kind::Int64).int64_value(&[]), 4);
        assert!((far.double_value(&[0, 0, 2, 4]) - 0.5f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn every_class_has_an_order_of_its_own() {
        let classes: Vec<i64> = (0..100).collect();
        let first = distance(&Tensor::from_slice(&classes), 100, 28, 28).unwrap().flatten(1, -1).argmin(1, false);
        let mut first = Vec::<i64>::try_from(first).unwrap();
        first.sort();
        first.dedup();
        assert_eq!(first.len(), 100);
    }
}
