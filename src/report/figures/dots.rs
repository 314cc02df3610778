//! Numbers as points with their intervals, and single units where they are few.

use super::canvas::{Canvas, Stroke};
use super::palette::Palette;
use super::panels::{self, Kind, Mark, Panel};
use super::{Size, inference, warned};
use crate::report::{Cell, Family, Group};

/// Single units lie under the interval, so that none is hidden.
const UNITS_BELOW: f64 = 4.2;

/// `None` where the family has no headline number that is the same in every run.
pub fn draw(group: &Group, family: Family, palette: &Palette, size: Size) -> Option<String> {
    let measures = panels::measures(group, family);
    let has_dots = |index: &&usize| {
        let mut cells = group.contenders.iter().map(|contender| &contender.cells[**index]);
        cells.any(|cell| matches!(cell, Cell::Number { dots, .. } if !dots.is_empty()))
    };
    let mut units: Vec<&str> =
        measures.iter().filter(has_dots).map(|index| group.measures[*index].units.as_str()).collect();
    units.sort_unstable();
    units.dedup();
    let dots = if units.is_empty() { String::new() } else { format!(" Small circles: single {}.", units.join(", ")) };
    let note = format!("Lines: {}.{dots}", inference(group, &measures));
    let note = warned(measures.iter().map(|index| &group.measures[*index]), &note);
    panels::draw(group, family, &measures, palette, size, &Kind { base: |_| None, draw: draw_point, note: &note })
}

fn draw_point(canvas: &mut Canvas, panel: &Panel, mark: &Mark) {
    let Mark { estimate, dots, look, middle } = mark;
    let colour = look.stroke.colour;
    if estimate.low.is_finite() && estimate.high.is_finite() {
        let (low, high) = (panel.place(estimate.low), panel.place(estimate.high));
        canvas.line((low, *middle), (high, *middle), Stroke::solid(colour, 1.3));
    }
    for dot in dots.iter().filter(|dot| dot.is_finite()) {
        canvas.ring((panel.place(*dot), middle + UNITS_BELOW), 1.3, Stroke::solid(colour, 0.6));
    }
    if estimate.point.is_finite() {
        look.draw_marker(canvas, (panel.place(estimate.point), *middle), 2.6);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::report::{Direction, sample};

    fn drawn(group: &Group) -> Option<String> {
        let mut report = sample::report();
        report.tables = vec![group.clone()];
        draw(group, Family::Removal, &Palette::of(&report), Size::Page)
    }

    #[test]
    fn a_panel_per_headline_measure_of_the_family_without_timings() {
        let mut group = sample::group();
        let svg = drawn(&group).unwrap();
        assert!(svg.contains("\narea\n") && !svg.contains("\nhits\n"));
        // Three dots for each of the two explainers on the area.
        assert_eq!(svg.matches("r=\"26\"").count(), 6);
        // A dashed line is drawn in pieces, all at the same place across.
        let pieces = svg.lines().filter_map(|line| line.split_once("stroke=\"#666666\" stroke-width=\"16\" points=\""));
        let places: BTreeSet<_> = pieces.filter_map(|(_, points)| points.split(',').next()).collect();
        assert_eq!(places.len(), 1);
        assert!(svg.contains("Small circles: single networks. Dashed: the best control."));
        group.measures[0].timing = true;
        assert_eq!(drawn(&group), None);
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
        // A point with its interval and three dots.
        assert_eq!(of_the_first(&group), 5);
        group.contenders[0].cells[0] = sample::number(f64::NAN, f64::NAN, f64::INFINITY);
        assert_eq!(of_the_first(&group), 0);
        for contender in &mut group.contenders {
            contender.cells.fill(Cell::Missing("it failed".into()));
        }
        assert_eq!(drawn(&group), None);
    }
}
