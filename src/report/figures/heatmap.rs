//! A matrix of numbers, each on a colour from white to dark blue: one hue that only darkens, so that every eye orders it.

use super::Size;
use super::canvas::{Anchor, Canvas, FAINT, INK, RGBColor, SMALL_TEXT, TITLE_TEXT};
use super::text::{draw_note, fitted, text_width, wrapped};

/// ColorBrewer's Blues, from its lightest to its darkest.
const BLUES: [[f64; 3]; 5] =
    [[247.0, 251.0, 255.0], [198.0, 219.0, 239.0], [107.0, 174.0, 214.0], [33.0, 113.0, 181.0], [8.0, 48.0, 107.0]];
const UNDEFINED: RGBColor = RGBColor(225, 225, 225);
/// From this shade on dark letters cannot be read.
const DARK: f64 = 0.55;
const ROW: f64 = 13.0;
const LINE: f64 = 8.0;
const NARROWEST: f64 = 36.0;
const WIDEST: f64 = 64.0;
const LABEL_SHARE: f64 = 0.34;
/// A figure with more rows than a page holds has thinner ones, which cannot be labelled.
const TALLEST: f64 = 680.0;

pub struct HeatMap {
    pub title: String,
    /// Names of the rows; a faint one stands back.
    pub rows: Vec<(String, bool)>,
    pub columns: Vec<String>,
    /// Row by row.
    pub squares: Vec<Vec<Square>>,
    /// What the colour is and how the rows were chosen.
    pub note: String,
}

pub struct Square {
    pub text: String,
    /// From 0 (light) to 1 (dark); NaN is grey.
    pub shade: f64,
}

pub fn draw(map: &HeatMap, size: Size) -> String {
    let page = size.width();
    let widest = map.rows.iter().map(|(label, _)| text_width(label, SMALL_TEXT)).fold(0.0, f64::max);
    let left = (widest + 8.0).min(page * LABEL_SHARE);
    let most = (((page - left) / NARROWEST) as usize).max(1);
    let bands = map.columns.len().div_ceil(most).max(1);
    let across = map.columns.len().div_ceil(bands).max(1);
    let width = ((page - left - 2.0) / across as f64).min(WIDEST);
    let height = (TALLEST / map.rows.len().max(1) as f64).min(ROW);
    let readable = height > SMALL_TEXT + 1.0;

    let mut canvas = Canvas::new(page);
    canvas.text((2.0, 14.0), TITLE_TEXT, Anchor::Left, INK, &fitted(&map.title, TITLE_TEXT, page - 4.0));
    let mut top = 22.0;
    for first in (0..map.columns.len()).step_by(across) {
        let columns = first..(first + across).min(map.columns.len());
        let titles = map.columns[columns.clone()].iter().map(|title| wrapped(title, SMALL_TEXT, width - 3.0));
        let titles: Vec<Vec<String>> = titles.collect();
        let tallest = titles.iter().map(Vec::len).max().unwrap_or(0);
        top += tallest as f64 * LINE + 5.0;
        for (column, lines) in titles.iter().enumerate() {
            let middle = left + (column as f64 + 0.5) * width;
            for (line, text) in lines.iter().rev().enumerate() {
                canvas.text((middle, top - 4.0 - line as f64 * LINE), SMALL_TEXT, Anchor::Center, INK, text);
            }
        }
        for ((label, faint), squares) in map.rows.iter().zip(&map.squares) {
            let baseline = top + height / 2.0 + 0.35 * SMALL_TEXT;
            if readable {
                let colour = if *faint { FAINT } else { INK };
                let label = fitted(label, SMALL_TEXT, left - 6.0);
                canvas.text((left - 5.0, baseline), SMALL_TEXT, Anchor::Right, colour, &label);
            }
            for (column, square) in squares[columns.clone()].iter().enumerate() {
                let from = left + column as f64 * width;
                // A white seam keeps neighbours of one colour apart.
                let (right, bottom) = (from + width - 0.8, top + height - if readable { 0.8 } else { 0.0 });
                canvas.area(&[(from, top), (right, top), (right, bottom), (from, bottom)], colour(square.shade), 1.0);
                if readable {
                    let ink = if square.shade > DARK { RGBColor(255, 255, 255) } else { INK };
                    let text = fitted(&square.text, SMALL_TEXT, width - 2.0);
                    canvas.text((from + width / 2.0, baseline), SMALL_TEXT, Anchor::Center, ink, &text);
                }
            }
            top += height;
        }
        top += 8.0;
    }
    let bottom = draw_note(&mut canvas, &map.note, (2.0, top + 6.0), page - 4.0);
    canvas.finish(bottom + 6.0)
}

/// On straight lines between the five colours.
fn colour(shade: f64) -> RGBColor {
    if shade.is_nan() {
        return UNDEFINED;
    }
    let place = shade.clamp(0.0, 1.0) * (BLUES.len() - 1) as f64;
    let below = (place as usize).min(BLUES.len() - 2);
    let share = place - below as f64;
    let channel = |c: usize| (BLUES[below][c] + share * (BLUES[below + 1][c] - BLUES[below][c])).round() as u8;
    RGBColor(channel(0), channel(1), channel(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_only_darken() {
        let light = |step: u32| {
            let RGBColor(red, green, blue) = colour(f64::from(step) / 40.0);
            u32::from(red) * 2126 + u32::from(green) * 7152 + u32::from(blue) * 722
        };
        assert!((0..40).all(|step| light(step) > light(step + 1)));
        assert_eq!(colour(f64::NAN), UNDEFINED);
        assert_eq!((colour(-1.0), colour(2.0)), (RGBColor(247, 251, 255), RGBColor(8, 48, 107)));
    }

    fn map(rows: usize, columns: usize) -> HeatMap {
        let square = |column| Square { text: format!("0.{column}"), shade: column as f64 / 10.0 };
        HeatMap {
            title: "Standing".into(),
            rows: (0..rows).map(|row| (format!("row {row}"), false)).collect(),
            columns: (0..columns).map(|column| format!("column-{column}")).collect(),
            squares: (0..rows).map(|_| (0..columns).map(square).collect()).collect(),
            note: "Dark is good.".into(),
        }
    }

    #[test]
    fn every_number_is_drawn_in_as_many_bands_as_needed() {
        let svg = draw(&map(2, 12), Size::Column);
        // The first square is 0.0; rows are named once in each of three bands.
        assert_eq!((svg.matches("<polygon").count(), svg.matches("\n0.11\n").count()), (24, 2));
        assert_eq!(svg.matches("\nrow 1\n").count(), 3);
    }

    #[test]
    fn too_many_rows_are_thin_and_without_words() {
        let svg = draw(&map(200, 1), Size::Page);
        assert!(svg.matches("<polygon").count() == 200 && !svg.contains("row 1"));
    }
}
