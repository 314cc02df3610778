//! # Definition
//! `hit`: 1 if a pixel of the truth lies within `tolerance` pixels of the map's maximum, else 0. Higher is better. Where
//! the maximum is shared by several pixels, all must agree; if only some would hit, the example is invalid, and so is a
//! constant map or an example without a truth: they are counted and never hits. `chance`: the share of the image's pixels
//! that would hit, which is what a random map scores.
//!
//! # Parameters
//! - `tolerance` (0): distance in pixels, Euclidean, at the image's own resolution.
//!
//! # Cost
//! No passes.
//!
//! # Reference
//! Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016 (there with a tolerance of 15 pixels).

use std::sync::Arc;

use tch::{Kind, Tensor};

use crate::catalogue::Entry;
use crate::error::{Error, Result};
use crate::metrics::{Direction, Family, Given, Measure, Metric, ScoredUnit, Scores, Values};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "pointing-game",
    summary: "share of images where the map's maximum lies on the evidence",
    reference: "Zhang et al. 2016",
    revision: 1,
    source: include_str!("pointing_game.rs"),
    read: |section| {
        let tolerance =
            section.get_if("tolerance", 0.0, |given| (0.0..=1024.0).contains(given), "a number from 0 to 1024");
        Some(Arc::new(PointingGame { tolerance }))
    },
};

pub struct PointingGame {
    pub tolerance: f64,
}

impl Metric for PointingGame {
    fn family(&self) -> Family {
        Family::Localization
    }

    fn measures(&self) -> Vec<Measure> {
        vec![Measure::new("hit", Direction::Higher, 0.02), Measure::new("chance", Direction::None, 0.02)]
    }

    fn needs_truth(&self) -> bool {
        true
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let truth = given.scene.evidence.as_ref().ok_or_else(|| Error::new("pointing-game: no boxes or masks"))?;
        let target = dilate(&truth.mask, self.tolerance)?.f_flatten(1, 2)?;
        let map = given.pixel_map()?.f_flatten(1, 2)?;
        let top = map.f_eq_tensor(&map.f_amax(1, true)?)?;
        let count =
            |mask: &Tensor| -> Result<Vec<f64>> { Ok(Vec::try_from(mask.f_sum_dim_intlist(1, false, Kind::Double)?)?) };
        let pixels = map.size()[1] as f64;
        let (maxima, area) = (count(&top)?, count(&target)?);
        let hits = count(&top.f_logical_and(&target)?)?;
        let hit = (0..maxima.len()).map(|i| verdict(hits[i], maxima[i], area[i], pixels)).collect();
        let chance = area.iter().map(|area| if *area > 0.0 { area / pixels } else { f64::NAN }).collect();
        let values = |measure, values| Values { measure, at: vec![0.0], values };
        Ok(Scores {
            unit: ScoredUnit::Example,
            ids: given.scene.ids.clone(),
            measures: vec![values("hit", hit), values("chance", chance)],
            flags: Vec::new(),
        })
    }
}

/// One example: `hits` of `maxima` maximal pixels lie in the truth of `area` pixels. A map with a NaN has no maximum.
fn verdict(hits: f64, maxima: f64, area: f64, pixels: f64) -> f64 {
    if area == 0.0 || maxima == 0.0 || maxima == pixels {
        f64::NAN
    } else if hits == maxima {
        1.0
    } else if hits == 0.0 {
        0.0
    } else {
        f64::NAN
    }
}

/// `truth` bool [B, H, W] with all pixels within `radius` of one of its own.
fn dilate(truth: &Tensor, radius: f64) -> Result<Tensor> {
    if radius < 1.0 {
        return Ok(truth.shallow_clone());
    }
    let reach = radius.floor() as i64;
    let side = 2 * reach + 1;
    let disc: Vec<f32> = (0..side * side)
        .map(|i| ((i / side - reach).pow(2) + (i % side - reach).pow(2)) as f64)
        .map(|square| if square <= radius * radius { 1.0 } else { 0.0 })
        .collect();
    let disc = Tensor::from_slice(&disc).to_device(truth.device()).f_view([1, 1, side, side])?;
    let none: Option<Tensor> = None;
    let near = truth.f_to_kind(Kind::Float)?.f_unsqueeze(1)?;
    Ok(near.f_conv2d(&disc, none.as_ref(), [1, 1], [reach, reach], [1, 1], 1)?.f_squeeze_dim(1)?.f_gt(0.5)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        assert_eq!(verdict(1.0, 1.0, 4.0, 16.0), 1.0);
        assert_eq!(verdict(0.0, 1.0, 4.0, 16.0), 0.0);
        assert_eq!(verdict(2.0, 2.0, 4.0, 16.0), 1.0, "two maxima, both inside");
        assert!(verdict(1.0, 2.0, 4.0, 16.0).is_nan(), "two maxima that disagree");
        assert!(verdict(4.0, 16.0, 4.0, 16.0).is_nan(), "a constant map");
        assert!(verdict(0.0, 1.0, 0.0, 16.0).is_nan(), "no truth");
        assert!(verdict(0.0, 0.0, 4.0, 16.0).is_nan(), "a map with a NaN");
    }

    #[test]
    fn a_point_dilated_by_one_pixel_is_a_plus() {
        let truth = Tensor::zeros([1, 3, 3], (Kind::Bool, tch::Device::Cpu));
        let _ = truth.get(0).get(1).get(1).fill_(1);
        let plus = dilate(&truth, 1.0).unwrap().to_kind(Kind::Int64).view(-1);
        assert_eq!(Vec::<i64>::try_from(plus).unwrap(), [0, 1, 0, 1, 1, 1, 0, 1, 0]);
    }
}
