//! The command line: one file per subcommand. It decides nothing; it reads arguments, calls the library and prints.
//!
//! Exit codes: 0 fine; 1 the answer is bad (a cell failed); 2 could not run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::datasets::DataFolder;
use crate::error::{Error, Result};
use crate::suite::Suite;

mod doctor;
mod explain;
mod list;
mod plan;
mod progress;
mod report;
mod run;
mod session;
mod validate;

/// Tests explanation methods the way `cargo test` tests code.
#[derive(Parser)]
#[command(name = "explainbench", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train, explain, score and report what a suite asks for; what is there already is not made again.
    Run(run::Arguments),
    /// List the cells of a suite, what is cached, and what the rest will cost.
    Plan(plan::Arguments),
    /// Check suites and say everything that is wrong with them.
    Validate(validate::Arguments),
    /// Write the report of a suite again from the store, without computing.
    Report(report::Arguments),
    /// Run one explainer on tensors from a file.
    Explain(explain::Arguments),
    /// List the methods of every catalogue, or show the documentation of one.
    List(list::Arguments),
    /// Say what this machine offers, what is missing and what to do.
    Doctor(doctor::Arguments),
}

/// Where things lie; shared by the commands that touch a suite.
#[derive(Args, Clone, Debug, Default)]
pub struct Places {
    /// Folder of finished cells [default: .explainbench/ in the nearest parent that holds one or a .git]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Folder of the datasets [default: $EXPLAINBENCH_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Places {
    pub fn data(&self) -> DataFolder {
        DataFolder::new(self.data.clone())
    }

    /// The folder of the store, whether it is there or not.
    pub fn store(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.store {
            return Ok(folder.clone());
        }
        let here =
            std::env::current_dir().map_err(|error| Error::new(format!("there is no current folder: {error}")))?;
        let root =
            here.ancestors().find(|folder| folder.join(".explainbench").is_dir() || folder.join(".git").exists());
        Ok(root.unwrap_or(&here).join(".explainbench"))
    }
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let answer = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Validate(arguments) => validate::validate(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::List(arguments) => list::list(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
    };
    match answer {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}", described(&error));
            ExitCode::from(2)
        }
    }
}

/// Mistakes bring their own heading, one each.
fn described(error: &Error) -> String {
    match error {
        Error::Mistakes(mistakes) => mistakes.to_string(),
        other => format!("error: {other}"),
    }
}

/// What must be known of a suite's metrics, a line each.
fn warnings(suite: &Suite) -> String {
    suite.warnings().iter().map(|warning| format!("{warning}\n")).collect()
}

/// Prints to standard output; a reader that went away (`| head`) is no error.
pub fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}
