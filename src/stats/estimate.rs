//! Estimates: a point, an interval, and the population that it speaks of.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::bootstrap::Resampler;
use super::intervals::{Interval, mean, t_interval, t_quantile, variance, wilson_interval};
use super::sample::Sample;

/// From this number of images on their resamples tell more than Student's t alone.
const BOOTSTRAP_FROM: usize = 10;

/// What is imagined to be drawn again when an interval says how far a number may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Population {
    /// New images, explained on these networks.
    Model,
    /// New trainings by the same recipe, judged on these images.
    Recipe,
}

impl fmt::Display for Population {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Model => "model",
            Self::Recipe => "recipe",
        })
    }
}

/// A point with its interval, in the units of the measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// NaN where no value is valid.
    #[serde(with = "undefined")]
    pub point: f64,
    /// NaN, as `high`, where fewer than two units support an interval.
    #[serde(with = "undefined")]
    pub low: f64,
    #[serde(with = "undefined")]
    pub high: f64,
    /// Units of the population that the estimate rests on: images, or trainings.
    pub n: usize,
    /// Values that were left out because they are not finite.
    pub invalid: usize,
    pub covers: Population,
}

/// How numbers are judged: whom they speak of, and how surely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inference {
    pub over: Population,
    /// Intervals have the level `1 - alpha`; in (0, 1).
    pub alpha: f64,
    pub resampler: Resampler,
}

impl Inference {
    /// The mean score with its interval.
    ///
    /// Over new images the unit is the image, averaged over the networks: Wilson's interval where all values are 0 or 1
    /// (it is narrower than the others at full coverage, and stays within [0, 1]), else Student's t below 10 images and
    /// [`Resampler::interval`] from there on. Over new trainings the unit is the training: Student's t on the means of
    /// the networks. Equal values have an interval without width, one unit has none.
    pub fn estimate(&self, sample: &Sample) -> Estimate {
        self.summarize(sample, |images| match hits(images) {
            Some(hits) if hits > 0 && hits < images.len() => wilson_interval(hits, images.len(), self.alpha),
            _ => self.image_interval(images),
        })
    }

    /// The mean of `a - b` with its interval, paired as [`Sample::minus`] says.
    pub fn difference(&self, a: &Sample, b: &Sample) -> Estimate {
        self.summarize(&a.minus(b), |images| self.image_interval(images))
    }

    /// The same estimate with an interval for units that share what was drawn at random: `draws` are the samples with that drawn
    /// anew. Its error is the standard deviation of the mean when units are resampled too, draw by draw; as units and draws both
    /// vary, it is a little too long rather than too short (Owen, "The pigeonhole bootstrap", 2007). Over new trainings the
    /// estimate stays as it is.
    pub fn over_draws(&self, estimate: Estimate, draws: &[Sample]) -> Estimate {
        if self.over == Population::Recipe || estimate.n < 2 || draws.len() < 2 {
            return estimate;
        }
        let means = draws.iter().enumerate().map(|(at, draw)| self.resampler.resampled_mean(at, &draw.unit_means()));
        let means: Vec<f64> = means.filter(|mean| mean.is_finite()).collect();
        let half = t_quantile(1.0 - self.alpha / 2.0, (estimate.n - 1) as f64) * variance(&means).sqrt();
        Estimate { low: estimate.point - half, high: estimate.point + half, ..estimate }
    }

    fn summarize(&self, sample: &Sample, over_images: impl Fn(&[f64]) -> Interval) -> Estimate {
        let (units, (low, high)) = match self.over {
            Population::Model => {
                let images = sample.unit_means();
                let interval = over_images(&images);
                (images, interval)
            }
            Population::Recipe => {
                let trainings = sample.network_means();
                let interval = t_interval(&trainings, self.alpha);
                (trainings, interval)
            }
        };
        Estimate { point: mean(&units), low, high, n: units.len(), invalid: sample.invalid(), covers: self.over }
    }

    fn image_interval(&self, images: &[f64]) -> Interval {
        if images.len() < BOOTSTRAP_FROM {
            t_interval(images, self.alpha)
        } else {
            self.resampler.interval(images, self.alpha)
        }
    }
}

/// The number of ones, if every value is 0 or 1.
fn hits(values: &[f64]) -> Option<usize> {
    let ones = values.iter().filter(|&&value| value == 1.0).count();
    let zeros = values.iter().filter(|&&value| value == 0.0).count();
    (ones + zeros == values.len()).then_some(ones)
}

/// JSON has no NaN: an undefined number is written as null and read back as NaN.
mod undefined {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Some(*value).filter(|value| !value.is_nan()).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Estimate, Inference, Population};
    use crate::stats::{Resampler, Sample, t_interval, wilson_interval};

    fn over(population: Population) -> Inference {
        Inference { over: population, alpha: 0.05, resampler: Resampler::new(0) }
    }

    fn network(values: &[f64]) -> Vec<(u64, f64)> {
        (0..).zip(values.iter().copied()).collect()
    }

    #[test]
    fn the_unit_is_the_image_or_the_training() {
        let sample = Sample { networks: vec![network(&[1.0, 2.0, 6.0]), network(&[3.0, 4.0, f64::NAN])] };
        // Images: (1 + 3) / 2 = 2, (2 + 4) / 2 = 3 and 6, valid once.
        let model = over(Population::Model).estimate(&sample);
        assert_eq!((model.low, model.high), t_interval(&[2.0, 3.0, 6.0], 0.05));
        assert!((model.point - 11.0 / 3.0).abs() < 1e-12);
        assert_eq!((model.n, model.invalid, model.covers), (3, 1, Population::Model));
        // Trainings: 9 / 3 = 3 and 7 / 2 = 3.5.
        let recipe = over(Population::Recipe).estimate(&sample);
        assert_eq!((recipe.low, recipe.high), t_interval(&[3.0, 3.5], 0.05));
        assert_eq!((recipe.point, recipe.n, recipe.invalid), (3.25, 2, 1));
    }

    #[test]
    fn one_unit_has_a_point_but_no_interval() {
        let one_image = over(Population::Model).estimate(&Sample { networks: vec![network(&[0.5])] });
        let one_training = over(Population::Recipe).estimate(&Sample { networks: vec![network(&[0.0, 1.0])] });
        for estimate in [one_image, one_training] {
            assert_eq!((estimate.point, estimate.n), (0.5, 1));
            assert!(estimate.low.is_nan() && estimate.high.is_nan());
        }
    }

    #[test]
    fn nothing_valid_is_undefined_and_counted() {
        for population in [Population::Model, Population::Recipe] {
            let estimate = over(population).estimate(&Sample { networks: vec![network(&[f64::NAN; 12])] });
            assert!(estimate.point.is_nan() && estimate.low.is_nan() && estimate.high.is_nan());
            assert_eq!((estimate.n, estimate.invalid), (0, 12));
        }
    }

    #[test]
    fn hits_have_wilsons_interval_but_their_differences_do_not() {
        let hits: Vec<f64> = (0..20).map(|image| f64::from(image % 4 == 0)).collect();
        let sample = Sample { networks: vec![network(&hits)] };
        let estimate = over(Population::Model).estimate(&sample);
        assert_eq!((estimate.low, estimate.high), wilson_interval(5, 20, 0.05));
        // Against misses alone the differences are the same numbers, yet -1 was possible.
        let misses = Sample { networks: vec![network(&[0.0; 20])] };
        let difference = over(Population::Model).difference(&sample, &misses);
        assert_eq!((difference.low, difference.high), Resampler::new(0).interval(&hits, 0.05));
    }

    #[test]
    fn a_shared_image_effect_cancels_in_the_difference() {
        // b is a shifted by 1 image by image; the images themselves differ a hundredfold.
        let a: Vec<f64> = (0..30).map(|image| f64::from(image * image)).collect();
        let b: Vec<f64> = a.iter().map(|value| value - 1.0).collect();
        let (a, b) = (Sample { networks: vec![network(&a)] }, Sample { networks: vec![network(&b)] });
        let difference = over(Population::Model).difference(&a, &b);
        assert_eq!((difference.point, difference.low, difference.high, difference.n), (1.0, 1.0, 1.0, 30));
    }

    #[test]
    fn undefined_ends_survive_json() {
        let estimate = over(Population::Recipe).estimate(&Sample { networks: vec![network(&[0.1])] });
        let text = serde_json::to_string(&estimate).unwrap();
        assert_eq!(text, r#"{"point":0.1,"low":null,"high":null,"n":1,"invalid":0,"covers":"recipe"}"#);
        let read: Estimate = serde_json::from_str(&text).unwrap();
        assert!(read.point == 0.1 && read.low.is_nan() && read.high.is_nan() && read.n == 1);
    }

    #[test]
    fn populations_are_shown_as_they_are_written() {
        for population in [Population::Model, Population::Recipe] {
            assert_eq!(serde_json::to_value(population).unwrap(), population.to_string());
        }
    }

    fn networks() -> impl Strategy<Value = Vec<Vec<(u64, f64)>>> {
        let value = prop_oneof![9 => -3.0..3.0f64, 1 => Just(f64::NAN)];
        prop::collection::vec(prop::collection::vec(value, 12..30).prop_map(|values| network(&values)), 1..5)
    }

    proptest! {
        #[test]
        fn the_point_lies_in_its_interval(networks in networks()) {
            for population in [Population::Model, Population::Recipe] {
                let estimate = over(population).estimate(&Sample { networks: networks.clone() });
                prop_assert!(estimate.n < 2 || (estimate.low <= estimate.point && estimate.point <= estimate.high));
            }
        }

        #[test]
        fn the_order_of_the_images_changes_nothing(networks in networks()) {
            let sample = Sample { networks: networks.clone() };
            let turned = Sample { networks: networks.into_iter().map(|n| n.into_iter().rev().collect()).collect() };
            prop_assert_eq!(over(Population::Model).estimate(&sample), over(Population::Model).estimate(&turned));
        }

        #[test]
        fn exchanging_the_sides_mirrors_the_difference(a in networks(), b in networks()) {
            let (a, b) = (Sample { networks: a }, Sample { networks: b });
            for population in [Population::Model, Population::Recipe] {
                let (there, back) = (over(population).difference(&a, &b), over(population).difference(&b, &a));
                prop_assert!((there.point + back.point).abs() < 1e-9);
                prop_assert!(there.n < 2 || (there.low + back.high).abs() < 1e-7);
                prop_assert_eq!((there.n, there.invalid), (back.n, back.invalid));
            }
        }
    }
}
