//! What the marks of a table mean, in sentences; a mark that does not occur is not explained.

use super::digits::UNDEFINED_INTERVAL;
use super::{DAGGER, Entry, LEAK, MISSING, Place, Table};
use crate::report::{Direction, Role};

/// What makes two explainers inseparable.
const SEPARABLE: &str = "the interval of the paired difference holds 0";

/// What stands beside a number.
pub const INVALID: &str = "(n invalid)";

/// How a format shows two of the marks, as the start of a sentence.
pub struct Marks {
    pub best: &'static str,
    pub controls: &'static str,
}

/// The marks that mean the same in all of these tables.
pub fn general(tables: &[Table], marks: &Marks) -> Vec<String> {
    let rows = || tables.iter().flat_map(|table| &table.rows);
    let occurs = |mark: fn(&Entry) -> bool| rows().flat_map(|row| &row.entries).any(mark);
    let points = |direction| tables.iter().flat_map(|table| &table.columns).any(|column| column.direction == direction);
    let arrows = [
        (points(Direction::Lower), "↓ lower is better"),
        (points(Direction::Higher), "↑ higher is better"),
        (points(Direction::None), "without an arrow neither end is better"),
    ];
    let arrows: Vec<&str> = arrows.into_iter().filter(|(occurs, _)| *occurs).map(|(_, words)| words).collect();
    let controls = rows().any(|row| matches!(row.role, Role::Control | Role::Oracle));
    let leaks = rows().any(|row| row.role == Role::Leak);
    let lines = [
        (true, format!("{}.", arrows.join("; "))),
        (
            occurs(|entry| entry.best),
            format!("{}: the best explainer of a column and those not separable from it: {SEPARABLE}.", marks.best),
        ),
        (
            controls,
            format!("{}: controls, the bar that the others have to pass, and what sees the truth.", marks.controls),
        ),
        (leaks, format!("{LEAK}: writes the class into its map: no bar, but what the metric can be cheated by.")),
        (
            occurs(|entry| entry.invalid > 0),
            format!("{INVALID}: values that are undefined; they are counted and left out."),
        ),
        (
            occurs(|entry| entry.interval.as_deref() == Some(UNDEFINED_INTERVAL)),
            format!("{UNDEFINED_INTERVAL}: too few units for an interval."),
        ),
        (
            tables.iter().flat_map(|table| &table.columns).any(|column| column.is_range),
            "-median-range: the median over the units, in brackets the least and the largest of them.".into(),
        ),
        (
            occurs(|entry| entry.interval.is_none() && entry.point != MISSING),
            "Without brackets: all units are equal, a time as measured, or itself the half-width of an interval."
                .into(),
        ),
    ];
    lines.into_iter().filter(|(occurs, _)| *occurs).map(|(_, line)| line).collect()
}

/// What is said of this table alone: warnings first, then its contenders.
pub fn own(table: &Table) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for sentence in table.columns.iter().flat_map(|column| &column.said) {
        if !lines.contains(sentence) {
            lines.push(sentence.clone());
        }
    }
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
    lines.extend(table.missing.iter().map(|(why, places)| format!("{MISSING}: {why}: {}.", absent(table, places))));
    lines
}

/// "occlusion, lrp (white); random (black area)": the metric alone where nothing of it is there.
fn absent(table: &Table, places: &[Place]) -> String {
    let mut absent: Vec<(String, Vec<&str>)> = Vec::new();
    for [row, metric, measure] in places {
        let columns = table.columns.iter().filter(|column| column.metric == *metric).count();
        let lacks = places.iter().filter(|place| place[0] == *row && place[1] == *metric).count();
        let what = if lacks > 1 && lacks == columns { metric.clone() } else { format!("{metric} {measure}") };
        match absent.iter_mut().find(|(held, _)| *held == what) {
            Some((_, rows)) if rows.contains(&row.as_str()) => {}
            Some((_, rows)) => rows.push(row),
            None => absent.push((what, vec![row])),
        }
    }
    let absent: Vec<String> = absent.iter().map(|(what, rows)| format!("{} ({what})", rows.join(", "))).collect();
    absent.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::group;
    use crate::report::{Family, Group};

    const MARKS: Marks = Marks { best: "Bold", controls: "Italics" };

    #[test]
    fn who_lacks_all_of_a_metric_lacks_the_metric() {
        let mut group = group();
        group.measures[1].axis.clear();
        for contender in &mut group.contenders {
            contender.cells[1] = crate::report::Cell::Missing("not asked for".into());
        }
        let said = |group: &Group| own(&Table::of(group, Family::Removal, |_| true).unwrap()).pop().unwrap();
        assert_eq!(said(&group), "-: not asked for: gradient, smoothgrad, random, input (deletion curve).");
        for contender in &mut group.contenders[1..3] {
            contender.cells[0] = contender.cells[1].clone();
        }
        assert_eq!(said(&group), "-: not asked for: smoothgrad, random (deletion); gradient, input (deletion curve).");
    }

    #[test]
    fn what_occurs_is_explained_and_nothing_else() {
        let mut group = group();
        let table = |group: &Group, family| Table::of(group, family, |measure| measure.headline).unwrap();
        let removal = table(&group, Family::Removal);
        assert_eq!(
            own(&removal),
            [
                "†: not shown to beat the best control, by the paired difference (input for deletion area).",
                "-: the map is constant: random (deletion area).",
            ]
        );
        let best = format!("Bold: the best explainer of a column and those not separable from it: {SEPARABLE}.");
        let controls = "Italics: controls, the bar that the others have to pass, and what sees the truth.".to_string();
        let invalid = "(n invalid): values that are undefined; they are counted and left out.".to_string();
        let both = "↓ lower is better; ↑ higher is better.".to_string();
        let tables = [removal, table(&group, Family::Localization)];
        assert_eq!(general(&tables, &MARKS), [both, best, controls, invalid]);
        group.contenders.truncate(1);
        let cost = table(&group, Family::Cost);
        assert!(own(&cost).is_empty());
        assert_eq!(general(&[cost], &MARKS), ["↓ lower is better."]);
    }
}
