//! # Definition
//! How far the maps of an explainer agree, image by image, with those of another explainer of the suite, `with`, on the same
//! network for the same images and classes: `cosine`, `spearman` (signs kept) and `relative-l2`, the Euclidean length of the
//! difference divided by that of the other's map. Both are pixel maps, each reduced as its own row says.
//!
//! It checks a new implementation against an old one (cosine 1, relative L2 0), and shows what a map amounts to: with `input`,
//! whether it rebuilds the image. It does not rank. Undefined where `with` has a map of zeros, and the correlation for a constant.
//!
//! # Parameters
//! - `with` (required): the label of the other explainer.
//!
//! # Cost
//! One explanation of each example by each of the two, which other metrics share.
//!
//! # Reference
//! This tool. That guided backpropagation rebuilds the image: Nie, Zhang and Patel, "A Theoretical Explanation for Perplexing
//! Behaviors of Backpropagation-based Visualizations", ICML 2018.

use std::sync::Arc;

use tch::{Kind, Tensor};

use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{Class, Known, Maps, ModelRef, Need};
use crate::similarities::{self, Cosine, Side, Similarity, Spearman};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "agreement",
    summary: "how far maps agree, image by image, with those of another explainer of the suite",
    reference: "this tool; Nie et al. 2018",
    revision: 1,
    source: concat!(include_str!("agreement.rs"), similarities::sources!()),
    read: |section| Some(Arc::new(Agreement { with: section.required("with")? })),
};

struct Agreement {
    with: String,
}

/// Differences of a correlation that are of no interest.
const SMALLEST_EFFECT: f64 = 0.05;

impl Agreement {
    fn maps(&self) -> Maps {
        Maps { randomized: None, class: Class::Row, by: Some(self.with.clone()) }
    }
}

impl Metric for Agreement {
    fn family(&self) -> Family {
        Family::Randomization
    }

    fn measures(&self) -> Vec<Measure> {
        ["cosine", "spearman", "relative-l2"].map(|name| Measure::new(name, Direction::None, SMALLEST_EFFECT)).to_vec()
    }

    fn needs(&self, _: &Known) -> Vec<Need> {
        vec![Need::Attributions(ModelRef::Original), Need::Maps(self.maps())]
    }

    fn beside(&self) -> Option<&str> {
        Some(&self.with)
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let (own, other) = (Side::new(given.pixel_map()?), Side::new(given.beside.maps(&self.maps())?));
        let named = [
            ("cosine", Cosine.compare(&own, &other)?),
            ("spearman", Spearman.compare(&own, &other)?),
            ("relative-l2", relative_l2(own.maps(), other.maps())?),
        ];
        let values = |(measure, values): (&'static str, Tensor)| {
            Ok(Values { measure, at: vec![0.0], values: Vec::<f64>::try_from(values)? })
        };
        let measures = named.into_iter().map(values).collect::<Result<_>>()?;
        Ok(Scores { unit: ScoredUnit::Example, ids: given.scene.ids.clone(), measures, flags: Vec::new() })
    }
}

/// |a - b| / |b| of each pair of maps [B, H, W]; NaN where b is 0 throughout.
fn relative_l2(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let length = |maps: &Tensor| maps.f_square()?.f_sum_dim_intlist([1, 2].as_slice(), false, Kind::Double)?.f_sqrt();
    let below = length(b)?;
    Ok(length(&a.f_sub(b)?)?.f_div(&below)?.f_masked_fill(&below.f_eq(0.0)?, f64::NAN)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (3, 4) and (0, 8): the difference (3, -4) has length 5, the other 8.
    #[test]
    fn a_relative_length_by_hand() {
        let map = |values: [f64; 2]| Tensor::from_slice(&values).view([1, 1, 2]);
        let l2 = |a, b| relative_l2(&map(a), &map(b)).unwrap().double_value(&[0]);
        assert_eq!(l2([3.0, 4.0], [0.0, 8.0]), 0.625);
        assert_eq!(l2([3.0, 4.0], [3.0, 4.0]), 0.0);
        assert!(l2([3.0, 4.0], [0.0, 0.0]).is_nan());
    }
}
