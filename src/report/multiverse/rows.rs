//! Every number of the multiverses, as one flat row each.

use serde::Serialize;

use crate::report::Report;
use crate::stats::Estimate;

pub const COLUMNS: [&str; 12] = [
    "suite",
    "dataset",
    "model",
    "metric",
    "measure",
    "universe",
    "explainer",
    "minus",
    "rank",
    "estimate",
    "low",
    "high",
];

/// An estimate with its rank, or, where `minus` names another explainer, the paired difference to that one.
#[derive(Serialize)]
pub struct Row<'a> {
    suite: &'a str,
    dataset: &'a str,
    model: &'a str,
    metric: &'a str,
    measure: &'a str,
    universe: String,
    explainer: &'a str,
    minus: Option<&'a str>,
    rank: Option<f64>,
    estimate: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

/// Universe by universe: the estimates, then the differences of the pairs.
pub fn rows(report: &Report) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for multiverse in &report.multiverses {
        let defined = |value: f64| value.is_finite().then_some(value);
        for (u, (universe, ranks)) in multiverse.universes.iter().zip(multiverse.ranks()).enumerate() {
            let mut push = |explainer: usize, minus: Option<usize>, rank: Option<f64>, estimate: &Estimate| {
                rows.push(Row {
                    suite: &report.suite,
                    dataset: &multiverse.dataset,
                    model: &multiverse.model,
                    metric: &multiverse.metric,
                    measure: &multiverse.measure,
                    universe: universe.name(),
                    explainer: &multiverse.explainers[explainer],
                    minus: minus.map(|other| multiverse.explainers[other].as_str()),
                    rank,
                    estimate: defined(estimate.point),
                    low: defined(estimate.low),
                    high: defined(estimate.high),
                });
            };
            for (explainer, (estimate, rank)) in universe.estimates.iter().zip(ranks).enumerate() {
                push(explainer, None, Some(rank), estimate);
            }
            for pair in &multiverse.pairs {
                push(pair.first, Some(pair.second), None, &pair.differences[u]);
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_row_per_explainer_and_per_pair_in_every_universe() {
        let mut report = sample::report();
        report.multiverses = vec![sample::multiverse()];
        let rows = rows(&report);
        assert_eq!(rows.len(), 3 * (3 + 3));
        assert_eq!((rows[0].explainer, rows[0].minus, rows[0].rank), ("smoothgrad", None, Some(1.0)));
        assert_eq!((rows[3].explainer, rows[3].minus, rows[3].rank), ("smoothgrad", Some("gradient"), None));
        // The columns of the file are the fields.
        let value = serde_json::to_value(&rows[0]).unwrap();
        assert!(value.as_object().unwrap().keys().eq(COLUMNS.iter()));
    }
}
