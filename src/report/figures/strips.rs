//! One image, and what several explainers' maps of it become: a row per explainer, a column per step, the image at the left.

use super::Size;
use super::canvas::{Anchor, Canvas, FAINT, INK, SMALL_TEXT, TITLE_TEXT};
use super::gallery::{FRAME, GAP, LARGEST, LINE, SMALLEST, draw_key, draw_lines, draw_picture};
use super::pixels;
use super::text::{fitted, text_width, wrapped};
use crate::report::{Role, Strips};

const WIDEST_LABEL: f64 = 64.0;
/// Rows are made smaller where a page does not hold them, but never below `SMALLEST`.
const TALLEST: f64 = 600.0;

pub fn draw(strips: &Strips, size: Size) -> String {
    let page = size.width();
    let labels: Vec<Vec<String>> =
        strips.rows.iter().map(|row| wrapped(&row.label, SMALL_TEXT, WIDEST_LABEL)).collect();
    let widest = labels.iter().flatten().map(|line| text_width(line, SMALL_TEXT)).fold(0.0, f64::max);
    // The image stands before the labels, these before the maps.
    let around = 2.0 + 6.0 + widest + 5.0;
    let count = strips.columns.len().max(1);
    let most = (((page - around) / (SMALLEST + GAP)) as usize).max(2) - 1;
    let across = count.div_ceil(count.div_ceil(most));
    let lower = |side: f64| side.min(TALLEST / strips.rows.len().max(1) as f64 - GAP).max(SMALLEST);
    let side = lower((page - around) / (across as f64 + 1.0) - GAP).min(LARGEST);
    let height = side * strips.input.height as f64 / strips.input.width.max(1) as f64;
    let left = around + side;
    let at = |column: usize| left + column as f64 * (side + GAP);

    let mut canvas = Canvas::new(page);
    let title = format!("{} on {}, {}", strips.metric, strips.dataset, strips.model);
    canvas.text((2.0, 14.0), TITLE_TEXT, Anchor::Left, INK, &fitted(&title, TITLE_TEXT, page - 4.0));
    let mut top = 22.0;
    for first in (0..count).step_by(across) {
        let columns = first..(first + across).min(strips.columns.len());
        let titles = strips.columns[columns.clone()].iter().map(|title| wrapped(title, SMALL_TEXT, side + GAP - 2.0));
        let titles: Vec<Vec<String>> = titles.collect();
        top += titles.iter().map(Vec::len).max().unwrap_or(0) as f64 * LINE + 3.0;
        for (column, lines) in titles.iter().enumerate() {
            let baseline = top - 4.0 - LINE * (lines.len() as f64 - 1.0);
            draw_lines(&mut canvas, (at(column) + side / 2.0, baseline), Anchor::Center, INK, lines);
        }
        draw_picture(&mut canvas, &strips.input, pixels::input(&strips.input), (2.0, top, side, height));
        let under = (2.0 + side / 2.0, top + height + SMALL_TEXT + 2.0);
        draw_lines(&mut canvas, under, Anchor::Center, INK, &wrapped(&strips.image, SMALL_TEXT, side));
        for (row, lines) in strips.rows.iter().zip(&labels) {
            let colour = if row.role == Role::Explainer { INK } else { FAINT };
            let baseline = top + (height - LINE * (lines.len() as f64 - 1.0)) / 2.0 + 0.35 * SMALL_TEXT;
            draw_lines(&mut canvas, (left - 5.0, baseline), Anchor::Right, colour, lines);
            for (column, map) in row.maps.get(columns.clone()).unwrap_or_default().iter().enumerate() {
                let place = (at(column), top, side, height);
                match map {
                    Some(map) => draw_picture(&mut canvas, map, pixels::map(map), place),
                    None => canvas.frame(place.0, place.1, place.2, place.3, FRAME),
                }
            }
            top += height + GAP;
        }
        top += 7.0;
    }
    let missing = strips.rows.iter().flat_map(|row| &row.maps).any(Option::is_none);
    let missing = if missing { " Empty: did not finish." } else { "" };
    let note = format!("{}{missing}", strips.note);
    let bottom = draw_key(&mut canvas, !strips.input.boxes.is_empty(), &note, top);
    canvas.finish(bottom + 6.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_image_once_and_every_map() {
        let svg = draw(&sample::strips(), Size::Page);
        // The image, three maps and the scale; five frames, one of them around what is missing, and the scale's.
        assert_eq!(svg.matches("<image").count(), 5);
        assert_eq!(svg.matches("stroke=\"#BBBBBB\"").count(), 6);
        for text in ["as trained", "fc", "gradient", "random", "model-randomization on digits, cnn"] {
            assert!(svg.contains(&format!("\n{text}\n")), "{text}");
        }
        assert!(svg.contains("Empty: did not finish."));
    }

    #[test]
    fn many_steps_are_drawn_in_bands() {
        let mut strips = sample::strips();
        strips.columns.resize(9, "+ conv".to_string());
        strips.rows.iter_mut().for_each(|row| row.maps.resize(9, row.maps[0].clone()));
        let svg = draw(&strips, Size::Column);
        // 237 points hold the image, the labels and at most four maps: three bands of three.
        assert_eq!(svg.matches("\ngradient\n").count(), 3);
        assert_eq!(svg.matches("<image").count(), 3 + 17 + 1);
    }
}
