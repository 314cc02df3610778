//! What a measure is held against, as named values.

use crate::metrics::{Line, Measure};
use crate::report::{Cell, Group};
use crate::stats::mean;

/// The lines of one column that have a value here.
pub fn reference_lines(group: &Group, column: usize, measure: &Measure, classes: usize) -> Vec<(String, f64)> {
    let named = measure.lines.iter().map(|line| match line {
        Line::Chance(value) => ("chance", *value),
        Line::ChanceMeasure(name) => ("chance", chance(group, &group.measures[column].metric, name)),
        Line::ChanceOfClass => ("chance", 1.0 / classes as f64),
        Line::Unmodified => ("unmodified", unmodified(group, column)),
    });
    named.filter(|(_, value)| value.is_finite()).map(|(name, value)| (name.to_string(), value)).collect()
}

/// The mean over the contenders of another measure of the same metric.
fn chance(group: &Group, metric: &str, measure: &str) -> f64 {
    let is = |held: &&usize| group.measures[**held].metric == metric && group.measures[**held].measure == measure;
    let all: Vec<usize> = (0..group.measures.len()).collect();
    let Some(column) = all.iter().find(is) else { return f64::NAN };
    let estimates = group.contenders.iter().filter_map(|contender| contender.cells[*column].estimate());
    let points: Vec<f64> = estimates.map(|estimate| estimate.point).filter(|point| point.is_finite()).collect();
    mean(&points)
}

/// The mean over the contenders of the end of their curves where nothing was changed; undefined where there is none.
fn unmodified(group: &Group, column: usize) -> f64 {
    let firsts = group.contenders.iter().filter_map(|contender| match &contender.cells[column] {
        // Of what is kept, everything is.
        Cell::Curve(points) if group.measures[column].axis == "fraction kept" => {
            points.last().filter(|point| point.at == 1.0)
        }
        Cell::Curve(points) => points.first().filter(|point| point.at == 0.0),
        _ => None,
    });
    let points: Vec<f64> = firsts.map(|point| point.estimate.point).filter(|point| point.is_finite()).collect();
    mean(&points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Direction;
    use crate::report::sample;

    #[test]
    fn lines_get_their_values_from_what_was_measured() {
        let group = sample::group();
        let lines = |lines: &'static [Line], column| {
            let measure = Measure::new("curve", Direction::Lower, 0.0).against(lines);
            reference_lines(&group, column, &measure, 4)
        };
        let chances = lines(&[Line::Chance(0.5), Line::ChanceOfClass], 1);
        assert_eq!(chances, [("chance".to_string(), 0.5), ("chance".to_string(), 0.25)]);
        // All curves of the sample begin at 1; an area has no beginning.
        assert_eq!(lines(&[Line::Unmodified], 1), [("unmodified".to_string(), 1.0)]);
        assert!(lines(&[Line::Unmodified], 0).is_empty());
        // What is kept ends with everything.
        let mut kept = group.clone();
        kept.measures[1].axis = "fraction kept".to_string();
        let measure = Measure::new("curve", Direction::Higher, 0.0).against(&[Line::Unmodified]);
        let ends = kept.contenders.iter().map(|contender| match &contender.cells[1] {
            Cell::Curve(points) => points.last().unwrap().estimate.point,
            _ => f64::NAN,
        });
        assert_eq!(
            reference_lines(&kept, 1, &measure, 4),
            [("unmodified".to_string(), mean(&ends.collect::<Vec<_>>()))]
        );
        // The hits: (0.9 + 0.8 + 0.1 + 0.5) / 4.
        let hits = lines(&[Line::ChanceMeasure("hits")], 2);
        assert!((hits[0].1 - 0.575).abs() < 1e-12, "{hits:?}");
        assert!(lines(&[Line::ChanceMeasure("hits")], 0).is_empty(), "another metric's");
    }
}
