//! # Definition
//! The mean of random soft masks, weighted by the score that the image keeps under them: with masks M_i in [0, 1] and the
//! fill u, the map is sum_i f(M_i x + (1 - M_i) u) M_i / (N p). A mask is a `grid` x `grid` pattern of ones (with
//! probability p = `keep`) and zeros, enlarged bilinearly (centres aligned, edge cells repeated) to (`grid` + 1) cells of
//! ceil(H / `grid`) x ceil(W / `grid`) pixels and cut to the image at a random shift of less than a cell. The masks are
//! the same for all examples. The map is not centred: it is positive, and its level is the mean score.
//!
//! # Parameters
//! - `samples` (2000): masks N. (The paper: 4000 and 8000, on 224 x 224 pixels.)
//! - `grid` (7): cells per side.
//! - `keep` (0.5): probability p that a cell stays.
//! - `imputer` ("black"): the fill u is what it makes of the whole image.
//! - `score` ("probability"): "logit", "probability" or "log-probability" of the explained class.
//!
//! # Cost
//! `samples` forward passes.
//!
//! # Reference
//! Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018.

use std::ops::Range;
use std::sync::Arc;

use tch::{Kind, Tensor};

use super::perturb::Probe;
use super::{Access, Attribution, Explainer, Scene, Unit, pieces};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "rise",
    summary: "random soft masks weighted by the score that the image keeps under them",
    reference: "Petsiuk et al. 2018",
    revision: 1,
    source: include_str!("rise.rs"),
    read: |section| {
        let fits = |samples: &usize| (1..=1_000_000).contains(samples);
        let samples = section.get_if("samples", 2000usize, fits, "an integer from 1 to 1000000");
        let grid = section.get_if("grid", 7usize, |grid| (1..=64).contains(grid), "an integer from 1 to 64");
        let keep = section.get_if("keep", 0.5, |keep| 0.0 < *keep && *keep < 1.0, "a number between 0 and 1");
        let probe = Probe::read(section, "black", "probability");
        Some(Arc::new(Rise { samples, grid: grid as i64, keep, probe: probe? }))
    },
};

pub struct Rise {
    pub samples: usize,
    /// Cells per side.
    pub grid: i64,
    /// The probability that a cell stays.
    pub keep: f64,
    pub probe: Probe,
}

impl Explainer for Rise {
    fn access(&self) -> Access {
        Access::Outputs
    }

    fn unit(&self) -> Unit {
        Unit::Pixel
    }

    fn rows(&self, _: &[i64]) -> usize {
        self.samples
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let (examples, _, height, width) = on.x.size4()?;
        let fill = self.probe.imputer.reference(&on.x, &on.surroundings())?;
        let from_fill = on.x.f_sub(&fill)?;
        let mut sums = Tensor::f_zeros([examples, height * width], (on.x.kind(), on.x.device()))?;
        // Masks on the outside: they are made once and serve all examples.
        for draws in pieces(self.samples, on.chunk) {
            let count = draws.len() as i64;
            let masks = self.masks(on, draws, height, width)?;
            let flat = masks.f_view([count, height * width])?;
            let mut more = Vec::new();
            for examples in pieces(on.len(), on.chunk / count as usize) {
                let (start, length) = (examples.start as i64, examples.len() as i64);
                let cut = |tensor: &Tensor| tensor.f_narrow(0, start, length)?.f_unsqueeze(1);
                let inputs = cut(&fill)?.f_addcmul(&cut(&from_fill)?, &masks)?;
                let target = on.target.f_narrow(0, start, length)?.f_repeat_interleave_self_int(count, 0, None)?;
                let scores = on.model.shared_scores(&inputs.f_flatten(0, 1)?, &target, self.probe.score)?;
                more.push(scores.f_view([length, count])?.f_matmul(&flat)?);
            }
            sums = sums.f_add(&Tensor::f_cat(&more, 0)?)?;
        }
        let means = sums.f_div_scalar(self.samples as f64 * self.keep)?;
        Ok(Attribution::pixels(means.f_view([examples, 1, height, width])?))
    }
}

impl Rise {
    /// The masks of these draws, [n, 1, H, W].
    fn masks(&self, on: &Scene, draws: Range<usize>, height: i64, width: i64) -> Result<Tensor> {
        let (grid, device, kind) = (self.grid, on.x.device(), on.x.kind());
        let ids: Vec<u64> = draws.map(|draw| draw as u64).collect();
        let count = ids.len() as i64;
        let random = on.noise.purpose("rise").uniform(&ids, &[grid * grid + 2], Kind::Double, device)?;
        let cells = random.f_narrow(1, 0, grid * grid)?.f_lt(self.keep)?.f_to_kind(kind)?;
        let cell = |length: i64| (length as u64).div_ceil(grid as u64) as i64;
        let (high, wide) = (cell(height), cell(width));
        let large = cells.f_view([count, 1, grid, grid])?.f_upsample_bilinear2d(
            [(grid + 1) * high, (grid + 1) * wide],
            false,
            None,
            None,
        )?;
        let places = |which: i64, cell: i64, length: i64| -> Result<Tensor> {
            let shift =
                random.f_narrow(1, grid * grid + which, 1)?.f_mul_scalar(cell as f64)?.f_to_kind(Kind::Int64)?;
            Ok(shift.f_add(&Tensor::f_arange(length, (Kind::Int64, device))?)?)
        };
        let rows = places(0, high, height)?.f_view([count, 1, height, 1])?;
        let columns = places(1, wide, width)?.f_view([count, 1, 1, width])?;
        let cut = large.f_gather(2, &rows.f_expand([-1, -1, -1, large.size()[3]], false)?, false)?;
        Ok(cut.f_gather(3, &columns.f_expand([-1, -1, height, -1], false)?, false)?)
    }
}
