//! One measure's curves: a line and a band per contender, the legend beside them.

use super::PAGE_WIDTH;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, FAINT, GRID, INK, SMALL_TEXT, Stroke, TEXT, TITLE_TEXT};
use super::palette::{Look, Palette};
use super::text::{fitted, text_width};
use crate::report::{Cell, Group, Measure, Role};
use crate::stats::Estimate;

const PLOT_HEIGHT: f64 = 210.0;
const TOP: f64 = 24.0;
const LEGEND_LINE: f64 = 12.5;
const SWATCH: f64 = 22.0;
/// The legend never takes more than this share of the page.
const LEGEND_SHARE: f64 = 0.36;
const MARKER: f64 = 2.2;
const REFERENCE: Stroke = Stroke { colour: INK, width: 0.8, dash: Some((1.0, 2.0)) };
const BAND_OPACITY: f64 = 0.16;
const MARKERS_PER_CURVE: usize = 6;

struct Curve<'a> {
    label: &'a str,
    look: Look,
    points: &'a [(f64, Estimate)],
}

pub fn draw(group: &Group, index: usize, palette: &Palette, inference: &str) -> String {
    let measure = &group.measures[index];
    let (explainers, controls) = curves(group, index, palette);
    let curves = || explainers.iter().chain(&controls);
    let names = curves().map(|curve| curve.label).chain(measure.reference_lines.iter().map(|(name, _)| name.as_str()));
    let widest = names.map(|name| text_width(name, TEXT)).fold(0.0, f64::max);
    let right = PAGE_WIDTH - (widest + SWATCH + 14.0).min(PAGE_WIDTH * LEGEND_SHARE);
    let points = || curves().flat_map(|curve| curve.points);
    let heights = points().flat_map(|(_, estimate)| [estimate.point, estimate.low, estimate.high]);
    let heights = heights.chain(measure.reference_lines.iter().map(|(_, value)| *value));
    let y = Axis::around(heights, TOP + PLOT_HEIGHT, TOP).padded(0.03);
    let marks = y.ticks(5);
    let left = 26.0 + marks.iter().map(|(_, text)| text_width(text, TEXT)).fold(0.0, f64::max);
    let x = Axis::around(points().map(|(at, _)| *at), left, right).padded(0.01);

    let mut canvas = Canvas::new(PAGE_WIDTH);
    let title = format!("{} on {}, {}", measure.name(), group.dataset, group.model);
    canvas.text((left, 14.0), TITLE_TEXT, Anchor::Left, INK, &title);
    draw_axes(&mut canvas, &x, &y, &marks, measure);
    // Explainers lie over controls, and all lines over all bands.
    for curve in controls.iter().chain(&explainers) {
        draw_band(&mut canvas, &x, &y, curve);
    }
    for (order, curve) in controls.iter().chain(&explainers).enumerate() {
        draw_line(&mut canvas, &x, &y, curve, order);
    }
    for (_, value) in measure.reference_lines.iter().filter(|(_, value)| value.is_finite()) {
        canvas.line((x.from, y.place(*value)), (x.to, y.place(*value)), REFERENCE);
    }
    let bottom = draw_legend(&mut canvas, right + 10.0, curves(), &measure.reference_lines);
    let bottom = bottom.max(TOP + PLOT_HEIGHT + 28.0);
    canvas.text((left, bottom + 12.0), SMALL_TEXT, Anchor::Left, FAINT, &format!("Bands: {inference}."));
    canvas.finish(bottom + 18.0)
}

/// The explainers' curves and those of the controls.
fn curves<'a>(group: &'a Group, index: usize, palette: &Palette) -> (Vec<Curve<'a>>, Vec<Curve<'a>>) {
    let of = |explainers: bool| {
        let contenders = group.contenders.iter().filter(|contender| (contender.role == Role::Explainer) == explainers);
        let curves = contenders.filter_map(|contender| match &contender.cells[index] {
            Cell::Curve(points) => {
                Some(Curve { label: &contender.label, look: palette.look(&contender.label), points })
            }
            _ => None,
        });
        curves.collect()
    };
    (of(true), of(false))
}

fn draw_axes(canvas: &mut Canvas, x: &Axis, y: &Axis, marks: &[(f64, String)], measure: &Measure) {
    for (value, text) in marks {
        let place = y.place(*value);
        canvas.line((x.from, place), (x.to, place), Stroke::solid(GRID, 0.6));
        canvas.text((x.from - 4.0, place + 0.35 * TEXT), TEXT, Anchor::Right, INK, text);
    }
    for (value, text) in x.ticks(6) {
        let place = x.place(value);
        canvas.line((place, y.from), (place, y.from + 3.0), Stroke::solid(INK, 0.6));
        canvas.text((place, y.from + 12.0), TEXT, Anchor::Center, INK, &text);
    }
    canvas.line((x.from, y.from), (x.to, y.from), Stroke::solid(INK, 0.6));
    canvas.text(((x.from + x.to) / 2.0, y.from + 24.0), TEXT, Anchor::Center, INK, &measure.axis);
    let unit = if measure.unit.is_empty() { String::new() } else { format!(", {}", measure.unit) };
    let better = measure.direction.words().map_or(String::new(), |words| format!(" ({words})"));
    let label = format!("{}{unit}{better}", measure.name());
    canvas.upright_text((10.0, (y.from + y.to) / 2.0), TEXT, Anchor::Center, INK, &label);
}

/// The band between the bounds, broken where they are undefined.
fn draw_band(canvas: &mut Canvas, x: &Axis, y: &Axis, curve: &Curve) {
    for part in curve.points.split(|(_, estimate)| !(estimate.low.is_finite() && estimate.high.is_finite())) {
        let upper = part.iter().map(|(at, estimate)| (x.place(*at), y.place(estimate.high)));
        let lower = part.iter().rev().map(|(at, estimate)| (x.place(*at), y.place(estimate.low)));
        let outline: Vec<_> = upper.chain(lower).collect();
        if part.len() > 1 {
            canvas.area(&outline, curve.look.stroke.colour, BAND_OPACITY);
        }
    }
}

/// The line through the points, broken where they are undefined, with markers that do not pile up between curves.
fn draw_line(canvas: &mut Canvas, x: &Axis, y: &Axis, curve: &Curve, order: usize) {
    for part in curve.points.split(|(_, estimate)| !estimate.point.is_finite()) {
        let places: Vec<_> = part.iter().map(|(at, estimate)| (x.place(*at), y.place(estimate.point))).collect();
        if places.len() > 1 {
            canvas.polyline(&places, curve.look.stroke);
        }
        let every = (places.len() / MARKERS_PER_CURVE).max(1);
        for place in places.iter().skip(order % every).step_by(every) {
            curve.look.draw_marker(canvas, *place, MARKER);
        }
    }
}

/// The names beside the plot from `left` on; returns where they end.
fn draw_legend<'a>(
    canvas: &mut Canvas,
    left: f64,
    curves: impl Iterator<Item = &'a Curve<'a>>,
    reference_lines: &[(String, f64)],
) -> f64 {
    let curves = curves.map(|curve| (curve.label, Some(curve.look)));
    let lines = reference_lines.iter().map(|(name, _)| (name.as_str(), None));
    let mut middle = TOP + 4.0;
    for (name, look) in curves.chain(lines) {
        let swatch = ((left, middle), (left + SWATCH - 4.0, middle));
        canvas.line(swatch.0, swatch.1, look.map_or(REFERENCE, |look| look.stroke));
        if let Some(look) = look {
            look.draw_marker(canvas, ((swatch.0.0 + swatch.1.0) / 2.0, middle), MARKER);
        }
        let name = fitted(name, TEXT, PAGE_WIDTH - left - SWATCH - 2.0);
        canvas.text((left + SWATCH, middle + 0.35 * TEXT), TEXT, Anchor::Left, INK, &name);
        middle += LEGEND_LINE;
    }
    middle
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn drawn(change: impl Fn(&mut Vec<(f64, Estimate)>)) -> String {
        let mut report = sample::report();
        if let Cell::Curve(points) = &mut report.tables[0].contenders[0].cells[1] {
            change(points);
        }
        draw(&report.tables[0], 1, &Palette::of(&report), &report.inference)
    }

    /// Bands; the first contender's lines and markers.
    fn counted(svg: &str) -> [usize; 3] {
        let parts =
            ["<polygon opacity=\"0.16\"", "stroke=\"#0072B2\" stroke-width=\"26\"", "fill=\"#0072B2\" stroke=\"none\""];
        parts.map(|part| svg.matches(part).count())
    }

    #[test]
    fn a_band_and_a_line_per_contender() {
        let svg = drawn(|_| {});
        // The second line and the fourth marker are the legend's.
        assert_eq!(counted(&svg), [4, 2, 4]);
        for text in ["\nfraction removed\n", "\ndeletion curve (lower is better)\n", "\nchance\n", "\nsmoothgrad\n"] {
            assert!(svg.contains(text), "{text}");
        }
    }

    #[test]
    fn undefined_points_break_the_line_and_undefined_bounds_the_band() {
        let svg = drawn(|points| points[1].1.point = f64::NAN);
        assert_eq!(counted(&svg), [4, 1, 3]);
        let svg = drawn(|points| points[1].1.low = f64::NAN);
        assert_eq!(counted(&svg), [3, 2, 4]);
        let svg = drawn(Vec::clear);
        assert_eq!(counted(&svg), [3, 1, 1]);
    }
}
