//! # Definition
//! Two networks of one recipe and seed: one trained where a cue tells the class, one on the counterpart, where the same cues
//! tell nothing. Both are explained on the same test images for the same classes. `found` is the area under the ROC curve of
//! the cue's region under the map of the first network, `false-alarm` that under the map of the second; 0.5 is chance.
//! `difference` is the one minus the other, image by image: what the map says of the network, and not of the image. A map that
//! does not look at the network has exactly 0. Neither of the two ranks maps by itself: one that always marks corners finds many
//! cues, and one that never does raises no alarm.
//!
//! Whether the first network uses the cue, and the second does not, is verified and not assumed: `reliance` is what removing
//! the cue takes of the probability of the explained class, `counterpart-reliance` the same of the second network.
//!
//! # Cost
//! Two forward passes of both networks per example, and the explanations of a second network.
//!
//! # Reference
//! The question: Lapuschkin et al., "Unmasking Clever Hans predictors", Nature Communications, 2019; the paired networks: after
//! Yang and Kim, "Benchmarking Attribution Methods with Relative Feature Importance", 2019. The measures: this tool.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::localization::judged::Judged;
use super::localization::localization_auc::auc;
use super::{Direction, Family, Given, Line, Measure, Metric, Scores};
use crate::catalogue::Entry;
use crate::error::{Error, Result};
use crate::explainers::pieces;
use crate::model::{Model, Score};
use crate::need::{Known, ModelRef, Need};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "clever-hans",
    summary: "whether a map finds a planted cue in a network that uses it, and is quiet in one that does not",
    reference: "after Lapuschkin et al. 2019; Yang and Kim 2019",
    revision: 1,
    source: concat!(
        include_str!("clever_hans.rs"),
        include_str!("localization/judged.rs"),
        include_str!("localization/localization_auc.rs")
    ),
    read: |_| Some(Arc::new(CleverHans)),
};

pub struct CleverHans;

impl Metric for CleverHans {
    fn family(&self) -> Family {
        Family::CleverHans
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new("difference", Direction::Higher, 0.02).against(&[Line::Chance(0.0)]),
            Measure::new("found", Direction::None, 0.02).against(&[Line::Chance(0.5)]),
            Measure::new("false-alarm", Direction::None, 0.02).against(&[Line::Chance(0.5)]),
            Measure::new("reliance", Direction::None, 0.02),
            Measure::new("counterpart-reliance", Direction::None, 0.02),
        ]
    }

    fn needs(&self, _: &Known) -> Vec<Need> {
        vec![Need::Attributions(ModelRef::Original), Need::Attributions(ModelRef::Counterpart)]
    }

    fn needs_truth(&self) -> bool {
        true
    }

    fn needs_counterpart(&self) -> bool {
        true
    }

    fn rows(&self, _: &[i64]) -> usize {
        4
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let scene = &given.scene;
        let evidence = scene.evidence.as_ref().ok_or_else(|| Error::new("clever-hans: no cue is known"))?;
        let plain = evidence.without.as_ref().ok_or_else(|| Error::new("clever-hans: the cue cannot be removed"))?;
        let other = given.other(&ModelRef::Counterpart)?;
        let attribution =
            other.attribution.as_ref().ok_or_else(|| Error::new("clever-hans: one network is unexplained"))?;
        let own = Judged::new(given, 1.0)?;
        let others = Judged::of_map(given, &given.map.reduce(attribution)?.f_to_kind(Kind::Double)?, 1.0)?;
        let area = |judged: &Judged| judged.valid(&auc(judged)?.0);
        let (found, false_alarm) = (area(&own)?, area(&others)?);
        let difference = found.iter().zip(&false_alarm).map(|(found, alarm)| found - alarm).collect();
        let unreadable = (0..scene.len()).map(|example| !others.is_valid(example)).collect();
        let measures = vec![
            ("difference", difference),
            ("found", found),
            ("false-alarm", false_alarm),
            ("reliance", reliance(given, scene.model, plain)?),
            ("counterpart-reliance", reliance(given, other.model, plain)?),
        ];
        Ok(own.scores(measures, &[("no map of the counterpart", unreadable)]))
    }
}

/// What removing the cue takes of the explained class's probability, example by example.
fn reliance(given: &Given, model: &Model, plain: &Tensor) -> Result<Vec<f64>> {
    let scene = &given.scene;
    let mut taken = Vec::with_capacity(scene.len());
    for range in pieces(scene.len(), scene.chunk) {
        let cut = |tensor: &Tensor| tensor.f_narrow(0, range.start as i64, range.len() as i64);
        let score = |x: &Tensor| model.scores(&cut(x)?, &cut(&scene.target)?, Score::Probability);
        let difference = score(&scene.x)?.f_sub(&score(&plain.f_to_kind(scene.x.kind())?)?)?;
        taken.extend(Vec::<f64>::try_from(difference.f_to_kind(Kind::Double)?)?);
    }
    Ok(taken)
}
