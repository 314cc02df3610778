//! # Definition
//! The map's positive part is cut at a threshold, the smallest box around the largest connected component of what
//! remains is the map's box, and `iou` its intersection over union with the best of the image's boxes (where the data
//! has only a mask: the box around it). `success`: 1 if that is at least 0.5, else 0. Higher is better. Components of
//! one size share the score ("tied components"); a map that keeps no pixel scores 0 ("no box"); a map without positive
//! part is invalid ("no positive mass"). `chance`: the intersection over union of the box around the whole image, the
//! answer that needs no map.
//!
//! # Parameters
//! - `rule` ("mean"): what is kept. "mean": pixels of at least `alpha` times the mean. "value": pixels of at least the
//!   minimum plus `alpha` times the difference of maximum and minimum. "energy": the fewest top pixels that hold the
//!   share `alpha` of the sum, with those that tie with the last.
//! - `alpha` (1 for "mean", 0.15 for "value", 0.95 for "energy"): to be tuned on images that are not scored: the rule
//!   and `alpha` are part of the metric and can change a ranking.
//! - `neighbours` (8): whether pixels that touch by a corner are connected (8) or not (4).
//! - `largest` (0.5): images of which evidence covers more than this share are left out; with 1, only those it fills.
//!
//! # Cost
//! No passes. Components are found on the host.
//!
//! # Reference
//! Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016 (threshold and largest component);
//! Fong and Vedaldi, "Interpretable Explanations of Black Boxes by Meaningful Perturbation", ICCV 2017 (the three
//! rules).

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::components::{Neighbours, intersection_over_union, largest_boxes};
use super::judged::{Judged, evidence, flags, largest};
use super::weights::weights;
use crate::catalogue::Entry;
use crate::config::Section;
use crate::datasets::{Rect, Truth};
use crate::error::Result;
use crate::explainers::{Evidence, Sign};
use crate::metrics::{Direction, Family, Given, Line, Measure, Metric, Scores};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "box-iou",
    summary: "overlap of a box around the map's largest part with the evidence's box",
    reference: "Zhou et al. 2016; Fong and Vedaldi 2017",
    revision: 1,
    source: concat!(
        include_str!("box_iou.rs"),
        include_str!("components.rs"),
        include_str!("judged.rs"),
        include_str!("weights.rs")
    ),
    read: |section| Some(Arc::new(BoxIou::read(section)?)),
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Mean,
    Value,
    Energy,
}

pub struct BoxIou {
    pub rule: Rule,
    pub alpha: f64,
    pub neighbours: Neighbours,
    pub largest: f64,
}

/// What an image's box must reach to be a success.
const SUCCESS: f64 = 0.5;

impl BoxIou {
    fn read(section: &Section) -> Option<Self> {
        let rules = [("mean", (Rule::Mean, 1.0)), ("value", (Rule::Value, 0.15)), ("energy", (Rule::Energy, 0.95))];
        let (rule, alpha) = section.choice("rule", "mean", &rules);
        let (most, expected) = match rule {
            Rule::Mean => (f64::INFINITY, "a number above 0"),
            Rule::Value | Rule::Energy => (1.0, "a share above 0 and at most 1"),
        };
        let alpha = section.get_if("alpha", alpha, |&alpha| 0.0 < alpha && alpha <= most, expected);
        let neighbours = section.get_if("neighbours", 8_usize, |count| [4, 8].contains(count), "4 or 8");
        let neighbours = if neighbours == 4 { Neighbours::Four } else { Neighbours::Eight };
        Some(Self { rule, alpha, neighbours, largest: largest(section) })
    }

    /// Which pixels remain of the map's positive part, `weights` [B, D]; bool [B, D].
    fn kept(&self, judged: &Judged, weights: &Tensor) -> Result<Tensor> {
        let threshold = match self.rule {
            Rule::Mean => {
                let sum = weights.f_sum_dim_intlist(1, false, Kind::Double)?;
                sum.f_div(&judged.pixels)?.f_mul_scalar(self.alpha)?.f_unsqueeze(1)?
            }
            Rule::Value => {
                // The weight of ignored pixels is 0, and no minimum.
                let low = judged.filled(f64::INFINITY)?.f_amin(1, true)?.f_clamp_min(0.0)?;
                low.f_lerp(&weights.f_amax(1, true)?, self.alpha)?
            }
            Rule::Energy => {
                let (descending, _) = weights.f_sort(1, true)?;
                let sums = descending.f_cumsum(1, Kind::Double)?;
                let wanted = sums.f_narrow(1, -1, 1)?.f_mul_scalar(self.alpha)?;
                let last = sums.f_lt_tensor(&wanted)?.f_sum_dim_intlist(1, true, Kind::Int64)?;
                descending.f_gather(1, &last, false)?
            }
        };
        Ok(weights.f_ge_tensor(&threshold)?.f_logical_and(&weights.f_gt(0.0)?)?)
    }
}

impl Metric for BoxIou {
    fn family(&self) -> Family {
        Family::Localization
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new("iou", Direction::Higher, 0.02).against(&[Line::ChanceMeasure("chance")]),
            Measure::new("success", Direction::Higher, 0.02),
            Measure::new("chance", Direction::None, 0.02),
        ]
    }

    fn needs_truth(&self) -> bool {
        true
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let judged = Judged::new(given, self.largest)?;
        let weights = weights(&judged, Sign::Positive)?;
        let nothing = flags(&weights.f_amax(1, false)?.f_eq(0.0)?)?;
        let kept = flags(&self.kept(&judged, &weights)?.f_flatten(0, 1)?)?;
        let size = given.scene.x.size();
        let (height, width) = (size[2] as usize, size[3] as usize);
        let whole = Rect { y0: 0, x0: 0, y1: height, x1: width };

        let truth = boxes(evidence(given)?)?;
        let found = kept.chunks(height * width).map(|lit| largest_boxes(lit, width, self.neighbours));
        let found: Vec<Vec<Rect>> = found.collect();
        // A map without positive part has no box, and is not a map that keeps too little.
        let of_maps = |of: &dyn Fn(f64) -> f64| {
            let score =
                |(i, found): (usize, &Vec<Rect>)| if nothing[i] { f64::NAN } else { mean(found, &truth[i], of) };
            judged.valid_numbers(found.iter().enumerate().map(score).collect())
        };
        let (iou, success) = (of_maps(&|iou| iou), of_maps(&|iou| if iou >= SUCCESS { 1.0 } else { 0.0 }));
        let chance = truth.iter().zip(judged.chance()?);
        let chance = chance.map(|(truth, area)| if area.is_nan() { area } else { best(&whole, truth) }).collect();
        let tied = found.iter().map(|found| found.len() > 1).collect();
        let none = found.iter().zip(&nothing).map(|(found, nothing)| found.is_empty() && !nothing).collect();
        Ok(judged.scores(
            vec![("iou", iou), ("success", success), ("chance", chance)],
            &[("tied components", tied), ("no box", none), ("no positive mass", nothing)],
        ))
    }
}

/// The boxes of each image; those around the mask where an image has a mask alone.
fn boxes(evidence: &Evidence) -> Result<Vec<Vec<Rect>>> {
    if evidence.boxes.iter().all(|boxes| !boxes.is_empty()) {
        return Ok(evidence.boxes.clone());
    }
    let around = Truth::from_masks(evidence.mask.to_device(Device::Cpu))?.boxes;
    let known = evidence.boxes.iter().zip(around);
    Ok(known.map(|(boxes, around)| if boxes.is_empty() { around } else { boxes.clone() }).collect())
}

/// The mean over the boxes `found` of what `of` makes of the overlap with the best of `truth`; 0 if nothing was found.
fn mean(found: &[Rect], truth: &[Rect], of: &dyn Fn(f64) -> f64) -> f64 {
    let sum: f64 = found.iter().map(|found| of(best(found, truth))).sum();
    sum / found.len().max(1) as f64
}

fn best(found: &Rect, truth: &[Rect]) -> f64 {
    truth.iter().map(|truth| intersection_over_union(found, truth)).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::judged::tests::one;
    use super::*;

    /// Which of 6 pixels remain; pixel 5 is ignored.
    fn kept(rule: Rule, alpha: f64, map: [f64; 6]) -> Vec<bool> {
        let judged = one(&map, &[1, 0, 0, 0, 0, 0], &[0, 0, 0, 0, 0, 1]);
        let metric = BoxIou { rule, alpha, neighbours: Neighbours::Four, largest: 0.5 };
        let weights = weights(&judged, Sign::Positive).unwrap();
        flags(&metric.kept(&judged, &weights).unwrap().flatten(0, 1)).unwrap()
    }

    /// The positive part of the five judged pixels is 6, 3, 1, 0, 0: its mean is 2 and its range 6. Their sum is 10; 6
    /// holds 0.6 of it, 6 and 3 hold 0.9. The ignored 9 takes part in none of this.
    #[test]
    fn what_each_rule_keeps() {
        let map = [6.0, 3.0, 1.0, 0.0, -5.0, 9.0];
        for (rule, alpha, count) in [
            (Rule::Mean, 1.0, 2),
            (Rule::Mean, 1.5, 2),
            (Rule::Mean, 1.6, 1),
            (Rule::Mean, 3.1, 0),
            (Rule::Value, 0.5, 2),
            (Rule::Value, 0.51, 1),
            (Rule::Energy, 0.5, 1),
            (Rule::Energy, 0.61, 2),
            (Rule::Energy, 0.91, 3),
            (Rule::Energy, 1.0, 3),
        ] {
            let expected: Vec<bool> = (0..6).map(|pixel| pixel < count).collect();
            assert_eq!(kept(rule, alpha, map), expected, "{rule:?} {alpha}");
        }
    }

    /// All judged pixels are positive, so the minimum is 2: the threshold lies halfway to 6.
    #[test]
    fn the_minimum_of_the_value_rule_is_that_of_the_judged_pixels() {
        let expected = [true, true, false, false, false, false];
        assert_eq!(kept(Rule::Value, 0.5, [6.0, 4.0, 3.9, 2.0, 2.0, 1.0]), expected);
    }

    #[test]
    fn pixels_that_tie_with_the_last_of_the_energy_rule_come_along() {
        let expected = [true, true, true, false, false, false];
        assert_eq!(kept(Rule::Energy, 0.5, [4.0, 4.0, 4.0, 1.0, 0.0, 0.0]), expected);
    }

    #[test]
    fn the_share_of_the_rule_is_read_with_its_own_default_and_bound() {
        let read = |text: &str| {
            let section = Section::parse("metric", text).unwrap();
            let metric = BoxIou::read(&section).unwrap();
            (metric.rule, metric.alpha, section.has_mistakes())
        };
        assert_eq!(read(""), (Rule::Mean, 1.0, false));
        assert_eq!(read("rule = 'energy'"), (Rule::Energy, 0.95, false));
        assert_eq!(read("alpha = 5"), (Rule::Mean, 5.0, false));
        assert!(read("rule = 'value'\nalpha = 5").2 && read("neighbours = 6").2);
    }

    #[test]
    fn the_best_box_counts_and_no_box_scores_nothing() {
        let of = |y0, x0, y1, x1| Rect { y0, x0, y1, x1 };
        let truth = [of(0, 0, 2, 2), of(4, 4, 6, 6)];
        assert_eq!(mean(&[of(4, 4, 6, 6)], &truth, &|iou| iou), 1.0);
        // One of two boxes of one size lies on the truth.
        assert_eq!(mean(&[of(4, 4, 6, 6), of(0, 4, 2, 6)], &truth, &|iou| iou), 0.5);
        assert_eq!(mean(&[], &truth, &|iou| iou), 0.0);
    }
}
