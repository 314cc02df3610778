//! A drawing that becomes an SVG text. Lengths are printer's points, so that a figure has the same size in print, on
//! screen and in a browser; colours are "#rrggbb".

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::render::FONT_FAMILY;

pub struct Canvas {
    width: f64,
    body: String,
}

/// How a line is drawn. `dash` alternates drawn and skipped lengths; empty is solid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    pub colour: &'static str,
    pub width: f64,
    pub dash: &'static str,
}

#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Sizes of text in points; anything smaller is hard to read in print.
pub const SMALL_TEXT: f64 = 7.0;
pub const TEXT: f64 = 8.0;
pub const TITLE_TEXT: f64 = 9.0;

pub const INK: &str = "#222222";
pub const FAINT: &str = "#666666";
pub const GRID: &str = "#e4e4e4";

impl Canvas {
    pub fn new(width: f64) -> Self {
        Self { width, body: String::new() }
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        self.polyline(&[from, to], stroke);
    }

    pub fn polyline(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        let style = format!("fill=\"none\" stroke-linejoin=\"round\"{}", stroke.attributes());
        self.push(format_args!("<path d=\"{}\" {style}/>", outline(points)));
    }

    /// A closed shape without an outline.
    pub fn area(&mut self, points: &[(f64, f64)], colour: &str, opacity: f64) {
        let opacity = if opacity < 1.0 { format!(" fill-opacity=\"{}\"", short(opacity)) } else { String::new() };
        self.push(format_args!("<path d=\"{}Z\" fill=\"{colour}\"{opacity}/>", outline(points)));
    }

    pub fn frame(&mut self, left: f64, top: f64, width: f64, height: f64, stroke: Stroke) {
        let (left, top, width, height) = (short(left), short(top), short(width), short(height));
        let place = format!("x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"");
        self.push(format_args!("<rect {place} fill=\"none\"{}/>", stroke.attributes()));
    }

    pub fn disc(&mut self, at: (f64, f64), radius: f64, colour: &str) {
        self.circle(at, radius, format_args!("fill=\"{colour}\""));
    }

    pub fn ring(&mut self, at: (f64, f64), radius: f64, fill: &str, stroke: Stroke) {
        self.circle(at, radius, format_args!("fill=\"{fill}\"{}", stroke.attributes()));
    }

    fn circle(&mut self, at: (f64, f64), radius: f64, style: std::fmt::Arguments) {
        let (x, y, radius) = (short(at.0), short(at.1), short(radius));
        self.push(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" {style}/>"));
    }

    /// Text whose baseline starts, is centred or ends at a place.
    pub fn text(&mut self, at: (f64, f64), size: f64, anchor: Anchor, colour: &str, text: &str) {
        self.turned_text(at, 0.0, size, anchor, colour, text);
    }

    /// Text turned by `degrees` clockwise about its anchor.
    pub fn turned_text(&mut self, at: (f64, f64), degrees: f64, size: f64, anchor: Anchor, colour: &str, text: &str) {
        let (x, y) = (short(at.0), short(at.1));
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let turn = match degrees {
            0.0 => String::new(),
            degrees => format!(" transform=\"rotate({} {x} {y})\"", short(degrees)),
        };
        let (size, text) = (short(size), escaped(text));
        self.push(format_args!(
            "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{colour}\"{anchor}{turn}>{text}</text>"
        ));
    }

    /// A PNG image stretched over a rectangle, its pixels as squares (renderers know that word only as a style).
    pub fn image(&mut self, left: f64, top: f64, width: f64, height: f64, png: &[u8]) {
        let (left, top, width, height) = (short(left), short(top), short(width), short(height));
        let data = STANDARD.encode(png);
        self.push(format_args!(
            "<image x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{data}\"/>"
        ));
    }

    /// The finished SVG, cut below `height`.
    pub fn finish(self, height: f64) -> String {
        let (width, height) = (short(self.width), short(height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}pt\" height=\"{height}pt\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FONT_FAMILY}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.body
        )
    }

    fn push(&mut self, element: std::fmt::Arguments) {
        // Writing to a string does not fail.
        let _ = writeln!(self.body, "{element}");
    }
}

impl Stroke {
    pub const fn solid(colour: &'static str, width: f64) -> Self {
        Self { colour, width, dash: "" }
    }

    fn attributes(&self) -> String {
        let dash = if self.dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", self.dash) };
        format!(" stroke=\"{}\" stroke-width=\"{}\"{dash}", self.colour, short(self.width))
    }
}

fn outline(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{} {}", if index == 0 { 'M' } else { 'L' }, short(*x), short(*y));
    }
    path
}

/// Hundredths of a point are finer than any printer, and keep files small and equal.
fn short(value: f64) -> f64 {
    // Adding zero turns a negative zero into zero.
    (value * 100.0).round() / 100.0 + 0.0
}

/// Text for an element's content; what XML forbids even when escaped becomes a replacement character.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\t' => escaped.push(' '),
            character if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_drawing() {
        let mut canvas = Canvas::new(20.0);
        canvas.line((0.0, 1.005), (2.0, -0.001), Stroke { colour: INK, width: 0.5, dash: "2 1" });
        canvas.text((1.0, 2.0), TEXT, Anchor::End, INK, "a<b & \u{1}c");
        let expected = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"20pt\" height=\"10pt\" viewBox=\"0 0 20 10\" \
                        font-family=\"Liberation Sans, Arial, Helvetica, sans-serif\">\n\
                        <rect width=\"20\" height=\"10\" fill=\"#ffffff\"/>\n\
                        <path d=\"M0 1L2 0\" fill=\"none\" stroke-linejoin=\"round\" stroke=\"#222222\" \
                        stroke-width=\"0.5\" stroke-dasharray=\"2 1\"/>\n\
                        <text x=\"1\" y=\"2\" font-size=\"8\" fill=\"#222222\" text-anchor=\"end\">\
                        a&lt;b &amp; \u{fffd}c</text>\n</svg>\n";
        assert_eq!(canvas.finish(10.0), expected);
    }
}
