//! From stored scores to estimates: which values there are, and what each weighs in a mean.

use std::collections::BTreeMap;

use super::scores::{points_of, sample};
use crate::metrics::{Bar, Bound, Measure};
use crate::stats::{Estimate, Inference, Population, Sample, Tail, mean};
use crate::store::{Array, Content, Data};

/// With this many units or fewer, each of them is shown.
pub const FEW: usize = 10;

/// The mean at one point of a measure, and the values of its units where they are few.
pub fn estimate(inference: &Inference, contents: &[Content], measure: &Measure, point: usize) -> (Estimate, Vec<f64>) {
    let raw = sample(contents, measure.name, point);
    let sample = if measure.over_classes { balanced(raw.clone(), contents) } else { raw.clone() };
    let mut estimate = inference.estimate(&sample);
    if let Some(draws) = drawn(contents, measure) {
        estimate = inference.over_draws(estimate, &draws);
    }
    if measure.timing {
        // How long it took here, and no claim about other runs.
        (estimate.low, estimate.high) = (estimate.point, estimate.point);
    }
    let units = match inference.over {
        Population::Recipe => sample.network_means(),
        Population::Model => raw.unit_means(),
    };
    let dots = if units.len() <= FEW && !measure.timing { units } else { Vec::new() };
    (estimate, dots)
}

/// The samples of a measure with what its units share drawn anew, where they share something.
fn drawn(contents: &[Content], measure: &Measure) -> Option<Vec<Sample>> {
    let name = measure.resampled_by?;
    Some((0..points_of(contents, name).len()).map(|draw| sample(contents, name, draw)).collect())
}

/// The quantile of a measure that a bar speaks of.
pub fn quantile(inference: &Inference, contents: &[Content], bar: &Bar) -> Estimate {
    let (share, tail) = match bar.bound {
        Bound::AtLeast(_) => (bar.quantile, Tail::Lower),
        Bound::AtMost(_) => (1.0 - bar.quantile, Tail::Upper),
    };
    inference.quantile(&sample(contents, bar.of, 0), share, tail)
}

/// Whether the second half of a search still changed the mean of a measure by its smallest effect at any point, or nobody can tell:
/// asked of the measure of the first half.
pub fn unsettled(contents: &[Content], halfway: &Measure) -> bool {
    let Some(whole) = halfway.halfway_of else { return false };
    let mean_of = |name, point| mean(&sample(contents, name, point).network_means());
    (0..points_of(contents, whole).len()).any(|point| {
        let change = (mean_of(whole, point) - mean_of(halfway.name, point)).abs();
        // An undefined change is no small one.
        !matches!(change.partial_cmp(&halfway.smallest_effect), Some(std::cmp::Ordering::Less))
    })
}

/// The median of a measure over its units, each averaged over the networks, with the least and the largest of them in the place of
/// an interval. Infinite values take part.
pub fn spread(contents: &[Content], name: &str) -> Estimate {
    let sample = sample(contents, name, 0);
    let mut units: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for &(id, value) in sample.networks.iter().flatten().filter(|(_, value)| !value.is_nan()) {
        units.entry(id).or_default().push(value);
    }
    let mut units: Vec<f64> = units.values().map(|values| values.iter().sum::<f64>() / values.len() as f64).collect();
    units.sort_by(f64::total_cmp);
    let middle = units.len() / 2;
    let point = match units.len() % 2 {
        1 => units[middle],
        _ if units.is_empty() => f64::NAN,
        _ => (units[middle - 1] + units[middle]) / 2.0,
    };
    let end = |unit: Option<&f64>| unit.copied().unwrap_or(f64::NAN);
    Estimate {
        point,
        low: end(units.first()),
        high: end(units.last()),
        n: units.len(),
        invalid: sample.networks.iter().flatten().filter(|(_, value)| value.is_nan()).count(),
        covers: Population::Model,
    }
}

/// Half the width of an estimate's interval, which has no interval of its own.
pub fn half_width(estimate: &Estimate) -> Estimate {
    Estimate { point: (estimate.high - estimate.low) / 2.0, low: f64::NAN, high: f64::NAN, ..*estimate }
}

/// The mean of `a - b`, paired by network and unit.
pub fn difference(inference: &Inference, a: &[Content], b: &[Content], measure: &Measure) -> Estimate {
    let (left, right) = (sample(a, measure.name, 0), sample(b, measure.name, 0));
    if let (Some(own), Some(others)) = (drawn(a, measure), drawn(b, measure)) {
        let draws: Vec<Sample> = own.iter().zip(&others).map(|(own, other)| own.minus(other)).collect();
        return inference.over_draws(inference.difference(&left, &right), &draws);
    }
    if !measure.over_classes {
        return inference.difference(&left, &right);
    }
    // Weighed as pairs: a unit that is invalid on one side must not weigh on the other.
    let difference = balanced(left.minus(&right), a);
    let zero = |network: &Vec<(u64, f64)>| network.iter().map(|(id, _)| (*id, 0.0)).collect();
    let zeros = Sample { networks: difference.networks.iter().map(zero).collect() };
    inference.difference(&difference, &zeros)
}

/// Values whose mean is the mean M over the K classes of each class's mean m, and whose spread is what each value adds to it:
/// of N valid values, n of them in its own class, a value v becomes M + N / (K n) (v - m). How many images a class happens to
/// have is no error of the mean over classes.
fn balanced(mut sample: Sample, contents: &[Content]) -> Sample {
    for (network, content) in sample.networks.iter_mut().zip(contents) {
        let labels = labels(content);
        let mut classes: BTreeMap<Option<i64>, Vec<f64>> = BTreeMap::new();
        for (id, value) in network.iter().filter(|(_, value)| value.is_finite()) {
            classes.entry(labels.get(id).copied()).or_default().push(*value);
        }
        let valid = classes.values().map(Vec::len).sum::<usize>() as f64;
        let means: Vec<f64> = classes.values().map(|values| mean(values)).collect();
        let over_classes = mean(&means);
        for (id, value) in network {
            if let Some(own) = classes.get(&labels.get(id).copied()) {
                let weight = valid / (classes.len() * own.len()) as f64;
                *value = over_classes + weight * (*value - mean(own));
            }
        }
    }
    sample
}

/// The class of each unit.
fn labels(content: &Content) -> BTreeMap<u64, i64> {
    match (content.arrays.get("ids"), content.arrays.get("labels")) {
        (Some(Array { data: Data::I64(ids), .. }), Some(Array { data: Data::I64(labels), .. })) => {
            ids.iter().map(|id| *id as u64).zip(labels.iter().copied()).collect()
        }
        _ => BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics::Direction;
    use crate::stats::Resampler;

    fn content(values: &[f64], labels: &[i64]) -> Content {
        let integers = |values: Vec<i64>| Array { shape: vec![values.len()], data: Data::I64(values) };
        let values = Array { shape: vec![values.len(), 1], data: Data::F64(values.to_vec()) };
        Content {
            record: json!({ "measures": [{ "name": "hit", "at": [0.0] }] }),
            arrays: BTreeMap::from([
                ("ids".into(), integers((0..labels.len() as i64).collect())),
                ("labels".into(), integers(labels.to_vec())),
                ("values.hit".into(), values),
            ]),
        }
    }

    const MEASURE: Measure = Measure::new("hit", Direction::Higher, 0.01);
    const LABELS: [i64; 4] = [0, 0, 0, 1];

    fn inference() -> Inference {
        Inference { over: Population::Model, alpha: 0.05, resampler: Resampler::new(0) }
    }

    /// Means 0.5 and 0.5 + change; an undefined change counts as one.
    #[test]
    fn a_search_is_settled_once_its_second_half_changes_little() {
        let changed = |by: f64| {
            let mut scores = content(&[0.2, 0.8], &[0, 0]);
            let half = Array { shape: vec![2, 1], data: Data::F64(vec![0.2 + 2.0 * by, 0.8]) };
            scores.arrays.insert("values.halfway".into(), half);
            unsettled(&[scores], &Measure::new("halfway", Direction::None, 0.05).halfway_of("hit"))
        };
        assert_eq!([0.0, 0.049, 0.051, -0.051].map(changed), [false, false, true, true]);
        let mut lost = content(&[f64::NAN, f64::NAN], &[0, 0]);
        lost.arrays.insert("values.halfway".into(), lost.arrays["values.hit"].clone());
        assert!(unsettled(&[lost], &Measure::new("halfway", Direction::None, 0.05).halfway_of("hit")));
        assert!(!unsettled(&[content(&[1.0], &[0])], &MEASURE));
    }

    /// Of 4, 1 and infinity the median is 4; an undefined value has no place, two have their middle.
    #[test]
    fn a_median_stands_between_the_ends() {
        let of = |values: &[f64]| {
            let spread = spread(&[content(values, &vec![0; values.len()])], "hit");
            (spread.point, spread.low, spread.high, spread.invalid)
        };
        assert_eq!(of(&[4.0, f64::NAN, 1.0, f64::INFINITY]), (4.0, 1.0, f64::INFINITY, 1));
        assert_eq!(of(&[4.0, 1.0]), (2.5, 1.0, 4.0, 0));
        assert!(of(&[f64::NAN]).0.is_nan());
        let networks = [content(&[1.0, 5.0, 6.0], &[0; 3]), content(&[3.0, 5.0, 8.0], &[0; 3])];
        assert_eq!(spread(&networks, "hit").point, 5.0);
    }

    #[test]
    fn every_class_weighs_the_same() {
        let scores = [content(&[1.0, 1.0, 0.0, 0.0], &LABELS)];
        // Class 0 hits 2 of 3, class 1 none of 1: (2/3 + 0) / 2 = 1/3; over images 2 of 4.
        let point = |measure: &Measure| estimate(&inference(), &scores, measure, 0).0.point;
        assert!((point(&MEASURE.over_classes()) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(point(&MEASURE), 0.5);
    }

    /// 32 hits of class 0 and 8 of class 1: that classes differ in size is no error of their means.
    #[test]
    fn sizes_of_classes_are_not_spread() {
        let labels: Vec<i64> = (0..40).map(|image| i64::from(image >= 32)).collect();
        let scores = [content(&[1.0; 40], &labels)];
        let (estimate, _) = estimate(&inference(), &scores, &MEASURE.over_classes(), 0);
        assert_eq!((estimate.point, estimate.low, estimate.high), (1.0, 1.0, 1.0));
    }

    #[test]
    fn invalid_values_weigh_nothing_and_are_counted() {
        // Class 0: 1 of 2 valid; class 1 has no valid value, so there is one class.
        let scores = [content(&[1.0, f64::NAN, 0.0, f64::NAN], &LABELS)];
        let (estimate, _) = estimate(&inference(), &scores, &MEASURE.over_classes(), 0);
        assert_eq!((estimate.point, estimate.invalid, estimate.n), (0.5, 2, 2));
    }

    #[test]
    fn differences_are_weighed_as_pairs() {
        let a = [content(&[1.0, 1.0, f64::NAN, 0.5], &LABELS)];
        let b = [content(&[0.0, 1.0, 0.0, 0.0], &LABELS)];
        // Valid on both sides: class 0 differs by 1 and 0, class 1 by 0.5: (1/2 + 1/2) / 2.
        let measure = MEASURE.over_classes();
        let there = difference(&inference(), &a, &b, &measure);
        assert!((there.point - 0.5).abs() < 1e-12 && there.invalid == 1);
        assert_eq!(difference(&inference(), &b, &a, &measure).point, -there.point);
    }
}
