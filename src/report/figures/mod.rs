//! Figures: points and bars with intervals, curves, heat maps, galleries and strips of maps. Each is drawn once, as SVG; PNG and
//! PDF are made from that text. Timings are left out, so that equal results give equal figures.

mod axis;
mod bars;
mod canvas;
mod curves;
mod dots;
mod gallery;
mod heatmap;
mod names;
mod networks;
mod pairs;
mod palette;
mod panels;
mod pdf;
mod pixels;
mod render;
mod scatter;
mod similarities;
mod standing;
mod strips;
mod text;
mod universes;

use super::{Brackets, Group, Measure, Report};
use palette::Palette;

pub use render::render;

/// How wide figures are in print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Size {
    /// One column of a page of two, 3.3 inches
    Column,
    /// The text width of a page, 6.5 inches
    Page,
}

impl Size {
    /// In points.
    fn width(self) -> f64 {
        match self {
            Self::Column => 3.3 * 72.0,
            Self::Page => 6.5 * 72.0,
        }
    }
}

/// The figure of the networks' trainings.
pub const NETWORKS: &str = "networks";

/// What the intervals of some measures of a group are; which are what, where they differ.
fn inference(group: &Group, measures: &[usize]) -> String {
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for measure in
        measures.iter().map(|index| &group.measures[*index]).filter(|measure| measure.brackets == Brackets::Interval)
    {
        match kinds.iter_mut().find(|(words, _)| *words == measure.inference) {
            Some((_, metrics)) if metrics.contains(&measure.metric.as_str()) => {}
            Some((_, metrics)) => metrics.push(&measure.metric),
            None => kinds.push((&measure.inference, vec![&measure.metric])),
        }
    }
    match kinds.as_slice() {
        [] => "none".to_string(),
        [(words, _)] => words.to_string(),
        kinds => {
            let kinds: Vec<String> =
                kinds.iter().map(|(words, metrics)| format!("{words} ({})", metrics.join(", "))).collect();
            kinds.join("; ")
        }
    }
}

/// A note with what must stand beside the numbers of some measures of a group before it.
fn warned<'a>(measures: impl IntoIterator<Item = &'a Measure>, note: &str) -> String {
    let mut sentences: Vec<&str> = Vec::new();
    for sentence in measures.into_iter().flat_map(Measure::said) {
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences.push(note);
    sentences.join(" ")
}

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

/// All figures of a report, ordered by group: points and bars by family, the standings, the curves, the multiverses; then
/// the networks' trainings, the galleries and the strips.
pub fn draw(report: &Report, size: Size) -> Vec<Figure> {
    let palette = Palette::of(report);
    let mut figures: Vec<Figure> = Vec::new();
    let mut add = |dataset: &str, model: &str, name: &str, title: String, svg: String| {
        let stem = super::file_stem(&[dataset, model, name], |stem| figures.iter().any(|held| held.stem == stem));
        figures.push(Figure { dataset: dataset.into(), model: model.into(), stem, title, svg });
    };
    for group in &report.tables {
        let Group { dataset, model, .. } = group;
        for family in group.families() {
            let (title, stem) = (family.title(), family.title().to_lowercase());
            if let Some(svg) = dots::draw(group, family, &palette, size) {
                add(
                    dataset,
                    model,
                    &format!("{stem}.estimates"),
                    format!("{title}: estimates on {dataset}, {model}"),
                    svg,
                );
            }
            if let Some(svg) = bars::draw(group, family, &palette, size) {
                add(dataset, model, &format!("{stem}.bars"), format!("{title}: bars on {dataset}, {model}"), svg);
            }
        }
        if let Some(svg) = standing::draw(group, size) {
            add(dataset, model, "standing", format!("Standing on {dataset}, {model}"), svg);
        }
        for (metric, measures) in similarities::metrics(group) {
            let svg = similarities::draw(group, &measures, &palette, size);
            add(dataset, model, &format!("{metric}.curves"), format!("{metric} on {dataset}, {model}"), svg);
        }
        for shown in pairs::pairs(group) {
            let (name, title) = if shown.further { ("further", " (further measures)") } else { ("curves", "") };
            let title = format!("{}{title} on {dataset}, {model}", shown.metric);
            let svg = pairs::draw(group, &shown, &palette, size);
            add(dataset, model, &format!("{}.{name}", shown.metric), title, svg);
        }
        for (index, measure) in group.measures.iter().enumerate() {
            if group.is_curve(index) && !measure.variant && !measure.timing && !pairs::shows(group, index) {
                let name = format!("{}.{}", measure.metric, measure.measure);
                let svg = curves::draw(group, index, &palette, size);
                add(dataset, model, &name, format!("{} on {dataset}, {model}", measure.name()), svg);
            }
        }
        for multiverse in report.multiverses.iter().filter(|multiverse| multiverse.belongs_to(group)) {
            let title = format!("Multiverse of {} on {dataset}, {model}", multiverse.name());
            let name = format!("{}.multiverse", multiverse.metric);
            add(dataset, model, &name, title, universes::draw(multiverse, size));
        }
    }
    if let Some(svg) = networks::draw(&report.networks, size) {
        add("", "", NETWORKS, "Running training accuracy of the networks".into(), svg);
    }
    for gallery in &report.pictures {
        let svg = gallery::draw(gallery, size);
        add(&gallery.dataset, &gallery.model, "gallery", gallery.title.clone(), svg);
    }
    for scatter in &report.scatters {
        let svg = scatter::draw(scatter, size);
        let title = format!("{}: predicted against actual, on {}, {}", scatter.metric, scatter.dataset, scatter.model);
        add(&scatter.dataset, &scatter.model, &format!("{}.scatter", scatter.metric), title, svg);
    }
    for strips in &report.strips {
        let svg = strips::draw(strips, size);
        let title = format!("{}, step by step: {}", strips.metric, strips.image);
        add(&strips.dataset, &strips.model, &format!("{}.maps", strips.metric), title, svg);
    }
    figures
}
