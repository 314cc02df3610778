//! All curves of a metric whose points have names, side by side: a panel per measure, one scale for all of them. The names
//! stand under the lowest panel of each column.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, GRID, INK, SMALL_TEXT, Stroke, TEXT, TITLE_TEXT};
use super::curves::{Curve, contenders, draw_curves, draw_legend, heights, intervals, names, widest};
use super::names::Names;
use super::palette::Palette;
use super::text::{draw_note, fitted, text_width};
use super::{Size, warned};
use crate::report::{Cell, Group};

const HEIGHT: f64 = 78.0;
const GAP: f64 = 9.0;
const HEADER: f64 = 14.0;
/// What lies left of the panels where names run out to there.
const SLANTED: f64 = 34.0;

/// The metrics with several such curves, and where these stand in the group; those without a value are left out.
pub fn metrics(group: &Group) -> Vec<(&str, Vec<usize>)> {
    let mut metrics: Vec<(&str, Vec<usize>)> = Vec::new();
    for (index, measure) in group.measures.iter().enumerate() {
        if !measure.points.is_empty() && !measure.variant && has_values(group, index) {
            match metrics.iter_mut().find(|(metric, _)| *metric == measure.metric) {
                Some((_, measures)) => measures.push(index),
                None => metrics.push((&measure.metric, vec![index])),
            }
        }
    }
    metrics.retain(|(_, measures)| measures.len() > 1);
    metrics
}

fn has_values(group: &Group, index: usize) -> bool {
    let mut cells = group.contenders.iter().map(|contender| &contender.cells[index]);
    cells.any(|cell| matches!(cell, Cell::Curve(points) if points.iter().any(|point| point.estimate.point.is_finite())))
}

/// `measures` are places in the group, at least one.
pub fn draw(group: &Group, measures: &[usize], palette: &Palette, size: Size) -> String {
    let panels: Vec<[Vec<Curve>; 2]> = measures.iter().map(|index| contenders(group, *index, palette)).collect();
    let first = &group.measures[measures[0]];
    let page = size.width();
    let across = measures.len().min(if size == Size::Page { 4 } else { 2 });
    let all = || panels.iter().flatten().flatten();
    let y = Axis::around(heights(all()), HEIGHT, 0.0).padded(0.03);
    let marks = y.ticks(5);
    let left = 6.0 + marks.iter().map(|(_, text)| text_width(text, SMALL_TEXT)).fold(0.0, f64::max);
    let wide = |left: f64| (page - left - 4.0 - GAP * (across as f64 - 1.0)) / across as f64;
    let steps = first.points.len() as f64;
    let points = Names { names: &first.points, size: SMALL_TEXT };
    let left = if points.level(wide(left) / (steps - 0.2)) { left } else { left.max(SLANTED) };
    let width = wide(left);
    let x = Axis { low: 0.6, high: steps + 0.4, from: 0.0, to: width };
    let depth = points.depth(width / (steps - 0.2));

    let mut canvas = Canvas::new(page);
    let title = format!("{} on {}, {}", first.metric, group.dataset, group.model);
    canvas.text((2.0, 14.0), TITLE_TEXT, Anchor::Left, INK, &fitted(&title, TITLE_TEXT, page - 4.0));
    let mut top = 22.0;
    for (band, indices) in measures.chunks(across).enumerate() {
        let (from, to) = (top + HEADER, top + HEADER + HEIGHT);
        let y = Axis { from: to, to: from, ..y };
        for (column, index) in indices.iter().enumerate() {
            let panel = band * across + column;
            let start = left + column as f64 * (width + GAP);
            let x = Axis { from: start, to: start + width, ..x };
            for (value, text) in &marks {
                let place = y.place(*value);
                canvas.line((x.from, place), (x.to, place), Stroke::solid(GRID, 0.6));
                if column == 0 {
                    canvas.text((start - 3.0, place + 0.35 * SMALL_TEXT), SMALL_TEXT, Anchor::Right, INK, text);
                }
            }
            let name = fitted(&group.measures[*index].measure, SMALL_TEXT, width);
            canvas.text((start, from - 4.0), SMALL_TEXT, Anchor::Left, INK, &name);
            canvas.line((x.from, to), (x.to, to), Stroke::solid(INK, 0.6));
            let [front, back] = &panels[panel];
            draw_curves(&mut canvas, &x, &y, front, back);
            if panel + across >= measures.len() {
                points.draw(&mut canvas, &x, to);
            }
        }
        // A panel without another below it has names, and what stands in the next band must not lie on them.
        top = to + 6.0 + if (band + 2) * across > measures.len() { depth } else { 0.0 };
    }
    canvas.text((page / 2.0, top + 5.0), TEXT, Anchor::Center, INK, &first.axis);
    let [front, back] = &panels[0];
    let names = names(front.iter().chain(back));
    let bottom = draw_legend(&mut canvas, &names, (2.0, top + 18.0), page - 2.0, widest(&names));
    let note = intervals(all(), &first.units, &first.inference);
    let note = warned(measures.iter().map(|index| &group.measures[*index]), &note);
    let bottom = draw_note(&mut canvas, &note, (2.0, bottom + 10.0), page - 4.0);
    canvas.finish(bottom + 6.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_panel_for_each_curve_of_one_metric() {
        let mut group = sample::layered();
        assert!(metrics(&group).is_empty(), "one curve has its own figure");
        group.measures.push(crate::report::Measure { measure: "ssim".into(), ..group.measures[1].clone() });
        group.contenders.iter_mut().for_each(|contender| contender.cells.push(contender.cells[1].clone()));
        assert_eq!(metrics(&group), [("deletion", vec![1, 4])]);
        let mut report = sample::report();
        report.tables = vec![group.clone()];
        for size in [Size::Page, Size::Column] {
            let svg = draw(&group, &[1, 4], &Palette::of(&report), size);
            // Four contenders in two panels beside each other, each named once.
            assert_eq!(svg.matches("<polygon opacity=\"0.16\"").count(), 8);
            assert_eq!(svg.matches("\nsmoothgrad\n").count(), 1);
            for text in ["curve", "ssim", "layers randomized", "fc", "conv"] {
                assert!(svg.contains(&format!("\n{text}\n")), "{text}");
            }
        }
        // Above another panel there are no names: of three panels in two columns two have them.
        let svg = draw(&group, &[1, 4, 1], &Palette::of(&report), Size::Column);
        assert_eq!((svg.matches("\nssim\n").count(), svg.matches("\nconv\n").count()), (1, 2));
        for contender in &mut group.contenders {
            if let Cell::Curve(points) = &mut contender.cells[4] {
                points.iter_mut().for_each(|point| point.estimate.point = f64::NAN);
            }
        }
        assert!(metrics(&group).is_empty(), "what has no value has no panel");
        assert!(metrics(&sample::group()).is_empty(), "numbers along an axis need no names");
    }
}
