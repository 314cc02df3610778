//! A group as text: the one place that decides digits, units, what is best and what is marked. The formats only lay
//! the entries out.

mod counted;
mod digits;
pub mod legend;

use super::{Cell, Direction, Family, Group, Measure, Role};
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
    missing: Vec<(String, Vec<String>)>,
}

pub struct Column {
    pub metric: String,
    /// With its unit, where it has one.
    pub measure: String,
    pub direction: Direction,
    /// The best control, where there is one.
    control: Option<String>,
    /// A sentence that must stand beside its numbers.
    warning: Option<String>,
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
            (!rows.is_empty()).then(|| format!("{} {} ({})", column.metric, column.measure, rows.join(", ")))
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
        let mut missing: Vec<(String, Vec<String>)> = Vec::new();
        for &index in measures {
            let measure = &group.measures[index];
            let cells = || contenders.iter().map(|contender| &contender.cells[index]);
            let (factor, unit) = readable_unit(&measure.unit, cells().filter_map(&pick).map(|estimate| estimate.point));
            let separator = if unit.is_empty() { "" } else { ", " };
            columns.push(Column {
                metric: measure.metric.clone(),
                measure: format!("{}{separator}{unit}", measure.measure),
                direction: measure.direction,
                control: group.best(index, Role::Control).map(|(label, _)| label.to_string()),
                warning: measure.warning.clone(),
            });
            for (row, cell) in rows.iter_mut().zip(cells()) {
                row.entries.push(match pick(cell) {
                    Some(estimate) if measure.derived => {
                        Entry { interval: None, ..Entry::of(&scaled(estimate, factor)) }
                    }
                    Some(estimate) => Entry::of(&scaled(estimate, factor)),
                    None => Entry::missing(),
                });
                if let Cell::Missing(why) = cell {
                    let place = format!("{} ({})", row.label, measure.name());
                    match missing.iter_mut().find(|(reason, _)| reason == why) {
                        Some((_, places)) => places.push(place),
                        None => missing.push((why.clone(), vec![place])),
                    }
                }
            }
        }
        Some(Self { names: "explainer", columns, rows, missing })
    }

    /// Marks the best explainers of a column and those not shown to beat its best control.
    fn mark(&mut self, group: &Group, column: usize, measure: usize) {
        for (row, contender) in self.rows.iter_mut().zip(&group.contenders) {
            let cell = &contender.cells[measure];
            let entry = &mut row.entries[column];
            entry.best = cell.among_best();
            entry.unproven = matches!(cell, Cell::Number { beats_control: Some(false), .. });
        }
    }
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
        Self { metric: metric.into(), measure: measure.into(), direction, control: None, warning: None }
    }

    /// "area, ms ↓": what stands under the metric's name.
    pub fn measure_with_arrow(&self) -> String {
        match self.direction {
            Direction::Lower => format!("{} ↓", self.measure),
            Direction::Higher => format!("{} ↑", self.measure),
            Direction::None => self.measure.clone(),
        }
    }
}

fn scaled(estimate: &Estimate, factor: f64) -> Estimate {
    Estimate { point: estimate.point / factor, low: estimate.low / factor, high: estimate.high / factor, ..*estimate }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{estimate, group};

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
    fn undefined_values_are_named() {
        let table = Table::of(&group(), Family::Localization, |_| true).unwrap();
        let words = "Undefined values, counted and left out: pointing-game hits (gradient 2).";
        assert_eq!(table.invalid().as_deref(), Some(words));
        assert_eq!(removal(&group()).invalid(), None);
    }
}
