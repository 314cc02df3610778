//! # Definition
//! Spearman's rank correlation of the histograms of oriented gradients of two maps, each brought to [0, 1] by its own smallest
//! and largest pixel. It is scikit-image's `feature.hog(map, orientations=9, pixels_per_cell=(c, c), cells_per_block=(3, 3),
//! block_norm="L2-Hys")`:
//!
//! - the gradient at a pixel is the difference of its two neighbours, in rows and in columns, and 0 at the rows' and columns' ends;
//! - each whole cell of c x c pixels has for each of 9 directions from 0 to 180 degrees the mean magnitude of the gradients that
//!   point there; a remainder at the right and lower edge is not seen;
//! - each 3 x 3 cells (all of them where there are fewer) are divided by their root of squares, cut at 0.2 and divided again.
//!
//! Undefined for a constant map, and for maps smaller than a cell.
//!
//! # Parameters
//! - `cell` (by the map): pixels across a cell, from 2. By the map: the largest power of two within a fourteenth of the shorter
//!   side, at least 4: 4 for 28 x 28 and 32 x 32, 16 for 224 x 224. Published numbers use 16 for 299 x 299.
//!
//! # Cost
//! Nine averages over each map.
//!
//! # Reference
//! Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005; for maps: Adebayo et al., "Sanity
//! Checks for Saliency Maps", NeurIPS 2018.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::ranks::Ranks;
use super::spearman::correlation;
use super::ssim::unit_range;
use super::{Side, Similarity};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Similarity> = Entry {
    name: "hog",
    summary: "rank correlation of the maps' histograms of oriented gradients",
    reference: "Dalal and Triggs 2005; Adebayo et al. 2018",
    revision: 1,
    source: concat!(
        include_str!("hog.rs"),
        include_str!("spearman.rs"),
        include_str!("ranks.rs"),
        include_str!("ssim.rs"),
        include_str!("side.rs")
    ),
    read: |section| {
        let cell = section.optional_if("cell", |cell| (2..=1024).contains(cell), "a number of pixels from 2 to 1024");
        Some(Arc::new(Hog { cell }))
    },
};

/// Directions in half a turn.
const DIRECTIONS: i64 = 9;
/// Cells across a block.
const BLOCK: i64 = 3;
/// The largest share of a block's length that one number keeps.
const CUT: f64 = 0.2;
const SMALL: f64 = 1e-5;

/// Pixels across a cell; by the map where nothing is said.
#[derive(Default)]
pub struct Hog {
    pub cell: Option<i64>,
}

impl Similarity for Hog {
    fn compare(&self, a: &Side, b: &Side) -> Result<Tensor> {
        let (count, height, width) = a.maps().size3()?;
        let side = height.min(width);
        let cell = self.cell.unwrap_or_else(|| fitting(side));
        if side < cell {
            return Ok(Tensor::f_full([count], f64::NAN, (a.maps().kind(), a.maps().device()))?);
        }
        let ranks = |maps: &Tensor| Ok(Histograms(Ranks::of(&histograms(&unit_range(maps)?, cell)?)?));
        correlation(&a.once(cell, ranks)?.0.signed, &b.once(cell, ranks)?.0.signed)
    }
}

/// The ranks of the histograms of maps.
struct Histograms(Ranks);

/// The largest power of two within a fourteenth of the side, at least 4.
fn fitting(side: i64) -> i64 {
    let mut cell = 4;
    while 2 * cell <= side / 14 {
        cell *= 2;
    }
    cell
}

/// The histograms [B, n] of maps [B, H, W].
fn histograms(maps: &Tensor, cell: i64) -> Result<Tensor> {
    let (rows, columns) = (slope(maps, 1)?, slope(maps, 2)?);
    let length = rows.f_hypot(&columns)?;
    let degrees = rows.f_atan2(&columns)?.f_rad2deg()?.f_remainder(180.0)?;
    let direction =
        degrees.f_div_scalar(180.0 / DIRECTIONS as f64)?.f_floor()?.f_clamp(0.0, (DIRECTIONS - 1) as f64)?;
    let directions = Tensor::f_arange(DIRECTIONS, (Kind::Double, maps.device()))?.f_view([1, DIRECTIONS, 1, 1])?;
    let pointing = direction.f_unsqueeze(1)?.f_eq_tensor(&directions)?;
    // [B, 9, cells down, cells across]
    let cells = length.f_unsqueeze(1)?.f_mul(&pointing)?.f_avg_pool2d(cell, cell, 0, false, true, None)?;
    let (down, across) = (cells.size()[2], cells.size()[3]);
    // [B, 9, blocks down, blocks across, 3, 3] with the cells of a block in the last two.
    let blocks = cells.f_unfold(2, BLOCK.min(down), 1)?.f_unfold(3, BLOCK.min(across), 1)?;
    let unit = |blocks: &Tensor| -> Result<Tensor> {
        let squares = blocks.f_square()?.f_sum_dim_intlist([1, 4, 5].as_slice(), true, Kind::Double)?;
        Ok(blocks.f_div(&squares.f_add_scalar(SMALL * SMALL)?.f_sqrt()?)?)
    };
    Ok(unit(&unit(&blocks)?.f_clamp_max(CUT)?)?.f_flatten(1, -1)?)
}

/// What follows a pixel minus what precedes it, along a dimension of maps [B, H, W]; 0 at both ends.
fn slope(maps: &Tensor, dimension: i64) -> Result<Tensor> {
    let size = maps.size()[dimension as usize];
    let slope = maps.f_zeros_like()?;
    if size > 2 {
        let part = |start| maps.f_narrow(dimension, start, size - 2);
        slope.f_narrow(dimension, 1, size - 2)?.f_copy_(&part(2)?.f_sub(&part(0)?)?)?;
    }
    Ok(slope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn cells_fit_the_map() {
        assert_eq!([8, 28, 32, 112, 224, 299].map(fitting), [4, 4, 4, 8, 16, 16]);
    }

    /// A plane that rises by 1 down and by 1 across points to 45 degrees, the third of the nine directions, everywhere but at the
    /// edges, where one of the two slopes is 0: 90 degrees (the fifth) at the left and right, 0 (the first) at the top and
    /// bottom, and nothing at the corners.
    #[test]
    fn a_plane_by_hand() {
        let ramp = Tensor::arange(4, (Kind::Double, Device::Cpu));
        let plane = (ramp.unsqueeze(0) + ramp.unsqueeze(1)).unsqueeze(0);
        let found: Vec<f64> = histograms(&plane, 4).unwrap().flatten(0, -1).try_into().unwrap();
        // One cell of 16 pixels: 4 with length 2 at the top and bottom, 4 at the sides, 4 inside with length sqrt(8).
        let raw = [8.0 / 16.0, 0.0, 4.0 * 8f64.sqrt() / 16.0, 0.0, 8.0 / 16.0, 0.0, 0.0, 0.0, 0.0];
        // All three are cut at 0.2, so that they end equal.
        let expected = raw.map(|value| if value > 0.0 { 1.0 / 3f64.sqrt() } else { 0.0 });
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-8), "{found:?}");
    }

    /// Two cells, one with a vertical edge and one flat, in one block: the edge's direction alone is there.
    #[test]
    fn an_edge_is_in_its_own_cell() {
        let map = Tensor::zeros([1, 4, 8], (Kind::Double, Device::Cpu));
        let _ = map.narrow(2, 2, 6).fill_(1.0);
        let found = histograms(&map, 4).unwrap();
        assert_eq!(found.size(), [1, 18]);
        // Direction 0 of the left cell alone; cut to 0.2 and divided by itself (and the small constant).
        assert!((found.double_value(&[0, 0]) - 1.0).abs() < 1e-8, "{found}");
        assert!(found.narrow(1, 1, 17).abs().max().double_value(&[]) == 0.0);
    }
}
