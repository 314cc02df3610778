//! Units that do not count for one contender are left out of all, where a measure says so: all then have the mean of the same
//! units. See [`Among`].

use std::collections::{BTreeMap, BTreeSet};

use super::Collected;
use super::scores::{Place, points_of};
use crate::metrics::{Among, Measure};
use crate::report::Together;
use crate::store::{Array, Content, Data};
use crate::suite::Suite;

/// A unit at a point of a curve.
type Missing = BTreeSet<(i64, usize)>;

/// Makes the values undefined, in every contender's scores, of units that do not count for one of them.
pub fn count_together(suite: &Suite, scores: &mut BTreeMap<Place, Vec<Content>>) {
    for (m, metric) in suite.metrics.iter().enumerate() {
        let measures = metric.value.metric.method.measures();
        let measures: Vec<&Measure> = measures.iter().filter(|measure| measure.among.is_some()).collect();
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
    for curve in measures.iter().filter_map(|measure| measure.among).flat_map(|among| among.curves) {
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
    let Some(among) = measure.among else { return };
    let last = among.curves.first().map_or(0, |curve| points_of(std::slice::from_ref(content), curve).len());
    let Some(Array { shape, data: Data::F64(values) }) = content.arrays.get_mut(&format!("values.{}", measure.name))
    else {
        return;
    };
    let points = shape.get(1).copied().unwrap_or(1).max(1);
    for (at, value) in values.iter_mut().enumerate() {
        let point = if measure.axis.is_some() { at % points } else { last.saturating_sub(1) };
        let unit = (ids[at / points], point);
        if among.curves.iter().any(|curve| missing[curve].contains(&unit)) {
            *value = f64::NAN;
        }
    }
}

impl Collected<'_> {
    /// Which units the means of metric `m` are over; `None` where every contender has its own.
    pub fn together(&self, m: usize, (dataset, model): (usize, usize)) -> Option<Together> {
        let measures = self.suite.metrics[m].value.metric.method.measures();
        let among = measures.iter().find_map(|measure| measure.among)?;
        let axis = measures.iter().find(|measure| Some(&measure.name) == among.curves.first())?.axis?;
        let here = |place: &Place| (place.0, place.1, place.3) == (dataset, model, m);
        let rows = || self.scores.iter().filter(|(place, _)| here(place)).map(|(_, contents)| contents);
        let networks: Vec<Vec<&Content>> = (0..self.suite.model_seeds.len())
            .map(|seed| rows().map(|contents| &contents[seed]).filter(|content| ids(content).is_some()).collect())
            .filter(|contents: &Vec<&Content>| !contents.is_empty())
            .collect();
        let points = rows().map(|contents| points_of(contents, among.curves[0])).find(|points| !points.is_empty())?;
        let (all, left_out) = left_out(&among, points.len(), &networks);
        let sentence = sentence(&among, axis, &points, networks.len(), (all, &left_out));
        let said = format!("{}: {sentence}", self.suite.metrics[m].label);
        Some(Together { said, left_out: left_out.last().copied().unwrap_or(0) })
    }
}

/// How many units there are, and how many of them do not count at each point; network by network its contenders.
fn left_out(among: &Among, points: usize, networks: &[Vec<&Content>]) -> (usize, Vec<usize>) {
    let (mut all, mut missing) = (0, vec![0; points]);
    for contents in networks {
        let units = contents.iter().flat_map(|content| ids(content).into_iter().flatten());
        all += units.collect::<BTreeSet<_>>().len();
        let pairs = contents.iter().flat_map(|content| among.curves.iter().map(move |curve| (content, curve)));
        let out: Missing = pairs.flat_map(|(content, curve)| uncounted(content, curve)).collect();
        out.into_iter().for_each(|(_, point)| missing[point] += 1);
    }
    (all, missing)
}

/// Such as "of 24 images, 24 at 4, 22 at 8 (radius) kept their class for every contender; means are over those of them that have
/// a value."
fn sentence(among: &Among, axis: &str, points: &[f64], networks: usize, (all, left_out): (usize, &[usize])) -> String {
    let [units, did] = among.words;
    let of = if networks > 1 { format!(" of {networks} networks") } else { String::new() };
    if left_out.iter().all(|left_out| *left_out == 0) {
        return format!("all {all} {units}{of} {did} for every contender.");
    }
    let counts = points.iter().zip(left_out).map(|(point, left_out)| format!("{} at {point}", all - left_out));
    let counts = counts.collect::<Vec<_>>().join(", ");
    format!(
        "of {all} {units}{of}, {counts} ({axis}) {did} for every contender; means are over those of them that have a value."
    )
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

    const AMONG: Among = Among { curves: &["survived"], words: ["images", "kept their class"] };

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
        let curve = Measure::new("curve", Direction::None, 0.0).along("radius").among(AMONG);
        let end = Measure::new("end", Direction::None, 0.0).among(AMONG);
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
    /// Two images on two networks. On the first, 9 is out at the second point; on the second, 7 at both for one contender, 9
    /// at the first for the other.
    #[test]
    fn what_counts_for_all_is_said() {
        let of = |survived| content(survived, [0.0; 4]);
        let first = [of([1.0, 1.0, 1.0, 0.0]), of([1.0; 4])];
        let second = [of([0.0, 0.0, 1.0, 1.0]), of([1.0, 1.0, 0.0, 1.0])];
        let said = |networks: &[&[Content]]| {
            let networks: Vec<Vec<&Content>> = networks.iter().map(|contents| contents.iter().collect()).collect();
            let (all, left_out) = left_out(&AMONG, 2, &networks);
            sentence(&AMONG, "radius", &[1.0, 2.5], networks.len(), (all, &left_out))
        };
        let end = "(radius) kept their class for every contender; means are over those of them that have a value.";
        assert_eq!(said(&[&first]), format!("of 2 images, 2 at 1, 1 at 2.5 {end}"));
        assert_eq!(
            said(&[&second[..0], &first[1..]]),
            "all 2 images of 2 networks kept their class for every contender."
        );
        assert_eq!(said(&[&first, &second]), format!("of 4 images of 2 networks, 2 at 1, 2 at 2.5 {end}"));
    }
}
