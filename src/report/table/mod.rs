//! A group as text: the one place that decides digits, units, what is best and what is marked. The formats only lay
//! the entries out.

mod digits;
mod legend;

use super::{Cell, Direction, Group, Measure, Role};
use crate::stats::Estimate;
use digits::Digits;

pub use digits::readable_unit;
pub use legend::{Legend, Marks};

/// Rows of contenders and columns of measures, ready to be laid out.
pub struct Table {
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
    /// What one of the printed unit is in the measure's own.
    factor: f64,
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
    /// `None` where all units are equal.
    pub interval: Option<String>,
    pub invalid: usize,
    /// The best explainer of the column, or equal to it as printed.
    pub best: bool,
    /// Not shown to beat the best control; carries [`DAGGER`].
    pub unproven: bool,
}

pub const DAGGER: &str = "†";
const MISSING: &str = "-";

impl Table {
    /// The group's numbers on the measures that `shown` picks; curves belong to the figures. `None` without any.
    pub fn of(group: &Group, shown: impl Fn(&Measure) -> bool) -> Option<Self> {
        let picked = |index: &usize| shown(&group.measures[*index]) && !group.is_curve(*index);
        let measures: Vec<usize> = (0..group.measures.len()).filter(picked).collect();
        let mut table = Self::build(group, &measures, |_| true, Cell::estimate)?;
        for (column, measure) in measures.into_iter().enumerate() {
            table.mark(group, column, measure);
        }
        Some(table)
    }

    /// The explainers' paired differences to the best control of each measure. `None` without any.
    pub fn against_control(group: &Group) -> Option<Self> {
        let compared = |index: &usize| {
            group.contenders.iter().any(|contender| contender.cells[*index].against_control().is_some())
        };
        let measures: Vec<usize> = (0..group.measures.len()).filter(compared).collect();
        Self::build(group, &measures, |role| role == Role::Explainer, Cell::against_control)
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
                factor,
            });
            for (row, cell) in rows.iter_mut().zip(cells()) {
                row.entries.push(match pick(cell) {
                    Some(estimate) => Entry::of(&scaled(estimate, factor)),
                    None => Entry { point: MISSING.into(), ..Entry::default() },
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
        Some(Self { columns, rows, missing })
    }

    /// Marks the best explainers of a column and those not shown to beat its best control.
    fn mark(&mut self, group: &Group, column: usize, measure: usize) {
        let factor = self.columns[column].factor;
        let best = group.best(measure, Role::Explainer).map(|(_, estimate)| scaled(&estimate, factor));
        let equals_best = |estimate: &Estimate| {
            best.is_some_and(|best| {
                let digits = Digits::of(&best);
                digits.write(estimate.point) == digits.write(best.point)
            })
        };
        for (row, contender) in self.rows.iter_mut().zip(&group.contenders) {
            if let (Role::Explainer, Cell::Number { estimate, beats_control, .. }) =
                (contender.role, &contender.cells[measure])
            {
                let entry = &mut row.entries[column];
                entry.best = equals_best(&scaled(estimate, factor));
                entry.unproven = *beats_control == Some(false);
            }
        }
    }
}

impl Entry {
    fn of(estimate: &Estimate) -> Self {
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
    use crate::report::sample::{group, number};

    fn points(table: &Table, column: usize) -> Vec<(&str, bool, bool)> {
        let entries = table.rows.iter().map(|row| &row.entries[column]);
        entries.map(|entry| (entry.point.as_str(), entry.best, entry.unproven)).collect()
    }

    #[test]
    fn marks_of_the_sample() {
        let table = Table::of(&group(), |measure| measure.headline).unwrap();
        // gradient 0.172 beats input 0.180; smoothgrad has not been shown to; random and input are controls.
        let area = [("0.1720", true, false), ("0.176", false, true), ("-", false, false), ("0.180", false, false)];
        assert_eq!(points(&table, 0), area);
    }

    #[test]
    fn equal_as_printed_is_equally_best_and_no_direction_has_no_best() {
        let mut group = group();
        // The half-width 0.020 is written to thousandths, so both print 0.172.
        group.contenders[0].cells[0] = number(0.1721, 0.152, 0.192);
        group.contenders[1].cells[0] = number(0.1724, 0.152, 0.192);
        let best = |group: &Group| {
            let table = Table::of(group, |measure| measure.headline).unwrap();
            table.rows.iter().map(|row| row.entries[0].best).collect::<Vec<_>>()
        };
        assert_eq!(best(&group), [true, true, false, false]);
        group.measures[0].direction = Direction::None;
        assert_eq!(best(&group), [false; 4]);
    }

    #[test]
    fn equality_is_that_of_the_printed_unit() {
        let mut group = group();
        // Four decimals of a second would make these equal; in milliseconds they are not.
        group.contenders[0].cells[3] = number(0.00121, 0.00120, 0.00122);
        group.contenders[1].cells[3] = number(0.00124, 0.00123, 0.00125);
        let table = Table::of(&group, |measure| measure.timing).unwrap();
        assert_eq!(points(&table, 0)[..2], [("1.210", true, false), ("1.240", false, false)]);
    }

    #[test]
    fn an_undefined_value_is_never_best() {
        let mut group = group();
        group.contenders[0].cells[0] = number(f64::NAN, f64::NAN, f64::NAN);
        let table = Table::of(&group, |measure| measure.headline).unwrap();
        assert_eq!(points(&table, 0)[0], ("NaN", false, false));
        assert!(table.rows[1].entries[0].best);
    }

    #[test]
    fn differences_are_the_explainers() {
        let table = Table::against_control(&group()).unwrap();
        assert_eq!(table.columns.len(), 1);
        assert_eq!(table.rows.iter().map(|row| &*row.label).collect::<Vec<_>>(), ["gradient", "smoothgrad"]);
        assert_eq!(table.rows[0].entries[0].point, "-0.0080");
    }
}
