//! Tables for papers: one `table` environment each, which needs nothing but the package booktabs.

mod escape;

use std::fmt::Write;

use super::multiverse::{self, Grid, Multiverse};
use super::networks::{self, Networks};
use super::table::legend::{self, INVALID};
use super::table::{Column, Entry, LEAK, Marks, Row, Table};
use super::{Direction, Family, Group, Role, file_stem};

use escape::{escaped, number};

const MARKS: Marks = Marks { best: "Bold", controls: "Below the line" };
/// With more columns than this an interval stands under its number.
const MOST_BESIDE: usize = 3;
const DAGGER: &str = "$^{\\dagger}$";

/// The main table of a family with its caption; `None` where the group has none.
pub fn table(group: &Group, family: Family) -> Option<String> {
    let table = Table::of(group, family, |measure| measure.headline)?;
    let place = [group.dataset.as_str(), &group.model, family.title()];
    let label = file_stem(&place, |_| false).to_lowercase();
    let title = format!("{} on {}, {}.", family.title(), group.dataset, group.model);
    let body = body(&table);
    let own = legend::own(&table).into_iter().chain(table.invalid());
    // The caption names the undefined values, so that no cell has to count them.
    let general = legend::general(&[table], &MARKS).into_iter().filter(|line| !line.starts_with(INVALID));
    let sentences = [title, group.caption.clone()].into_iter().chain(general).chain(own);
    let caption: Vec<String> = sentences.map(|sentence| escaped(&sentence)).collect();
    Some(environment(&caption.join(" "), &label, &body))
}

/// The table of the networks with its caption; `None` without any.
pub fn networks(networks: &Networks) -> Option<String> {
    let table = networks::table(networks)?;
    Some(environment(&escaped(&format!("Networks. {}", networks.caption)), "networks", &body(&table)))
}

/// The ranks of a multiverse and what separates its pairs: two tables.
pub fn multiverse(multiverse: &Multiverse) -> String {
    let label = |part: &str| {
        [multiverse.dataset.as_str(), &multiverse.model, &multiverse.metric, part].join("-").to_lowercase()
    };
    let of = |part: &str, caption: &str, grid: &Grid| {
        let cells = |row: &Vec<String>| line(row.iter().map(|cell| escaped(cell)));
        let columns = format!("l{}", "r".repeat(grid.header.len() - 1));
        let body = tabular(&columns, &[cells(&grid.header)], &[grid.rows.iter().map(cells).collect()]);
        environment(&escaped(caption), &label(part), &body)
    };
    let place = format!("on {}, {}", multiverse.dataset, multiverse.model);
    let ranks_caption = format!("Ranks (1 is best) {place}. {}", multiverse::summary(multiverse));
    let pairs_caption = format!("{}: {} {place}.", multiverse::PAIRS, multiverse.name());
    let ranks = of("ranks", &ranks_caption, &multiverse::ranks(multiverse));
    format!("{ranks}\n{}", of("pairs", &pairs_caption, &multiverse::pairs(multiverse)))
}

/// A float with its caption above, as the custom is for tables.
fn environment(caption: &str, label: &str, body: &str) -> String {
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    let label: String = label.chars().map(plain).collect();
    format!(
        "% Made by explainbench; needs \\usepackage{{booktabs}}.\n\\begin{{table}}\n\\centering\n\\small\n\
         \\caption{{{caption}}}\n\\label{{tab:{label}}}\n{body}\\end{{table}}\n"
    )
}

/// A `tabular`: header lines, then blocks of lines with a rule between them. `columns` is its preamble.
fn tabular(columns: &str, header: &[String], blocks: &[Vec<String>]) -> String {
    let lines = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let blocks: Vec<String> = blocks.iter().filter(|block| !block.is_empty()).map(|block| lines(block)).collect();
    let header = lines(header);
    let body = blocks.join("\\midrule\n");
    format!("\\begin{{tabular}}{{{columns}}}\n\\toprule\n{header}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n")
}

/// One line of a `tabular`.
fn line(cells: impl IntoIterator<Item = String>) -> String {
    format!("{} \\\\", cells.into_iter().collect::<Vec<_>>().join(" & "))
}

fn body(table: &Table) -> String {
    let under = table.columns.len() > MOST_BESIDE;
    let rows = |explainers: bool| {
        let rows = table.rows.iter().filter(|row| (row.role == Role::Explainer) == explainers);
        rows.flat_map(|row| row_lines(row, under)).collect::<Vec<_>>()
    };
    let columns = format!("l{}", "r".repeat(table.columns.len()));
    tabular(&columns, &header(table.names, &table.columns), &[rows(true), rows(false)])
}

/// The metrics over their measures: neighbours of one metric share its name, with a rule under it. Below them, which of a
/// measure and its control they are.
fn header(row: &str, columns: &[Column]) -> Vec<String> {
    let (mut names, mut rules) = (Vec::new(), String::new());
    let mut first = 2;
    for metric in columns.chunk_by(|a, b| a.metric == b.metric) {
        let last = first + metric.len() - 1;
        names.push(format!("\\multicolumn{{{}}}{{c}}{{{}}}", metric.len(), escaped(&metric[0].metric)));
        let _ = write!(rules, "\\cmidrule(lr){{{first}-{last}}}");
        first = last + 1;
    }
    let measures = columns.iter().map(|column| {
        let arrow = match column.direction {
            Direction::Lower => " $\\downarrow$",
            Direction::Higher => " $\\uparrow$",
            Direction::None => "",
        };
        format!("{}{arrow}", escaped(&column.measure))
    });
    let top = line(std::iter::once(String::new()).chain(names));
    let mut lines = vec![top, rules, line(std::iter::once(row.to_string()).chain(measures))];
    if columns.iter().any(|column| column.side.is_some()) {
        let sides = columns.iter().map(|column| escaped(column.side.unwrap_or_default()));
        lines.push(line(std::iter::once(String::new()).chain(sides)));
    }
    lines
}

/// The numbers of a contender with their intervals beside them, or in a second line under them.
fn row_lines(row: &Row, under: bool) -> Vec<String> {
    let mark = if row.role == Role::Leak { LEAK } else { "" };
    let label = std::iter::once(escaped(&format!("{}{mark}", row.label)));
    let points = row.entries.iter().map(point);
    let intervals = || row.entries.iter().map(interval);
    if !under {
        let entries = points.zip(intervals()).map(|(point, interval)| format!("{point} {interval}").trim_end().into());
        return vec![line(label.chain(entries))];
    }
    let mut lines = vec![line(label.chain(points))];
    if row.entries.iter().any(|entry| entry.interval.is_some()) {
        lines.push(line(std::iter::once(String::new()).chain(intervals())));
    }
    lines
}

fn point(entry: &Entry) -> String {
    let point = number(&entry.point);
    let point = if entry.best { format!("\\textbf{{{point}}}") } else { point };
    if entry.unproven { format!("{point}{DAGGER}") } else { point }
}

fn interval(entry: &Entry) -> String {
    let Some(interval) = &entry.interval else { return String::new() };
    let bounds: Vec<String> = interval.trim_matches(['[', ']']).split(", ").map(number).collect();
    format!("{{\\scriptsize [{}]}}", bounds.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_text_of_the_sample() {
        let text = table(&sample::group(), Family::Removal).unwrap();
        assert_eq!(text, include_str!("sample/removal.tex"));
    }

    /// Every line of a table has as many cells as its preamble has columns; all groups and environments are closed.
    fn check(text: &str, columns: usize) {
        let preamble = text.split_once("\\begin{tabular}{").and_then(|(_, rest)| rest.split_once('}')).unwrap().0;
        assert_eq!(preamble.len(), columns);
        let inside = text.split_once("\\toprule").and_then(|(_, rest)| rest.split_once("\\bottomrule")).unwrap().0;
        for line in inside.lines().filter(|line| line.ends_with("\\\\")) {
            let spanned = line.split("\\multicolumn{").skip(1).map(|rest| rest.split_once('}').unwrap().0);
            let spanned: usize = spanned.map(|count| count.parse::<usize>().unwrap() - 1).sum();
            assert_eq!(line.replace("\\&", "").matches('&').count() + 1 + spanned, columns, "{line}");
        }
        let plain = text.replace("\\{", "").replace("\\}", "");
        assert_eq!(plain.matches('{').count(), plain.matches('}').count());
        assert_eq!(text.matches("\\begin").count(), text.matches("\\end").count());
        assert!(text.is_ascii(), "{text}");
    }

    #[test]
    fn a_control_stands_beside_its_measure() {
        let text = table(&sample::attacked(), Family::Removal).unwrap();
        check(&text, 3);
        assert!(text.contains("\n & attack & random signs \\\\\n") && text.contains("7 are there"), "{text}");
    }

    #[test]
    fn networks_and_what_leaks_are_read_by_tex() {
        let text = networks(&sample::networks()).unwrap();
        check(&text, 5);
        assert!(text.contains("\nnetwork & train & test & final loss & epochs to fit \\\\\n"), "{text}");
        assert!(text.contains("& 2, 1 never \\\\"), "{text}");
        let mut group = sample::group();
        group.contenders[3].role = Role::Leak;
        let text = table(&group, Family::Removal).unwrap();
        check(&text, 2);
        assert_eq!(text.matches("$^{\\ddagger}$").count(), 2, "{text}");
    }

    #[test]
    fn a_multiverse_is_two_tables() {
        let text = multiverse(&sample::multiverse());
        let (ranks, pairs) = text.split_once("\n\n").unwrap();
        check(ranks, 4);
        check(pairs, 5);
        assert!(ranks.contains("\nblur & 2 & 1 & 3 \\\\\n") && pairs.contains("& yes \\\\"), "{text}");
    }

    #[test]
    fn many_columns_have_their_intervals_below() {
        let mut group = sample::group();
        group.measures.iter_mut().for_each(|measure| measure.family = Family::Removal);
        // The curve becomes a fourth number; the label holds what TeX would read.
        for contender in &mut group.contenders {
            contender.cells[1] = sample::number(-1.5e-7, -2e-7, -1e-7);
        }
        group.contenders[0].label = "a_b & 50 % [steps=16]\\$".into();
        let text = table(&group, Family::Removal).unwrap();
        check(&text, 5);
        assert!(text.contains("\n & {\\scriptsize [0.1675, 0.1765]} & "), "{text}");
        assert!(text.contains("\na\\_b \\& 50 \\% {[}steps=16{]}\\textbackslash{}\\$ & "), "{text}");
        // Two measures of one metric share its name.
        assert!(text.contains("\\multicolumn{2}{c}{deletion}") && text.contains("\\cmidrule(lr){2-3}"), "{text}");
        check(&table(&sample::group(), Family::Localization).unwrap(), 2);
    }
}
