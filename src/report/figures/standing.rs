//! Contenders by measures: how each stands between the worst control and the best explainer.

use super::heatmap::{self, HeatMap, Square};
use super::{Size, warned};
use crate::report::table::Table;
use crate::report::{Direction, Group, Measure, Role};

/// `None` where no headline number has a better end.
pub fn draw(group: &Group, size: Size) -> Option<String> {
    let shown = |measure: &Measure| {
        measure.headline && !measure.variant && measure.direction != Direction::None && !measure.timing
    };
    let mut columns = Vec::new();
    let mut squares: Vec<Vec<Square>> = group.contenders.iter().map(|_| Vec::new()).collect();
    for family in group.families() {
        let Some(table) = Table::of(group, family, shown) else { continue };
        // The columns of the table are these measures, in their order.
        let is = |index: &usize| {
            let measure = &group.measures[*index];
            measure.family == family && shown(measure) && !group.is_curve(*index)
        };
        for (column, index) in (0..group.measures.len()).filter(is).enumerate() {
            let name = format!("{} {}", table.columns[column].metric, table.columns[column].measure_with_arrow());
            // An arrow does not stand on a line of its own.
            columns.push(name.replace(" ↑", "\u{a0}↑").replace(" ↓", "\u{a0}↓"));
            for (row, standing) in standings(group, index).into_iter().enumerate() {
                squares[row].push(Square { text: table.rows[row].entries[column].point.clone(), shade: standing });
            }
        }
    }
    (!columns.is_empty()).then(|| {
        let rows =
            group.contenders.iter().map(|contender| (contender.label.clone(), contender.role != Role::Explainer));
        let map = HeatMap {
            title: format!("Standing on {}, {}", group.dataset, group.model),
            rows: rows.collect(),
            columns,
            squares,
            note: warned(
                group.measures.iter().filter(|measure| shown(measure)),
                "Colour, column by column: from the worst control (light) to the best explainer (dark); beyond them it \
                 stays the same. Grey: undefined. Numbers are the estimates; their intervals stand in the table.",
            ),
        };
        heatmap::draw(&map, size)
    })
}

/// Where each contender lies between the worst control (0) and the best explainer (1); NaN where that says nothing.
fn standings(group: &Group, index: usize) -> Vec<f64> {
    let direction = group.measures[index].direction;
    let point = |contender: &crate::report::Contender| {
        contender.cells[index].estimate().map_or(f64::NAN, |estimate| estimate.point)
    };
    let of = |role| group.contenders.iter().filter(move |contender| contender.role == role).map(point);
    // Without controls, from the worst explainer.
    let controls: Vec<f64> = of(Role::Control).filter(|point| point.is_finite()).collect();
    let bar =
        if controls.is_empty() { of(Role::Explainer).filter(|point| point.is_finite()).collect() } else { controls };
    let worst = bar.into_iter().reduce(|a, b| if direction.better(a, b) { b } else { a });
    let best = group.best(index, Role::Explainer).map(|(_, estimate)| estimate.point);
    let standing = |value: f64| match (worst, best) {
        (Some(worst), Some(best)) if direction.better(best, worst) => (value - worst) / (best - worst),
        _ => f64::NAN,
    };
    group.contenders.iter().map(|contender| standing(point(contender))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn standing_is_measured_from_the_worst_control_to_the_best_explainer() {
        let mut group = sample::group();
        // Hits .9 and .8 of the explainers, .1 and .5 of the controls: (.8 - .1) / (.9 - .1) = .875.
        let hits: Vec<f64> = standings(&group, 2).iter().map(|standing| (standing * 1e3).round() / 1e3).collect();
        assert_eq!(hits, [1.0, 0.875, 0.0, 0.5]);
        // Lower is better for the area, where random has no value: .18 is the worst control, .172 the best.
        let area = standings(&group, 0);
        assert!((area[1] - 0.5).abs() < 1e-9 && area[2].is_nan() && area[3] == 0.0, "{area:?}");
        group.contenders[0].cells[2] = sample::number(0.05, 0.0, 0.1);
        group.contenders[1].cells[2] = sample::number(0.05, 0.0, 0.1);
        assert!(standings(&group, 2).iter().all(|standing| standing.is_nan()), "no explainer passes a control");
    }

    #[test]
    fn numbers_are_written_as_in_the_table() {
        let svg = draw(&sample::group(), Size::Page).unwrap();
        assert!(["\n0.1720\n", "\n0.900\n", "\n0.50\n", "↓"].iter().all(|text| svg.contains(text)), "{svg}");
        assert!(!svg.contains("cost"));
    }
}
