//! What the marks of a table mean, in sentences; a mark that does not occur is not explained.

use super::digits::UNDEFINED_INTERVAL;
use super::{DAGGER, Entry, MISSING, Table};
use crate::report::{Direction, Role};

/// How a format shows two of the marks, as the start of a sentence.
pub struct Marks {
    pub best: &'static str,
    pub controls: &'static str,
}

pub struct Legend {
    /// The same for every table that has these marks.
    pub general: Vec<String>,
    /// About this table's contenders.
    pub own: Vec<String>,
}

impl Legend {
    pub fn of(table: &Table, marks: &Marks) -> Self {
        Self { general: general(table, marks), own: own(table) }
    }
}

fn general(table: &Table, marks: &Marks) -> Vec<String> {
    let occurs = |mark: fn(&Entry) -> bool| table.rows.iter().flat_map(|row| &row.entries).any(mark);
    let points = |direction| table.columns.iter().any(|column| column.direction == direction);
    let arrows = [
        (points(Direction::Lower), "↓ lower is better"),
        (points(Direction::Higher), "↑ higher is better"),
        (points(Direction::None), "without an arrow neither end is better"),
    ];
    let arrows: Vec<&str> = arrows.into_iter().filter(|(occurs, _)| *occurs).map(|(_, words)| words).collect();
    let controls = table.rows.iter().any(|row| row.role != Role::Explainer);
    let lines = [
        (true, format!("{}.", arrows.join("; "))),
        (
            occurs(|entry| entry.best),
            format!("{}: the best explainer of a column, with those that print the same.", marks.best),
        ),
        (controls, format!("{}: controls, which do not see the model or see the truth.", marks.controls)),
        (
            occurs(|entry| entry.invalid > 0),
            "(n invalid): values that are undefined; they are counted and left out.".into(),
        ),
        (
            occurs(|entry| entry.interval.as_deref() == Some(UNDEFINED_INTERVAL)),
            format!("{UNDEFINED_INTERVAL}: too few units for an interval."),
        ),
        (
            occurs(|entry| entry.interval.is_none() && entry.point != MISSING),
            "Without brackets: all units are equal, or a time as measured.".into(),
        ),
    ];
    lines.into_iter().filter(|(occurs, _)| *occurs).map(|(_, line)| line).collect()
}

fn own(table: &Table) -> Vec<String> {
    let mut lines = Vec::new();
    let marked = |index: usize| table.rows.iter().any(|row| row.entries[index].unproven);
    let columns = table.columns.iter().enumerate().filter(|(index, _)| marked(*index));
    let controls = columns.filter_map(|(_, column)| {
        Some(format!("{} for {} {}", column.control.as_ref()?, column.metric, column.measure))
    });
    let controls: Vec<String> = controls.collect();
    if !controls.is_empty() {
        let controls = controls.join(", ");
        lines.push(format!("{DAGGER}: not shown to beat the best control, by the paired difference ({controls})."));
    }
    lines.extend(table.missing.iter().map(|(why, places)| format!("{MISSING}: {why}: {}.", places.join(", "))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::group;

    const MARKS: Marks = Marks { best: "Bold", controls: "Italics" };

    #[test]
    fn what_occurs_is_explained_and_nothing_else() {
        let mut group = group();
        let legend = Legend::of(&Table::of(&group, |measure| measure.headline).unwrap(), &MARKS);
        assert_eq!(
            legend.general,
            [
                "↓ lower is better; ↑ higher is better.",
                "Bold: the best explainer of a column, with those that print the same.",
                "Italics: controls, which do not see the model or see the truth.",
                "(n invalid): values that are undefined; they are counted and left out.",
            ]
        );
        assert_eq!(
            legend.own,
            [
                "†: not shown to beat the best control, by the paired difference (input for deletion area).",
                "-: the map is constant: random (deletion area).",
            ]
        );
        group.contenders.truncate(1);
        let legend = Legend::of(&Table::of(&group, |measure| measure.metric == "cost").unwrap(), &MARKS);
        assert_eq!(legend.general.len(), 2, "{:?}", legend.general);
        assert!(legend.own.is_empty());
    }
}
