//! What a suite found, as plain data free of any format, and the files it becomes. A report is filled from finished
//! scores alone, so it is rebuilt without computing anything; every format reads this one value and decides nothing.
//!
//! `table` decides the digits and the marks for all formats, `rows` lists every number shown, `figures` draws.

mod collect;
mod csv;
mod examples;
mod figures;
mod json;
mod latex;
mod markdown;
mod multiverse;
mod networks;
mod publish;
mod rows;
mod table;
mod terminal;

#[cfg(test)]
mod sample;

use std::collections::BTreeSet;

pub use crate::explainers::Role;
pub use crate::metrics::{ControlOf, Direction, Family};

use crate::error::Result;
use crate::stats::Estimate;

pub use collect::collect;
pub use examples::write_examples;
pub use figures::Size;
pub use multiverse::{Multiverse, Pair, Universe};
pub use networks::{Network, Networks, Training};
pub use publish::write;
pub use terminal::terminal;

/// One format: a report in, the bytes of one file out. Equal reports give equal bytes.
pub trait Format {
    fn render(&self, report: &Report) -> Result<Vec<u8>>;
}

/// All that a suite found, in the order in which it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub suite: String,
    /// What the suite asks, one sentence.
    pub question: String,
    /// The suite's own prose about its numbers; may be empty.
    pub analysis: String,
    /// What the intervals are, such as "95 % intervals over new trainings (recipe)".
    pub inference: String,
    /// How the networks were trained.
    pub networks: Networks,
    pub tables: Vec<Group>,
    /// How the rankings hold where the suite sweeps over choices that are nobody's hypothesis.
    pub multiverses: Vec<Multiverse>,
    pub pictures: Vec<Gallery>,
    pub strips: Vec<Strips>,
    pub scatters: Vec<Scatter>,
    /// What a reader must know: images, counts, failed cells.
    pub notes: Vec<String>,
}

/// One dataset with one model: a table's worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub dataset: String,
    pub model: String,
    /// Number of images and how they were chosen, networks and their accuracy, what the intervals cover.
    pub caption: String,
    pub measures: Vec<Measure>,
    pub contenders: Vec<Contender>,
}

/// What is measured: one column of a table, or one figure of curves.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    pub family: Family,
    pub metric: String,
    pub measure: String,
    pub direction: Direction,
    /// The smallest difference worth speaking of, in the measure's unit.
    pub smallest_effect: f64,
    /// Empty, "s" for seconds, "B" for bytes, or another unit that is printed as it is.
    pub unit: String,
    /// Whether it stands in the main table.
    pub headline: bool,
    /// Whether it is one of the metric's further measures.
    pub further: bool,
    /// Whether it is one of so many variants that tables and figures leave it to the multiverse; its rows are written all the
    /// same.
    pub variant: bool,
    /// Whether it differs from run to run; such numbers stay out of the files that are compared.
    pub timing: bool,
    pub brackets: Brackets,
    /// What its intervals are.
    pub inference: String,
    /// What its intervals imagine to be drawn again, such as "images".
    pub units: String,
    /// A sentence that must stand beside its numbers.
    pub warning: Option<String>,
    /// Which units its means are over, where contenders share them.
    pub together: Option<Together>,
    /// The measure of the same metric whose control it is.
    pub control_of: Option<ControlOf>,
    /// What the first number of a curve's points is, such as "fraction removed".
    pub axis: String,
    /// What a curve's points 1, 2, .. are, where numbers alone do not say it.
    pub points: Vec<String>,
    /// Named values to compare with, drawn across the figure.
    pub reference_lines: Vec<(String, f64)>,
}

/// What stands in brackets behind a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brackets {
    Interval,
    /// Nothing: it is itself the half-width of an interval.
    None,
    /// The least and the largest of the units whose median the number is.
    Range,
}

/// Units that are left out for all contenders, because one of them lacks them.
#[derive(Clone, Debug, PartialEq)]
pub struct Together {
    /// A sentence that stands beside the numbers, so that no number has to count these units.
    pub said: String,
    /// How many a number leaves out, which goes by the last point of curves.
    pub left_out: usize,
}

/// One explainer with what it scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Contender {
    pub label: String,
    pub role: Role,
    /// Of an influence method, of which sign, divisor and regulariser its numbers are; else empty.
    pub convention: String,
    /// One per measure of the group, in the same order.
    pub cells: Vec<Cell>,
    /// What befell its maps, as far as it happened at all.
    pub flags: Vec<Flag>,
}

/// How often something befell the units of a metric, such as a constant map.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    pub metric: String,
    pub reason: String,
    pub count: usize,
    /// The units of all networks.
    pub of: usize,
}

/// What one explainer scored on one measure.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// No value, and why.
    Missing(String),
    Number {
        estimate: Estimate,
        /// The paired difference to the best control: this contender minus that control.
        against_control: Option<Estimate>,
        beats_control: Option<bool>,
        /// The paired difference to the best explainer under test, all zeros for that one itself.
        against_best: Option<Estimate>,
        /// The values of the units where they are few enough to be shown, else empty.
        dots: Vec<f64>,
    },
    /// Points along the measure's axis, in ascending order.
    Curve(Vec<Point>),
}

/// One point of a curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub at: f64,
    pub estimate: Estimate,
    /// The values of the units where they are few enough to be shown, else empty.
    pub dots: Vec<f64>,
}

/// Example images with their attributions, one column per explainer.
#[derive(Clone, Debug, PartialEq)]
pub struct Gallery {
    pub dataset: String,
    pub model: String,
    pub title: String,
    /// The explainers' labels, one per map of a row.
    pub columns: Vec<String>,
    pub parts: Vec<GalleryPart>,
    /// How the images were chosen.
    pub note: String,
}

/// Images that were chosen for one reason.
#[derive(Clone, Debug, PartialEq)]
pub struct GalleryPart {
    /// That reason, in a few words.
    pub title: String,
    pub rows: Vec<GalleryRow>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct GalleryRow {
    /// Such as "3, predicted 8".
    pub label: String,
    pub input: Picture,
    pub maps: Vec<Picture>,
}

/// What several contenders predicted against what came true, on one network.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    pub dataset: String,
    pub model: String,
    pub metric: String,
    /// What the points are, kind by kind.
    pub kinds: Vec<&'static str>,
    pub panels: Vec<ScatterPanel>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ScatterPanel {
    pub label: String,
    pub role: Role,
    /// For each kind the points, predicted and actual, in standard deviations of what came true for the same unit.
    pub points: Vec<Vec<(f64, f64)>>,
}

/// One image with the maps of several explainers, step by step as a metric shows them: a row per explainer.
#[derive(Clone, Debug, PartialEq)]
pub struct Strips {
    pub dataset: String,
    pub model: String,
    pub metric: String,
    /// Such as "3, predicted 8".
    pub image: String,
    pub input: Picture,
    /// What each map of a row is.
    pub columns: Vec<String>,
    pub rows: Vec<Strip>,
    /// Of which draw they are, and how the image was chosen.
    pub note: String,
}

/// One explainer's maps; `None` where a map did not finish.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    pub label: String,
    pub role: Role,
    pub maps: Vec<Option<Picture>>,
}

/// An image of shape [channels, height, width] in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub height: usize,
    pub width: usize,
    /// 1 or 3 for inputs, 1 for maps.
    pub channels: usize,
    /// Inputs in [0, 1]; maps signed, of any scale.
    pub values: Vec<f32>,
    /// Places of the truth as [left, top, right, bottom] in pixels, right and bottom exclusive.
    pub boxes: Vec<[f64; 4]>,
}

impl Measure {
    /// Metric, measure and unit, such as "deletion area".
    fn name(&self) -> String {
        format!("{} {}", self.metric, self.measure)
    }

    /// What must stand beside its numbers, warnings first.
    fn said(&self) -> impl Iterator<Item = &str> {
        let together = self.together.iter().map(|together| &together.said);
        self.warning.iter().chain(together).map(String::as_str)
    }
}

impl Cell {
    /// A number that is compared with nothing.
    fn number(estimate: Estimate) -> Self {
        Self::Number { estimate, against_control: None, beats_control: None, against_best: None, dots: Vec::new() }
    }

    fn estimate(&self) -> Option<&Estimate> {
        match self {
            Self::Number { estimate, .. } => Some(estimate),
            _ => None,
        }
    }

    fn against_control(&self) -> Option<&Estimate> {
        match self {
            Self::Number { against_control, .. } => against_control.as_ref(),
            _ => None,
        }
    }

    /// Whether it is the best explainer or not separable from it: the interval of their difference holds 0.
    fn among_best(&self) -> bool {
        let Self::Number { against_best: Some(difference), .. } = self else { return false };
        difference.point == 0.0 || (difference.low <= 0.0 && difference.high >= 0.0)
    }
}

impl Group {
    /// What its metrics ask, in the order of the tables.
    fn families(&self) -> BTreeSet<Family> {
        self.measures.iter().map(|measure| measure.family).collect()
    }

    /// The best estimate of a measure among contenders of one role; `None` without a direction or a defined value.
    fn best(&self, measure: usize, role: Role) -> Option<(&str, Estimate)> {
        let direction = self.measures[measure].direction;
        if direction == Direction::None {
            return None;
        }
        let mut best: Option<(&str, Estimate)> = None;
        for contender in self.contenders.iter().filter(|contender| contender.role == role) {
            if let Some(estimate) = contender.cells[measure].estimate()
                && !estimate.point.is_nan()
                && best.is_none_or(|(_, held)| direction.better(estimate.point, held.point))
            {
                best = Some((&contender.label, *estimate));
            }
        }
        best
    }

    /// Whether any contender has a curve for this measure.
    fn is_curve(&self, measure: usize) -> bool {
        self.contenders.iter().any(|contender| matches!(contender.cells[measure], Cell::Curve(_)))
    }
}

/// A file name made of labels: characters that are awkward in paths become dashes, and a name that is taken gets a
/// number.
fn file_stem(labels: &[&str], taken: impl Fn(&str) -> bool) -> String {
    let plain =
        |character: char| if character.is_alphanumeric() || "-_=.".contains(character) { character } else { '-' };
    let labels: Vec<String> = labels.iter().map(|label| label.chars().map(plain).collect()).collect();
    let stem = labels.join(".").trim_start_matches('.').to_string();
    let numbered = (2..).map(|number| format!("{stem}-{number}"));
    std::iter::once(stem.clone()).chain(numbered).find(|stem| !taken(stem)).unwrap_or(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_unique() {
        assert_eq!(file_stem(&["a/b", "ig[steps=16]"], |_| false), "a-b.ig-steps=16-");
        assert_eq!(file_stem(&["../x"], |_| false), "-x");
        assert_eq!(file_stem(&["a"], |stem| ["a", "a-2"].contains(&stem)), "a-3");
    }
}
