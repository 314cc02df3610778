//! The scores of finished cells, as samples.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Result;
use crate::plan::Plan;
use crate::stats::Sample;
use crate::store::{Array, Content, Data, Store};
use crate::suite::Suite;

/// Where a score belongs: dataset, model, contender, metric.
pub type Place = (usize, usize, usize, usize);

/// The finished scores at each place, one per training seed in the suite's order; what is not there is an empty content, so
/// that two contenders' networks stay paired.
pub fn read(suite: &Suite, plan: &Plan, store: &Store) -> Result<BTreeMap<Place, Vec<Content>>> {
    let mut scores: BTreeMap<Place, Vec<Content>> = BTreeMap::new();
    for row in &plan.rows {
        if let Some(seed) = suite.model_seeds.iter().position(|seed| *seed == row.network.seed)
            && let Some(content) = store.get(row.score)?
        {
            let nothing = || Content { record: Value::Null, arrays: BTreeMap::new() };
            let place = (row.network.dataset, row.network.model, row.contender, row.metric);
            let networks = scores.entry(place).or_insert_with(|| suite.model_seeds.iter().map(|_| nothing()).collect());
            networks[seed] = content;
        }
    }
    super::among::count_together(suite, &mut scores);
    Ok(scores)
}

/// The points of a measure's curve; [0] for a plain number.
pub fn points_of(contents: &[Content], measure: &str) -> Vec<f64> {
    contents.iter().map(|content| points(content, measure)).find(|points| !points.is_empty()).unwrap_or_default()
}

fn points(content: &Content, measure: &str) -> Vec<f64> {
    let measures = content.record["measures"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = measures.iter().find(|value| value["name"] == measure);
    let at = found.and_then(|value| value["at"].as_array()).map(Vec::as_slice).unwrap_or_default();
    at.iter().filter_map(Value::as_f64).collect()
}

/// The values of one point of a measure, network by network.
pub fn sample(contents: &[Content], measure: &str, point: usize) -> Sample {
    let network = |content: &Content| {
        let (Some(Array { data: Data::I64(ids), .. }), Some(Array { shape, data: Data::F64(values) })) =
            (content.arrays.get("ids"), content.arrays.get(&format!("values.{measure}")))
        else {
            return Vec::new();
        };
        let points = shape.get(1).copied().unwrap_or(1);
        let value = |row: usize| values.get(row * points + point).copied().unwrap_or(f64::NAN);
        ids.iter().enumerate().map(|(row, id)| (*id as u64, value(row))).collect()
    };
    Sample { networks: contents.iter().map(network).collect() }
}
