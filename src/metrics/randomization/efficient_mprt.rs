//! # Definition
//! The efficient model parameter randomization test: how much less ordered maps become once every layer of the network is drawn
//! anew, (H(random) - H(trained)) / H(trained), where H is the entropy of the histogram of a map's pixels in `bins` equal bins from
//! its smallest to its largest. The class stays that of the row. A map that does not see the network has exactly 0.
//!
//! One number instead of a curve over layers, and nothing is compared pixel by pixel, so that noise in the maps does not drown the
//! comparison. Published as "higher is better"; it does not rank here, as a map that is noise only for random weights shows
//! nothing about what it says of the trained ones. The draw (`seeds.draw`) is the unit: the mean over its images. Undefined for a
//! map that is constant for the trained network, and for maps that are not finite.
//!
//! # Parameters
//! - `bins` (100): bins of the histogram, from 2.
//!
//! # Cost
//! One further explanation of each example for each draw.
//!
//! # Reference
//! Hedstroem, Weber, Lapuschkin and Hoehne, "Sanity Checks Revisited: An Exploration to Repair the Model Parameter Randomisation
//! Test", 2024.

use std::sync::Arc;

use tch::{Kind, Tensor};

use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Measure, Metric, ScoredUnit, Scores, Values};
use crate::model::Graph;
use crate::model::randomize::{Randomized, Redraw, Unfit, steps};
use crate::need::{Class, Known, Maps, ModelRef, Need};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "efficient-mprt",
    summary: "how much the entropy of maps rises when all layers are drawn anew",
    reference: "Hedström et al. 2024",
    revision: 1,
    source: include_str!("efficient_mprt.rs"),
    read: |section| {
        let bins = section.get_if("bins", 100, |bins| (2..=10_000).contains(bins), "a number of bins from 2 to 10000");
        Some(Arc::new(EfficientMprt { bins }))
    },
};

struct EfficientMprt {
    bins: i64,
}

/// Differences of a relative rise that are of no interest.
const SMALLEST_EFFECT: f64 = 0.02;

/// The maps of the network that has nothing left of its training.
fn maps(graph: &Graph, draw: u64) -> Maps {
    let modules = graph.parameterised().into_iter().map(String::from).collect();
    let randomized = Randomized { modules, redraw: Redraw::Training, statistics: false, draw };
    Maps { randomized: Some(randomized), class: Class::Row, by: None }
}

impl Metric for EfficientMprt {
    fn family(&self) -> Family {
        Family::Randomization
    }

    fn measures(&self) -> Vec<Measure> {
        vec![Measure::new("entropy-rise", Direction::None, SMALLEST_EFFECT)]
    }

    fn needs(&self, known: &Known) -> Vec<Need> {
        let random = known.graph.iter().flat_map(|graph| known.draws.iter().map(|draw| Need::Maps(maps(graph, *draw))));
        std::iter::once(Need::Attributions(ModelRef::Original)).chain(random).collect()
    }

    fn draws(&self) -> bool {
        true
    }

    fn unfit(&self, graph: &Graph) -> Option<Unfit> {
        steps(graph, &[]).err()
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let own = entropy(&given.pixel_map()?, self.bins)?;
        let (mut ids, mut values) = (Vec::new(), Vec::new());
        for &draw in &given.beside.draws {
            let random = given.beside.maps(&maps(&given.scene.model.graph, draw))?;
            let rise = entropy(&random, self.bins)?.f_sub(&own)?.f_div(&own)?;
            // Of an entropy of 0 nothing is a share.
            let rise = rise.f_masked_fill(&own.f_eq(0.0)?, f64::NAN)?;
            values.extend(Vec::<f64>::try_from(rise)?);
            ids.extend(std::iter::repeat_n(draw, given.scene.len()));
        }
        let measures = vec![Values { measure: "entropy-rise", at: vec![0.0], values }];
        Ok(Scores { unit: ScoredUnit::Repetition, ids, measures, flags: Vec::new() })
    }
}

/// The entropy [B], in nats, of the histogram of each map of `maps` [B, H, W]; 0 for a constant, NaN for a map that is not finite.
fn entropy(maps: &Tensor, bins: i64) -> Result<Tensor> {
    let pixels = maps.f_flatten(1, -1)?;
    let (low, high) = (pixels.f_amin([1].as_slice(), true)?, pixels.f_amax([1].as_slice(), true)?);
    let range = high.f_sub(&low)?;
    let finite = range.f_isfinite()?;
    let place = pixels.f_sub(&low)?.f_div(&range)?.f_mul_scalar(bins as f64)?.f_nan_to_num(0.0, 0.0, 0.0)?;
    let place = place.f_clamp(0.0, (bins - 1) as f64)?.f_to_kind(Kind::Int64)?;
    let count = Tensor::f_zeros([pixels.size()[0], bins], (Kind::Double, maps.device()))?;
    let count = count.f_scatter_add(1, &place, &place.f_ones_like()?.f_to_kind(Kind::Double)?)?;
    let share = count.f_div_scalar(pixels.size()[1] as f64)?;
    // 0 log 0 is 0.
    let entropy = share.f_xlogy(&share)?.f_sum_dim_intlist([1].as_slice(), false, Kind::Double)?.f_neg()?;
    Ok(entropy.f_abs()?.f_masked_fill(&finite.f_squeeze_dim(1)?.f_logical_not()?, f64::NAN)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0, 1, 2, 3, 4 in two bins: 2 and 3 of 5 (the middle belongs to the upper). Equal halves have ln 2, a constant 0.
    #[test]
    fn entropies_by_hand() {
        let of = |values: &[f64]| entropy(&Tensor::from_slice(values).view([1, 1, -1]), 2).unwrap().double_value(&[0]);
        let expected = -(0.4 * 0.4f64.ln() + 0.6 * 0.6f64.ln());
        assert!((of(&[0.0, 1.0, 2.0, 3.0, 4.0]) - expected).abs() < 1e-12);
        assert!((of(&[-5.0, 7.0]) - 2f64.ln()).abs() < 1e-12);
        assert_eq!(of(&[3.0, 3.0, 3.0]), 0.0);
        assert!(of(&[3.0, f64::NAN]).is_nan() && of(&[3.0, f64::INFINITY]).is_nan());
    }
}
