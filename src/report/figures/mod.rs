//! Figures: curves, estimates as points with intervals, and galleries of maps. Each is drawn once, as SVG; PNG and PDF
//! are made from that text. Timings are left out, so that equal results give equal figures.

mod axis;
mod canvas;
mod curves;
mod dots;
mod gallery;
mod palette;
mod pdf;
mod pixels;
mod render;
mod text;

use super::{Group, Report};
use palette::Palette;

pub use render::render;

/// The text width of a page in points (6.5 inches).
const PAGE_WIDTH: f64 = 468.0;

/// One drawing with where it belongs.
pub struct Figure {
    pub dataset: String,
    pub model: String,
    /// File name without folder and extension, unique within a report.
    pub stem: String,
    pub title: String,
    pub svg: String,
}

impl Figure {
    pub fn belongs_to(&self, group: &Group) -> bool {
        self.dataset == group.dataset && self.model == group.model
    }
}

/// All figures of a report, ordered by group: the points, then the curves, then the galleries.
pub fn draw(report: &Report) -> Vec<Figure> {
    let palette = Palette::of(report);
    let mut figures: Vec<Figure> = Vec::new();
    let mut add = |dataset: &str, model: &str, name: &str, title: String, svg: String| {
        let stem = super::file_stem(&[dataset, model, name], |stem| figures.iter().any(|held| held.stem == stem));
        figures.push(Figure { dataset: dataset.into(), model: model.into(), stem, title, svg });
    };
    for group in &report.tables {
        let Group { dataset, model, .. } = group;
        if let Some(svg) = dots::draw(group, &palette, &report.inference) {
            add(dataset, model, "estimates", format!("Estimates on {dataset}, {model}"), svg);
        }
        for (index, measure) in group.measures.iter().enumerate() {
            if group.is_curve(index) && !measure.timing {
                let name = format!("{}.{}", measure.metric, measure.measure);
                let svg = curves::draw(group, index, &palette, &report.inference);
                add(dataset, model, &name, format!("{} on {dataset}, {model}", measure.name()), svg);
            }
        }
    }
    for gallery in &report.pictures {
        let svg = gallery::draw(gallery);
        add(&gallery.dataset, &gallery.model, "gallery", gallery.title.clone(), svg);
    }
    figures
}
