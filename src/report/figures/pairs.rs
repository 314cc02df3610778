//! Curves with those of their controls, such as an attack with random moves: a panel per pair, each on a scale of its own. What
//! a contender scored is solid, its control is dashed in the same colour.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, GRID, INK, SMALL_TEXT, Stroke, TEXT, TITLE_TEXT};
use super::curves::{Curve, Name, REFERENCES, contenders, draw_curves, draw_legend, heights, intervals, names, widest};
use super::palette::Palette;
use super::text::{draw_note, fitted, text_width};
use super::{Size, warned};
use crate::report::{Cell, Group, Measure};

const GAP: f64 = 10.0;
const HEADER: f64 = 14.0;
/// What lies below a panel: its ticks and their numbers.
const FOOTER: f64 = 20.0;
const DASH: Option<(f64, f64)> = Some((2.5, 1.8));
/// With more points than this not each of them has a tick.
const MOST_TICKS: usize = 6;

/// A curve and its control, as places in the group.
pub type Pair = (usize, usize);

/// The pairs of one metric: those that a reader meets first, or the further ones.
pub struct Pairs<'a> {
    pub metric: &'a str,
    pub further: bool,
    /// At least one.
    pub pairs: Vec<Pair>,
}

/// What has such curves in a group. Pairs without a value are left out.
pub fn pairs(group: &Group) -> Vec<Pairs<'_>> {
    let mut all: Vec<Pairs> = Vec::new();
    for (control, measure) in group.measures.iter().enumerate().filter(|(_, measure)| !measure.variant) {
        let Some(place) = controlled(group, measure) else { continue };
        if !has_values(group, place) && !has_values(group, control) {
            continue;
        }
        let Measure { metric, further, .. } = &group.measures[place];
        match all.iter_mut().find(|held| held.metric == metric && held.further == *further) {
            Some(held) => held.pairs.push((place, control)),
            None => all.push(Pairs { metric, further: *further, pairs: vec![(place, control)] }),
        }
    }
    all
}

/// Whether a curve stands in such a figure, with its control or as one.
pub fn shows(group: &Group, index: usize) -> bool {
    let is = |measure: &Measure| controlled(group, measure) == Some(index);
    controlled(group, &group.measures[index]).is_some() || group.measures.iter().any(is)
}

/// The curve that a measure is the control of.
fn controlled(group: &Group, measure: &Measure) -> Option<usize> {
    let of = measure.control_of.filter(|_| !measure.axis.is_empty())?.measure;
    group.measures.iter().position(|held| held.metric == measure.metric && held.measure == of)
}

fn has_values(group: &Group, index: usize) -> bool {
    let mut cells = group.contenders.iter().map(|contender| &contender.cells[index]);
    cells.any(|cell| matches!(cell, Cell::Curve(points) if points.iter().any(|point| point.estimate.point.is_finite())))
}

/// One panel, from the front to the back.
struct Panel<'a> {
    measure: &'a Measure,
    explainers: Vec<Curve<'a>>,
    /// Everything behind them: controls that do not see the model, and what is dashed.
    back: Vec<Curve<'a>>,
}

impl<'a> Panel<'a> {
    fn of(group: &'a Group, (place, control): Pair, palette: &Palette) -> Self {
        let dashed = |dash, curves: Vec<Curve<'a>>| {
            let of = |mut curve: Curve<'a>| {
                curve.look.stroke.dash = dash;
                curve
            };
            curves.into_iter().map(of).collect::<Vec<_>>()
        };
        let [explainers, blind] = contenders(group, place, palette).map(|curves| dashed(None, curves));
        let [held, blind_held] = contenders(group, control, palette).map(|curves| dashed(DASH, curves));
        let back = blind_held.into_iter().chain(blind).chain(held).collect();
        Self { measure: &group.measures[place], explainers, back }
    }

    fn curves(&self) -> impl Iterator<Item = &Curve<'a>> {
        self.explainers.iter().chain(&self.back)
    }

    /// "center-shift, px": that it is a curve is seen.
    fn title(&self) -> String {
        let name = self.measure.measure.trim_end_matches("-curve");
        let unit = &self.measure.unit;
        if unit.is_empty() { name.to_string() } else { format!("{name}, {unit}") }
    }

    fn draw(&self, canvas: &mut Canvas, x: &Axis, y: &Axis) {
        for (value, text) in y.ticks(4) {
            let place = y.place(value);
            canvas.line((x.from, place), (x.to, place), Stroke::solid(GRID, 0.6));
            canvas.text((x.from - 3.0, place + 0.35 * SMALL_TEXT), SMALL_TEXT, Anchor::Right, INK, &text);
        }
        let title = fitted(&self.title(), TEXT, x.to - x.from);
        canvas.text((x.from, y.to - 4.0), TEXT, Anchor::Left, INK, &title);
        for (value, text) in self.ticks(x) {
            let place = x.place(value);
            canvas.line((place, y.from), (place, y.from + 3.0), Stroke::solid(INK, 0.6));
            canvas.text((place, y.from + 10.0), SMALL_TEXT, Anchor::Center, INK, &text);
        }
        canvas.line((x.from, y.from), (x.to, y.from), Stroke::solid(INK, 0.6));
        for ((_, value), stroke) in self.measure.reference_lines.iter().zip(REFERENCES.iter().cycle()) {
            canvas.line((x.from, y.place(*value)), (x.to, y.place(*value)), *stroke);
        }
        draw_curves(canvas, x, y, &self.explainers, &self.back);
    }

    /// At the points themselves where they are few.
    fn ticks(&self, x: &Axis) -> Vec<(f64, String)> {
        let points = self.curves().map(|curve| curve.points).find(|points| !points.is_empty()).unwrap_or_default();
        match points.len() {
            0..=MOST_TICKS => points.iter().map(|point| (point.at, point.at.to_string())).collect(),
            _ => x.ticks(4),
        }
    }

    fn heights(&self) -> impl Iterator<Item = f64> {
        heights(self.curves()).chain(self.measure.reference_lines.iter().map(|(_, value)| *value))
    }
}

pub fn draw(group: &Group, shown: &Pairs, palette: &Palette, size: Size) -> String {
    let panels: Vec<Panel> = shown.pairs.iter().map(|pair| Panel::of(group, *pair, palette)).collect();
    let page = size.width();
    let (across, height) = if size == Size::Page { (3, 104.0) } else { (2, 76.0) };
    let y = |panel: &Panel| Axis::around(panel.heights(), height, 0.0).padded(0.04);
    let marks = |panel: &Panel| y(panel).ticks(4).into_iter().map(|(_, text)| text_width(&text, SMALL_TEXT));
    let left = 5.0 + panels.iter().flat_map(marks).fold(0.0, f64::max);
    let width = (page - 4.0 - (left + GAP) * f64::from(across) + GAP) / f64::from(across);
    let points = || panels.iter().flat_map(Panel::curves).flat_map(|curve| curve.points);
    let x = Axis::around(points().map(|point| point.at), 0.0, width).padded(0.04);

    let mut canvas = Canvas::new(page);
    let further = if shown.further { ": further measures" } else { "" };
    let title = format!("{} on {}, {}{further}", shown.metric, group.dataset, group.model);
    canvas.text((2.0, 14.0), TITLE_TEXT, Anchor::Left, INK, &fitted(&title, TITLE_TEXT, page - 4.0));
    let mut top = 24.0;
    for band in panels.chunks(across as usize) {
        let (from, to) = (top + HEADER, top + HEADER + height);
        for (panel, column) in band.iter().zip(0u32..) {
            let start = left + f64::from(column) * (width + left + GAP);
            let x = Axis { from: start, to: start + width, ..x };
            panel.draw(&mut canvas, &x, &Axis { from: to, to: from, ..y(panel) });
        }
        top = to + FOOTER;
    }
    let axis = panels.first().map_or("", |panel| &panel.measure.axis);
    canvas.text((page / 2.0, top + 4.0), TEXT, Anchor::Center, INK, axis);

    let bottom = draw_legends(&mut canvas, group, shown, &panels, palette, (top + 18.0, page));
    let measures = || shown.pairs.iter().map(|(place, _)| &group.measures[*place]);
    let note = measures().next().map_or_else(String::new, |measure| {
        intervals(panels.iter().flat_map(Panel::curves), &measure.units, &measure.inference)
    });
    let bottom = draw_note(&mut canvas, &warned(measures(), &note), (2.0, bottom + 10.0), page - 4.0);
    canvas.finish(bottom + 6.0)
}

/// The contenders by colour, and below them what the lines are; returns where they end.
fn draw_legends(
    canvas: &mut Canvas,
    group: &Group,
    shown: &Pairs,
    panels: &[Panel],
    palette: &Palette,
    (top, page): (f64, f64),
) -> f64 {
    // A contender is named once, though it may be absent from a panel.
    let named = shown.pairs.first().map(|(place, _)| contenders(group, *place, palette)).unwrap_or_default();
    let mut labels = names(named.iter().flatten());
    labels.iter_mut().for_each(|name| name.stroke.dash = None);
    let bottom = draw_legend(canvas, &labels, (2.0, top), page - 2.0, widest(&labels));
    let control = shown.pairs.first().and_then(|(_, control)| group.measures[*control].control_of);
    let kinds = control.map_or(Vec::new(), |control| control.words.into_iter().zip([None, DASH]).collect());
    let kinds = kinds.into_iter().map(|(text, dash)| Name {
        text,
        stroke: Stroke { colour: INK, width: 1.3, dash },
        look: None,
    });
    let mut lines: Vec<Name> = kinds.collect();
    for ((text, _), stroke) in
        panels.iter().flat_map(|panel| panel.measure.reference_lines.iter().zip(REFERENCES.iter().cycle()))
    {
        if lines.iter().all(|line| line.text != text) {
            lines.push(Name { text, stroke: *stroke, look: None });
        }
    }
    draw_legend(canvas, &lines, (2.0, bottom + 8.0), page - 2.0, widest(&lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{ControlOf, sample};

    const OF: ControlOf = ControlOf { measure: "curve", words: ["attack", "random signs"] };

    /// Beside the sample's curve a control of it.
    fn attacked() -> Group {
        let mut group = sample::group();
        let curve = group.measures[1].clone();
        group.measures.push(Measure { measure: "random-sign-curve".into(), control_of: Some(OF), ..curve });
        group.contenders.iter_mut().for_each(|contender| contender.cells.push(contender.cells[1].clone()));
        group
    }

    fn drawn(group: &Group, size: Size) -> String {
        let mut report = sample::report();
        report.tables = vec![group.clone()];
        draw(group, &pairs(group)[0], &Palette::of(&report), size)
    }

    #[test]
    fn a_panel_holds_both_in_one_colour() {
        let group = attacked();
        assert_eq!(pairs(&group)[0].pairs, [(1, 4)]);
        assert_eq!([0, 1, 4].map(|index| shows(&group, index)), [false, true, true]);
        for size in [Size::Page, Size::Column] {
            let svg = drawn(&group, size);
            // Four contenders, each with a band for both, and named once.
            assert_eq!(svg.matches("<polygon opacity=\"0.16\"").count(), 8);
            assert_eq!(svg.matches("\nsmoothgrad\n").count(), 1);
            // A control that does not see the model is solid as well: what is dashed is the control of the measure.
            let solid = |colour: &str| {
                svg.matches(&format!("<polyline fill=\"none\" opacity=\"1\" stroke=\"{colour}\"")).count()
            };
            assert!(solid("#5F5F5F") > 2, "{svg}");
            for text in ["attack", "random signs", "chance", "fraction removed", "curve", "0.5"] {
                assert!(svg.contains(&format!("\n{text}\n")), "{text}");
            }
        }
    }

    #[test]
    fn further_pairs_have_a_figure_of_their_own() {
        let mut group = attacked();
        for (measure, control_of) in [("shift-curve", None), ("random-sign-shift-curve", Some("shift-curve"))] {
            let control_of = control_of.map(|measure| ControlOf { measure, ..OF });
            let measure =
                Measure { measure: measure.into(), control_of, unit: "px".into(), ..group.measures[1].clone() };
            group.measures.push(Measure { further: true, ..measure });
            group.contenders.iter_mut().for_each(|contender| contender.cells.push(contender.cells[1].clone()));
        }
        let all = pairs(&group);
        let found: Vec<_> = all.iter().map(|shown| (shown.metric, shown.further, shown.pairs.as_slice())).collect();
        assert_eq!(found, [("deletion", false, &[(1, 4)][..]), ("deletion", true, &[(5, 6)])]);
        let mut report = sample::report();
        report.tables = vec![group.clone()];
        let svg = draw(&group, &all[1], &Palette::of(&report), Size::Page);
        assert!(svg.contains("\nshift, px\n") && svg.contains(": further measures"), "{svg}");
        let stems: Vec<String> =
            crate::report::figures::draw(&report, Size::Page).into_iter().map(|figure| figure.stem).collect();
        let of = |part: &str| stems.iter().filter(|stem| stem.contains(part)).count();
        assert_eq!([of("deletion"), of("deletion.curves"), of("deletion.further")], [2, 1, 1], "{stems:?}");
    }

    #[test]
    fn what_has_no_value_has_no_panel() {
        let mut group = attacked();
        for cell in group.contenders.iter_mut().flat_map(|contender| &mut contender.cells) {
            if let Cell::Curve(points) = cell {
                points.iter_mut().for_each(|point| point.estimate.point = f64::NAN);
            }
        }
        assert!(pairs(&group).is_empty() && shows(&group, 1), "an empty figure of its own would say as little");
        assert!(pairs(&sample::group()).is_empty() && !shows(&sample::group(), 1));
    }
}
