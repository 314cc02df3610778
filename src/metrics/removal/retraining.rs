//! What remove-and-retrain and keep-and-retrain share: the removal, the trainings to ask for, and what their records say.

use serde_json::Value;
use tch::{Kind, Tensor};

use super::features::{Feature, Ranking};
use crate::catalogue::Chosen;
use crate::config::Section;
use crate::error::{Error, Result};
use crate::explainers::Sign;
use crate::imputers::{Imputer, Surroundings};
use crate::metrics::{Direction, Line, Measure, ScoredUnit, Scores, Values};
use crate::need::{Known, Modified, Need, Ranked, Retraining, Share};

/// What is taken away from every image before a network is trained anew.
pub struct Removal {
    /// Shares of the features, ascending, in (0, 1).
    pub fractions: Vec<f64>,
    pub ranking: Ranking,
    /// In the place of that of the explainers' maps.
    pub sign: Option<Sign>,
    pub imputer: Chosen<dyn Imputer>,
    /// Whether the top part is what stays.
    pub keep: bool,
    /// Whether the test images stay as they are: a mistake of public code, kept as a negative control.
    pub train_only: bool,
}

impl Removal {
    /// The code that decides rankings and modified images; part of the identity of their cells.
    pub const SOURCE: &str = concat!(include_str!("retraining.rs"), include_str!("features.rs"));

    fn read(section: &Section, keep: bool) -> Option<Self> {
        let usual = vec![0.1, 0.3, 0.5, 0.7, 0.9];
        let expected = "numbers above 0 and below 1, ascending";
        let fractions = section.get_if("fractions", usual, |given| ascending(given), expected);
        let ranking = Ranking::read(section);
        let signs = [
            ("map", None),
            ("signed", Some(Sign::Signed)),
            ("absolute", Some(Sign::Absolute)),
            ("positive", Some(Sign::Positive)),
            ("square", Some(Sign::Square)),
        ];
        let sign = section.choice("sign", "map", &signs);
        let imputer = crate::imputers::choose(section, "imputer", "mean");
        let train_only = section.choice("splits", "both", &[("both", false), ("train", true)]);
        Some(Self { fractions, ranking, sign, imputer: imputer?, keep, train_only })
    }

    /// How many of an image's features a share of them is: the nearest number.
    pub fn top(share: f64, features: usize) -> usize {
        (share * features as f64).round() as usize
    }

    /// Which pixels of images [B, C, H, W] are replaced, bool [B, 1 or C, H, W], where the top `share` of the features is
    /// removed or kept; `places` [B, D] is each feature's place in the ranking, from 0 at the top.
    pub fn removed(&self, places: &Tensor, share: f64, shape: &[i64]) -> Result<Tensor> {
        let top = Self::top(share, places.size()[1] as usize) as i64;
        let gone = if self.keep { places.f_ge(top)? } else { places.f_lt(top)? };
        self.ranking.feature.spread(&gone, shape)
    }

    /// The images `x` [B, C, H, W] without what is `removed`.
    pub fn without(&self, x: &Tensor, removed: &Tensor, on: &Surroundings) -> Result<Tensor> {
        Ok(self.imputer.method.impute(x, &removed.f_unsqueeze(1)?, on)?.f_squeeze_dim(1)?)
    }
}

/// Which number of a retrained network is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accuracy,
    Probability,
}

/// Networks trained anew on what is left of images: the parameters of both metrics.
pub struct Retrain {
    pub removal: Removal,
    outcome: Outcome,
    /// Whether networks are trained on the masks alone, too.
    masks: bool,
    /// A training that ends below this training accuracy while its loss still falls counts as not converged.
    converged: f64,
}

impl Retrain {
    pub fn read(section: &Section, keep: bool) -> Option<Self> {
        let removal = Removal::read(section, keep);
        let words = [("accuracy", Outcome::Accuracy), ("probability", Outcome::Probability)];
        let outcome = section.choice("score", "accuracy", &words);
        let masks = section.get("masks", true);
        let share = |share: &f64| (0.0..=1.0).contains(share);
        let converged = section.get_if("converged", 0.95, share, "a share from 0 to 1");
        Some(Self { removal: removal?, outcome, masks, converged })
    }

    pub fn ranks_elements(&self) -> bool {
        self.removal.ranking.feature == Feature::Element
    }

    pub fn warning(&self) -> Option<String> {
        let text = "only the training images are modified, the test images are not: a negative control of the harness, which \
                    says nothing of the explainers";
        self.removal.train_only.then(|| text.to_string())
    }

    pub fn needs(&self, known: &Known) -> Vec<Need> {
        let mut needs = Vec::new();
        for &repetition in &known.repetitions {
            let mut need = |on| needs.push(Need::Retrained(Retraining { on, repetition }));
            need(Modified::Not);
            for share in self.removal.fractions.iter().map(|fraction| Share::new(*fraction)) {
                need(Modified::Images(Ranked::Row, share));
                need(Modified::Images(Ranked::Random, share));
                if self.masks {
                    need(Modified::Masks(Ranked::Row, share));
                }
            }
        }
        needs
    }

    pub fn measures(&self) -> Vec<Measure> {
        let axis = if self.removal.keep { "fraction kept" } else { "fraction removed" };
        let better = if self.removal.keep { Direction::Higher } else { Direction::Lower };
        let curve = |name, direction| Measure::new(name, direction, 0.01).along(axis);
        let level = &[Line::Unmodified, Line::ChanceOfClass];
        let mut measures = vec![
            Measure::new("area", Direction::Higher, 0.01).against(&[Line::Chance(0.0)]),
            curve(self.name(), better).against(level),
            curve("advantage", Direction::Higher).against(&[Line::Chance(0.0)]).minor(),
            curve("resolution", Direction::None).half_width_of("advantage").minor(),
            curve("without-retraining", Direction::None).against(level).minor(),
        ];
        if self.masks {
            measures.push(curve("mask-only", Direction::None).against(&[Line::ChanceOfClass]).minor());
        }
        measures.push(curve("changed", Direction::None).minor());
        measures.push(curve("train-accuracy", Direction::None).minor());
        measures.push(Measure::new("unranked", Direction::None, 0.01).minor());
        measures
    }

    fn name(&self) -> &'static str {
        match self.outcome {
            Outcome::Accuracy => "accuracy",
            Outcome::Probability => "probability",
        }
    }

    pub fn settle(&self, known: &Known) -> Result<Scores> {
        let fractions = &self.removal.fractions;
        let whole: Vec<f64> = match self.removal.keep {
            true => fractions.iter().copied().chain([1.0]).collect(),
            false => [0.0].into_iter().chain(fractions.iter().copied()).collect(),
        };
        let mut measures: Vec<Values> = Vec::new();
        let mut push = |measure: &'static str, at: &[f64], row: &[f64]| match measures
            .iter_mut()
            .find(|values| values.measure == measure)
        {
            Some(values) => values.values.extend(row),
            None => measures.push(Values { measure, at: at.to_vec(), values: row.to_vec() }),
        };
        let (mut unconverged, mut not_finite, mut constant) = (0, 0, 0);
        for &repetition in &known.repetitions {
            let seen = Seen { known, repetition, outcome: self.name() };
            let own = seen.each(fractions, |share| Modified::Images(Ranked::Row, share))?;
            let random = seen.each(fractions, |share| Modified::Images(Ranked::Random, share))?;
            let intact = seen.record(Modified::Not)?;
            // Nothing is modified at fraction 0 of what is removed, and at fraction 1 of what is kept.
            let with_intact = |curve: Vec<f64>, key: &str| match self.removal.keep {
                true => [curve, vec![number(intact, key)]].concat(),
                false => [vec![number(intact, key)], curve].concat(),
            };
            let of =
                |records: &[&Value], key: &str| records.iter().map(|record| number(record, key)).collect::<Vec<_>>();
            let (key, before) = (seen.key(), format!("unretrained_{}", self.name()));
            // A map that is not finite ranks nothing: what was trained on its order is no result.
            let flagged = |flag: &str| own.iter().any(|record| record["flags"][flag].as_u64().unwrap_or(0) > 0);
            let invalid = flagged("not finite");
            not_finite += usize::from(invalid);
            constant += usize::from(flagged("constant map"));
            let of = |records: &[&Value], key: &str| match invalid {
                true => vec![f64::NAN; records.len()],
                false => of(records, key),
            };
            let (curve, level) = (of(&own, &key), of(&random, &key));
            let sign = if self.removal.keep { 1.0 } else { -1.0 };
            let advantage: Vec<f64> = curve.iter().zip(&level).map(|(own, random)| sign * (own - random)).collect();
            push("area", &[0.0], &[area(fractions, &advantage)]);
            push(self.name(), &whole, &with_intact(curve, &key));
            push("advantage", fractions, &advantage);
            push("without-retraining", &whole, &with_intact(of(&own, &before), &before));
            if self.masks {
                let masks = seen.each(fractions, |share| Modified::Masks(Ranked::Row, share))?;
                push("mask-only", fractions, &of(&masks, &key));
            }
            push("changed", fractions, &of(&own, "changed"));
            let reached = with_intact(of(&own, "train_accuracy"), "train_accuracy");
            let mut ends = own.iter().copied().chain([intact]);
            unconverged += usize::from(ends.any(|record| self.not_converged(record)));
            push("train-accuracy", &whole, &reached);
            push("unranked", &[0.0], &[number(own[0], "unranked")]);
        }
        let flags = [("not converged", unconverged), ("not finite", not_finite), ("constant map", constant)];
        let flags = flags.into_iter().filter(|(_, count)| *count > 0).collect();
        Ok(Scores { unit: ScoredUnit::Repetition, ids: known.repetitions.clone(), measures, flags })
    }
}

/// The share of the loss by which it still falls in the last epoch of a training that is not at its end.
const FALLING: f64 = 0.02;

impl Retrain {
    fn not_converged(&self, record: &Value) -> bool {
        number(record, "train_accuracy") < self.converged && number(record, "loss_fell") > FALLING
    }
}

/// What is known of one repetition.
struct Seen<'a> {
    known: &'a Known,
    repetition: u64,
    outcome: &'static str,
}

impl<'a> Seen<'a> {
    fn record(&self, on: Modified) -> Result<&'a Value> {
        let need = Need::Retrained(Retraining { on, repetition: self.repetition });
        let record = self.known.answer(&need).and_then(<[Value]>::first);
        record.ok_or_else(|| Error::new(format!("{need:?} was not answered")))
    }

    fn each(&self, fractions: &[f64], on: impl Fn(Share) -> Modified) -> Result<Vec<&'a Value>> {
        fractions.iter().map(|fraction| self.record(on(Share::new(*fraction)))).collect()
    }

    /// What the record calls the number that is compared.
    fn key(&self) -> String {
        format!("test_{}", self.outcome)
    }
}

fn number(record: &Value, key: &str) -> f64 {
    record[key].as_f64().unwrap_or(f64::NAN)
}

/// The area under a curve that starts at 0 where nothing is removed or kept, by the trapezoid rule.
fn area(at: &[f64], curve: &[f64]) -> f64 {
    let (mut area, mut last) = (0.0, (0.0, 0.0));
    for point in at.iter().copied().zip(curve.iter().copied()) {
        area += (point.0 - last.0) * (point.1 + last.1) / 2.0;
        last = point;
    }
    area
}

fn ascending(fractions: &[f64]) -> bool {
    let ends = fractions.first().zip(fractions.last());
    ends.is_some_and(|(first, last)| *first > 0.0 && *last < 1.0) && fractions.is_sorted_by(|a, b| a < b)
}

/// How many pixels of images [B, C, H, W] differ from those of `x` in some channel.
pub fn changed(x: &Tensor, modified: &Tensor) -> Result<f64> {
    let differs = x.f_sub(modified)?.f_abs()?.f_gt(1e-6)?.f_any_dim(1, false)?;
    Ok(differs.f_sum(Kind::Double)?.f_double_value(&[])?)
}

#[cfg(test)]
mod tests;
