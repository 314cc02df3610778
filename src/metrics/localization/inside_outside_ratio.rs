//! # Definition
//! `ratio`: the mean of the map over the evidence divided by its mean over the rest of the image, means and not sums,
//! so that it does not follow the area; 1 is what a map that knows nothing scores. Higher is better. It has no bound,
//! and a mean over images follows the few whose background is nearly empty, so two forms of it stand beside: `share` =
//! ratio / (1 + ratio), from 0 to 1, the one to judge by (about 0.5 by chance), and `log-ratio`, the natural logarithm
//! (about 0 by chance). Where the rest of the image weighs nothing, `ratio` and `log-ratio` are invalid ("nothing
//! outside"), where the evidence weighs nothing, `log-ratio` ("nothing inside"), and where both do, everything ("no
//! positive mass").
//!
//! # Parameters
//! - `sign` ("positive"): what a pixel weighs: its "positive" part or its "absolute" value.
//! - `largest` (0.5): images of which evidence covers more than this share are left out; with 1, only those it fills.
//!
//! # Cost
//! No passes.
//!
//! # Reference
//! Lapuschkin et al., "Analyzing Classifiers: Fisher Vectors and Deep Neural Networks", CVPR 2016 (there outside /
//! inside).

use std::sync::Arc;

use super::judged::{Judged, flags, largest};
use super::weights::{sum_where, weights};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::explainers::Sign;
use crate::metrics::{Direction, Family, Given, Line, Measure, Metric, Scores};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "inside-outside-ratio",
    summary: "how much stronger the map is on the evidence than beside it",
    reference: "Lapuschkin et al. 2016",
    revision: 1,
    source: concat!(include_str!("inside_outside_ratio.rs"), include_str!("judged.rs"), include_str!("weights.rs")),
    read: |section| {
        let sign = section.choice("sign", "positive", &[("positive", Sign::Positive), ("absolute", Sign::Absolute)]);
        Some(Arc::new(InsideOutsideRatio { sign, largest: largest(section) }))
    },
};

pub struct InsideOutsideRatio {
    pub sign: Sign,
    pub largest: f64,
}

impl Metric for InsideOutsideRatio {
    fn family(&self) -> Family {
        Family::Localization
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new("share", Direction::Higher, 0.02).against(&[Line::Chance(0.5)]),
            Measure::new("ratio", Direction::Higher, 0.1).against(&[Line::Chance(1.0)]).minor(),
            Measure::new("log-ratio", Direction::Higher, 0.1).against(&[Line::Chance(0.0)]).minor(),
        ]
    }

    fn needs_truth(&self) -> bool {
        true
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let judged = Judged::new(given, self.largest)?;
        let weights = weights(&judged, self.sign)?;
        let inside = sum_where(&weights, &judged.truth)?.f_div(&judged.inside)?;
        let rest = judged.pixels.f_sub(&judged.inside)?;
        let outside = sum_where(&weights, &judged.truth.f_logical_not()?)?.f_div(&rest)?;
        let (no_inside, no_outside) = (inside.f_eq(0.0)?, outside.f_eq(0.0)?);
        let neither = no_inside.f_logical_and(&no_outside)?;
        let ratio = inside.f_div(&outside)?.f_masked_fill(&no_outside, f64::NAN)?;
        let logarithm = ratio.f_log()?.f_masked_fill(&no_inside, f64::NAN)?;
        let share = inside.f_div(&inside.f_add(&outside)?)?;
        let only = |nothing: &tch::Tensor| flags(&nothing.f_logical_xor(&neither)?);
        Ok(judged.scores(
            vec![
                ("share", judged.valid(&share)?),
                ("ratio", judged.valid(&ratio)?),
                ("log-ratio", judged.valid(&logarithm)?),
            ],
            &[
                ("nothing inside", only(&no_inside)?),
                ("nothing outside", only(&no_outside)?),
                ("no positive mass", flags(&neither)?),
            ],
        ))
    }
}
