//! The numbers of the main table as points with their intervals: a row per contender, a panel per measure, the best
//! control as a dashed line.

use super::PAGE_WIDTH;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, FAINT, GRID, INK, SMALL_TEXT, Stroke, TEXT, TITLE_TEXT};
use super::palette::Palette;
use super::text::{fitted, text_width};
use crate::report::table::readable_unit;
use crate::report::{Cell, Group, Role};

const PANELS_PER_BAND: usize = 3;
const ROW: f64 = 14.0;
/// Single units lie under the interval, so that none is hidden.
const UNITS_BELOW: f64 = 4.2;
const BEST_CONTROL: Stroke = Stroke { colour: FAINT, width: 0.8, dash: Some((3.0, 2.0)) };
const PANEL_GAP: f64 = 16.0;
/// The labels never take more than this share of the page.
const LABEL_SHARE: f64 = 0.3;

/// `None` where the group has no headline number that is the same in every run.
pub fn draw(group: &Group, palette: &Palette, inference: &str) -> Option<String> {
    let shown = |index: &usize| {
        let measure = &group.measures[*index];
        let numbers = group.contenders.iter().filter_map(|contender| contender.cells[*index].estimate());
        measure.headline && !measure.timing && numbers.count() > 0
    };
    let measures: Vec<usize> = (0..group.measures.len()).filter(shown).collect();
    if measures.is_empty() {
        return None;
    }
    let widest = group.contenders.iter().map(|contender| text_width(&contender.label, TEXT)).fold(0.0, f64::max);
    let left = (widest + 8.0).min(PAGE_WIDTH * LABEL_SHARE);
    let panels = measures.len().min(PANELS_PER_BAND) as f64;
    let width = (PAGE_WIDTH - left - 6.0 - (panels - 1.0) * PANEL_GAP) / panels;

    let mut canvas = Canvas::new(PAGE_WIDTH);
    canvas.text((2.0, 14.0), TITLE_TEXT, Anchor::Left, INK, &format!("{}, {}", group.dataset, group.model));
    let mut top = 22.0;
    for band in measures.chunks(PANELS_PER_BAND) {
        let rows = top + 30.0;
        for (row, contender) in group.contenders.iter().enumerate() {
            let colour = if contender.role == Role::Explainer { INK } else { FAINT };
            let baseline = rows + ROW * (row as f64 + 0.5) + 0.35 * TEXT;
            let label = fitted(&contender.label, TEXT, left - 6.0);
            canvas.text((left - 6.0, baseline), TEXT, Anchor::Right, colour, &label);
        }
        for (column, measure) in band.iter().enumerate() {
            let from = left + column as f64 * (width + PANEL_GAP);
            draw_panel(&mut canvas, group, *measure, palette, (from, rows, width));
        }
        top = rows + ROW * group.contenders.len() as f64 + 22.0;
    }
    canvas.text((2.0, top + 4.0), SMALL_TEXT, Anchor::Left, FAINT, &note(group, &measures, inference));
    Some(canvas.finish(top + 10.0))
}

fn draw_panel(
    canvas: &mut Canvas,
    group: &Group,
    index: usize,
    palette: &Palette,
    (left, top, width): (f64, f64, f64),
) {
    let measure = &group.measures[index];
    let points = group.contenders.iter().filter_map(|contender| contender.cells[index].estimate());
    let (factor, unit) = readable_unit(&measure.unit, points.map(|estimate| estimate.point));
    let values = group.contenders.iter().flat_map(|contender| match &contender.cells[index] {
        Cell::Number { estimate, dots, .. } => {
            [estimate.point, estimate.low, estimate.high].iter().chain(dots).copied().collect()
        }
        _ => Vec::new(),
    });
    let axis = Axis::around(values.map(|value| value / factor), left, left + width).padded(0.05);
    let place = |value: f64| axis.place(value / factor);
    let bottom = top + ROW * group.contenders.len() as f64;

    let separator = if unit.is_empty() { "" } else { ", " };
    let name = fitted(&format!("{}{separator}{unit}", measure.name()), TEXT, width);
    canvas.text((left, top - 15.0), TEXT, Anchor::Left, INK, &name);
    canvas.text((left, top - 5.0), SMALL_TEXT, Anchor::Left, FAINT, measure.direction.words().unwrap_or(""));
    for (value, text) in axis.ticks(4) {
        let place = axis.place(value);
        canvas.line((place, top), (place, bottom), Stroke::solid(GRID, 0.6));
        canvas.text((place, bottom + 10.0), SMALL_TEXT, Anchor::Center, INK, &text);
    }
    canvas.line((left, bottom), (left + width, bottom), Stroke::solid(INK, 0.6));
    if let Some((_, control)) = group.best(index, Role::Control) {
        let control = place(control.point);
        canvas.line((control, top), (control, bottom), BEST_CONTROL);
    }
    for (row, contender) in group.contenders.iter().enumerate() {
        let Cell::Number { estimate, dots, .. } = &contender.cells[index] else { continue };
        let middle = top + ROW * (row as f64 + 0.5);
        let look = palette.look(&contender.label);
        let colour = look.stroke.colour;
        if estimate.low.is_finite() && estimate.high.is_finite() {
            canvas.line((place(estimate.low), middle), (place(estimate.high), middle), Stroke::solid(colour, 1.3));
        }
        for dot in dots.iter().filter(|dot| dot.is_finite()) {
            canvas.ring((place(*dot), middle + UNITS_BELOW), 1.3, Stroke::solid(colour, 0.6));
        }
        if estimate.point.is_finite() {
            look.draw_marker(canvas, (place(estimate.point), middle), 2.6);
        }
    }
}

/// What is drawn beside the points, as far as it occurs.
fn note(group: &Group, measures: &[usize], inference: &str) -> String {
    let cells = measures.iter().flat_map(|index| group.contenders.iter().map(|contender| &contender.cells[*index]));
    let dots = cells.into_iter().any(|cell| matches!(cell, Cell::Number { dots, .. } if !dots.is_empty()));
    let control = measures.iter().any(|index| group.best(*index, Role::Control).is_some());
    let dots = if dots { " Small circles: single units." } else { "" };
    let control = if control { " Dashed: the best control." } else { "" };
    format!("Lines: {inference}.{dots}{control}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::report::{Direction, sample};

    fn drawn(group: &Group) -> Option<String> {
        let mut report = sample::report();
        report.tables = vec![group.clone()];
        draw(group, &Palette::of(&report), &report.inference)
    }

    #[test]
    fn a_panel_per_headline_measure_without_the_timings() {
        let svg = drawn(&sample::group()).unwrap();
        assert!(svg.contains("\ndeletion area\n") && svg.contains("\npointing-game hits\n") && !svg.contains("cost"));
        // Three dots for each of the two explainers on the area; the best control of both measures.
        assert_eq!(svg.matches("r=\"26\"").count(), 6);
        // A dashed line is drawn in pieces, all at the same place across.
        let pieces = svg.lines().filter_map(|line| line.split_once("stroke=\"#666666\" stroke-width=\"16\" points=\""));
        let places: BTreeSet<_> = pieces.filter_map(|(_, points)| points.split(',').next()).collect();
        assert_eq!(places.len(), 2);
        assert!(svg.contains("Small circles: single units. Dashed: the best control."));
    }

    #[test]
    fn without_a_direction_no_control_is_best() {
        let mut group = sample::group();
        group.measures.iter_mut().for_each(|measure| measure.direction = Direction::None);
        let svg = drawn(&group).unwrap();
        assert!(!svg.contains("best control") && !svg.contains("is better"));
    }

    #[test]
    fn undefined_numbers_leave_no_trace() {
        let mut group = sample::group();
        let of_the_first = |group: &Group| drawn(group).unwrap().matches("#0072B2").count();
        // A point with its interval and three dots on the area, a point with its interval on the hits.
        assert_eq!(of_the_first(&group), 7);
        group.contenders[0].cells[0] = sample::number(f64::NAN, f64::NAN, f64::INFINITY);
        assert_eq!(of_the_first(&group), 2);
        for contender in &mut group.contenders {
            contender.cells.fill(Cell::Missing("it failed".into()));
        }
        assert_eq!(drawn(&group), None);
    }
}
