//! A report as one Markdown page: what was asked, the tables, the figures, and how to read the numbers.

use std::fmt::Write;

use super::figures::{Figure, NETWORKS};
use super::multiverse::{self, Grid, Multiverse};
use super::networks;
use super::table::{DAGGER, Entry, LEAK, Marks, Row, Table, counted, legend};
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
            for multiverse in report.multiverses.iter().filter(|multiverse| multiverse.belongs_to(group)) {
                page.push_str(&self::multiverse(multiverse));
            }
            for figure in self.figures.iter().filter(|figure| figure.belongs_to(group)) {
                page.push_str(&picture(figure));
                shown.push(&figure.stem);
            }
        }
        if let Some(table) = networks::table(&report.networks) {
            let _ = write!(page, "## Networks\n\n{}\n\n{}\n", escaped(&report.networks.caption), layout(&table));
            for figure in self.figures.iter().filter(|figure| figure.stem == NETWORKS) {
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
             - `rows.csv` and `rows.json` hold every number shown of explainers, `networks.csv` those of networks, in full \
             precision and in base units. Timings differ from run to run; they are in `timings.csv` instead, so that equal runs give equal rows and figures.\n\n",
            report.inference
        );
        if !report.notes.is_empty() {
            let notes: Vec<String> = report.notes.iter().map(|note| format!("- {note}\n")).collect();
            let _ = write!(page, "## Notes\n\n{}", notes.concat());
        }
        Ok(format!("{}\n", page.trim_end()).into_bytes())
    }
}

/// A group's caption and its tables family by family, without a heading of its own; then what the marks mean.
pub fn tables(group: &Group) -> String {
    let mut text = String::new();
    paragraph(&mut text, &group.caption);
    let mut tables: Vec<Table> = Vec::new();
    for family in group.families() {
        let main = Table::of(group, family, |measure| measure.headline);
        let further = Table::of(group, family, |measure| !measure.headline);
        if main.is_some() || further.is_some() {
            let _ = write!(text, "### {}\n\n", family.title());
        }
        if let Some(table) = &main {
            let _ = write!(text, "{}\n{}", layout(table), list(&legend::own(table)));
        }
        if let Some(table) = Table::against_control(group, family) {
            let layout = layout(&table);
            let _ = write!(text, "Paired difference to the best control, contender minus control:\n\n{layout}\n");
        }
        if let Some(table) = &further {
            let _ = write!(text, "Further measures:\n\n{}\n{}", layout(table), list(&legend::own(table)));
        }
        tables.extend(main.into_iter().chain(further));
    }
    let counted = counted(group);
    if !counted.is_empty() {
        let rows = counted.into_iter().map(|line| vec![line.metric, line.reason, line.counts]).collect();
        let header = ["metric", "counted", "of all networks' units"].map(String::from).to_vec();
        let _ = write!(text, "### Counted\n\n{}\n", grid(&Grid { header, rows }, ":--|"));
    }
    // What the tables share is said once.
    text.push_str(&list(&legend::general(&tables, &MARKS)));
    text
}

fn list(lines: &[String]) -> String {
    let items: String = lines.iter().map(|line| format!("- {}\n", escaped(line))).collect();
    if items.is_empty() { items } else { format!("{items}\n") }
}

fn multiverse(multiverse: &Multiverse) -> String {
    let (ranks, pairs) = (multiverse::ranks(multiverse), multiverse::pairs(multiverse));
    format!(
        "### Multiverse: {}\n\n{}\n\nRanks, 1 is best:\n\n{}\n{}:\n\n{}\n",
        escaped(&multiverse.name()),
        escaped(&multiverse::summary(multiverse)),
        grid(&ranks, "--:|"),
        multiverse::PAIRS,
        grid(&pairs, "--:|"),
    )
}

/// A table of words; `align` is the rule under every column but the first.
fn grid(grid: &Grid, align: &str) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rows: String = grid.rows.iter().map(|row| line(row)).collect();
    format!("{}|:--|{}\n{rows}", line(&grid.header), align.repeat(grid.header.len() - 1))
}

fn layout(table: &Table) -> String {
    let columns = table.columns.iter();
    let names = columns.map(|column| column.with_arrow(&format!("{} {}", column.metric, column.measure_in_full())));
    let names: Vec<String> = names.map(|name| escaped(&name)).collect();
    let mut text = format!("| {} | {} |\n|:--|{}\n", table.names, names.join(" | "), "--:|".repeat(names.len()));
    for row in &table.rows {
        let entries: Vec<String> = row.entries.iter().map(entry).collect();
        let _ = writeln!(text, "| {} | {} |", label(row), entries.join(" | "));
    }
    text
}

fn label(row: &Row) -> String {
    let label = escaped(&row.label);
    match row.role {
        Role::Explainer => label,
        Role::Leak => format!("*{label}*{LEAK}"),
        Role::Control | Role::Oracle => format!("*{label}*"),
    }
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
    use crate::report::{Size, figures, sample};

    #[test]
    fn the_text_of_the_sample() {
        let mut report = sample::report();
        report.multiverses = vec![sample::multiverse()];
        let figures = figures::draw(&report, Size::Page);
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
