//! # Definition
//! `hit`: 1 if a pixel of the evidence lies within `tolerance` pixels of the map's maximum, else 0. `class-mean`: the
//! mean over classes of each class's share of hits, as published; `hit` counts every image alike. Higher is better.
//! Where the maximum is shared by several pixels, all must agree: if only some would hit, the example is invalid ("tied
//! maximum"), and so is one whose maximum lies on ignored pixels ("maximum on ignored pixels"): neither is ever a hit.
//! `chance`: the share of the judged pixels that would hit, which is what a random map scores; `class-chance`: its mean over
//! classes.
//!
//! # Parameters
//! - `tolerance` (0): distance in pixels, Euclidean, at the image's own resolution.
//! - `largest` (0.5): images of which evidence covers more than this share are left out; with 1, only those it fills.
//!
//! # Cost
//! No passes.
//!
//! # Reference
//! Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016 (there with a tolerance of 15 pixels and
//! images of every share).

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::judged::{Judged, count, largest, numbers};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Line, Measure, Metric, Scores};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "pointing-game",
    summary: "share of images where the map's maximum lies on the evidence",
    reference: "Zhang et al. 2016",
    revision: 2,
    source: concat!(include_str!("pointing_game.rs"), include_str!("judged.rs")),
    read: |section| {
        let tolerance =
            section.get_if("tolerance", 0.0, |given| (0.0..=1024.0).contains(given), "a number from 0 to 1024");
        Some(Arc::new(PointingGame { tolerance, largest: largest(section) }))
    },
};

pub struct PointingGame {
    pub tolerance: f64,
    pub largest: f64,
}

impl Metric for PointingGame {
    fn family(&self) -> Family {
        Family::Localization
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new("class-mean", Direction::Higher, 0.02)
                .over_classes()
                .against(&[Line::ChanceMeasure("class-chance")]),
            Measure::new("hit", Direction::Higher, 0.02).against(&[Line::ChanceMeasure("chance")]),
            Measure::new("chance", Direction::None, 0.02),
            Measure::new("class-chance", Direction::None, 0.02).over_classes().minor(),
        ]
    }

    fn needs_truth(&self) -> bool {
        true
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let judged = Judged::new(given, self.largest)?;
        let width = given.scene.x.size()[3];
        let region = dilate(&judged.truth, width, self.tolerance)?;
        let region = match &judged.ignored {
            Some(ignored) => region.f_logical_and(&ignored.f_logical_not()?)?,
            None => region,
        };
        let top = judged.map.f_eq_tensor(&judged.map.f_amax(1, true)?)?;
        let tops_in = |mask: &Tensor| numbers(&count(&top.f_logical_and(mask)?)?);
        let (maxima, hits) = (numbers(&count(&top)?)?, tops_in(&region)?);
        let lost = judged.ignored.as_ref().map_or(Ok(vec![0.0; hits.len()]), tops_in)?;
        let verdicts: Vec<Verdict> = (0..hits.len()).map(|i| Verdict::of(hits[i], maxima[i], lost[i])).collect();
        let hit = judged.valid_numbers(verdicts.iter().map(|verdict| verdict.value()).collect());
        let all = |wanted: Verdict| verdicts.iter().map(|verdict| *verdict == wanted).collect();
        let chance = judged.area(&count(&region)?)?;
        Ok(judged.scores(
            vec![("class-mean", hit.clone()), ("hit", hit), ("chance", chance.clone()), ("class-chance", chance)],
            &[("tied maximum", all(Verdict::Tied)), ("maximum on ignored pixels", all(Verdict::Ignored))],
        ))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Hit,
    Miss,
    Tied,
    Ignored,
}

impl Verdict {
    /// Of `maxima` maximal pixels, `hits` would hit and `lost` are ignored.
    fn of(hits: f64, maxima: f64, lost: f64) -> Self {
        match () {
            () if lost > 0.0 => Self::Ignored,
            () if hits == 0.0 => Self::Miss,
            () if hits == maxima => Self::Hit,
            () => Self::Tied,
        }
    }

    fn value(self) -> f64 {
        match self {
            Self::Hit => 1.0,
            Self::Miss => 0.0,
            Self::Tied | Self::Ignored => f64::NAN,
        }
    }
}

/// `truth` bool [B, D], in rows of `width` pixels, with all pixels within `radius` of one of its own.
fn dilate(truth: &Tensor, width: i64, radius: f64) -> Result<Tensor> {
    if radius < 1.0 {
        return Ok(truth.shallow_clone());
    }
    // Further than the image there is nothing to reach.
    let height = truth.size()[1] / width.max(1);
    let reach = (radius.floor() as i64).min(height.max(width) - 1);
    let side = 2 * reach + 1;
    let disc: Vec<f32> = (0..side * side)
        .map(|i| ((i / side - reach).pow(2) + (i % side - reach).pow(2)) as f64)
        .map(|square| if square <= radius * radius { 1.0 } else { 0.0 })
        .collect();
    let disc = Tensor::from_slice(&disc).to_device(truth.device()).f_view([1, 1, side, side])?;
    let none: Option<Tensor> = None;
    let image = truth.f_to_kind(Kind::Float)?.f_reshape([truth.size()[0], 1, -1, width])?;
    let near = image.f_conv2d(&disc, none.as_ref(), [1, 1], [reach, reach], [1, 1], 1)?;
    Ok(near.f_flatten(1, 3)?.f_gt(0.5)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        assert_eq!(Verdict::of(1.0, 1.0, 0.0), Verdict::Hit);
        assert_eq!(Verdict::of(0.0, 1.0, 0.0), Verdict::Miss);
        assert_eq!(Verdict::of(2.0, 2.0, 0.0), Verdict::Hit, "two maxima, both inside");
        assert_eq!(Verdict::of(1.0, 2.0, 0.0), Verdict::Tied, "two maxima that disagree");
        assert_eq!(Verdict::of(0.0, 1.0, 1.0), Verdict::Ignored);
        assert_eq!(Verdict::of(1.0, 2.0, 1.0), Verdict::Ignored, "one maximum inside, one that does not count");
    }

    #[test]
    fn a_point_dilated_by_one_pixel_is_a_plus() {
        let truth = Tensor::zeros([1, 3, 3], (Kind::Bool, tch::Device::Cpu));
        let _ = truth.get(0).get(1).get(1).fill_(1);
        let plus = dilate(&truth.flatten(1, 2), 3, 1.0).unwrap().to_kind(Kind::Int64).view(-1);
        assert_eq!(Vec::<i64>::try_from(plus).unwrap(), [0, 1, 0, 1, 1, 1, 0, 1, 0]);
    }
}
