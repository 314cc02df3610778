//! A report as text for a terminal or a pipe.

use std::fmt::Write;
use std::ops::Range;

use comfy_table::{Attribute, Cell, LineStyle, TableStyle};

use super::table::{DAGGER, Entry, LEAK, Marks, Table, counted, legend};
use super::{Report, Role, multiverse, networks};

/// Paragraphs wider than this are hard to read.
const WIDEST_TEXT: usize = 100;
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));
const COLUMN_GAP: u16 = 2;
/// Follows the label of a control where nothing can be dimmed.
const CONTROL: &str = "°";

/// The report for a terminal `width` columns wide; without a width, tables take what they need. Without colour there
/// are no escape codes, and stars stand for bold.
pub fn terminal(report: &Report, width: Option<u16>, colour: bool) -> String {
    let printer = Printer { width: width.map_or(usize::MAX, usize::from), colour };
    let mut text = String::new();
    let mut tables: Vec<Table> = Vec::new();
    printer.paragraph(&mut text, &report.question);
    for group in &report.tables {
        printer.title(&mut text, &format!("{}, {}", group.dataset, group.model));
        printer.paragraph(&mut text, &group.caption);
        for family in group.families() {
            let Some(table) = Table::of(group, family, |measure| measure.headline) else { continue };
            printer.title(&mut text, family.title());
            printer.table(&mut text, &table);
            legend::own(&table).iter().for_each(|line| printer.paragraph(&mut text, line));
            tables.push(table);
        }
        let counted = counted(group).into_iter();
        let counted = counted.map(|line| format!("{}: {}: {}.", line.metric, line.reason, line.counts));
        let multiverses = report.multiverses.iter().filter(|multiverse| multiverse.belongs_to(group));
        let said: Vec<String> = counted.chain(multiverses.map(multiverse::summary)).collect();
        if !said.is_empty() {
            text.push('\n');
        }
        said.iter().for_each(|line| printer.paragraph(&mut text, line));
    }
    // One network is described by the caption of its table.
    if let Some(table) = networks::table(&report.networks)
        && (report.networks.rows.len() > 1 || tables.is_empty())
    {
        printer.title(&mut text, "Networks");
        printer.table(&mut text, &table);
        printer.paragraph(&mut text, &report.networks.caption);
    }
    text.push('\n');
    if !tables.is_empty() {
        // What the tables share is said once.
        legend::general(&tables, &printer.marks()).iter().for_each(|line| printer.paragraph(&mut text, line));
        printer.paragraph(&mut text, &format!("In brackets: {}.", report.inference));
    }
    for note in &report.notes {
        printer.paragraph(&mut text, note);
    }
    text
}

struct Printer {
    width: usize,
    colour: bool,
}

/// Whether an interval stands beside its number or under it.
#[derive(Clone, Copy)]
enum Layout {
    Beside,
    Under,
}

/// One column as laid out: the header, then an entry per row.
type Texts = Vec<String>;

impl Printer {
    fn marks(&self) -> Marks {
        if self.colour {
            Marks { best: "Bold", controls: "Dimmed" }
        } else {
            Marks { best: "*starred*", controls: CONTROL }
        }
    }

    fn title(&self, text: &mut String, title: &str) {
        let title = if self.colour { format!("\x1b[1m{title}\x1b[0m") } else { title.to_string() };
        let _ = writeln!(text, "\n{title}");
    }

    /// Words, broken into lines; a word longer than a line stands alone.
    fn paragraph(&self, text: &mut String, words: &str) {
        let width = self.width.min(WIDEST_TEXT);
        let mut used = 0;
        for word in words.split_whitespace() {
            let length = word.chars().count();
            if used > 0 {
                let fits = used + 1 + length <= width;
                text.push(if fits { ' ' } else { '\n' });
                used = if fits { used + 1 } else { 0 };
            }
            text.push_str(word);
            used += length;
        }
        if used > 0 {
            text.push('\n');
        }
    }

    /// The table in as few parts as fit the width, the intervals beside their numbers unless that costs more parts.
    fn table(&self, text: &mut String, table: &Table) {
        let labels = self.labels(table);
        let room = self.width.saturating_sub(taken(&labels));
        let [beside, under] = [Layout::Beside, Layout::Under].map(|layout| {
            let columns = (0..table.columns.len()).map(|index| self.column(table, index, layout));
            columns.collect::<Vec<Texts>>()
        });
        let parts =
            |columns: &[Texts]| parts(columns, room, |index| table.columns[index].follows(&table.columns[index - 1]));
        let cost = |columns: &[Texts]| (columns.iter().any(|column| taken(column) > room), parts(columns).len());
        let columns = if cost(&beside) <= cost(&under) { beside } else { under };
        let parts = parts(&columns);
        for (index, part) in parts.into_iter().enumerate() {
            let gap = if index > 0 { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{}", self.part(table, &labels, &columns, part));
        }
    }

    /// The labels and a range of the columns.
    fn part(&self, table: &Table, labels: &Texts, columns: &[Texts], range: Range<usize>) -> String {
        let mut printed = comfy_table::Table::new();
        printed.load_style(STYLE);
        printed.style_text_only();
        if self.colour {
            printed.enforce_styling();
        } else {
            printed.force_no_tty();
        }
        let texts = |line: usize| {
            let columns = columns[range.clone()].iter();
            std::iter::once(&labels[line]).chain(columns.map(move |column| &column[line]))
        };
        printed.set_header(texts(0));
        for (index, row) in table.rows.iter().enumerate() {
            let best = std::iter::once(false).chain(row.entries[range.clone()].iter().map(|entry| entry.best));
            let cells = texts(index + 1).zip(best).map(|(text, best)| match (row.role, best) {
                (Role::Explainer, false) => Cell::new(text),
                (Role::Explainer, true) => Cell::new(text).add_attribute(Attribute::Bold),
                _ => Cell::new(text).add_attribute(Attribute::Dim),
            });
            printed.add_row(cells);
        }
        for column in printed.column_iter_mut() {
            column.set_padding((0, COLUMN_GAP));
        }
        printed.trim_fmt()
    }

    /// The labels; where they would fill a large part of the width, their parameters go under their names.
    fn labels(&self, table: &Table) -> Texts {
        let labels = table.rows.iter().map(|row| match row.role {
            Role::Explainer => row.label.clone(),
            Role::Leak => format!("{}{LEAK}", row.label),
            _ if self.colour => row.label.clone(),
            _ => format!("{}{CONTROL}", row.label),
        });
        // On the last line of the header.
        let above = if table.columns.iter().any(|column| column.side.is_some()) { "\n\n" } else { "\n" };
        let labels: Texts = std::iter::once(format!("{above}{}", table.names)).chain(labels).collect();
        if taken(&labels) <= self.width / 3 {
            return labels;
        }
        labels.iter().map(|label| label.replacen('[', "\n[", 1)).collect()
    }

    fn column(&self, table: &Table, index: usize, layout: Layout) -> Texts {
        let entries: Vec<&Entry> = table.rows.iter().map(|row| &row.entries[index]).collect();
        let marked = self.marked(&entries);
        let widest = marked.iter().map(|text| text.chars().count()).max().unwrap_or(0);
        let column = &table.columns[index];
        let separator = match layout {
            Layout::Beside => ' ',
            Layout::Under => '\n',
        };
        let side = column.side.map_or_else(String::new, |side| format!("\n{side}"));
        let mut texts = vec![format!("{}\n{}{side}", column.metric, column.measure_with_arrow())];
        for (entry, marked) in entries.iter().zip(marked) {
            let mut text = format!("{marked:>widest$}");
            if let Some(interval) = &entry.interval {
                let _ = write!(text, "{separator}{interval}");
            }
            if entry.invalid > 0 {
                let _ = write!(text, "{separator}({} invalid)", entry.invalid);
            }
            texts.push(text);
        }
        texts
    }

    /// The numbers with their marks; where a column has marks, those without one leave its place free.
    fn marked(&self, entries: &[&Entry]) -> Vec<String> {
        let stars = !self.colour && entries.iter().any(|entry| entry.best);
        let daggers = entries.iter().any(|entry| entry.unproven);
        let place = |used: bool, mark: &'static str, present: bool| match (used, present) {
            (false, _) => "",
            (true, true) => mark,
            (true, false) => " ",
        };
        let marked = entries.iter().map(|entry| {
            let star = place(stars, "*", entry.best);
            format!("{star}{}{star}{}", entry.point, place(daggers, DAGGER, entry.unproven))
        });
        marked.collect()
    }
}

/// Ranges of neighbouring columns that fit into `room` together; a column that is wider stands alone. A column that `follows`
/// the one before it stays with it where there is room for the two of them.
fn parts(columns: &[Texts], room: usize, follows: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut used = 0;
    for (index, column) in columns.iter().enumerate() {
        let width = taken(column);
        let next = index + 1;
        let pair = if next < columns.len() && follows(next) { width + taken(&columns[next]) } else { width };
        let needed = if pair <= room { pair } else { width };
        match parts.last_mut() {
            Some(part) if used + needed <= room => {
                part.end = next;
                used += width;
            }
            _ => {
                parts.push(index..next);
                used = width;
            }
        }
    }
    parts
}

/// The width of a column with the gap after it.
fn taken(column: &Texts) -> usize {
    let lines = column.iter().flat_map(|text| text.lines());
    lines.map(|line| line.chars().count()).max().unwrap_or(0) + usize::from(COLUMN_GAP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn wide_piped_text_of_the_sample() {
        assert_eq!(terminal(&sample::report(), None, false), include_str!("sample/terminal.txt"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_number_is_broken() {
        let report = sample::report();
        for width in [40, 60, 80, 100, 120] {
            let text = terminal(&report, Some(width), false);
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{width}:\n{text}");
            for number in ["0.1720", "[0.1675, 0.1765]", "[0.850, 0.950]"] {
                assert!(text.contains(number), "{number} at {width}:\n{text}");
            }
        }
    }

    #[test]
    fn what_tables_share_is_said_once() {
        let mut report = sample::report();
        report.tables.push(sample::group());
        let text = terminal(&report, Some(80), false);
        let counts =
            ["explainer   area", "*starred*:", "°:", "random (deletion area)"].map(|part| text.matches(part).count());
        assert_eq!(counts, [2, 1, 1, 2], "{text}");
    }

    #[test]
    fn long_labels_give_way_to_numbers() {
        let mut report = sample::report();
        report.tables[0].contenders[0].label = "integrated-gradients[steps=16]".into();
        let lines = |width| terminal(&report, Some(width), false).lines().map(String::from).collect::<Vec<_>>();
        assert!(lines(60).iter().any(|line| line.starts_with("[steps=16]")));
        assert!(lines(140).iter().any(|line| line.starts_with("integrated-gradients[steps=16] ")));
    }

    #[test]
    fn a_control_is_named_below_its_measure() {
        let mut report = sample::report();
        report.tables = vec![sample::attacked()];
        let text = terminal(&report, Some(80), false);
        let lines: Vec<&str> = text.lines().skip_while(|line| !line.trim_start().starts_with("deletion")).collect();
        let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>().join(" ");
        let header = ["deletion deletion", "area ↓ area ↓", "explainer attack random signs"];
        assert_eq!([0, 1, 2].map(words), header, "{text}");
        // Neither is torn from the other, unless there is room for one alone.
        let columns = |width: usize| vec!["x".repeat(width - usize::from(COLUMN_GAP))];
        let columns = [10, 10, 10].map(columns);
        let starts = |room| {
            let parts = parts(&columns, room, |index| index == 2);
            parts.into_iter().map(|part| part.start).collect::<Vec<_>>()
        };
        assert_eq!([starts(30), starts(20), starts(10)], [vec![0], vec![0, 1], vec![0, 1, 2]]);
    }

    #[test]
    fn several_networks_and_networks_alone_are_a_table() {
        let mut report = sample::report();
        assert!(!terminal(&report, None, false).contains("Networks"));
        report.networks.rows.push(report.networks.rows[0].clone());
        assert!(terminal(&report, None, false).contains("\nNetworks\n"));
        report.networks.rows.truncate(1);
        report.tables.clear();
        for width in [40, 80, 120] {
            let text = terminal(&report, Some(width), false);
            assert!(text.contains("digits, cnn") && text.contains("2, 1 never"), "{text}");
            assert!(!text.contains("In brackets:") && !text.contains("is better"), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
        }
    }

    #[test]
    fn what_leaks_has_a_mark_of_its_own() {
        let mut report = sample::report();
        report.tables[0].contenders[3].role = Role::Leak;
        let text = terminal(&report, None, false);
        assert!(text.contains("\ninput‡ ") && text.contains("\nrandom° ") && text.contains("\n‡: writes"), "{text}");
        // It is no bar.
        assert!(report.tables[0].best(0, Role::Control).is_none());
    }

    #[test]
    fn escape_codes_only_with_colour() {
        let report = sample::report();
        assert!(!terminal(&report, Some(80), false).contains('\x1b'));
        let coloured = terminal(&report, Some(80), true);
        assert!(coloured.contains("\x1b[1m0.1720") && !coloured.contains('*'), "{coloured:?}");
    }
}
