//! What becomes of the score while features are removed one after another.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::features::{Ranked, Ranking};
use crate::config::Section;
use crate::error::Result;
use crate::explainers::{Scene, pieces};
use crate::imputers::Imputer;
use crate::metrics::{Line, Measure, Values};
use crate::model::Score;

/// What the metrics that remove everything in equal steps have in common.
pub struct Walk {
    pub ranking: Ranking,
    /// Features per step; `None` is as many as make one step for each row of the image.
    pub step: Option<usize>,
    pub imputer: Arc<dyn Imputer>,
    pub score: Score,
}

impl Walk {
    /// Reads `unit`, `region`, `ties`, `step`, `imputer` and `score`.
    pub fn read(section: &Section, imputer: &str, score: &str) -> Option<Self> {
        let ranking = Ranking::read(section);
        let step = section.optional_if("step", |step| *step >= 1, "an integer of 1 or more");
        let imputer = crate::imputers::choose(section, "imputer", imputer);
        let scores = [("probability", Score::Probability), ("logit", Score::Logit)];
        let score = section.choice("score", score, &scores);
        Some(Self { ranking, step, imputer: imputer?.method, score })
    }

    /// How many features are gone at each point of a curve, of an image of `shape` [C, H, W]: none at the first.
    pub fn removed(&self, shape: &[i64]) -> Vec<usize> {
        let features = self.ranking.count(shape);
        let step = self.step.unwrap_or(features.div_ceil(shape[1] as usize)).min(features);
        (0..=features.div_ceil(step)).map(|point| (point * step).min(features)).collect()
    }

    /// The scores with the names of their measures: the suite's choice, then the other one, which stands beside it because
    /// a saturated softmax hides differences that logits show.
    pub fn scores<const N: usize>(&self, names: &Names<N>) -> [(Score, [&'static str; N]); 2] {
        match self.score {
            Score::Logit => [(Score::Logit, names.chosen), (Score::Probability, names.probability)],
            _ => [(Score::Probability, names.chosen), (Score::Logit, names.logit)],
        }
    }

    /// The values of `AREA`'s measures, at the places `at` of the walk that left `trace`.
    pub fn areas(&self, at: &[f64], trace: &Trace) -> Vec<Values> {
        let values = self.scores(&AREA).map(|(score, [auc, path])| {
            let values = trace.of(score);
            [number(auc, areas(at, values)), curve(path, at, values)]
        });
        values.into_iter().flatten().collect()
    }

    /// All measures of `names`, where `of` makes those of one score.
    pub fn measures<const N: usize>(
        &self,
        names: &Names<N>,
        of: impl Fn(Score, [&'static str; N]) -> [Measure; N],
    ) -> Vec<Measure> {
        let all = self.scores(names).map(|(score, names)| {
            of(score, names).map(|measure| if score == self.score { measure } else { measure.minor() })
        });
        all.into_iter().flatten().collect()
    }
}

/// What a metric calls its measures.
pub struct Names<const N: usize> {
    /// Of the score that the suite chose.
    pub chosen: [&'static str; N],
    /// Of the probability or the logit where it stands beside the chosen score.
    pub probability: [&'static str; N],
    pub logit: [&'static str; N],
}

/// Of the metrics whose number is the area under their curve.
pub const AREA: Names<2> = Names {
    chosen: ["auc", "curve"],
    probability: ["probability-auc", "probability-curve"],
    logit: ["logit-auc", "logit-curve"],
};

/// Differences below this are of no interest.
pub fn smallest_effect(score: Score) -> f64 {
    if score == Score::Probability { 0.01 } else { 0.1 }
}

/// What curves of a score that start at the unmodified image are held against.
pub fn lines(score: Score) -> &'static [Line] {
    if score == Score::Probability { &[Line::Unmodified, Line::ChanceOfClass] } else { &[Line::Unmodified] }
}

/// What the network says along the way, [B x points] each, example by example.
pub struct Trace {
    probability: Vec<f64>,
    logit: Vec<f64>,
    /// 1 where the explained class is still predicted, else 0.
    pub kept: Vec<f64>,
}

impl Trace {
    /// Removes from each image the features of places (int64 [B, 1 or C, H, W]) below each number of `removed`.
    pub fn new(scene: &Scene, places: &Tensor, removed: &[usize], imputer: &dyn Imputer) -> Result<Self> {
        let points = removed.len();
        let removed: Vec<i64> = removed.iter().map(|count| *count as i64).collect();
        let removed = Tensor::f_from_slice(&removed)?.f_to_device(places.device())?.f_view([1, -1, 1, 1, 1])?;
        let mut parts = Vec::new();
        for examples in pieces(scene.len(), scene.chunk / points) {
            let places = places.f_narrow(0, examples.start as i64, examples.len() as i64)?.f_unsqueeze(1)?;
            // Rows of the network's input need no truth.
            let part = Scene { evidence: None, ..scene.part(examples)? };
            let mut answers = Vec::new();
            for at in pieces(points, scene.chunk) {
                let gone = places.f_lt_tensor(&removed.f_narrow(1, at.start as i64, at.len() as i64)?)?;
                let rows = part.rows(&imputer.impute(&part.x, &gone, &part.surroundings())?)?;
                answers.push(answer(&rows)?.f_view([3, part.len() as i64, -1])?);
            }
            parts.push(Tensor::f_cat(&answers, 2)?);
        }
        let all = Tensor::f_cat(&parts, 1)?.f_flatten(1, 2)?;
        let row = |index| -> Result<Vec<f64>> { Ok(Vec::try_from(all.f_get(index)?)?) };
        Ok(Self { probability: row(0)?, logit: row(1)?, kept: row(2)? })
    }

    pub fn of(&self, score: Score) -> &[f64] {
        if score == Score::Probability { &self.probability } else { &self.logit }
    }
}

/// Probability, logit and prediction of the explained class from one pass, float64 [3, rows].
fn answer(rows: &Scene) -> Result<Tensor> {
    let logits = rows.model.logits(&rows.x)?;
    let of = |score: Score| -> Result<Tensor> { Ok(score.of(&logits, &rows.target)?.f_to_kind(Kind::Double)?) };
    let kept = logits.f_argmax(1, false)?.f_eq_tensor(&rows.target)?.f_to_kind(Kind::Double)?;
    Ok(Tensor::f_stack(&[of(Score::Probability)?, of(Score::Logit)?, kept], 0)?)
}

/// Numbers of removed features as shares of them all.
pub fn shares(removed: &[usize], ranked: &Ranked) -> Vec<f64> {
    removed.iter().map(|count| *count as f64 / ranked.count() as f64).collect()
}

/// The area under each example's curve by the trapezoid rule.
pub fn areas(at: &[f64], curves: &[f64]) -> Vec<f64> {
    let area = |curve: &[f64]| {
        let trapezoid = |i: usize| (at[i + 1] - at[i]) * (curve[i] + curve[i + 1]) / 2.0;
        (0..at.len() - 1).map(trapezoid).sum()
    };
    curves.chunks(at.len()).map(area).collect()
}

/// A measure of one number per example.
pub fn number(measure: &'static str, values: Vec<f64>) -> Values {
    Values { measure, at: vec![0.0], values }
}

/// A measure of one curve per example.
pub fn curve(measure: &'static str, at: &[f64], values: &[f64]) -> Values {
    Values { measure, at: at.to_vec(), values: values.to_vec() }
}
