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

use super::{Direction, Family, Given, Line, Measure, Metric, ScoredUnit, Scores, Values};
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
    source: include_str!("clever_hans.rs"),
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
        let other_map = given.map.reduce(attribution)?.f_to_kind(Kind::Double)?;

        let mut found = region_auc(&given.pixel_map()?, &evidence.mask)?;
        let mut false_alarm = region_auc(&other_map, &evidence.mask)?;
        let undefined = found.iter().zip(&false_alarm).filter(|(a, b)| a.is_nan() || b.is_nan()).count();
        // Where a network's class is not the one that the cue stands for, the cue is no evidence for it.
        let beside: Vec<usize> = (0..scene.len()).filter(|example| !evidence.applies[*example]).collect();
        for example in &beside {
            (found[*example], false_alarm[*example]) = (f64::NAN, f64::NAN);
        }
        let difference = found.iter().zip(&false_alarm).map(|(a, b)| a - b).collect();
        let values = |measure, values| Values { measure, at: vec![0.0], values };
        Ok(Scores {
            unit: ScoredUnit::Example,
            ids: scene.ids.clone(),
            measures: vec![
                values("difference", difference),
                values("found", found),
                values("false-alarm", false_alarm),
                values("reliance", reliance(given, scene.model, plain)?),
                values("counterpart-reliance", reliance(given, other.model, plain)?),
            ],
            flags: vec![("map without an order", undefined), ("class without evidence", beside.len())],
        })
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

/// The area under the ROC curve of each map of `map` [B, H, W] for the region bool [B, H, W], equal values sharing their mean
/// rank. NaN where the map is constant or not finite, or the region empty or everything.
fn region_auc(map: &Tensor, region: &Tensor) -> Result<Vec<f64>> {
    let (map, region) = (map.f_flatten(1, 2)?.f_contiguous()?, region.f_flatten(1, 2)?.f_to_kind(Kind::Double)?);
    let (sorted, _) = map.f_sort(1, false)?;
    let place = |side: &str| map.f_searchsorted(&sorted, false, side == "right", side, None::<Tensor>);
    let ranks = place("left")?.f_add(&place("right")?)?.f_add_scalar(1)?.f_to_kind(Kind::Double)?.f_div_scalar(2.0)?;
    let inside = region.f_sum_dim_intlist(1, false, Kind::Double)?;
    let sum = ranks.f_mul(&region)?.f_sum_dim_intlist(1, false, Kind::Double)?;
    let columns = [sum, inside, map.f_amax(1, false)?.f_sub(&map.f_amin(1, false)?)?];
    let [sum, inside, range] = columns.map(|column| Vec::<f64>::try_from(column));
    let (sum, inside, range) = (sum?, inside?, range?);
    let pixels = map.size()[1] as f64;
    let auc = (0..sum.len()).map(|i| {
        let defined = range[i] > 0.0 && range[i].is_finite() && inside[i] > 0.0 && inside[i] < pixels;
        let above = sum[i] - inside[i] * (inside[i] + 1.0) / 2.0;
        if defined { above / (inside[i] * (pixels - inside[i])) } else { f64::NAN }
    });
    Ok(auc.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Region {a, b} of four pixels: values 3, 1 inside and 2, 1 outside. Pairs won: 3>2, 3>1, 1<2, 1=1: 2.5 of 4.
    #[test]
    fn ties_count_half() {
        let map = Tensor::from_slice(&[3.0, 1.0, 2.0, 1.0, 5.0, 5.0, 5.0, 5.0]).view([2, 2, 2]);
        let region = Tensor::from_slice(&[true, true, false, false, true, true, false, false]).view([2, 2, 2]);
        let auc = region_auc(&map, &region).unwrap();
        assert_eq!(auc[0], 2.5 / 4.0);
        assert!(auc[1].is_nan(), "a constant map");
    }
}
