//! # Definition
//! Pixels are replaced by the imputer's values in descending order of the pixel map, `step` pixels at a time, all channels
//! together; the score of the explained class is recorded before the first step and after each. `curve` is that score
//! against the fraction removed, `auc` the area under it by the trapezoid rule, on [0, 1]. Lower is better.
//!
//! # Parameters
//! - `step` (the image's width): pixels removed between two points of the curve.
//! - `imputer` ("black"): what takes their place.
//! - `score` ("probability"): "probability" (softmax) or "logit" of the explained class.
//! - `ties` ("random"): order of equal pixels: "random" (drawn once per example, the same for every contender), or
//!   "stable" (left to right, top to bottom).
//!
//! # Cost
//! One forward pass per point of the curve and example.
//!
//! # Reference
//! Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018.

use std::sync::Arc;

use tch::{Kind, Tensor};

use crate::catalogue::Entry;
use crate::error::Result;
use crate::explainers::Scene;
use crate::imputers::Imputer;
use crate::metrics::{Direction, Family, Given, Measure, Metric, ScoredUnit, Scores, Values};
use crate::model::Score;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "deletion",
    summary: "area under the score's curve while the most important pixels are removed first",
    reference: "Petsiuk et al. 2018",
    revision: 1,
    source: include_str!("deletion.rs"),
    read: |section| {
        let step = section.optional_if("step", |step| *step >= 1, "an integer of 1 or more");
        let imputer = crate::imputers::choose(section, "imputer", "black");
        let score =
            section.choice("score", "probability", &[("probability", Score::Probability), ("logit", Score::Logit)]);
        let ties = section.choice("ties", "random", &[("random", Ties::Random), ("stable", Ties::Stable)]);
        Some(Arc::new(Deletion { step, imputer: imputer?.method, score, ties }))
    },
};

/// The order of pixels that the map calls equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    Random,
    Stable,
}

pub struct Deletion {
    /// Pixels per step; `None` is one row of the image.
    pub step: Option<usize>,
    pub imputer: Arc<dyn Imputer>,
    pub score: Score,
    pub ties: Ties,
}

impl Metric for Deletion {
    fn family(&self) -> Family {
        Family::Removal
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new("auc", Direction::Lower, 0.01),
            Measure::new("curve", Direction::Lower, 0.01).along("fraction removed"),
        ]
    }

    fn rows(&self, shape: &[i64]) -> usize {
        self.points(shape[1], shape[2])
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let scene = &given.scene;
        let size = scene.x.size();
        let pixels = (size[2] * size[3]) as usize;
        let points = self.points(size[2], size[3]);
        let removed_at = |point: usize| (point * self.step(size[3])).min(pixels);
        let map = given.pixel_map()?;
        let ranks = self.ranks(&map, scene)?;
        let mut curve = self.curve(scene, &ranks, points, &removed_at)?;
        // A map that is not finite everywhere ranks nothing.
        let finite = Vec::<bool>::try_from(map.f_isfinite()?.f_flatten(1, 2)?.f_all_dim(1, false)?)?;
        for (curve, _) in curve.chunks_mut(points).zip(finite).filter(|(_, finite)| !finite) {
            curve.fill(f64::NAN);
        }
        let at: Vec<f64> = (0..points).map(|point| removed_at(point) as f64 / pixels as f64).collect();
        let auc = curve.chunks(points).map(|curve| area(&at, curve)).collect();
        Ok(Scores {
            unit: ScoredUnit::Example,
            ids: scene.ids.clone(),
            measures: vec![
                Values { measure: "auc", at: vec![0.0], values: auc },
                Values { measure: "curve", at, values: curve },
            ],
            flags: Vec::new(),
        })
    }
}

impl Deletion {
    fn step(&self, width: i64) -> usize {
        self.step.unwrap_or(width as usize)
    }

    fn points(&self, height: i64, width: i64) -> usize {
        ((height * width) as usize).div_ceil(self.step(width)) + 1
    }

    /// The place of each pixel in the order of removal, int64 [B, 1, H, W]: 0 goes first.
    fn ranks(&self, map: &Tensor, scene: &Scene) -> Result<Tensor> {
        let size = map.size();
        let flat = map.f_flatten(1, 2)?;
        // Sorted stably after a shuffle, equal pixels come in the shuffle's order.
        let shuffle = match self.ties {
            Ties::Stable => None,
            Ties::Random => {
                let draws = scene.noise.purpose("deletion/ties").uniform(
                    &scene.ids,
                    &[flat.size()[1]],
                    Kind::Double,
                    flat.device(),
                )?;
                Some(draws.f_argsort(1, false)?)
            }
        };
        let shuffled = match &shuffle {
            Some(shuffle) => flat.f_gather(1, shuffle, false)?,
            None => flat,
        };
        let sorted = shuffled.f_argsort_stable(true, 1, true)?;
        let order = match &shuffle {
            Some(shuffle) => shuffle.f_gather(1, &sorted, false)?,
            None => sorted,
        };
        let places = Tensor::f_arange(order.size()[1], (Kind::Int64, order.device()))?.f_expand_as(&order)?;
        Ok(order.f_empty_like()?.f_scatter(1, &order, &places)?.f_view([size[0], 1, size[1], size[2]])?)
    }

    /// The score after each step, [B x points], example by example.
    fn curve(
        &self,
        scene: &Scene,
        ranks: &Tensor,
        points: usize,
        removed_at: &dyn Fn(usize) -> usize,
    ) -> Result<Vec<f64>> {
        let removed: Vec<i64> = (0..points).map(|point| removed_at(point) as i64).collect();
        let removed = Tensor::from_slice(&removed).to_device(scene.x.device()).f_view([1, -1, 1, 1, 1])?;
        let examples = (scene.chunk / points).max(1);
        let mut curve = Vec::with_capacity(scene.len() * points);
        for part in crate::explainers::pieces(scene.len(), examples) {
            let ranks = ranks.f_narrow(0, part.start as i64, part.len() as i64)?.f_unsqueeze(1)?;
            let part = scene.part(part)?;
            let gone = ranks.f_lt_tensor(&removed)?;
            let all = part.rows(&self.imputer.impute(&part.x, &gone, &part.surroundings())?)?;
            let mut scores = Vec::new();
            for range in crate::explainers::pieces(all.len(), scene.chunk) {
                let rows = all.part(range)?;
                scores.push(rows.model.scores(&rows.x, &rows.target, self.score)?);
            }
            curve.extend(Vec::<f64>::try_from(Tensor::f_cat(&scores, 0)?.to_kind(Kind::Double))?);
        }
        Ok(curve)
    }
}

/// The area under a curve by the trapezoid rule.
fn area(at: &[f64], curve: &[f64]) -> f64 {
    let trapezoid = |i: usize| (at[i + 1] - at[i]) * (curve[i] + curve[i + 1]) / 2.0;
    (0..curve.len() - 1).map(trapezoid).sum()
}

#[cfg(test)]
mod tests {
    use crate::config::Section;

    /// Without `step` it is the image's width, so no number is its default.
    #[test]
    fn a_step_of_one_pixel_is_another_setting_than_none() {
        let identity = |parameters: &str| {
            let section = Section::parse("a.toml", &format!("use = 'deletion'\n{parameters}")).unwrap();
            crate::metrics::read(&section).unwrap().identity
        };
        assert_ne!(identity("step = 1"), identity(""));
    }
}
