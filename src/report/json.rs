//! Rows as JSON, with the columns of the CSV file; undefined numbers are null.

use super::rows::rows;
use super::{Format, Report};
use crate::error::{Error, Result};

pub struct Json;

/// Counts up whenever a column changes its name or meaning.
const SCHEMA: &str = "explainbench.rows/1";

impl Format for Json {
    fn render(&self, report: &Report) -> Result<Vec<u8>> {
        let rows = rows(report, |measure| !measure.timing);
        let rows = rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        let rows = rows.map_err(|error| Error::new(format!("cannot write rows as JSON: {error}")))?;
        // One row per line, so that a changed number is a changed line.
        Ok(format!("{{\"schema\": \"{SCHEMA}\", \"rows\": [\n{}\n]}}\n", rows.join(",\n")).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_text_of_the_sample() {
        let mut report = sample::report();
        report.tables[0].contenders.truncate(1);
        report.tables[0].contenders[0].cells.truncate(1);
        report.tables[0].measures.truncate(1);
        report.tables[0].contenders[0].cells[0] = sample::number(0.5, f64::NAN, f64::NAN);
        let expected = r#"{"schema": "explainbench.rows/1", "rows": [
{"suite":"small","dataset":"digits","model":"cnn","explainer":"gradient","metric":"deletion","measure":"area","at":null,"estimate":0.5,"low":null,"high":null,"n":3,"invalid":0,"covers":"recipe","direction":"lower","convention":""}
]}
"#;
        assert_eq!(String::from_utf8(Json.render(&report).unwrap()).unwrap(), expected);
    }

    #[test]
    fn is_json_with_every_row() {
        let report = sample::report();
        let value: serde_json::Value = serde_json::from_slice(&Json.render(&report).unwrap()).unwrap();
        assert_eq!(value["rows"].as_array().unwrap().len(), rows(&report, |measure| !measure.timing).len());
    }
}
