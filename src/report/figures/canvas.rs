//! A drawing made by plotters that becomes an SVG text. Lengths are printer's points, so that a figure has the same
//! size in print, on screen and in a browser.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Text};
use plotters::style::text_anchor::{Pos, VPos};
use plotters::style::{Color, FontTransform, ShapeStyle, TextStyle, WHITE};

pub use plotters::style::RGBColor;
pub use plotters::style::text_anchor::HPos as Anchor;

use super::render::FONT_FAMILY;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;
type Element = Box<dyn Fn(&Area) -> Drawn>;

pub struct Canvas {
    width: f64,
    images: String,
    /// Texts at an angle, as SVG: plotters turns texts by right angles alone.
    slanted: String,
    /// What is drawn once the height is known, in this order.
    elements: Vec<Element>,
}

/// How a line is drawn. `dash` is the drawn and the skipped length of a dashed line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    pub colour: RGBColor,
    pub width: f64,
    pub dash: Option<(f64, f64)>,
}

/// Sizes of text in points; anything smaller is hard to read in print.
pub const SMALL_TEXT: f64 = 7.0;
pub const TEXT: f64 = 8.0;
pub const TITLE_TEXT: f64 = 9.0;

pub const INK: RGBColor = RGBColor(34, 34, 34);
pub const FAINT: RGBColor = RGBColor(102, 102, 102);
pub const GRID: RGBColor = RGBColor(228, 228, 228);

/// plotters draws at whole pixels. Its pixels are made finer than any print.
const UNITS_PER_POINT: f64 = 20.0;

impl Canvas {
    pub fn new(width: f64) -> Self {
        Self { width, images: String::new(), slanted: String::new(), elements: Vec::new() }
    }

    /// In points.
    pub fn width(&self) -> f64 {
        self.width
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        self.polyline(&[from, to], stroke);
    }

    pub fn polyline(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        let points: Vec<_> = points.iter().copied().map(place).collect();
        let style = stroke.style();
        match stroke.dash {
            None => {
                let path = PathElement::new(points, style);
                self.add(move |area| area.draw(&path));
            }
            Some((drawn, skipped)) => {
                let path = DashedPathElement::new(points, units(drawn), units(skipped), style);
                self.add(move |area| area.draw(&path));
            }
        }
    }

    /// A closed shape without an outline.
    pub fn area(&mut self, points: &[(f64, f64)], colour: RGBColor, opacity: f64) {
        let points: Vec<_> = points.iter().copied().map(place).collect();
        let shape = Polygon::new(points, colour.mix(opacity));
        self.add(move |area| area.draw(&shape));
    }

    /// The outline of a rectangle. It starts within a side, so that all four corners are joined; the rectangle of
    /// plotters' SVG has no width of line.
    pub fn frame(&mut self, left: f64, top: f64, width: f64, height: f64, stroke: Stroke) {
        let (right, bottom) = (left + width, top + height);
        let start = (left + width / 2.0, top);
        self.polyline(&[start, (right, top), (right, bottom), (left, bottom), (left, top), start], stroke);
    }

    pub fn disc(&mut self, at: (f64, f64), radius: f64, colour: RGBColor) {
        self.circle(at, radius, colour.filled());
    }

    pub fn ring(&mut self, at: (f64, f64), radius: f64, stroke: Stroke) {
        self.circle(at, radius, stroke.style());
    }

    /// A ring that hides what lies under it.
    pub fn white_ring(&mut self, at: (f64, f64), radius: f64, stroke: Stroke) {
        self.disc(at, radius, WHITE);
        self.ring(at, radius, stroke);
    }

    fn circle(&mut self, at: (f64, f64), radius: f64, style: ShapeStyle) {
        let circle = Circle::new(place(at), units(radius), style);
        self.add(move |area| area.draw(&circle));
    }

    /// Text whose baseline starts (left), is centred or ends (right) at a place.
    pub fn text(&mut self, (x, baseline): (f64, f64), size: f64, anchor: Anchor, colour: RGBColor, text: &str) {
        let top = baseline - size * TOP_TO_BASELINE;
        self.add_text((x, top), text, text_style(size, anchor, colour));
    }

    /// Text that reads upwards.
    pub fn upright_text(&mut self, (baseline, y): (f64, f64), size: f64, anchor: Anchor, colour: RGBColor, text: &str) {
        let top = baseline - size * TOP_TO_BASELINE;
        self.add_text((top, y), text, text_style(size, anchor, colour).transform(FontTransform::Rotate270));
    }

    /// Text that rises at 45 degrees and ends at a place.
    pub fn slanted_text(&mut self, end: (f64, f64), size: f64, colour: RGBColor, text: &str) {
        let ((x, y), size) = (place(end), units(size));
        let RGBColor(red, green, blue) = colour;
        let text = printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // Writing to a string does not fail.
        let _ = writeln!(
            self.slanted,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\" transform=\"rotate(-45, {x}, {y})\" \
             font-family=\"{FONT_FAMILY}\" font-size=\"{size}\" fill=\"#{red:02X}{green:02X}{blue:02X}\">\n{text}\n</text>"
        );
    }

    fn add_text(&mut self, top: (f64, f64), text: &str, style: TextStyle<'static>) {
        let text = Text::new(printable(text), place(top), style);
        self.add(move |area| area.draw(&text));
    }

    /// A PNG image stretched over a rectangle, its pixels as squares (renderers know that word only as a style). Images
    /// lie under everything else.
    pub fn image(&mut self, left: f64, top: f64, width: f64, height: f64, png: &[u8]) {
        let ((left, top), (width, height)) = (place((left, top)), place((width, height)));
        let data = STANDARD.encode(png);
        // Writing to a string does not fail.
        let _ = writeln!(
            self.images,
            "<image x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{data}\"/>"
        );
    }

    fn add(&mut self, element: impl Fn(&Area) -> Drawn + 'static) {
        self.elements.push(Box::new(element));
    }

    /// The finished SVG, cut below `height`.
    pub fn finish(self, height: f64) -> String {
        let (width, height) = place((self.width, height));
        let mut drawing = String::new();
        let area = SVGBackend::with_string(&mut drawing, (width as u32, height as u32)).into_drawing_area();
        let drawn = self.elements.iter().try_for_each(|element| element(&area)).and_then(|()| area.present());
        drop(area);
        drawn.expect("writing to a string does not fail");
        // The first line gives the size in pixels. In its place comes the size in print, and what plotters cannot
        // draw: round joins, and images of another size than their pixels.
        let elements = drawing.split_once('\n').map_or("", |(_, elements)| elements);
        let elements = elements.strip_suffix("</svg>\n").unwrap_or(elements);
        let points = |units: i32| f64::from(units) / UNITS_PER_POINT;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}pt\" height=\"{}pt\" viewBox=\"0 0 {width} {height}\" \
             stroke-linejoin=\"round\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n{}{elements}{}</svg>\n",
            points(width),
            points(height),
            self.images,
            self.slanted
        )
    }
}

impl Stroke {
    pub const fn solid(colour: RGBColor, width: f64) -> Self {
        Self { colour, width, dash: None }
    }

    fn style(&self) -> ShapeStyle {
        self.colour.stroke_width(units(self.width) as u32)
    }
}

/// Where plotters' SVG puts the baseline of a text that hangs from its top, in sizes of the text. Its other anchors
/// depend on the font.
const TOP_TO_BASELINE: f64 = 0.76;

fn text_style(size: f64, anchor: Anchor, colour: RGBColor) -> TextStyle<'static> {
    /// plotters' SVG divides sizes by this.
    const SIZE_FACTOR: f64 = 1.24;
    let size = size * UNITS_PER_POINT * SIZE_FACTOR;
    let font = TextStyle::from((FONT_FAMILY, size));
    TextStyle { color: colour.to_backend_color(), pos: Pos::new(anchor, VPos::Top), ..font }
}

fn units(points: f64) -> i32 {
    (points * UNITS_PER_POINT).round() as i32
}

fn place((x, y): (f64, f64)) -> (i32, i32) {
    (units(x), units(y))
}

/// The text on one line; what XML forbids even when escaped becomes a replacement character.
pub fn printable(text: &str) -> String {
    let printable = |character: char| match character {
        '\n' | '\t' => ' ',
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        character if character.is_control() => '\u{fffd}',
        character => character,
    };
    text.chars().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_drawing() {
        let mut canvas = Canvas::new(20.0);
        canvas.line((0.0, 1.005), (2.0, -0.001), Stroke::solid(INK, 0.5));
        canvas.text((1.0, 8.0), TEXT, Anchor::Right, INK, "a<b & \u{1}c");
        canvas.image(1.0, 2.0, 3.0, 4.0, b"png");
        // A point is 20 units. The text hangs from 8 - 0.76 * 8 = 1.92 points.
        let expected = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"20pt\" height=\"10.5pt\" \
                        viewBox=\"0 0 400 210\" stroke-linejoin=\"round\">\n\
                        <rect width=\"400\" height=\"210\" fill=\"#FFFFFF\"/>\n\
                        <image x=\"20\" y=\"40\" width=\"60\" height=\"80\" preserveAspectRatio=\"none\" \
                        style=\"image-rendering:pixelated\" href=\"data:image/png;base64,cG5n\"/>\n\
                        <polyline fill=\"none\" opacity=\"1\" stroke=\"#222222\" stroke-width=\"10\" \
                        points=\"0,20 40,0 \"/>\n\
                        <text x=\"20\" y=\"38\" dy=\"0.76em\" text-anchor=\"end\" \
                        font-family=\"Liberation Sans, Arial, Helvetica, sans-serif\" font-size=\"160\" opacity=\"1\" \
                        fill=\"#222222\">\na&lt;b &amp; \u{fffd}c\n</text>\n</svg>\n";
        assert_eq!(canvas.finish(10.5), expected);
    }

    #[test]
    fn a_slanted_text_is_inside_the_drawing() {
        let mut canvas = Canvas::new(20.0);
        canvas.slanted_text((5.0, 8.0), TEXT, INK, "a<b");
        let svg = canvas.finish(10.0);
        let expected = "<text x=\"100\" y=\"160\" text-anchor=\"end\" transform=\"rotate(-45, 100, 160)\" \
                        font-family=\"Liberation Sans, Arial, Helvetica, sans-serif\" font-size=\"160\" \
                        fill=\"#222222\">\na&lt;b\n</text>\n</svg>\n";
        assert!(svg.ends_with(expected), "{svg}");
    }

    #[test]
    fn a_dashed_line_is_drawn_in_pieces() {
        let mut canvas = Canvas::new(20.0);
        canvas.line((0.0, 1.0), (8.0, 1.0), Stroke { dash: Some((3.0, 2.0)), ..Stroke::solid(INK, 0.5) });
        let svg = canvas.finish(10.0);
        let pieces: Vec<_> =
            svg.lines().filter_map(|line| line.split_once("points=")).map(|(_, points)| points).collect();
        // Three points drawn, two skipped, three drawn.
        assert_eq!(pieces, ["\"0,20 60,20 \"/>", "\"100,20 160,20 \"/>"]);
    }
}
