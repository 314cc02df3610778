//! What figures of single numbers share: a panel per headline measure of a family, a row per contender.

use super::Size;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, FAINT, GRID, INK, SMALL_TEXT, Stroke, TEXT, TITLE_TEXT};
use super::palette::{Look, Palette};
use super::text::{draw_note, fitted, text_width};
use crate::report::table::readable_unit;
use crate::report::{Brackets, Cell, Family, Group, Measure, Role};
use crate::stats::Estimate;

const ROW: f64 = 14.0;
const HEADER: f64 = 34.0;
const PANEL_GAP: f64 = 16.0;
/// The labels never take more than this share of the width.
const LABEL_SHARE: f64 = 0.36;
const BEST_CONTROL: Stroke = Stroke { colour: FAINT, width: 0.8, dash: Some((3.0, 2.0)) };

/// A measure with its axis.
pub struct Panel<'a> {
    pub measure: &'a Measure,
    axis: Axis,
    /// What one of the printed unit is in the measure's own.
    factor: f64,
}

/// One contender's number.
pub struct Mark<'a> {
    pub estimate: &'a Estimate,
    pub dots: &'a [f64],
    pub look: Look,
    /// How far down the row lies.
    pub middle: f64,
}

/// How a kind of figure shows numbers.
pub struct Kind<'a> {
    /// The value that a measure's marks begin at; a line is drawn there.
    pub base: fn(&Measure) -> Option<f64>,
    pub draw: fn(&mut Canvas, &Panel, &Mark),
    /// What the figure's marks are.
    pub note: &'a str,
}

/// The headline measures of a family that are numbers, the same in every run.
pub fn measures(group: &Group, family: Family) -> Vec<usize> {
    let shown = |index: &usize| {
        let measure = &group.measures[*index];
        let mut numbers = group.contenders.iter().filter_map(|contender| contender.cells[*index].estimate());
        // What is drawn behind a point is an interval.
        measure.family == family
            && measure.headline
            && measure.brackets != Brackets::Range
            && !measure.variant
            && !measure.timing
            && numbers.next().is_some()
    };
    (0..group.measures.len()).filter(shown).collect()
}

/// `None` without a measure to show. `measures` are places in the group.
pub fn draw(
    group: &Group,
    family: Family,
    measures: &[usize],
    palette: &Palette,
    size: Size,
    kind: &Kind,
) -> Option<String> {
    if measures.is_empty() {
        return None;
    }
    let page = size.width();
    let widest = group.contenders.iter().map(|contender| text_width(&contender.label, TEXT)).fold(0.0, f64::max);
    let left = (widest + 8.0).min(page * LABEL_SHARE);
    let across = measures.len().min(if size == Size::Page { 3 } else { 2 });
    let width = (page - left - 8.0 - (across as f64 - 1.0) * PANEL_GAP) / across as f64;

    let mut canvas = Canvas::new(page);
    let title = format!("{} on {}, {}", family.title(), group.dataset, group.model);
    canvas.text((2.0, 14.0), TITLE_TEXT, Anchor::Left, INK, &fitted(&title, TITLE_TEXT, page - 4.0));
    let mut top = 22.0;
    for band in measures.chunks(across) {
        let rows = top + HEADER;
        for (row, contender) in group.contenders.iter().enumerate() {
            let colour = if contender.role == Role::Explainer { INK } else { FAINT };
            let baseline = rows + ROW * (row as f64 + 0.5) + 0.35 * TEXT;
            let label = fitted(&contender.label, TEXT, left - 6.0);
            canvas.text((left - 6.0, baseline), TEXT, Anchor::Right, colour, &label);
        }
        for (column, measure) in band.iter().enumerate() {
            let from = left + column as f64 * (width + PANEL_GAP);
            draw_panel(&mut canvas, group, *measure, palette, (from, rows, width), kind);
        }
        top = rows + ROW * group.contenders.len() as f64 + 22.0;
    }
    let control = measures.iter().any(|index| group.best(*index, Role::Control).is_some());
    let note = format!("{}{}", kind.note, if control { " Dashed: the best control." } else { "" });
    let bottom = draw_note(&mut canvas, &note, (2.0, top + 4.0), page - 4.0);
    Some(canvas.finish(bottom + 6.0))
}

fn draw_panel(
    canvas: &mut Canvas,
    group: &Group,
    index: usize,
    palette: &Palette,
    (left, top, width): (f64, f64, f64),
    kind: &Kind,
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
    let values = values.chain((kind.base)(measure)).map(|value| value / factor);
    let axis = Axis::around(values, left, left + width).padded(0.05);
    let bottom = top + ROW * group.contenders.len() as f64;
    let panel = Panel { measure, axis, factor };

    let separator = if unit.is_empty() { "" } else { ", " };
    let name = format!("{}{separator}{unit}", measure.measure);
    canvas.text((left, top - 24.0), TEXT, Anchor::Left, INK, &fitted(&measure.metric, TEXT, width));
    canvas.text((left, top - 14.5), TEXT, Anchor::Left, INK, &fitted(&name, TEXT, width));
    canvas.text((left, top - 5.0), SMALL_TEXT, Anchor::Left, FAINT, measure.direction.words().unwrap_or(""));
    for (value, text) in axis.ticks((width / 26.0) as usize) {
        let place = axis.place(value);
        canvas.line((place, top), (place, bottom), Stroke::solid(GRID, 0.6));
        canvas.text((place, bottom + 10.0), SMALL_TEXT, Anchor::Center, INK, &text);
    }
    canvas.line((left, bottom), (left + width, bottom), Stroke::solid(INK, 0.6));
    if let Some(base) = (kind.base)(measure) {
        canvas.line((panel.place(base), top), (panel.place(base), bottom), Stroke::solid(INK, 0.6));
    }
    for (row, contender) in group.contenders.iter().enumerate() {
        let Cell::Number { estimate, dots, .. } = &contender.cells[index] else { continue };
        let (look, middle) = (palette.look(&contender.label), top + ROW * (row as f64 + 0.5));
        (kind.draw)(canvas, &panel, &Mark { estimate, dots, look, middle });
    }
    if let Some((_, control)) = group.best(index, Role::Control) {
        let control = panel.place(control.point);
        canvas.line((control, top), (control, bottom), BEST_CONTROL);
    }
}

impl Panel<'_> {
    /// Where a value of the measure lies across.
    pub fn place(&self, value: f64) -> f64 {
        self.axis.place(value / self.factor)
    }
}
