//! Numbers as bars, from chance where a measure has it and from 0 elsewhere, with their intervals as whiskers.

use super::canvas::{Canvas, INK, Stroke};
use super::palette::Palette;
use super::panels::{self, Kind, Mark, Panel};
use super::{Size, inference, warned};
use crate::report::{Direction, Family, Group, Measure};

const THICK: f64 = 8.0;
const CAP: f64 = 4.0;
const WHISKER: Stroke = Stroke::solid(INK, 0.8);
/// Whiskers must be seen on the bars.
const OPACITY: f64 = 0.6;

/// `None` where the family has no headline number with a better end that is the same in every run.
pub fn draw(group: &Group, family: Family, palette: &Palette, size: Size) -> Option<String> {
    let mut measures = panels::measures(group, family);
    measures.retain(|index| group.measures[*index].direction != Direction::None);
    let chance = measures.iter().filter(|index| base(&group.measures[**index]) != 0.0).count();
    let from = match chance {
        0 => "0",
        some if some == measures.len() => "chance",
        _ => "chance where the measure has one, else from 0",
    };
    let note = format!("Bars begin at {from}. Whiskers: {}.", inference(group, &measures));
    let note = warned(measures.iter().map(|index| &group.measures[*index]), &note);
    let kind = Kind { base: |measure| Some(base(measure)), draw: draw_bar, note: &note };
    panels::draw(group, family, &measures, palette, size, &kind)
}

/// Where a measure's bars begin.
fn base(measure: &Measure) -> f64 {
    measure.reference_lines.iter().find(|(name, _)| name == "chance").map_or(0.0, |(_, value)| *value)
}

fn draw_bar(canvas: &mut Canvas, panel: &Panel, mark: &Mark) {
    let Mark { estimate, look, middle, .. } = mark;
    let from = panel.place(base(panel.measure));
    if !estimate.point.is_finite() {
        return;
    }
    let (to, top, bottom) = (panel.place(estimate.point), middle - THICK / 2.0, middle + THICK / 2.0);
    canvas.area(&[(from, top), (to, top), (to, bottom), (from, bottom)], look.stroke.colour, OPACITY);
    if estimate.low.is_finite() && estimate.high.is_finite() {
        let (low, high) = (panel.place(estimate.low), panel.place(estimate.high));
        canvas.line((low, *middle), (high, *middle), WHISKER);
        for end in [low, high] {
            canvas.line((end, middle - CAP / 2.0), (end, middle + CAP / 2.0), WHISKER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// How wide the bars are, and the svg.
    fn drawn(group: &Group) -> (Vec<i32>, String) {
        let mut report = sample::report();
        report.tables = vec![group.clone()];
        let svg = draw(group, Family::Localization, &Palette::of(&report), Size::Page).unwrap();
        let bars =
            svg.lines().filter_map(|line| line.strip_prefix("<polygon opacity=\"0.6\"")?.split_once("points=\""));
        let width = |(_, points): (&str, &str)| {
            let across = points.split_whitespace().filter_map(|point| point.split_once(',')?.0.parse().ok());
            let across: Vec<i32> = across.collect();
            across.iter().max().unwrap() - across.iter().min().unwrap()
        };
        (bars.map(width).collect(), svg)
    }

    #[test]
    fn bars_are_as_long_as_their_distance_from_the_base() {
        let mut group = sample::group();
        // Hits .9, .8, .1 and .5, from 0; then from a chance of .5, where .1 reaches as far to the left as .9 to the right.
        let (from_zero, svg) = drawn(&group);
        assert!((f64::from(from_zero[0]) / f64::from(from_zero[2]) - 9.0).abs() < 0.1, "{from_zero:?}");
        assert!(svg.contains("Bars begin at 0."));
        group.measures[2].reference_lines = vec![("chance".into(), 0.5)];
        let (from_chance, svg) = drawn(&group);
        assert!((from_chance[0] - from_chance[2]).abs() <= 1 && from_chance[3] == 0, "{from_chance:?}");
        assert!(svg.contains("Bars begin at chance."));
    }
}
