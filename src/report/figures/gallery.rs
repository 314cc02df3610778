//! Images with their attributions: a row per image, the image first, one column per explainer.

use super::PAGE_WIDTH;
use super::canvas::{Anchor, Canvas, FAINT, INK, RGBColor, SMALL_TEXT, Stroke, TITLE_TEXT};
use super::pixels;
use super::text::{text_width, wrapped};
use crate::report::{Gallery, Picture};

const MAPS_PER_BAND: usize = 9;
const GAP: f64 = 3.0;
const LARGEST: f64 = 64.0;
const LINE: f64 = 8.0;
const WIDEST_LABEL: f64 = 52.0;
const BOX: Stroke = Stroke::solid(RGBColor(230, 159, 0), 1.2);
const FRAME: Stroke = Stroke::solid(RGBColor(187, 187, 187), 0.4);

pub fn draw(gallery: &Gallery) -> String {
    let labels = gallery.rows.iter().map(|row| text_width(&row.label, SMALL_TEXT)).fold(0.0, f64::max);
    let left = labels.min(WIDEST_LABEL) + 8.0;
    let bands = gallery.columns.len().div_ceil(MAPS_PER_BAND).max(1);
    let maps = gallery.columns.len().div_ceil(bands).max(1);
    let side = ((PAGE_WIDTH - left) / (maps as f64 + 1.0) - GAP).min(LARGEST);

    let mut canvas = Canvas::new(PAGE_WIDTH);
    let title = format!("{} on {}, {}", gallery.title, gallery.dataset, gallery.model);
    canvas.text((2.0, 14.0), TITLE_TEXT, Anchor::Left, INK, &title);
    let at = |column: usize| left + column as f64 * (side + GAP);
    let mut top = 22.0;
    for first in (0..gallery.columns.len().max(1)).step_by(maps) {
        let columns = first..(first + maps).min(gallery.columns.len());
        let titles = std::iter::once("image").chain(gallery.columns[columns.clone()].iter().map(String::as_str));
        let titles: Vec<_> = titles.map(|title| wrapped(title, SMALL_TEXT, side + GAP - 2.0)).collect();
        top += titles.iter().map(Vec::len).max().unwrap_or(0) as f64 * LINE + 3.0;
        for (column, lines) in titles.iter().enumerate() {
            let baseline = top - 4.0 - LINE * (lines.len() as f64 - 1.0);
            draw_lines(&mut canvas, (at(column) + side / 2.0, baseline), Anchor::Center, lines);
        }
        for row in &gallery.rows {
            let height = side * row.input.height as f64 / row.input.width.max(1) as f64;
            let lines = wrapped(&row.label, SMALL_TEXT, WIDEST_LABEL);
            let baseline = top + (height - LINE * (lines.len() as f64 - 1.0)) / 2.0 + 0.35 * SMALL_TEXT;
            draw_lines(&mut canvas, (left - 5.0, baseline), Anchor::Right, &lines);
            draw_picture(&mut canvas, &row.input, pixels::input(&row.input), (at(0), top, side, height));
            let shown = columns.clone().filter_map(|column| row.maps.get(column));
            for (column, map) in shown.enumerate() {
                draw_picture(&mut canvas, map, pixels::map(map), (at(column + 1), top, side, height));
            }
            top += height + GAP;
        }
        top += 10.0;
    }
    draw_key(&mut canvas, gallery, top);
    canvas.finish(top + if gallery.note.is_empty() { 14.0 } else { 24.0 })
}

/// Lines of text, the first at a baseline.
fn draw_lines(canvas: &mut Canvas, (x, baseline): (f64, f64), anchor: Anchor, lines: &[String]) {
    for (line, text) in lines.iter().enumerate() {
        canvas.text((x, baseline + line as f64 * LINE), SMALL_TEXT, anchor, INK, text);
    }
}

fn draw_picture(canvas: &mut Canvas, picture: &Picture, png: Option<Vec<u8>>, place: (f64, f64, f64, f64)) {
    let (left, top, width, height) = place;
    if let Some(png) = png {
        canvas.image(left, top, width, height, &png);
    }
    canvas.frame(left, top, width, height, FRAME);
    let (across, down) = (width / picture.width.max(1) as f64, height / picture.height.max(1) as f64);
    for [from_x, from_y, to_x, to_y] in &picture.boxes {
        let size = ((to_x - from_x) * across, (to_y - from_y) * down);
        canvas.frame(left + from_x * across, top + from_y * down, size.0, size.1, BOX);
    }
}

/// What the colours mean, and how the images were chosen.
fn draw_key(canvas: &mut Canvas, gallery: &Gallery, top: f64) {
    const BAR: f64 = 60.0;
    let baseline = top + 6.5;
    let from = 4.0 + text_width("negative", SMALL_TEXT);
    canvas.text((2.0, baseline), SMALL_TEXT, Anchor::Left, FAINT, "negative");
    if let Some(png) = pixels::scale_bar(112) {
        canvas.image(from + 2.0, top, BAR, 8.0, &png);
    }
    canvas.frame(from + 2.0, top, BAR, 8.0, FRAME);
    let boxes = gallery.rows.iter().any(|row| !row.input.boxes.is_empty());
    let boxes = if boxes { " Boxes: where the truth lies." } else { "" };
    let text = format!(
        "positive. White is zero; full colour is the {}th percentile of each map's absolute values.{boxes}",
        pixels::SCALE_PERCENTILE
    );
    canvas.text((from + BAR + 6.0, baseline), SMALL_TEXT, Anchor::Left, FAINT, &text);
    canvas.text((2.0, top + 18.0), SMALL_TEXT, Anchor::Left, FAINT, &gallery.note);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_picture_and_box_is_drawn() {
        let gallery = &sample::report().pictures[0];
        let svg = draw(gallery);
        // The input, one map and the scale.
        assert_eq!(svg.matches("<image").count(), 3);
        assert_eq!(svg.matches("#E69F00").count(), 1);
        assert!(svg.contains("3, predicted 8") && svg.contains("Images chosen by seed."));
    }

    #[test]
    fn nothing_to_show_is_still_a_drawing() {
        let mut gallery = sample::report().pictures[0].clone();
        gallery.rows.clear();
        gallery.columns.clear();
        assert!(draw(&gallery).ends_with("</svg>\n"));
    }
}
