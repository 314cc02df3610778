//! # Definition
//! How far the maps of an explainer agree, image by image, with those of another explainer of the suite, `with`, on the same
//! network for the same images and classes: `cosine`, `spearman` (signs kept) and `relative-l2`, the Euclidean length of the
//! difference divided by that of the other's map. Both are pixel maps, each reduced as its own row says.
//!
//! It checks a new implementation against an old one (cosine 1, relative L2 0), and shows what a map amounts to: with `input`,
//! whether it rebuilds the image. It does not rank. Maps that are equal to the last bit agree whatever they are, with 1, 1 and 0;
//! else it is undefined where `with` has a map of zeros, and the correlation for a constant.
//!
//! A mean hides the images on which two implementations differ, so a verdict is on a quantile over images: `at_least` asks that all
//! but a share `quantile` of the images have at least that much, `at_most` that all but that share have at most that much. It
//! holds where the whole interval of the quantile lies on that side, does not hold where all of it lies on the other, and is
//! undecided else; the report says so for each explainer under test. Of several networks the worst counts for each image, and an image
//! for which a value is undefined misses its bar. Over new images the interval is that of the order statistics
//! (of the 5 % quantile there is one from 72 images on), over new trainings that of Student on the quantiles of the networks.
//!
//! # Parameters
//! - `with` (required): the label of the other explainer.
//! - `at_least` (none), `at_most` (none): bars for `cosine`, `spearman` and `relative-l2`, such as `{ cosine = 0.999 }`.
//! - `quantile` (0.05): the share of images that may miss a bar, above 0 and below 0.5.
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
use crate::config::Section;
use crate::error::Result;
use crate::metrics::{Bar, Bound, Direction, Family, Given, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{Class, Known, Maps, ModelRef, Need};
use crate::similarities::{self, Cosine, Side, Similarity, Spearman};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "agreement",
    summary: "how far maps agree, image by image, with those of another explainer of the suite",
    reference: "this tool; Nie et al. 2018",
    revision: 1,
    source: concat!(include_str!("agreement.rs"), similarities::sources!()),
    read: |section| {
        let with = section.required("with");
        let share = |quantile: &f64| *quantile > 0.0 && *quantile < 0.5;
        let quantile = section.get_if("quantile", 0.05, share, "a share of the images, above 0 and below 0.5");
        let mut bars = read_bars(section, "at_least", LOWER, |bar| (quantile, Bound::AtLeast(bar)));
        bars.extend(read_bars(section, "at_most", UPPER, |bar| (1.0 - quantile, Bound::AtMost(bar))));
        if bars.is_empty() && section.has("quantile") {
            let help = "state a bar, such as `at_least = { cosine = 0.999 }`".to_string();
            section.mistake("quantile", "no bar is set for this quantile".to_string(), None, Some(help));
        }
        Some(Arc::new(Agreement { with: with?, bars }))
    },
};

struct Agreement {
    with: String,
    /// The names of the quantiles that are judged.
    bars: Vec<(&'static str, Bar)>,
}

const MEASURES: [&str; 3] = ["cosine", "spearman", "relative-l2"];
/// The names of their quantiles.
const LOWER: [&str; 3] = ["cosine-lower-quantile", "spearman-lower-quantile", "relative-l2-lower-quantile"];
const UPPER: [&str; 3] = ["cosine-upper-quantile", "spearman-upper-quantile", "relative-l2-upper-quantile"];

/// The bars of one table; `bound` says of a number which quantile has to lie where.
fn read_bars(
    section: &Section,
    key: &str,
    names: [&'static str; 3],
    bound: impl Fn(f64) -> (f64, Bound),
) -> Vec<(&'static str, Bar)> {
    let Some(table) = section.section(key) else { return Vec::new() };
    let read = |(of, name): (&'static str, &'static str)| {
        let bar = table.optional_if(of, |bar: &f64| bar.is_finite(), "a number")?;
        let (quantile, bound) = bound(bar);
        Some((name, Bar { of, quantile, bound }))
    };
    let bars = MEASURES.into_iter().zip(names).filter_map(read).collect();
    table.finish();
    bars
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
        let measure = |name| Measure::new(name, Direction::None, SMALLEST_EFFECT);
        let judged = self.bars.iter().map(|(name, bar)| measure(*name).judged_by(*bar));
        MEASURES.into_iter().map(measure).chain(judged).collect()
    }

    fn needs(&self, _: &Known) -> Vec<Need> {
        vec![Need::Attributions(ModelRef::Original), Need::Maps(self.maps())]
    }

    fn beside(&self) -> Option<&str> {
        Some(&self.with)
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let (own, other) = (Side::new(given.pixel_map()?), Side::new(given.beside.maps(&self.maps())?));
        let same = own.maps().f_eq_tensor(other.maps())?.f_flatten(1, -1)?.f_all_dim(1, false)?;
        let unless_same = |values: Tensor, then: f64| values.f_masked_fill(&same, then);
        let compared = [
            unless_same(Cosine.compare(&own, &other)?, 1.0)?,
            unless_same(Spearman.compare(&own, &other)?, 1.0)?,
            unless_same(relative_l2(own.maps(), other.maps())?, 0.0)?,
        ];
        let values = |(measure, values): (&'static str, Tensor)| {
            Ok(Values { measure, at: vec![0.0], values: Vec::<f64>::try_from(values)? })
        };
        let measures = MEASURES.into_iter().zip(compared).map(values).collect::<Result<_>>()?;
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

    #[test]
    fn bars_are_quantiles_of_their_measures() {
        let text =
            "use = 'agreement'\nwith = 'a'\nquantile = 0.1\nat_least = { cosine = 0.9 }\nat_most = { relative-l2 = 0 }";
        let section = Section::parse("metric", text).unwrap();
        let measures = crate::metrics::read(&section).unwrap().method.measures();
        assert!(!section.has_mistakes(), "{}", section.mistakes());
        let bars: Vec<_> = measures.iter().filter_map(|measure| Some((measure.name, measure.bar?))).collect();
        let lower = Bar { of: "cosine", quantile: 0.1, bound: Bound::AtLeast(0.9) };
        let upper = Bar { of: "relative-l2", quantile: 0.9, bound: Bound::AtMost(0.0) };
        assert_eq!(bars, [(LOWER[0], lower), (UPPER[2], upper)]);
        for wrong in ["quantile = 0.1", "quantile = 0.5\nat_least = { cosine = 1 }", "at_least = { cosin = 1 }"] {
            let section = Section::parse("metric", &format!("use = 'agreement'\nwith = 'a'\n{wrong}")).unwrap();
            crate::metrics::read(&section);
            assert!(section.has_mistakes(), "{wrong}");
        }
    }

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
