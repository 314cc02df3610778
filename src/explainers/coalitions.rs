//! Explainers that value the segments of an image by removing sets of them.
//!
//! All are linear in the network's answers: which sets are kept and how the answers add up to values depend on the number
//! of segments alone. So a method is a [`Design`], made once for all examples with equally many segments. They share its
//! draws: an example sees the same ones in any batch, and what few draws miss does not average out over examples.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};
use ndarray_linalg::InverseC;
use tch::{Kind, Tensor};

use super::perturb::Probe;
use super::segments::Segments;
use super::{Access, Attribution, Explainer, Scene, Unit};
use crate::error::{Error, Result};
use crate::noise::Noise;

/// The most numbers that a design may hold in one of its matrices: half a gigabyte.
pub const MOST_NUMBERS: usize = 1 << 26;

/// A method for a number of segments.
pub struct Design {
    /// The segments that each version of the image keeps, [versions, segments].
    pub kept: Array2<bool>,
    /// What the versions' scores are multiplied by to give the segments' values, [segments, versions].
    pub values: Array2<f64>,
}

/// An explainer made of a design; a segment's value is painted on its pixels.
pub struct Coalitions {
    pub segments: Segments,
    pub probe: Probe,
    /// Versions of an image with the most segments.
    pub rows: usize,
    /// For a number of segments and the suite's noise.
    pub design: Box<dyn Fn(usize, Noise) -> Result<Design> + Send + Sync>,
}

impl Explainer for Coalitions {
    fn access(&self) -> Access {
        Access::Outputs
    }

    fn unit(&self) -> Unit {
        Unit::Pixel
    }

    fn rows(&self, _: &[i64]) -> usize {
        self.rows
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let partition = self.segments.of(&on.x)?;
        let mut alike: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
        for (place, count) in partition.counts.iter().enumerate() {
            alike.entry(*count).or_default().push(place as i64);
        }
        let size = on.x.size();
        let mut painted = Tensor::f_zeros([size[0], 1, size[2], size[3]], (on.x.kind(), on.x.device()))?;
        for (segments, places) in alike {
            let design = (self.design)(segments, on.noise)?;
            let index = Tensor::from_slice(&places).to_device(on.x.device());
            let labels = partition.labels.f_index_select(0, &index)?;
            let values = self.values(&on.pick(&places)?, &labels, &design)?;
            painted = painted.f_index_copy(0, &index, &values)?;
        }
        Ok(Attribution::pixels(painted))
    }
}

impl Coalitions {
    /// The map, [B, 1, H, W], of examples with equally many segments; `labels` [B, H, W] names the segment of each pixel.
    fn values(&self, on: &Scene, labels: &Tensor, design: &Design) -> Result<Tensor> {
        let size = labels.size();
        let (versions, _) = design.kept.dim();
        let removed: Vec<bool> = design.kept.iter().map(|kept| !kept).collect();
        let removed = Tensor::from_slice(&removed).f_view([versions as i64, -1])?.f_to_device(on.x.device())?;
        let scores = self.probe.scores(on, versions, |examples, versions| {
            let labels = labels.f_narrow(0, examples.start as i64, examples.len() as i64)?.f_flatten(0, -1)?;
            let rows = removed.f_narrow(0, versions.start as i64, versions.len() as i64)?;
            let masks = rows.f_index_select(1, &labels)?;
            let shape = [versions.len() as i64, examples.len() as i64, 1, size[1], size[2]];
            Ok(masks.f_view(shape)?.f_transpose(0, 1)?)
        })?;
        let weights: Vec<f64> = design.values.iter().copied().collect();
        let weights = Tensor::from_slice(&weights).f_view([-1, versions as i64])?.f_to_device(on.x.device())?;
        let values = scores.f_to_kind(Kind::Double)?.f_matmul(&weights.f_transpose(0, 1)?)?.f_to_kind(on.x.kind())?;
        let pixels = values.f_gather(1, &labels.f_flatten(1, 2)?, false)?;
        Ok(pixels.f_view([size[0], 1, size[1], size[2]])?)
    }
}

/// Every set of segments, the empty one first and the full one last, [2^segments, segments].
pub fn all(segments: usize) -> Array2<bool> {
    Array2::from_shape_fn((1 << segments, segments), |(set, segment)| set >> segment & 1 == 1)
}

/// How many segments each version keeps.
pub fn sizes(kept: &Array2<bool>) -> Vec<usize> {
    kept.axis_iter(Axis(0)).map(|row| row.iter().filter(|kept| **kept).count()).collect()
}

/// 1 where a segment is kept.
pub fn indicator(kept: &Array2<bool>) -> Array2<f64> {
    kept.mapv(|kept| f64::from(u8::from(kept)))
}

/// The inverse of the normal equations' matrix, by Cholesky's factorisation. `who` is told of in the error that the
/// versions do not determine the values.
pub fn inverse(normal: &Array2<f64>, who: &str) -> Result<Array2<f64>> {
    let undetermined = || {
        let segments = normal.nrows();
        Error::new(format!("{who}: the sets drawn do not tell {segments} segments apart; raise `samples`"))
    };
    let inverse = normal.invc().map_err(|_| undetermined())?;
    // A matrix that is singular but for rounding may have a factor all the same.
    let residual = normal.dot(&inverse) - Array2::<f64>::eye(normal.nrows());
    if residual.iter().all(|entry| entry.abs() < 1e-6) { Ok(inverse) } else { Err(undetermined()) }
}

/// The values that a design gives to the players of a game.
#[cfg(test)]
pub fn play(design: &Design, game: impl Fn(&[bool]) -> f64) -> Vec<f64> {
    let scores = design.kept.axis_iter(Axis(0)).map(|row| game(&row.to_vec()));
    design.values.dot(&scores.collect::<ndarray::Array1<f64>>()).to_vec()
}
