//! # Definition
//! How much a map moves when the image moves a little at random: the image is moved to `samples` places of a ball around it, and
//! with s its map, s' that of a moved image x', lengths Euclidean:
//! - `max-sensitivity`: the largest |s' - s| / |s|; `average-sensitivity`: its mean;
//! - `lipschitz`: the largest |s' - s| / |x' - x|;
//! - `relative-input-stability`: the largest |(s' - s) / s| / |(x' - x) / x|, quotients element by element, where elements that
//!   were 0 are left out;
//! - `relative-representation-stability`: the same with what the last layer with weights is given in the place of the image;
//! - `relative-output-stability`: the largest |(s' - s) / s| / |z' - z|, with z the logits.
//!
//! Places at which the network predicts another class do not count for the last three, as in their definition. Undefined for a
//! map of zeros. None of it ranks: a map that does not look at the image has 0 throughout. Random moves say little about what a
//! search finds: see `white-box-fragility`.
//!
//! # Parameters
//! - `radius` (8.0): of the ball, in 1/255 of the range of pixels.
//! - `norm` ("linf"): "linf", each element moves uniformly; or "l2", a random direction at a random length.
//! - `samples` (10): places for each image.
//!
//! # Cost
//! `samples` explanations and forward passes per example.
//!
//! # Reference
//! Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019; Alvarez-Melis
//! and Jaakkola, "On the Robustness of Interpretability Methods", 2018; Agarwal, Johnson, Pawelczyk, Krishna, Saxena, Zitnik and
//! Lakkaraju, "Rethinking Stability for Attribution-based Explanations", 2022. (Public code divides by elements of 0 plus a
//! small number; this leaves them out.)

use std::sync::Arc;

use tch::{Kind, Tensor};

use crate::attacks::{Nearby, Perturbation};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Measure, Metric, Moved, ScoredUnit, Scores, Values};
use crate::model::Model;
use crate::model::rules::Family as Operation;
use crate::need::{Known, ModelRef, Need, Perturbed};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "sensitivity",
    summary: "how much a map moves when the image moves a little at random",
    reference: "Yeh et al. 2019; Agarwal et al. 2022",
    revision: 1,
    source: include_str!("sensitivity.rs"),
    read: |section| Some(Arc::new(Sensitivity { nearby: Nearby::read(section) })),
};

struct Sensitivity {
    nearby: Nearby,
}

const NAMES: [&str; 6] = [
    "max-sensitivity",
    "average-sensitivity",
    "lipschitz",
    "relative-input-stability",
    "relative-representation-stability",
    "relative-output-stability",
];
/// A share of the map's length that is of no interest.
const SMALLEST_EFFECT: f64 = 0.05;

impl Metric for Sensitivity {
    fn family(&self) -> Family {
        Family::Fragility
    }

    fn measures(&self) -> Vec<Measure> {
        let measure = |(place, name)| {
            let measure = Measure::new(name, Direction::None, SMALLEST_EFFECT);
            if place == 0 { measure } else { measure.minor() }
        };
        NAMES.into_iter().enumerate().map(measure).collect()
    }

    fn needs(&self, _: &Known) -> Vec<Need> {
        vec![Need::Attributions(ModelRef::Original), Need::Perturbed(Perturbed::Nearby)]
    }

    fn perturbation(&self, end: Perturbed) -> Option<Perturbation<'_>> {
        (end == Perturbed::Nearby).then_some(Perturbation::Nearby(&self.nearby))
    }

    fn rows(&self, _: &[i64]) -> usize {
        self.nearby.samples + 1
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let own = given.pixel_map()?;
        let Moved { x, maps, admitted, .. } = given.beside.moved(Perturbed::Nearby)?;
        let samples = maps.size()[1];
        let start = given.scene.x.f_unsqueeze(1)?;
        let own = own.f_unsqueeze(1)?;
        let change = distance(&maps, &own)?;
        let relative = change.f_div(&length(&own)?)?;
        let (inner, logits) = inside(given, &given.scene.x)?;
        let (moved_inner, moved_logits) = inside(given, &x.f_flatten(0, 1)?)?;
        let by_example = |values: &Tensor| -> Result<Tensor> {
            let size = values.size();
            Ok(values.f_view([&[-1, samples], &size[1..]].concat().as_slice())?)
        };
        let quotients = share_of_change(&maps, &own)?;
        let of_class = |values: Tensor| values.f_masked_fill(&admitted.f_logical_not()?, f64::NEG_INFINITY);
        let stability = |below: &Tensor| of_class(quotients.f_div(below)?);
        let representation = share_of_change(&by_example(&moved_inner)?, &inner.f_unsqueeze(1)?)?;
        let output = distance(&by_example(&moved_logits)?, &logits.f_unsqueeze(1)?)?;
        let values = [
            largest(&relative)?,
            relative.f_mean_dim([1].as_slice(), false, Kind::Double)?,
            largest(&change.f_div(&distance(&x, &start)?)?)?,
            largest(&stability(&share_of_change(&x, &start)?)?)?,
            largest(&stability(&representation)?)?,
            largest(&stability(&output)?)?,
        ];
        let column = |(measure, values): (&'static str, &Tensor)| {
            Ok(Values { measure, at: vec![0.0], values: Vec::<f64>::try_from(values)? })
        };
        let measures = NAMES.into_iter().zip(&values).map(column).collect::<Result<_>>()?;
        Ok(Scores { unit: ScoredUnit::Example, ids: given.scene.ids.clone(), measures, flags: Vec::new() })
    }
}

/// What the last layer with weights is given, flat, and the logits, float64 [B, ..], of images [B, C, H, W], a chunk at a time.
fn inside(given: &Given, x: &Tensor) -> Result<(Tensor, Tensor)> {
    let model: &Model = given.scene.model;
    let last = model.graph.nodes.iter().rposition(|node| Operation::of(&node.op) == Operation::Weighted);
    let (mut inner, mut logits) = (Vec::new(), Vec::new());
    for rows in crate::explainers::pieces(x.size()[0] as usize, given.scene.chunk) {
        let part = x.f_narrow(0, rows.start as i64, rows.len() as i64)?;
        let mut seen = None;
        let answer = model.logits_with(&part, &mut |at, _, inputs, output| {
            if Some(at) == last {
                seen = Some(inputs[0].f_flatten(1, -1)?);
            }
            Ok(output)
        })?;
        // A network without such a layer is its own representation.
        inner.push(seen.unwrap_or(part.f_flatten(1, -1)?).f_to_kind(Kind::Double)?);
        logits.push(answer.f_to_kind(Kind::Double)?);
    }
    Ok((Tensor::f_cat(&inner, 0)?, Tensor::f_cat(&logits, 0)?))
}

/// The Euclidean lengths, float64 [B, n], of `values` [B, n, ..].
fn length(values: &Tensor) -> Result<Tensor> {
    let flat = values.f_to_kind(Kind::Double)?.f_flatten(2, -1)?;
    Ok(flat.f_square()?.f_sum_dim_intlist([2].as_slice(), false, Kind::Double)?.f_sqrt()?)
}

fn distance(moved: &Tensor, start: &Tensor) -> Result<Tensor> {
    length(&moved.f_sub(start)?)
}

/// The length of the quotients (moved - start) / start, without those whose start is 0.
fn share_of_change(moved: &Tensor, start: &Tensor) -> Result<Tensor> {
    let quotients = moved.f_sub(start)?.f_div(start)?;
    length(&quotients.f_masked_fill(&start.f_eq(0.0)?, 0.0)?)
}

/// The largest of each row [B, n]; NaN where none is finite.
fn largest(values: &Tensor) -> Result<Tensor> {
    let finite = values.f_isfinite()?;
    let most = values.f_masked_fill(&finite.f_logical_not()?, f64::NEG_INFINITY)?.f_amax([1].as_slice(), false)?;
    Ok(most.f_masked_fill(&most.f_isinf()?, f64::NAN)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f64]) -> Tensor {
        Tensor::from_slice(values).view([1, -1])
    }

    /// From (3, 4) to (3, 0) it is 4, and the quotients are 0 and -1; from (0, 4), the first is left out.
    #[test]
    fn lengths_by_hand() {
        let at = |a: f64, b: f64| Tensor::from_slice(&[a, b]).view([1, 1, 2]);
        assert_eq!(distance(&at(3.0, 0.0), &at(3.0, 4.0)).unwrap().double_value(&[0, 0]), 4.0);
        assert_eq!(share_of_change(&at(3.0, 0.0), &at(3.0, 4.0)).unwrap().double_value(&[0, 0]), 1.0);
        assert_eq!(share_of_change(&at(3.0, 6.0), &at(0.0, 4.0)).unwrap().double_value(&[0, 0]), 0.5);
    }

    #[test]
    fn what_is_not_finite_is_not_the_largest() {
        assert_eq!(largest(&row(&[1.0, f64::NAN, 2.0, f64::INFINITY])).unwrap().double_value(&[0]), 2.0);
        assert!(largest(&row(&[f64::NAN, f64::NEG_INFINITY])).unwrap().double_value(&[0]).is_nan());
    }
}
