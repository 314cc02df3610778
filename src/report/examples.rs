//! examples.csv: one row per unit and measure, for analyses of one's own.

use std::path::{Path, PathBuf};

use super::collect::{points_of, sample};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::store::Store;
use crate::suite::Suite;

const COLUMNS: [&str; 10] =
    ["suite", "dataset", "model", "seed", "explainer", "metric", "measure", "at", "unit", "value"];

/// Writes `examples.csv` into `folder`: every finished score of the plan, an invalid value as an empty field.
pub fn write_examples(suite: &Suite, plan: &Plan, store: &Store, folder: &Path) -> Result<PathBuf> {
    let fail = |error: csv::Error| Error::new(format!("cannot write examples.csv: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(fail)?;
    for row in &plan.rows {
        let Some(content) = store.get(row.score)? else { continue };
        for measure in suite.metrics[row.metric].value.metric.method.measures() {
            if measure.timing {
                continue;
            }
            for (point, at) in points_of(std::slice::from_ref(&content), measure.name).into_iter().enumerate() {
                let contents = std::slice::from_ref(&content);
                for (unit, value) in sample(contents, measure.name, point).networks.into_iter().flatten() {
                    let at = if measure.axis.is_some() { at.to_string() } else { String::new() };
                    let value = if value.is_nan() { String::new() } else { value.to_string() };
                    writer
                        .write_record([
                            &suite.name,
                            &suite.datasets[row.network.dataset].label,
                            &suite.models[row.network.model].label,
                            &row.network.seed.to_string(),
                            suite.contender_label(row.contender),
                            &suite.metrics[row.metric].label,
                            measure.name,
                            &at,
                            &unit.to_string(),
                            &value,
                        ])
                        .map_err(fail)?;
                }
            }
        }
    }
    let bytes = writer.into_inner().map_err(|error| Error::new(format!("cannot write examples.csv: {error}")))?;
    let file = folder.join("examples.csv");
    super::publish::publish(&file, &bytes)
}
