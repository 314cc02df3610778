//! One measure's curves: a line per contender with a band, or with dots where the units are few; named values across.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, GRID, INK, Stroke, TEXT, TITLE_TEXT};
use super::names::Names;
use super::palette::{Look, Palette};
use super::text::{draw_note, fitted, text_width};
use super::{Size, warned};
use crate::report::{Brackets, Cell, Group, Point, Role};

const TOP: f64 = 24.0;
const LEGEND_LINE: f64 = 12.5;
const SWATCH: f64 = 22.0;
/// A legend beside the plot never takes more than this share of the page.
const LEGEND_SHARE: f64 = 0.36;
const MARKER: f64 = 2.2;
const DOT: f64 = 1.1;
const BAND_OPACITY: f64 = 0.16;
const MARKERS_PER_CURVE: usize = 6;
/// One for each named value, in turn.
pub const REFERENCES: [Stroke; 2] = [
    Stroke { colour: INK, width: 0.8, dash: Some((1.0, 2.0)) },
    Stroke { colour: INK, width: 0.8, dash: Some((6.0, 2.0)) },
];

pub struct Curve<'a> {
    pub label: String,
    pub look: Look,
    pub points: &'a [Point],
}

/// A name with the line that it stands for, and a contender's marker.
pub struct Name<'a> {
    pub text: &'a str,
    pub stroke: Stroke,
    pub look: Option<Look>,
}

/// A figure of curves; those in `front` lie over those in `back`, and are named first.
pub struct Plot<'a> {
    pub title: String,
    /// What is measured upwards.
    pub label: String,
    /// What is measured across.
    pub axis: &'a str,
    /// What the points 1, 2, .. are; empty where they are numbers.
    pub names: &'a [String],
    pub front: Vec<Curve<'a>>,
    pub back: Vec<Curve<'a>>,
    /// Named values across.
    pub references: &'a [(String, f64)],
    pub note: String,
}

pub fn draw(group: &Group, index: usize, palette: &Palette, size: Size) -> String {
    let measure = &group.measures[index];
    let [front, back] = contenders(group, index, palette);
    let unit = if measure.unit.is_empty() { String::new() } else { format!(", {}", measure.unit) };
    let better = measure.direction.words().map_or(String::new(), |words| format!(" ({words})"));
    let note = if measure.brackets == Brackets::None {
        "Half-widths of the intervals of another measure.".to_string()
    } else {
        intervals(front.iter().chain(&back), &measure.units, &measure.inference)
    };
    let plot = Plot {
        title: format!("{} on {}, {}", measure.name(), group.dataset, group.model),
        label: format!("{}{unit}{better}", measure.name()),
        axis: &measure.axis,
        names: &measure.points,
        front,
        back,
        references: &measure.reference_lines,
        note: warned([measure], &note),
    };
    plot.draw(size)
}

/// What is drawn around the lines.
pub fn intervals<'a>(curves: impl Iterator<Item = &'a Curve<'a>>, units: &str, inference: &str) -> String {
    match curves.flat_map(|curve| curve.points).any(|point| !point.dots.is_empty()) {
        true => format!("Dots: single {units}, at the marked places; too few for bands."),
        false => format!("Bands: {inference}, point by point."),
    }
}

impl Plot<'_> {
    pub fn draw(&self, size: Size) -> String {
        let curves = || self.front.iter().chain(&self.back);
        let references = || self.references.iter().zip(REFERENCES.iter().cycle());
        let mut names = names(curves());
        names.extend(references().map(|((name, _), stroke)| Name { text: name, stroke: *stroke, look: None }));
        let page = size.width();
        let widest = widest(&names);
        let (right, height) = match size {
            Size::Page => (page - (widest + 10.0).min(page * LEGEND_SHARE), 210.0),
            Size::Column => (page - 8.0, 140.0),
        };
        let points = || curves().flat_map(|curve| curve.points);
        let heights = heights(curves()).chain(self.references.iter().map(|(_, value)| *value));
        let y = Axis::around(heights, TOP + height, TOP).padded(0.03);
        let marks = y.ticks(5);
        let left = 26.0 + marks.iter().map(|(_, text)| text_width(text, TEXT)).fold(0.0, f64::max);
        let x = match self.names.len() {
            0 => Axis::around(points().map(|point| point.at), left, right).padded(0.01),
            count => Axis { low: 0.7, high: count as f64 + 0.3, from: left, to: right },
        };

        let mut canvas = Canvas::new(page);
        canvas.text((2.0, 14.0), TITLE_TEXT, Anchor::Left, INK, &fitted(&self.title, TITLE_TEXT, page - 4.0));
        let axes = self.draw_axes(&mut canvas, &x, &y, &marks) + 4.0;
        draw_curves(&mut canvas, &x, &y, &self.front, &self.back);
        for ((_, value), stroke) in references().filter(|((_, value), _)| value.is_finite()) {
            canvas.line((x.from, y.place(*value)), (x.to, y.place(*value)), *stroke);
        }
        let bottom = match size {
            Size::Page => {
                draw_legend(&mut canvas, &names, (right + 10.0, TOP + 4.0), page - right - 10.0, widest).max(axes)
            }
            Size::Column => draw_legend(&mut canvas, &names, (2.0, axes + 8.0), page - 2.0, widest),
        };
        let bottom = draw_note(&mut canvas, &self.note, (2.0, bottom + 10.0), page - 4.0);
        canvas.finish(bottom + 6.0)
    }

    /// Returns the baseline of the lowest text.
    fn draw_axes(&self, canvas: &mut Canvas, x: &Axis, y: &Axis, marks: &[(f64, String)]) -> f64 {
        for (value, text) in marks {
            let place = y.place(*value);
            canvas.line((x.from, place), (x.to, place), Stroke::solid(GRID, 0.6));
            canvas.text((x.from - 4.0, place + 0.35 * TEXT), TEXT, Anchor::Right, INK, text);
        }
        let names = Names { names: self.names, size: TEXT };
        let ticks = match (self.names.is_empty(), self.axis) {
            (false, _) => Vec::new(),
            (true, "epoch") => x.whole_ticks(6),
            (true, _) => x.ticks(6),
        };
        for (value, text) in ticks {
            let place = x.place(value);
            canvas.line((place, y.from), (place, y.from + 3.0), Stroke::solid(INK, 0.6));
            canvas.text((place, y.from + 12.0), TEXT, Anchor::Center, INK, &text);
        }
        canvas.line((x.from, y.from), (x.to, y.from), Stroke::solid(INK, 0.6));
        names.draw(canvas, x, y.from);
        let below = y.from + names.depth(x.place(1.0) - x.place(0.0)) + 12.0;
        canvas.text(((x.from + x.to) / 2.0, below), TEXT, Anchor::Center, INK, self.axis);
        let label = fitted(&self.label, TEXT, y.from - y.to + 16.0);
        canvas.upright_text((10.0, (y.from + y.to) / 2.0), TEXT, Anchor::Center, INK, &label);
        below
    }
}

/// Everything that has a height.
pub fn heights<'a>(curves: impl Iterator<Item = &'a Curve<'a>>) -> impl Iterator<Item = f64> {
    curves.flat_map(|curve| curve.points).flat_map(|Point { estimate, dots, .. }| match dots.as_slice() {
        [] => vec![estimate.point, estimate.low, estimate.high],
        dots => dots.to_vec(),
    })
}

/// The names of curves, as a legend shows them.
pub fn names<'a>(curves: impl Iterator<Item = &'a Curve<'a>>) -> Vec<Name<'a>> {
    curves.map(|curve| Name { text: &curve.label, stroke: curve.look.stroke, look: Some(curve.look) }).collect()
}

/// The room that the longest of them takes in a legend.
pub fn widest(names: &[Name]) -> f64 {
    names.iter().map(|name| text_width(name.text, TEXT)).fold(0.0, f64::max) + SWATCH + 4.0
}

/// The explainers' curves and those of the controls.
pub fn contenders<'a>(group: &'a Group, index: usize, palette: &Palette) -> [Vec<Curve<'a>>; 2] {
    let of = |explainers: bool| {
        let contenders = group.contenders.iter().filter(|contender| (contender.role == Role::Explainer) == explainers);
        let curves = contenders.filter_map(|contender| match &contender.cells[index] {
            Cell::Curve(points) => {
                Some(Curve { label: contender.label.clone(), look: palette.look(&contender.label), points })
            }
            _ => None,
        });
        curves.collect()
    };
    [of(true), of(false)]
}

/// All lines over all bands, and those in front over those behind.
pub fn draw_curves(canvas: &mut Canvas, x: &Axis, y: &Axis, front: &[Curve], back: &[Curve]) {
    let drawn = || back.iter().chain(front);
    drawn().for_each(|curve| draw_band(canvas, x, y, curve));
    for (order, curve) in drawn().enumerate() {
        draw_line(canvas, x, y, curve, order);
    }
}

/// The band between the bounds, broken where they are undefined and where single units are shown instead.
fn draw_band(canvas: &mut Canvas, x: &Axis, y: &Axis, curve: &Curve) {
    let has_band =
        |point: &Point| point.estimate.low.is_finite() && point.estimate.high.is_finite() && point.dots.is_empty();
    for part in curve.points.split(|point| !has_band(point)) {
        let upper = part.iter().map(|point| (x.place(point.at), y.place(point.estimate.high)));
        let lower = part.iter().rev().map(|point| (x.place(point.at), y.place(point.estimate.low)));
        let outline: Vec<_> = upper.chain(lower).collect();
        if part.len() > 1 {
            canvas.area(&outline, curve.look.stroke.colour, BAND_OPACITY);
        }
    }
}

/// The line through the points, broken where they are undefined. Its markers, with the units around them, do not pile up
/// between curves.
fn draw_line(canvas: &mut Canvas, x: &Axis, y: &Axis, curve: &Curve, order: usize) {
    let stroke = curve.look.stroke;
    for part in curve.points.split(|point| !point.estimate.point.is_finite()) {
        let place = |point: &Point, value: f64| (x.place(point.at), y.place(value));
        let places: Vec<_> = part.iter().map(|point| place(point, point.estimate.point)).collect();
        if places.len() > 1 {
            canvas.polyline(&places, stroke);
        }
        let every = (places.len() / MARKERS_PER_CURVE).max(1);
        for point in part.iter().skip(order % every).step_by(every) {
            for dot in point.dots.iter().filter(|dot| dot.is_finite()) {
                canvas.ring(place(point, *dot), DOT, Stroke::solid(stroke.colour, 0.5));
            }
            curve.look.draw_marker(canvas, place(point, point.estimate.point), MARKER);
        }
    }
}

/// The names in as many columns as fit the width, read downwards; returns where they end.
pub fn draw_legend(canvas: &mut Canvas, names: &[Name], (left, top): (f64, f64), width: f64, widest: f64) -> f64 {
    let columns = ((width / widest) as usize).clamp(1, names.len().max(1));
    let lines = names.len().div_ceil(columns).max(1);
    for (index, name) in names.iter().enumerate() {
        let from = left + (index / lines) as f64 * width / columns as f64;
        let middle = top + (index % lines) as f64 * LEGEND_LINE;
        canvas.line((from, middle), (from + SWATCH - 4.0, middle), name.stroke);
        if let Some(look) = name.look {
            look.draw_marker(canvas, (from + SWATCH / 2.0 - 2.0, middle), MARKER);
        }
        let text = fitted(name.text, TEXT, width / columns as f64 - SWATCH - 2.0);
        canvas.text((from + SWATCH, middle + 0.35 * TEXT), TEXT, Anchor::Left, INK, &text);
    }
    top + lines as f64 * LEGEND_LINE - 4.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn drawn(size: Size, change: impl Fn(&mut Vec<Point>)) -> String {
        let mut report = sample::report();
        if let Cell::Curve(points) = &mut report.tables[0].contenders[0].cells[1] {
            change(points);
        }
        draw(&report.tables[0], 1, &Palette::of(&report), size)
    }

    /// Bands; the first contender's lines and markers.
    fn counted(svg: &str) -> [usize; 3] {
        let parts =
            ["<polygon opacity=\"0.16\"", "stroke=\"#0072B2\" stroke-width=\"26\"", "fill=\"#0072B2\" stroke=\"none\""];
        parts.map(|part| svg.matches(part).count())
    }

    #[test]
    fn a_band_and_a_line_per_contender() {
        for size in [Size::Page, Size::Column] {
            let svg = drawn(size, |_| {});
            // The second line and the fourth marker are the legend's.
            assert_eq!(counted(&svg), [4, 2, 4]);
            for text in ["fraction removed", "deletion curve (lower is better)", "chance", "smoothgrad"] {
                assert!(svg.contains(&format!("\n{text}\n")), "{text}");
            }
        }
    }

    #[test]
    fn undefined_points_break_the_line_and_undefined_bounds_the_band() {
        let drawn = |change: fn(&mut Vec<Point>)| counted(&drawn(Size::Page, change));
        assert_eq!(drawn(|points| points[1].estimate.point = f64::NAN), [4, 1, 3]);
        assert_eq!(drawn(|points| points[1].estimate.low = f64::NAN), [3, 2, 4]);
        assert_eq!(drawn(Vec::clear), [3, 1, 1]);
    }

    #[test]
    fn points_have_their_names() {
        let group = sample::layered();
        let svg = draw(&group, 1, &Palette::of(&sample::report()), Size::Page);
        assert!(["fc", "conv", "layers randomized"].iter().all(|text| svg.contains(&format!("\n{text}\n"))));
        assert!(!svg.contains("\n1.5\n") && !svg.contains("\n2.0\n"), "{svg}");
    }

    #[test]
    fn few_units_are_dots_and_have_no_band() {
        let svg = drawn(Size::Page, |points| points.iter_mut().for_each(|point| point.dots = vec![0.2, 0.4]));
        assert_eq!(counted(&svg), [3, 2, 4]);
        // Two units at each of the three points.
        assert_eq!(svg.matches("r=\"22\"").count(), 6);
        assert!(svg.contains("Dots: single networks, at"));
    }
}
