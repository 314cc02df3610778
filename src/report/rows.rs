//! Every number that a table or a figure shows, as one flat row each.

use serde::Serialize;

use super::{Cell, Contender, Direction, Group, Measure, Report};
use crate::stats::{Estimate, Population};

/// One number with where it belongs. The fields are the columns of the files, in this order; `None` is undefined.
#[derive(Debug, PartialEq, Serialize)]
pub struct Row<'a> {
    pub suite: &'a str,
    pub dataset: &'a str,
    pub model: &'a str,
    pub explainer: &'a str,
    pub metric: &'a str,
    pub measure: String,
    /// The place on a curve, in the measure's axis.
    pub at: Option<f64>,
    /// In the measure's base unit.
    pub estimate: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub n: usize,
    pub invalid: usize,
    pub covers: Population,
    pub direction: Direction,
    pub convention: &'a str,
}

/// The numbers of the measures that `chosen` picks, ordered by group, contender, measure and place.
pub fn rows<'a>(report: &'a Report, chosen: impl Fn(&Measure) -> bool) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for group in &report.tables {
        for contender in &group.contenders {
            for (measure, cell) in group.measures.iter().zip(&contender.cells).filter(|(measure, _)| chosen(measure)) {
                let mut push = |suffix: &str, at: Option<f64>, estimate: &Estimate| {
                    rows.push(row(report, group, contender, measure, suffix, at, estimate));
                };
                match cell {
                    Cell::Missing(_) => {}
                    Cell::Number { estimate, against_control, against_best, .. } => {
                        push("", None, estimate);
                        let rivals =
                            [(" minus best control", against_control), (" minus best explainer", against_best)];
                        for (suffix, difference) in rivals {
                            difference.iter().for_each(|difference| push(suffix, None, difference));
                        }
                    }
                    Cell::Curve(points) => {
                        points.iter().for_each(|point| push("", Some(point.at), &point.estimate));
                    }
                }
            }
        }
    }
    rows
}

fn row<'a>(
    report: &'a Report,
    group: &'a Group,
    contender: &'a Contender,
    measure: &'a Measure,
    suffix: &str,
    at: Option<f64>,
    estimate: &Estimate,
) -> Row<'a> {
    let defined = |value: f64| (!value.is_nan()).then_some(value);
    Row {
        suite: &report.suite,
        dataset: &group.dataset,
        model: &group.model,
        explainer: &contender.label,
        metric: &measure.metric,
        measure: format!("{}{suffix}", measure.measure),
        at,
        estimate: defined(estimate.point),
        low: defined(estimate.low),
        high: defined(estimate.high),
        n: estimate.n,
        invalid: estimate.invalid,
        covers: estimate.covers,
        direction: measure.direction,
        convention: &contender.convention,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn one_row_per_number_in_the_order_of_the_report() {
        let report = sample::report();
        let rows = rows(&report, |measure| !measure.timing);
        let places: Vec<_> = rows.iter().map(|row| (row.explainer, &*row.measure, row.at)).collect();
        // Per contender: the area and its differences where there are any, three places of the curve, the hits.
        assert_eq!(
            places[..7],
            [
                ("gradient", "area", None),
                ("gradient", "area minus best control", None),
                ("gradient", "area minus best explainer", None),
                ("gradient", "curve", Some(0.0)),
                ("gradient", "curve", Some(0.5)),
                ("gradient", "curve", Some(1.0)),
                ("gradient", "hits", None),
            ]
        );
        // random lacks its area, input has no difference to itself.
        assert_eq!(rows.len(), 8 + 7 + 4 + 5);
    }

    #[test]
    fn what_is_undefined_is_none() {
        let mut report = sample::report();
        report.tables[0].contenders[0].cells[0] = sample::number(0.5, f64::NAN, f64::NAN);
        let rows = rows(&report, |measure| !measure.timing);
        assert_eq!((rows[0].estimate, rows[0].low, rows[0].high), (Some(0.5), None, None));
        report.tables[0].contenders[0].cells[0] = sample::number(0.5, 0.1, f64::INFINITY);
        assert_eq!(self::rows(&report, |measure| !measure.timing)[0].high, Some(f64::INFINITY));
    }
}
