//! One look per contender, the same in every figure of a report. Explainers take colours that stay apart for
//! colour-blind readers (Okabe and Ito, "Color Universal Design", 2008; without its yellow, too faint on white), and
//! differ by marker and, after one round, by dash as well; controls are grey and dashed.

use super::canvas::{Canvas, RGBColor, Stroke};
use crate::report::{Report, Role};

pub const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
const DASHES: [Option<(f64, f64)>; 3] = [None, Some((5.0, 2.0)), Some((1.5, 1.5))];
const GREYS: [RGBColor; 3] = [RGBColor(95, 95, 95), RGBColor(140, 140, 140), RGBColor(176, 176, 176)];
const GREY_DASHES: [(f64, f64); 4] = [(4.0, 2.0), (1.5, 1.5), (5.0, 3.5), (2.5, 1.0)];

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    pub stroke: Stroke,
    pub marker: Marker,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
    Plus,
    Ring,
}

const MARKERS: [Marker; 4] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond];
const GREY_MARKERS: [Marker; 3] = [Marker::Cross, Marker::Plus, Marker::Ring];

/// The looks of a report's contenders, by label.
pub struct Palette(Vec<(String, Look)>);

impl Palette {
    pub fn of(report: &Report) -> Self {
        let mut looks: Vec<(String, Look)> = Vec::new();
        let (mut explainers, mut controls) = (0, 0);
        for contender in report.tables.iter().flat_map(|group| &group.contenders) {
            if looks.iter().any(|(label, _)| *label == contender.label) {
                continue;
            }
            let look = if contender.role == Role::Explainer {
                explainers += 1;
                Look::explainer(explainers - 1)
            } else {
                controls += 1;
                Look::control(controls - 1)
            };
            looks.push((contender.label.clone(), look));
        }
        Self(looks)
    }

    pub fn look(&self, label: &str) -> Look {
        self.0.iter().find(|(known, _)| known == label).map_or(Look::explainer(0), |(_, look)| *look)
    }
}

impl Look {
    pub fn explainer(index: usize) -> Self {
        let dash = DASHES[index / COLOURS.len() % DASHES.len()];
        let stroke = Stroke { colour: COLOURS[index % COLOURS.len()], width: 1.3, dash };
        Self { stroke, marker: MARKERS[index % MARKERS.len()] }
    }

    fn control(index: usize) -> Self {
        let dash = Some(GREY_DASHES[index % GREY_DASHES.len()]);
        let stroke = Stroke { colour: GREYS[index % GREYS.len()], width: 1.1, dash };
        Self { stroke, marker: GREY_MARKERS[index % GREY_MARKERS.len()] }
    }

    pub fn draw_marker(&self, canvas: &mut Canvas, (x, y): (f64, f64), radius: f64) {
        let colour = self.stroke.colour;
        let outline = Stroke::solid(colour, 1.0);
        match self.marker {
            Marker::Circle => canvas.disc((x, y), radius, colour),
            Marker::Square => {
                let r = radius * 0.9;
                canvas.area(&[(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)], colour, 1.0);
            }
            Marker::Triangle => {
                let r = radius * 1.15;
                canvas.area(&[(x, y - r), (x + r, y + r * 0.8), (x - r, y + r * 0.8)], colour, 1.0);
            }
            Marker::Diamond => {
                let r = radius * 1.25;
                canvas.area(&[(x, y - r), (x + r, y), (x, y + r), (x - r, y)], colour, 1.0);
            }
            Marker::Cross => {
                let r = radius * 0.9;
                canvas.line((x - r, y - r), (x + r, y + r), outline);
                canvas.line((x - r, y + r), (x + r, y - r), outline);
            }
            Marker::Plus => {
                let r = radius * 1.15;
                canvas.line((x - r, y), (x + r, y), outline);
                canvas.line((x, y - r), (x, y + r), outline);
            }
            Marker::Ring => canvas.white_ring((x, y), radius, outline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_label_keeps_its_look_across_groups() {
        let mut report = sample::report();
        let mut second = report.tables[0].clone();
        second.contenders.reverse();
        report.tables.push(second);
        let palette = Palette::of(&report);
        assert_eq!(palette.look("gradient"), Look::explainer(0));
        assert_eq!(palette.look("smoothgrad"), Look::explainer(1));
        assert_eq!(palette.look("input"), Look::control(1));
    }

    #[test]
    fn many_contenders_all_differ() {
        let looks: Vec<Look> = (0..21).map(Look::explainer).chain((0..12).map(Look::control)).collect();
        for (index, look) in looks.iter().enumerate() {
            assert!(!looks[..index].contains(look), "look {index} occurs twice");
        }
    }
}
