//! `explainbench report SUITE`

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::session::Session;
use super::{Places, print};
use crate::error::Result;
use crate::plan::Plan;
use crate::report::{Report, Size};

#[derive(Args)]
pub struct Arguments {
    /// The suite's TOML file
    suite: PathBuf,
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    output: Output,
}

/// Where a report goes.
#[derive(Args)]
pub struct Output {
    /// Folder of the reports; each suite has one of its own in it
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
    /// Also write examples.csv, one row per image and measure
    #[arg(long)]
    examples: bool,
    /// How wide figures are in print
    #[arg(long, value_enum, value_name = "WIDTH", default_value = "page")]
    figures: Size,
}

impl Output {
    /// Writes the report's files and says which.
    pub fn write(&self, session: &Session, plan: &Plan, report: &Report) -> Result<Vec<PathBuf>> {
        let folder = self.out.join(&report.suite);
        let mut files = crate::report::write(report, &folder, self.figures)?;
        if self.examples {
            files.push(crate::report::write_examples(&session.suite, plan, &session.store, &folder)?);
        }
        Ok(files)
    }

    /// The tables, as wide as the terminal; plain where the output is no terminal.
    pub fn terminal(&self, report: &Report) -> String {
        let terminal = std::io::stdout().is_terminal();
        let stated = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = console::Term::stdout().size_checked().map(|(_, columns)| columns).or_else(stated);
        let colour = terminal && std::env::var_os("NO_COLOR").is_none();
        crate::report::terminal(report, width, colour)
    }
}

pub fn report(arguments: &Arguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.suite, &arguments.places, &[], None, None)?;
    let plan = session.plan()?;
    let report = crate::report::collect(&session.suite, &plan, &session.store, &BTreeMap::new())?;
    let files = arguments.output.write(&session, &plan, &report)?;
    print(&arguments.output.terminal(&report));
    session.tell();
    let missing = plan.goals.iter().filter(|id| !session.store.has(**id)).count();
    if missing > 0 {
        let suite = arguments.suite.display();
        eprintln!("{missing} of {} results are missing: `explainbench run {suite}` computes them", plan.goals.len());
    }
    eprintln!("{} files in {}", files.len(), arguments.output.out.join(&report.suite).display());
    Ok(if missing == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
