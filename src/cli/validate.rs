//! `explainbench validate SUITE..`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Places, described, print, warnings};
use crate::error::Result;

#[derive(Args)]
pub struct Arguments {
    /// The suites' TOML files
    #[arg(required = true)]
    suites: Vec<PathBuf>,
    #[command(flatten)]
    places: Places,
}

pub fn validate(arguments: &Arguments) -> Result<ExitCode> {
    let data = arguments.places.data();
    let mut code = ExitCode::SUCCESS;
    for path in &arguments.suites {
        match crate::suite::load(path, &data) {
            Ok(suite) => print(&format!(
                "{}: ok ({} datasets, {} models, {} explainers, {} metrics, {} trainings of each model)\n{}",
                path.display(),
                suite.datasets.len(),
                suite.models.len(),
                suite.explainers.len(),
                suite.metrics.len(),
                suite.model_seeds.len(),
                warnings(&suite)
            )),
            Err(error) => {
                eprintln!("{}", described(&error));
                code = ExitCode::from(2);
            }
        }
    }
    Ok(code)
}
