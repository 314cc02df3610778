//! Units that do not count for one contender are left out of all, where a measure says so: all then have the mean of the same
//! units. See [`Measure::among`](crate::metrics::Measure::among).

use std::collections::{BTreeMap, BTreeSet};

use super::scores::{Place, points_of};
use crate::metrics::Measure;
use crate::store::{Array, Content, Data};
use crate::suite::Suite;

/// A unit at a point of a curve.
type Missing = BTreeSet<(i64, usize)>;

/// Makes the values undefined, in every contender's scores, of units that do not count for one of them.
pub fn count_together(suite: &Suite, scores: &mut BTreeMap<Place, Vec<Content>>) {
    for (m, metric) in suite.metrics.iter().enumerate() {
        let measures = metric.value.metric.method.measures();
        let measures: Vec<&Measure> = measures.iter().filter(|measure| !measure.among.is_empty()).collect();
        if measures.is_empty() {
            continue;
        }
        let places = scores.keys().filter(|place| place.3 == m);
        let groups: BTreeSet<(usize, usize)> = places.map(|place| (place.0, place.1)).collect();
        for (dataset, model) in groups {
            let here = |place: &Place| (place.0, place.1, place.3) == (dataset, model, m);
            for seed in 0..suite.model_seeds.len() {
                let rows = scores.iter_mut().filter(|(place, _)| here(place)).map(|(_, contents)| &mut contents[seed]);
                apply(&measures, &mut rows.collect::<Vec<_>>());
            }
        }
    }
}

/// The same for the contenders of one network.
fn apply(measures: &[&Measure], rows: &mut [&mut Content]) {
    let mut missing: BTreeMap<&str, Missing> = BTreeMap::new();
    for curve in measures.iter().flat_map(|measure| measure.among) {
        missing.entry(curve).or_insert_with(|| rows.iter().flat_map(|content| uncounted(content, curve)).collect());
    }
    for content in rows {
        measures.iter().for_each(|measure| leave_out(content, measure, &missing));
    }
}

/// The units and points at which a curve is not 1.
fn uncounted(content: &Content, curve: &str) -> Missing {
    let (Some(ids), Some(Array { shape, data: Data::F64(values) })) =
        (ids(content), content.arrays.get(&format!("values.{curve}")))
    else {
        return Missing::new();
    };
    let points = shape.get(1).copied().unwrap_or(1).max(1);
    let missing = values.iter().enumerate().filter(|(_, value)| **value != 1.0);
    missing.map(|(at, _)| (ids[at / points], at % points)).collect()
}

fn leave_out(content: &mut Content, measure: &Measure, missing: &BTreeMap<&str, Missing>) {
    let Some(ids) = ids(content).map(<[i64]>::to_vec) else { return };
    let last = measure.among.first().map_or(0, |curve| points_of(std::slice::from_ref(content), curve).len());
    let Some(Array { shape, data: Data::F64(values) }) = content.arrays.get_mut(&format!("values.{}", measure.name))
    else {
        return;
    };
    let points = shape.get(1).copied().unwrap_or(1).max(1);
    for (at, value) in values.iter_mut().enumerate() {
        let point = if measure.axis.is_some() { at % points } else { last.saturating_sub(1) };
        let unit = (ids[at / points], point);
        if measure.among.iter().any(|curve| missing[curve].contains(&unit)) {
            *value = f64::NAN;
        }
    }
}

fn ids(content: &Content) -> Option<&[i64]> {
    match &content.arrays.get("ids")?.data {
        Data::I64(ids) => Some(ids),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics::Direction;

    fn content(survived: [f64; 4], curve: [f64; 4]) -> Content {
        let array = |shape: &[usize], values: &[f64]| Array { shape: shape.to_vec(), data: Data::F64(values.to_vec()) };
        let ends = [curve[1], curve[3]];
        Content {
            record: json!({ "measures": [{ "name": "survived", "at": [1.0, 2.0] }] }),
            arrays: BTreeMap::from([
                ("ids".to_string(), Array { shape: vec![2], data: Data::I64(vec![7, 9]) }),
                ("values.survived".to_string(), array(&[2, 2], &survived)),
                ("values.curve".to_string(), array(&[2, 2], &curve)),
                ("values.end".to_string(), array(&[2, 1], &ends)),
            ]),
        }
    }

    /// Image 9 did not survive the second point in the first row: it has no value there in either, nor a number at the end.
    #[test]
    fn what_does_not_count_for_one_counts_for_none() {
        let mut rows = [content([1.0, 1.0, 1.0, 0.0], [1.0, 2.0, 3.0, 4.0]), content([1.0; 4], [5.0, 6.0, 7.0, 8.0])];
        let curve = Measure::new("curve", Direction::None, 0.0).along("radius").among(&["survived"]);
        let end = Measure::new("end", Direction::None, 0.0).among(&["survived"]);
        apply(&[&curve, &end], &mut rows.iter_mut().collect::<Vec<_>>());
        let values = |row: usize, name: &str| match &rows[row].arrays[name].data {
            Data::F64(values) => values.clone(),
            _ => Vec::new(),
        };
        for (row, expected) in [(0, [1.0, 2.0, 3.0]), (1, [5.0, 6.0, 7.0])] {
            let (curve, end) = (values(row, "values.curve"), values(row, "values.end"));
            assert_eq!((&curve[..3], end[0]), (&expected[..], expected[1]));
            assert!(curve[3].is_nan() && end[1].is_nan());
        }
    }
}
