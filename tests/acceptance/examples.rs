//! The single values of a suite, from its `examples.csv`, and paired comparisons of them.

use std::collections::BTreeMap;
use std::path::Path;

use explainbench::stats::{mean, t_interval};

/// The value of each image, by the seed of its network and its name.
pub type Images = BTreeMap<(u64, String), f64>;

/// Every value of `examples.csv`, by model, explainer, metric, measure and place.
pub struct Examples(BTreeMap<[String; 5], Images>);

/// One curve of a model and an explainer: metric and measure.
#[derive(Clone, Copy)]
pub struct Curve<'a>(pub &'a str, pub &'a str, pub &'a str, pub &'a str);

/// A mean difference with its interval, and the two means that it lies between.
pub struct Gap {
    pub means: [f64; 2],
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

impl Examples {
    pub fn read(examples: &Path) -> Self {
        let mut values = BTreeMap::<_, Images>::new();
        for row in csv::Reader::from_path(examples).unwrap().records().map(Result::unwrap) {
            let key = [2, 4, 5, 6, 7].map(|column: usize| row[column].to_string());
            let image = (row[3].parse().unwrap(), row[8].to_string());
            // An image that no candidate kept in its class has no value.
            if let Ok(value) = row[9].parse() {
                values.entry(key).or_default().insert(image, value);
            }
        }
        Self(values)
    }

    pub fn images(&self, Curve(model, explainer, metric, measure): Curve, at: &str) -> &Images {
        let key = [model, explainer, metric, measure, at].map(str::to_string);
        self.0.get(&key).unwrap_or_else(|| panic!("nothing is known of {key:?}"))
    }

    pub fn mean(&self, curve: Curve, at: &str) -> f64 {
        mean(&self.images(curve, at).values().copied().collect::<Vec<_>>())
    }

    /// The mean over the images, with its interval.
    pub fn estimate(&self, curve: Curve, at: &str) -> (f64, f64, f64) {
        let values: Vec<f64> = self.images(curve, at).values().copied().collect();
        let (low, high) = t_interval(&values, 0.05);
        (mean(&values), low, high)
    }

    /// `high` minus `low` at a radius, on the images of the same networks that have both: over the means of the networks, or,
    /// of one network, over its images.
    pub fn gap(&self, high: Curve, low: Curve, at: &str) -> Gap {
        let lower = self.images(low, at);
        let mut seeds = BTreeMap::<u64, Vec<[f64; 2]>>::new();
        for (image, value) in self.images(high, at) {
            if let Some(other) = lower.get(image) {
                seeds.entry(image.0).or_default().push([*other, *value]);
            }
        }
        let side = |pairs: &[[f64; 2]], at: usize| mean(&pairs.iter().map(|pair| pair[at]).collect::<Vec<_>>());
        let pairs: Vec<[f64; 2]> = match seeds.len() {
            1 => seeds.into_values().flatten().collect(),
            _ => seeds.values().map(|pairs| [0, 1].map(|at| side(pairs, at))).collect(),
        };
        let gaps: Vec<f64> = pairs.iter().map(|[low, high]| high - low).collect();
        let (low, high) = t_interval(&gaps, 0.05);
        Gap { means: [0, 1].map(|at| side(&pairs, at)), mean: mean(&gaps), low, high }
    }

    /// Prints whether `low` is below `high`.
    pub fn ordering(&self, number: u32, words: &str, low: Curve, high: Curve, at: &str) -> Gap {
        let gap = self.gap(high, low, at);
        let verdict = match (gap.low > 0.0, gap.high < 0.0) {
            (true, _) => "holds",
            (_, true) => "reversed",
            _ => "undecided",
        };
        let [below, above] = gap.means;
        println!(
            "{number}: {words}: {below:.3} < {above:.3}, {:+.3} [{:+.3}, {:+.3}] {verdict}",
            gap.mean, gap.low, gap.high
        );
        gap
    }
}
