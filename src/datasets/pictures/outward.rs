//! Boxes of files, in fractions of pixels, as boxes of whole ones.

use super::super::Rect;
use super::Fault;

/// The pixels that a box [left, top, right, bottom] in a picture of the size [H, W] touches.
///
/// # Errors
/// When it has no area, or goes `overhang` pixels or more beyond an edge (any, where that is 0).
pub fn outward(corners: [f64; 4], [height, width]: [f64; 2], overhang: f64) -> Result<Rect, Fault> {
    let [x0, y0, x1, y1] = corners;
    let shown = || format!("a box from ({x0}, {y0}) to ({x1}, {y1})");
    if !(x0 < x1 && y0 < y1) {
        return Err(format!("{} without area", shown()));
    }
    let beyond = [-x0, -y0, x1 - width, y1 - height].into_iter().fold(0.0, f64::max);
    if beyond > 0.0 && beyond >= overhang {
        return Err(format!("{}, outside of the picture of {width} by {height}", shown()));
    }
    let (low, high) = (|at: f64| at.floor().max(0.0) as usize, |at: f64, side: f64| at.ceil().min(side) as usize);
    Ok(Rect { y0: low(y0), x0: low(x0), y1: high(y1, height), x1: high(x1, width) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(corners: [f64; 4], overhang: f64) -> Result<[usize; 4], Fault> {
        outward(corners, [10.0, 20.0], overhang).map(|Rect { y0, x0, y1, x1 }| [y0, x0, y1, x1])
    }

    /// In a picture of 20 by 10.
    #[test]
    fn every_pixel_that_is_touched_belongs_to_the_box() {
        assert_eq!(of([1.5, 2.0, 4.75, 6.0], 0.0), Ok([2, 1, 6, 5]));
        assert_eq!(of([0.0, 0.0, 20.0, 10.0], 0.0), Ok([0, 0, 10, 20]));
        assert_eq!(of([3.2, 3.2, 3.3, 3.3], 0.0), Ok([3, 3, 4, 4]));
        assert_eq!(of([-0.5, 9.0, 20.9, 10.9], 1.0), Ok([9, 0, 10, 20]));
    }

    #[test]
    fn boxes_outside_or_without_area_are_faults() {
        for (corners, overhang) in
            [([0.0, 0.0, 20.1, 5.0], 0.0), ([-1.0, 0.0, 5.0, 5.0], 1.0), ([0.0, -2.0, 1.0, 1.0], 1.0)]
        {
            assert!(of(corners, overhang).unwrap_err().contains("outside of the picture of 20 by 10"));
        }
        for corners in [[5.0, 5.0, 5.0, 6.0], [5.0, 5.0, 6.0, 4.0], [f64::NAN, 0.0, 1.0, 1.0]] {
            assert!(of(corners, 1.0).unwrap_err().ends_with("without area"));
        }
    }
}
