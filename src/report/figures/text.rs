//! How wide a text is once drawn, and texts made to fit.

use super::canvas::{Anchor, Canvas, FAINT, SMALL_TEXT, printable};
use super::render::parse;

/// The width of a text in the unit of its size: that of what is drawn, without space at its ends.
pub fn text_width(text: &str, size: f64) -> f64 {
    const REFERENCE_SIZE: f64 = 100.0;
    let text = printable(text).replace('&', "&amp;").replace('<', "&lt;");
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\">\
         <text font-size=\"{REFERENCE_SIZE}\">{text}</text></svg>"
    );
    let width = parse(&svg).map_or(0.0, |tree| f64::from(tree.root().bounding_box().width()));
    width / REFERENCE_SIZE * size
}

/// A text shortened in its middle until it fits a width: both ends of a label tell contenders apart.
pub fn fitted(text: &str, size: f64, width: f64) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut fitted = text.to_string();
    let mut kept = characters.len();
    while kept > 2 && text_width(&fitted, size) > width {
        kept -= 1;
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        let start: String = characters[..head].iter().collect();
        let end: String = characters[characters.len() - tail..].iter().collect();
        fitted = format!("{start}…{end}");
    }
    fitted
}

/// A label broken where its parts meet, to fit a narrow place.
pub fn wrapped(label: &str, size: f64, width: f64) -> Vec<String> {
    let mut parts: Vec<String> = vec![String::new()];
    for character in label.chars() {
        if character == '[' {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
        if matches!(character, '-' | '_' | ',' | ' ') {
            parts.push(String::new());
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line}{part}"), size) <= width => line.push_str(&part),
            _ => lines.push(part),
        }
    }
    lines.iter().map(|line| fitted(line.trim_end(), size, width)).collect()
}

/// Words in lines that fit a width; a longer word is shortened.
pub fn lines(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fitted(word, size, width)),
        }
    }
    lines
}

/// A remark under a figure, its first line at a baseline; returns the last one.
pub fn draw_note(canvas: &mut Canvas, text: &str, (left, baseline): (f64, f64), width: f64) -> f64 {
    const LINE: f64 = 9.0;
    let lines = lines(text, SMALL_TEXT, width);
    for (index, line) in lines.iter().enumerate() {
        canvas.text((left, baseline + index as f64 * LINE), SMALL_TEXT, Anchor::Left, FAINT, line);
    }
    baseline + lines.len().saturating_sub(1) as f64 * LINE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_is_the_sum_of_the_advances() {
        // Liberation Sans has Arial's widths: every digit is 1139 of 2048 units wide. The drawn box leaves out the
        // side bearings, at most 0.1 em here.
        let width = text_width("0000000000", 10.0);
        assert!((width - 10.0 * 10.0 * 1139.0 / 2048.0).abs() < 1.0, "{width}");
        assert!((text_width("0000000000", 20.0) - 2.0 * width).abs() < 1e-9);
    }

    #[test]
    fn long_labels_lose_their_middle() {
        assert_eq!(fitted("gradient", 8.0, 100.0), "gradient");
        let short = fitted("integrated-gradients[steps=16]", 8.0, 60.0);
        assert!(short.starts_with("integ") && short.ends_with("=16]") && text_width(&short, 8.0) <= 60.0, "{short}");
    }

    #[test]
    fn titles_break_where_their_parts_meet() {
        assert_eq!(wrapped("gradient", 7.0, 40.0), ["gradient"]);
        assert_eq!(wrapped("input-x-gradient", 7.0, 40.0), ["input-x-", "gradient"]);
        assert_eq!(wrapped("integrated-gradients[steps=16]", 7.0, 40.0), ["integrated-", "gradients", "[steps=16]"]);
    }

    #[test]
    fn remarks_break_between_words() {
        assert_eq!(lines("Bands: 95 % intervals.", 7.0, 50.0), ["Bands: 95 %", "intervals."]);
        assert!(lines("", 7.0, 50.0).is_empty());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        #[test]
        fn any_label_is_made_to_fit(label in ".{0,20}") {
            proptest::prop_assert!(text_width(&fitted(&label, 8.0, 40.0), 8.0) <= 40.0);
            for line in wrapped(&label, 8.0, 40.0).into_iter().chain(lines(&label, 8.0, 40.0)) {
                proptest::prop_assert!(text_width(&line, 8.0) <= 40.0);
            }
        }
    }
}
