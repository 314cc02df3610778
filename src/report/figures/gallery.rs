//! Images with their attributions: a row per image, the image first, one column per explainer.

use super::Size;
use super::canvas::{Anchor, Canvas, FAINT, INK, RGBColor, SMALL_TEXT, Stroke, TITLE_TEXT};
use super::pixels;
use super::text::{draw_note, fitted, text_width, wrapped};
use crate::report::{Gallery, GalleryPart, Picture};

/// Titles of columns cannot be read below this.
pub const SMALLEST: f64 = 34.0;
pub const GAP: f64 = 3.0;
pub const LARGEST: f64 = 64.0;
pub const LINE: f64 = 8.0;
const WIDEST_LABEL: f64 = 52.0;
const BOX: Stroke = Stroke::solid(RGBColor(230, 159, 0), 1.2);
pub const FRAME: Stroke = Stroke::solid(RGBColor(187, 187, 187), 0.4);

pub fn draw(gallery: &Gallery, size: Size) -> String {
    let page = size.width();
    let rows = gallery.parts.iter().flat_map(|part| &part.rows);
    let labels = rows.map(|row| text_width(&row.label, SMALL_TEXT)).fold(0.0, f64::max);
    let left = labels.min(WIDEST_LABEL) + 8.0;
    // The image stands before the maps of every band.
    let most = (((page - left) / (SMALLEST + GAP)) as usize).max(2) - 1;
    let bands = gallery.columns.len().div_ceil(most).max(1);
    let maps = gallery.columns.len().div_ceil(bands).max(1);
    let side = ((page - left) / (maps as f64 + 1.0) - GAP).min(LARGEST);

    let mut canvas = Canvas::new(page);
    let title = format!("{} on {}, {}", gallery.title, gallery.dataset, gallery.model);
    canvas.text((2.0, 14.0), TITLE_TEXT, Anchor::Left, INK, &fitted(&title, TITLE_TEXT, page - 4.0));
    let at = |column: usize| left + column as f64 * (side + GAP);
    let mut top = 22.0;
    for first in (0..gallery.columns.len().max(1)).step_by(maps) {
        let columns = first..(first + maps).min(gallery.columns.len());
        let titles = std::iter::once("image").chain(gallery.columns[columns.clone()].iter().map(String::as_str));
        let titles: Vec<_> = titles.map(|title| wrapped(title, SMALL_TEXT, side + GAP - 2.0)).collect();
        top += titles.iter().map(Vec::len).max().unwrap_or(0) as f64 * LINE + 3.0;
        for (column, lines) in titles.iter().enumerate() {
            let baseline = top - 4.0 - LINE * (lines.len() as f64 - 1.0);
            draw_lines(&mut canvas, (at(column) + side / 2.0, baseline), Anchor::Center, INK, lines);
        }
        for part in &gallery.parts {
            // Alone, a part needs no title: the note says how its images were chosen.
            if gallery.parts.len() > 1 {
                canvas.text((at(0), top + SMALL_TEXT), SMALL_TEXT, Anchor::Left, INK, &part.title);
                top += LINE + 3.0;
            }
            for row in &part.rows {
                let height = side * row.input.height as f64 / row.input.width.max(1) as f64;
                let lines = wrapped(&row.label, SMALL_TEXT, WIDEST_LABEL);
                let baseline = top + (height - LINE * (lines.len() as f64 - 1.0)) / 2.0 + 0.35 * SMALL_TEXT;
                draw_lines(&mut canvas, (left - 5.0, baseline), Anchor::Right, INK, &lines);
                draw_picture(&mut canvas, &row.input, pixels::input(&row.input), (at(0), top, side, height));
                let shown = columns.clone().filter_map(|column| row.maps.get(column));
                for (column, map) in shown.enumerate() {
                    draw_picture(&mut canvas, map, pixels::map(map), (at(column + 1), top, side, height));
                }
                top += height + GAP;
            }
            top += GAP;
        }
        top += 7.0;
    }
    let boxed = |part: &GalleryPart| part.rows.iter().any(|row| !row.input.boxes.is_empty());
    let bottom = draw_key(&mut canvas, gallery.parts.iter().any(boxed), &gallery.note, top);
    canvas.finish(bottom + 6.0)
}

/// Lines of text, the first at a baseline.
pub fn draw_lines(canvas: &mut Canvas, (x, baseline): (f64, f64), anchor: Anchor, colour: RGBColor, lines: &[String]) {
    for (line, text) in lines.iter().enumerate() {
        canvas.text((x, baseline + line as f64 * LINE), SMALL_TEXT, anchor, colour, text);
    }
}

/// A picture in its frame, at (left, top, width, height), with the boxes that it has.
pub fn draw_picture(canvas: &mut Canvas, picture: &Picture, png: Option<Vec<u8>>, place: (f64, f64, f64, f64)) {
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

/// What the colours and boxes mean, and a note; returns where it ends.
pub fn draw_key(canvas: &mut Canvas, boxed: bool, note: &str, top: f64) -> f64 {
    const BAR: f64 = 60.0;
    let baseline = top + 6.5;
    let from = 6.0 + text_width("negative", SMALL_TEXT);
    canvas.text((2.0, baseline), SMALL_TEXT, Anchor::Left, FAINT, "negative");
    if let Some(png) = pixels::scale_bar(112) {
        canvas.image(from, top, BAR, 8.0, &png);
    }
    canvas.frame(from, top, BAR, 8.0, FRAME);
    canvas.text((from + BAR + 4.0, baseline), SMALL_TEXT, Anchor::Left, FAINT, "positive");
    let boxes = if boxed { " Boxes: where the truth lies." } else { "" };
    let text = format!(
        "White is zero; full colour is the {}th percentile of each map's absolute values.{boxes} {note}",
        pixels::SCALE_PERCENTILE
    );
    let width = canvas.width() - 4.0;
    draw_note(canvas, &text, (2.0, baseline + 11.0), width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_picture_and_box_is_drawn() {
        let gallery = &sample::report().pictures[0];
        let svg = draw(gallery, Size::Page);
        // The input, one map and the scale.
        assert_eq!(svg.matches("<image").count(), 3);
        assert_eq!(svg.matches("#E69F00").count(), 1);
        assert!(svg.contains("3, predicted 8") && svg.contains("Images chosen by seed."));
        assert!(!svg.contains("\ntypical\n"), "alone it needs no title");
    }

    #[test]
    fn parts_have_titles() {
        let mut gallery = sample::report().pictures[0].clone();
        let worst = GalleryPart { title: "worst decile".into(), ..gallery.parts[0].clone() };
        gallery.parts.push(worst);
        let svg = draw(&gallery, Size::Column);
        assert!(svg.contains("\ntypical\n") && svg.contains("\nworst decile\n"));
        assert_eq!(svg.matches("<image").count(), 5);
    }

    #[test]
    fn nothing_to_show_is_still_a_drawing() {
        let mut gallery = sample::report().pictures[0].clone();
        gallery.parts.clear();
        gallery.columns.clear();
        assert!(draw(&gallery, Size::Page).ends_with("</svg>\n"));
    }
}
