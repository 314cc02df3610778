//! A group as text: the one place that decides digits, units, what is best and what is marked. The formats only lay
//! the entries out.

mod counted;
mod digits;
pub mod legend;

use super::{Brackets, Cell, Direction, Family, Group, Measure, Role};
use crate::stats::Estimate;
use digits::Digits;

pub use counted::counted;
pub use digits::readable_unit;
pub use legend::Marks;

/// Rows of contenders and columns of measures, ready to be laid out.
pub struct Table {
    /// What a row is.
    pub names: &'static str,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// Why entries are missing: each reason with the places it applies to.
    missing: Vec<(String, Vec<Place>)>,
}

/// A row, its metric and measure.
type Place = [String; 3];

pub struct Column {
    pub metric: String,
    /// With its unit, where it has one; of a control, what it is the control of.
    pub measure: String,
    /// Which of the two it is, where a measure stands with its control.
    pub side: Option<&'static str>,
    pub direction: Direction,
    /// Whether brackets hold the least and the largest, and no interval.
    is_range: bool,
    /// The best control, where there is one.
    control: Option<String>,
    /// Sentences that must stand beside its numbers.
    said: Vec<String>,
}

pub struct Row {
    pub label: String,
    pub role: Role,
    pub entries: Vec<Entry>,
}

/// The text of one number. A missing one is "-" without anything else.
#[derive(Debug, Default, PartialEq)]
pub struct Entry {
    pub point: String,
    /// `None` where all units are equal, or where the number is itself the half-width of an interval.
    pub interval: Option<String>,
    pub invalid: usize,
    /// The best explainer of the column, or not separable from it.
    pub best: bool,
    /// Not shown to beat the best control; carries [`DAGGER`].
    pub unproven: bool,
}

pub const DAGGER: &str = "†";
/// Follows the label of what writes the class into its map.
pub const LEAK: &str = "‡";
const MISSING: &str = "-";

impl Table {
    /// The group's numbers on the measures of a family that `shown` picks; curves belong to the figures. `None` without any.
    pub fn of(group: &Group, family: Family, shown: impl Fn(&Measure) -> bool) -> Option<Self> {
        let measures = picked(group, |measure| measure.family == family && shown(measure));
        let mut table = Self::build(group, &measures, |_| true, Cell::estimate)?;
        for (column, measure) in measures.into_iter().enumerate() {
            table.mark(group, column, measure);
        }
        Some(table)
    }

    /// The explainers' paired differences to the best control of each headline measure of a family. `None` without any.
    pub fn against_control(group: &Group, family: Family) -> Option<Self> {
        let compared = |index: &usize| {
            group.contenders.iter().any(|contender| contender.cells[*index].against_control().is_some())
        };
        let measures = picked(group, |measure| measure.family == family && measure.headline);
        let measures: Vec<usize> = measures.into_iter().filter(compared).collect();
        Self::build(group, &measures, |role| role == Role::Explainer, Cell::against_control)
    }

    /// A table of anything else, in which nothing is best.
    pub fn plain(names: &'static str, columns: Vec<Column>, rows: Vec<Row>) -> Self {
        Self { names, columns, rows, missing: Vec::new() }
    }

    /// Which values of which contenders are undefined and left out, in one sentence; `None` without any.
    pub fn invalid(&self) -> Option<String> {
        let columns = self.columns.iter().enumerate().filter_map(|(index, column)| {
            let rows = self.rows.iter().map(|row| (&row.label, row.entries[index].invalid));
            let rows: Vec<String> =
                rows.filter(|(_, count)| *count > 0).map(|(label, count)| format!("{label} {count}")).collect();
            (!rows.is_empty()).then(|| format!("{} {} ({})", column.metric, column.measure_in_full(), rows.join(", ")))
        });
        let columns: Vec<String> = columns.collect();
        (!columns.is_empty()).then(|| format!("Undefined values, counted and left out: {}.", columns.join("; ")))
    }

    fn build(
        group: &Group,
        measures: &[usize],
        role: impl Fn(Role) -> bool,
        pick: impl Fn(&Cell) -> Option<&Estimate>,
    ) -> Option<Self> {
        let contenders: Vec<_> = group.contenders.iter().filter(|contender| role(contender.role)).collect();
        if measures.is_empty() || contenders.is_empty() {
            return None;
        }
        let mut rows: Vec<Row> = contenders
            .iter()
            .map(|contender| Row { label: contender.label.clone(), role: contender.role, entries: Vec::new() })
            .collect();
        let mut columns = Vec::new();
        let mut missing: Vec<(String, Vec<Place>)> = Vec::new();
        for &index in measures {
            let measure = &group.measures[index];
            let cells = || contenders.iter().map(|contender| &contender.cells[index]);
            let (factor, unit) = readable_unit(&measure.unit, cells().filter_map(&pick).map(|estimate| estimate.point));
            let separator = if unit.is_empty() { "" } else { ", " };
            let (name, side) = side(group, measures, measure);
            columns.push(Column {
                metric: measure.metric.clone(),
                measure: format!("{name}{separator}{unit}"),
                side,
                direction: measure.direction,
                is_range: measure.brackets == Brackets::Range,
                control: group.best(index, Role::Control).map(|(label, _)| label.to_string()),
                said: measure.said().map(String::from).collect(),
            });
            for (row, cell) in rows.iter_mut().zip(cells()) {
                row.entries.push(match pick(cell) {
                    Some(estimate) => match (Entry::of(&scaled(estimate, factor)), measure.brackets) {
                        (entry, Brackets::None) => Entry { interval: None, ..entry },
                        (entry, _) => entry,
                    },
                    None => Entry::missing(),
                });
                if let Cell::Missing(why) = cell {
                    let place = [&row.label, &measure.metric, &measure.measure].map(String::from);
                    match missing.iter_mut().find(|(reason, _)| reason == why) {
                        Some((_, places)) => places.push(place),
                        None => missing.push((why.clone(), vec![place])),
                    }
                }
            }
        }
        Some(Self { names: "explainer", columns, rows, missing })
    }

    /// Marks the best explainers of a column and those not shown to beat its best control; counts what is undefined for one
    /// contender, and not what is left out for all.
    fn mark(&mut self, group: &Group, column: usize, measure: usize) {
        let together = group.measures[measure].together.as_ref().map_or(0, |together| together.left_out);
        for (row, contender) in self.rows.iter_mut().zip(&group.contenders) {
            let cell = &contender.cells[measure];
            let entry = &mut row.entries[column];
            entry.invalid = entry.invalid.saturating_sub(together);
            entry.best = cell.among_best();
            entry.unproven = matches!(cell, Cell::Number { beats_control: Some(false), .. });
        }
    }
}

/// What a measure is called beside its control, or as one, where both stand among `measures`.
fn side<'a>(group: &'a Group, measures: &[usize], measure: &'a Measure) -> (&'a str, Option<&'static str>) {
    let others = || measures.iter().map(|index| &group.measures[*index]).filter(|other| other.metric == measure.metric);
    if let Some(of) = measure.control_of
        && others().any(|other| other.measure == of.measure)
    {
        return (of.measure, Some(of.words[1]));
    }
    let controls = others().filter_map(|other| other.control_of);
    (&measure.measure, controls.filter(|of| of.measure == measure.measure).map(|of| of.words[0]).next())
}

/// The measures of numbers that `shown` picks.
fn picked(group: &Group, shown: impl Fn(&Measure) -> bool) -> Vec<usize> {
    let picked = |index: &usize| {
        let measure = &group.measures[*index];
        shown(measure) && !measure.variant && !group.is_curve(*index)
    };
    (0..group.measures.len()).filter(picked).collect()
}

impl Entry {
    pub fn missing() -> Self {
        Self { point: MISSING.into(), ..Self::default() }
    }

    pub fn of(estimate: &Estimate) -> Self {
        let digits = Digits::of(estimate);
        Self {
            point: digits.write(estimate.point),
            interval: digits.interval(estimate),
            invalid: estimate.invalid,
            ..Self::default()
        }
    }
}

impl Column {
    /// Without a control to beat.
    pub fn plain(metric: &str, measure: &str, direction: Direction) -> Self {
        let (metric, measure) = (metric.into(), measure.into());
        Self { metric, measure, side: None, direction, is_range: false, control: None, said: Vec::new() }
    }

    /// "area, ms ↓": what stands under the metric's name.
    pub fn measure_with_arrow(&self) -> String {
        self.with_arrow(&self.measure)
    }

    /// The measure where there is one line for all of it: "intersection, random signs".
    pub fn measure_in_full(&self) -> String {
        let side = self.side.map_or_else(String::new, |side| format!(", {side}"));
        format!("{}{side}", self.measure)
    }

    /// Whether it is the control of another one.
    pub fn follows(&self, other: &Self) -> bool {
        (&self.metric, &self.measure) == (&other.metric, &other.measure) && self.side.is_some()
    }

    pub fn with_arrow(&self, words: &str) -> String {
        match self.direction {
            Direction::Lower => format!("{words} ↓"),
            Direction::Higher => format!("{words} ↑"),
            Direction::None => words.to_string(),
        }
    }
}

fn scaled(estimate: &Estimate, factor: f64) -> Estimate {
    Estimate { point: estimate.point / factor, low: estimate.low / factor, high: estimate.high / factor, ..*estimate }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, estimate, group};

    fn points(table: &Table, column: usize) -> Vec<(&str, bool, bool)> {
        let entries = table.rows.iter().map(|row| &row.entries[column]);
        entries.map(|entry| (entry.point.as_str(), entry.best, entry.unproven)).collect()
    }

    fn removal(group: &Group) -> Table {
        Table::of(group, Family::Removal, |measure| measure.headline).unwrap()
    }

    #[test]
    fn marks_of_the_sample() {
        // gradient 0.172 beats input 0.180; smoothgrad has not been shown to; random and input are controls.
        let area = [("0.1720", true, false), ("0.176", false, true), ("-", false, false), ("0.180", false, false)];
        assert_eq!(points(&removal(&group()), 0), area);
    }

    #[test]
    fn who_is_not_separable_from_the_best_is_among_the_best() {
        let mut group = group();
        let mut among = |low: f64, high: f64| {
            if let Cell::Number { against_best, .. } = &mut group.contenders[1].cells[0] {
                *against_best = Some(estimate(0.004, low, high));
            }
            removal(&group).rows.iter().map(|row| row.entries[0].best).collect::<Vec<_>>()
        };
        assert_eq!(among(0.001, 0.007), [true, false, false, false]);
        assert_eq!(among(-0.001, 0.009), [true, true, false, false]);
        assert_eq!(among(0.0, 0.008), [true, true, false, false], "an interval that touches 0");
        assert_eq!(
            among(f64::NAN, f64::NAN),
            [true, false, false, false],
            "one unit separates nothing, and joins nothing"
        );
    }

    #[test]
    fn tables_are_divided_by_family() {
        let group = group();
        let columns = |family| {
            let table = Table::of(&group, family, |measure| measure.headline)?;
            Some(table.columns.into_iter().map(|column| column.metric).collect::<Vec<_>>())
        };
        assert_eq!(columns(Family::Removal), Some(vec!["deletion".to_string()]));
        assert_eq!(columns(Family::Cost), Some(vec!["cost".to_string()]));
        assert_eq!(columns(Family::CleverHans), None);
    }

    #[test]
    fn differences_are_the_explainers() {
        let table = Table::against_control(&group(), Family::Removal).unwrap();
        assert_eq!(table.columns.len(), 1);
        assert_eq!(table.rows.iter().map(|row| &*row.label).collect::<Vec<_>>(), ["gradient", "smoothgrad"]);
        assert_eq!(table.rows[0].entries[0].point, "-0.0080");
    }

    #[test]
    fn a_measure_and_its_control_share_a_name() {
        let group = sample::attacked();
        let table = removal(&group);
        let names: Vec<String> = table.columns.iter().map(Column::measure_in_full).collect();
        assert_eq!(names, ["area, attack", "area, random signs"]);
        let alone = Table::of(&group, Family::Removal, |measure| measure.control_of.is_some()).unwrap();
        assert_eq!(alone.columns[0].measure_in_full(), "random-sign-area");
    }

    #[test]
    fn what_is_left_out_for_all_is_said_once() {
        let table = removal(&sample::attacked());
        let invalid: Vec<usize> = table.rows.iter().map(|row| row.entries[1].invalid).collect();
        assert_eq!(invalid, [0, 0, 3, 0], "beyond the two");
        assert_eq!(legend::own(&table)[0], "of 9 images, 7 are there for every contender.");
        assert_eq!(legend::own(&table).iter().filter(|line| line.contains("9 images")).count(), 1);
    }

    #[test]
    fn undefined_values_are_named() {
        let table = Table::of(&group(), Family::Localization, |_| true).unwrap();
        let words = "Undefined values, counted and left out: pointing-game hits (gradient 2).";
        assert_eq!(table.invalid().as_deref(), Some(words));
        assert_eq!(removal(&group()).invalid(), None);
    }
}
