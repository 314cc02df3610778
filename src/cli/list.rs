//! `explainbench list`

use std::process::ExitCode;

use clap::Args;

use super::print;
use crate::catalogue::Entry;
use crate::config::suggest;
use crate::error::{Error, Result};

#[derive(Args)]
pub struct Arguments {
    /// A catalogue (datasets, transforms, explainers, influences, imputers, similarities, attacks, metrics), or a method whose documentation to show
    what: Option<String>,
    /// As Markdown tables
    #[arg(long)]
    markdown: bool,
}

/// A row of any catalogue.
struct Row {
    catalogue: &'static str,
    name: &'static str,
    summary: &'static str,
    reference: &'static str,
    source: &'static str,
}

pub fn list(arguments: &Arguments) -> Result<ExitCode> {
    let rows = rows();
    let Some(what) = &arguments.what else {
        print(&tables(&rows, arguments.markdown));
        return Ok(ExitCode::SUCCESS);
    };
    let chosen: Vec<&Row> = rows.iter().filter(|row| row.catalogue == what).collect();
    if !chosen.is_empty() {
        print(&table(&chosen, arguments.markdown));
        return Ok(ExitCode::SUCCESS);
    }
    let methods: Vec<&Row> = rows.iter().filter(|row| row.name == what).collect();
    if methods.is_empty() {
        let known = rows.iter().flat_map(|row| [row.catalogue, row.name]);
        let near = suggest(what, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(Error::new(format!("there is no catalogue and no method `{what}`{near}")));
    }
    for row in methods {
        print(&format!("{} (of the {})\n\n{}\n", row.name, row.catalogue, documentation(row.source)));
    }
    Ok(ExitCode::SUCCESS)
}

fn rows() -> Vec<Row> {
    fn of<T: ?Sized>(catalogue: &'static str, all: &[Entry<T>]) -> Vec<Row> {
        let row = |entry: &Entry<T>| Row {
            catalogue,
            name: entry.name,
            summary: entry.summary,
            reference: entry.reference,
            source: entry.source,
        };
        all.iter().map(row).collect()
    }
    [
        of("datasets", crate::datasets::ALL),
        of("transforms", crate::transforms::ALL),
        of("explainers", crate::explainers::ALL),
        of("influences", crate::influence::ALL),
        of("imputers", crate::imputers::ALL),
        of("similarities", crate::similarities::ALL),
        of("attacks", crate::attacks::ALL),
        of("metrics", crate::metrics::ALL),
    ]
    .concat()
}

impl Clone for Row {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

/// The text at the head of a method's file: its definition, parameters, cost and reference.
fn documentation(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

fn tables(rows: &[Row], markdown: bool) -> String {
    let mut text = String::new();
    for catalogue in
        ["datasets", "transforms", "explainers", "influences", "imputers", "similarities", "attacks", "metrics"]
    {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.catalogue == catalogue).collect();
        let heading = if markdown { format!("**{catalogue}**\n\n") } else { format!("{catalogue}\n") };
        text.push_str(&format!("{heading}{}\n", table(&rows, markdown)));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn table(rows: &[&Row], markdown: bool) -> String {
    if markdown {
        let lines = rows.iter().map(|row| format!("| `{}` | {} | {} |\n", row.name, row.summary, row.reference));
        return format!("| name | what it is | source |\n|---|---|---|\n{}", lines.collect::<String>());
    }
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    rows.iter().map(|row| format!("  {:width$}  {} ({})\n", row.name, row.summary, row.reference)).collect()
}
