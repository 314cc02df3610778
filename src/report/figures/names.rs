//! Names along an axis, where its points are no numbers: level where they have room, at a slant where they have not.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, INK, Stroke};
use super::text::{fitted, text_width};

/// Longer names lose their middle.
const LONGEST: f64 = 56.0;
/// Names closer than this, in sizes of their text, leave some out.
const CLOSEST: f64 = 1.3;

/// Names of the points 1, 2, .. of an axis.
pub struct Names<'a> {
    pub names: &'a [String],
    /// Of the text.
    pub size: f64,
}

impl Names<'_> {
    /// How far below the axis they reach when `spacing` lies between two points.
    pub fn depth(&self, spacing: f64) -> f64 {
        match self.level(spacing) {
            true => 4.0 + self.size,
            false => 4.0 + (self.widest().min(LONGEST) + self.size) * std::f64::consts::FRAC_1_SQRT_2,
        }
    }

    /// Draws ticks and names below the axis, which lies at `y`.
    pub fn draw(&self, canvas: &mut Canvas, x: &Axis, y: f64) {
        let spacing = x.place(1.0) - x.place(0.0);
        let level = self.level(spacing);
        let every = ((CLOSEST * self.size / spacing.max(1e-9)).ceil() as usize).max(1);
        for (name, at) in self.names.iter().zip(1u32..).step_by(every) {
            let place = x.place(f64::from(at));
            canvas.line((place, y), (place, y + 3.0), Stroke::solid(INK, 0.6));
            if level {
                canvas.text((place, y + 4.0 + self.size), self.size, Anchor::Center, INK, name);
            } else {
                let end = (place + 0.3 * self.size, y + 4.0 + 0.7 * self.size);
                // None of them runs out of the page.
                let room = LONGEST.min((end.0 - 2.0) * std::f64::consts::SQRT_2);
                canvas.slanted_text(end, self.size, INK, &fitted(name, self.size, room));
            }
        }
    }

    /// Whether every name has room between its neighbours.
    pub fn level(&self, spacing: f64) -> bool {
        self.names.is_empty() || self.widest() + 3.0 <= spacing
    }

    fn widest(&self) -> f64 {
        self.names.iter().map(|name| text_width(name, self.size)).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(names: &[&str], width: f64) -> String {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        let axis = Axis { low: 0.5, high: names.len() as f64 + 0.5, from: 60.0, to: 60.0 + width };
        let mut canvas = Canvas::new(60.0 + width);
        Names { names: &names, size: 8.0 }.draw(&mut canvas, &axis, 10.0);
        canvas.finish(100.0)
    }

    #[test]
    fn names_slant_where_they_have_no_room() {
        assert!(!drawn(&["fc2", "fc1"], 60.0).contains("rotate"));
        let slanted = drawn(&["layer4.1.conv2", "layer4.1.conv1"], 60.0);
        assert_eq!(slanted.matches("rotate(-45").count(), 2);
    }

    #[test]
    fn of_many_names_some_are_drawn() {
        let svg = drawn(&["conv"; 20], 60.0);
        // 3 points for each, 10.4 needed: every fourth.
        assert_eq!(svg.matches("\nconv\n").count(), 5);
    }
}
