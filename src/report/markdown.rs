//! A report as one Markdown page: what was asked, the tables, the figures, and how to read the numbers.

use std::fmt::Write;

use super::figures::Figure;
use super::table::{DAGGER, Entry, Legend, Marks, Row, Table};
use super::{Format, Group, Report, Role};
use crate::error::Result;

/// The page, which shows the figures by links relative to its own folder.
pub struct Markdown<'a> {
    pub figures: &'a [Figure],
}

const MARKS: Marks = Marks { best: "Bold", controls: "Italics" };

impl Format for Markdown<'_> {
    fn render(&self, report: &Report) -> Result<Vec<u8>> {
        let mut page = format!("# {}\n\n{}\n\n", escaped(&report.suite), report.question);
        paragraph(&mut page, &report.analysis);
        let mut shown: Vec<&str> = Vec::new();
        for group in &report.tables {
            let _ = write!(page, "## {}\n\n", heading(&group.dataset, &group.model));
            page.push_str(&tables(group));
            for figure in self.figures.iter().filter(|figure| figure.belongs_to(group)) {
                page.push_str(&picture(figure));
                shown.push(&figure.stem);
            }
        }
        for figure in self.figures.iter().filter(|figure| !shown.contains(&&*figure.stem)) {
            page.push_str(&picture(figure));
        }
        let _ = write!(
            page,
            "## How to read the numbers\n\n\
             - A number is an estimate with its interval in brackets: {}.\n\
             - Numbers have two significant digits of the interval's half-width, and at most four decimals.\n\
             - `rows.csv` and `rows.json` hold every number shown, in full precision and in base units. Timings differ \
             from run to run; they are in `timings.csv` instead, so that equal runs give equal rows and figures.\n\n",
            report.inference
        );
        if !report.notes.is_empty() {
            let notes: Vec<String> = report.notes.iter().map(|note| format!("- {note}\n")).collect();
            let _ = write!(page, "## Notes\n\n{}", notes.concat());
        }
        Ok(format!("{}\n", page.trim_end()).into_bytes())
    }
}

/// A group's caption and its tables, without a heading.
pub fn tables(group: &Group) -> String {
    let mut text = String::new();
    paragraph(&mut text, &group.caption);
    if let Some(table) = Table::of(group, |measure| measure.headline) {
        text.push_str(&layout(&table));
        let legend = Legend::of(&table, &MARKS);
        let legend: Vec<String> =
            legend.general.iter().chain(&legend.own).map(|line| format!("- {}\n", escaped(line))).collect();
        let _ = write!(text, "\n{}\n", legend.concat());
    }
    if let Some(table) = Table::against_control(group) {
        let _ = write!(text, "Paired difference to the best control, contender minus control:\n\n{}\n", layout(&table));
    }
    if let Some(table) = Table::of(group, |measure| !measure.headline) {
        let _ = write!(text, "Further measures:\n\n{}\n", layout(&table));
    }
    text
}

fn layout(table: &Table) -> String {
    let columns = table.columns.iter();
    let names: Vec<_> =
        columns.map(|column| escaped(&format!("{} {}", column.metric, column.measure_with_arrow()))).collect();
    let mut text = format!("| explainer | {} |\n|:--|{}\n", names.join(" | "), "--:|".repeat(names.len()));
    for row in &table.rows {
        let entries: Vec<String> = row.entries.iter().map(entry).collect();
        let _ = writeln!(text, "| {} | {} |", label(row), entries.join(" | "));
    }
    text
}

fn label(row: &Row) -> String {
    let label = escaped(&row.label);
    if row.role == Role::Explainer { label } else { format!("*{label}*") }
}

fn entry(entry: &Entry) -> String {
    let mut text = if entry.best { format!("**{}**", entry.point) } else { entry.point.clone() };
    if entry.unproven {
        text.push_str(DAGGER);
    }
    if let Some(interval) = &entry.interval {
        let _ = write!(text, " {interval}");
    }
    if entry.invalid > 0 {
        let _ = write!(text, " ({} invalid)", entry.invalid);
    }
    text
}

fn picture(figure: &Figure) -> String {
    let Figure { stem, title, .. } = figure;
    let title = escaped(title);
    format!("![{title}](figures/{stem}.png)\n\n{title}: [SVG](figures/{stem}.svg), [PDF](figures/{stem}.pdf)\n\n")
}

pub fn heading(dataset: &str, model: &str) -> String {
    format!("{}, {}", escaped(dataset), escaped(model))
}

fn paragraph(page: &mut String, text: &str) {
    if !text.is_empty() {
        let _ = write!(page, "{text}\n\n");
    }
}

/// Labels are not Markdown: what would be read as its marks is escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '|' | '*' | '_' | '[' | ']' | '<' | '`' | '\\') {
            escaped.push('\\');
        }
        escaped.push(if character == '\n' { ' ' } else { character });
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{figures, sample};

    #[test]
    fn the_text_of_the_sample() {
        let report = sample::report();
        let figures = figures::draw(&report);
        let text = String::from_utf8(Markdown { figures: &figures }.render(&report).unwrap()).unwrap();
        assert_eq!(text, include_str!("sample/report.md"));
    }

    #[test]
    fn labels_cannot_break_the_table() {
        let mut group = sample::group();
        group.contenders[0].label = "a|b*c\nd".into();
        let lines: Vec<String> = tables(&group).lines().map(String::from).collect();
        assert!(lines.iter().any(|line| line.starts_with(r"| a\|b\*c d | ")));
    }
}
