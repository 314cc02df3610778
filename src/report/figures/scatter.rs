//! What was predicted across, what came true upwards: a panel for each contender, and the line on which the two are equal.

use super::Size;
use super::axis::Axis;
use super::canvas::{Anchor, Canvas, FAINT, GRID, INK, SMALL_TEXT, Stroke, TEXT, TITLE_TEXT};
use super::palette::COLOURS;
use super::text::{draw_note, fitted};
use crate::report::{Role, Scatter, ScatterPanel};

const GAP: f64 = 16.0;
const HEADER: f64 = 14.0;
const LEFT: f64 = 26.0;
const RADIUS: f64 = 1.1;

pub fn draw(scatter: &Scatter, size: Size) -> String {
    let page = size.width();
    let across = scatter.panels.len().clamp(1, if size == Size::Page { 4 } else { 2 });
    let side = (page - LEFT - 4.0 - GAP * (across as f64 - 1.0)) / across as f64;
    let side = side.min(150.0);
    let actual = scatter.panels.iter().flat_map(|panel| panel.points.iter().flatten()).map(|point| point.1);
    let y = Axis::around(actual, 0.0, 0.0).padded(0.05);
    let mut canvas = Canvas::new(page);
    let title = format!("{} on {}, {}", scatter.metric, scatter.dataset, scatter.model);
    canvas.text((2.0, 14.0), TITLE_TEXT, Anchor::Left, INK, &fitted(&title, TITLE_TEXT, page - 4.0));
    let mut top = 22.0;
    for band in scatter.panels.chunks(across) {
        for (column, panel) in band.iter().enumerate() {
            let left = LEFT + column as f64 * (side + GAP);
            draw_panel(&mut canvas, panel, (left, top + HEADER, side), y, column == 0);
        }
        top += HEADER + side + 16.0;
    }
    canvas.text((LEFT, top + 2.0), TEXT, Anchor::Left, INK, "predicted change (across), actual change (upwards)");
    let mut legend = 0.0;
    for (kind, name) in scatter.kinds.iter().enumerate() {
        let at = (LEFT + 3.0 + legend, top + 11.0);
        canvas.disc(at, 1.6, COLOURS[kind % COLOURS.len()]);
        canvas.text((at.0 + 5.0, at.1 + 2.5), SMALL_TEXT, Anchor::Left, INK, name);
        legend += 14.0 + super::text::text_width(name, SMALL_TEXT);
    }
    let note = "Every point is a training without some examples and one test point, in standard deviations of the actual changes \
                at that test point. Line: predicted and actual are equal. Each panel has a scale of its own across, but for the \
                panels whose predictions are of the actual size.";
    let bottom = draw_note(&mut canvas, note, (2.0, top + 24.0), page - 4.0);
    canvas.finish(bottom + 6.0)
}

fn draw_panel(canvas: &mut Canvas, panel: &ScatterPanel, (left, top, side): (f64, f64, f64), y: Axis, first: bool) {
    let y = Axis { from: top + side, to: top, ..y };
    let predicted = || panel.points.iter().flatten().map(|point| point.0);
    let own = Axis::around(predicted(), left, left + side).padded(0.05);
    // Predictions of a like size share the scale of what came true, so that the line is the diagonal of the plane.
    let alike = own.low >= 3.0 * y.low.min(0.0) - 1.0
        && own.high <= 3.0 * y.high.max(0.0) + 1.0
        && own.high - own.low > 0.1 * (y.high - y.low);
    let x = if alike { Axis { low: own.low.min(y.low), high: own.high.max(y.high), ..own } } else { own };
    for (value, text) in y.ticks(4) {
        let place = y.place(value);
        canvas.line((left, place), (left + side, place), Stroke::solid(GRID, 0.6));
        if first {
            canvas.text((left - 3.0, place + 0.35 * SMALL_TEXT), SMALL_TEXT, Anchor::Right, INK, &text);
        }
    }
    for (value, text) in x.ticks(3) {
        canvas.text((x.place(value), top + side + 8.5), SMALL_TEXT, Anchor::Center, INK, &text);
    }
    let colour = if panel.role == Role::Explainer { INK } else { FAINT };
    canvas.text((left, top - 4.0), SMALL_TEXT, Anchor::Left, colour, &fitted(&panel.label, SMALL_TEXT, side));
    canvas.line((left, top + side), (left + side, top + side), Stroke::solid(INK, 0.6));
    let (from, to) = (x.low.max(y.low), x.high.min(y.high));
    if from < to {
        let diagonal = [(x.place(from), y.place(from)), (x.place(to), y.place(to))];
        canvas.line(diagonal[0], diagonal[1], Stroke::solid(FAINT, 0.8));
    }
    for (kind, points) in panel.points.iter().enumerate() {
        for (predicted, actual) in
            points.iter().filter(|(predicted, actual)| predicted.is_finite() && actual.is_finite())
        {
            canvas.disc((x.place(*predicted), y.place(*actual)), RADIUS, COLOURS[kind % COLOURS.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_per_contender_and_a_dot_per_point() {
        let panel = |label: &str, scale: f64| ScatterPanel {
            label: label.to_string(),
            role: Role::Explainer,
            points: vec![vec![(-scale, -1.0), (scale, 1.2)], vec![(2.0 * scale, 2.0), (f64::NAN, 1.0)]],
        };
        let scatter = Scatter {
            dataset: "digits".into(),
            model: "logistic".into(),
            metric: "leave-one-out".into(),
            kinds: vec!["random examples", "the most influential"],
            panels: vec![panel("influence-function", 1.0), panel("gradient-dot", 500.0)],
        };
        for size in [Size::Page, Size::Column] {
            let svg = draw(&scatter, size);
            // Three points each, and two in the legend.
            assert_eq!(svg.matches("<circle").count(), 2 * 3 + 2);
            for text in ["influence-function", "gradient-dot", "random examples", "the most influential"] {
                assert!(svg.contains(&format!("\n{text}\n")), "{text}");
            }
        }
    }
}
