//! Rows as comma-separated values: numbers in their shortest form that reads back as the same number, empty where
//! undefined.

use serde::Serialize;

use super::rows::rows;
use super::{Flag, Format, Report, multiverse, networks};
use crate::error::{Error, Result};

/// Which file.
pub enum Csv {
    Rows,
    /// Timings differ from run to run, so they stay out of the file that is compared.
    Timings,
    /// What befell the maps.
    Flags,
    Multiverse,
    /// How the networks were trained.
    Networks,
}

const COLUMNS: [&str; 15] = [
    "suite",
    "dataset",
    "model",
    "explainer",
    "metric",
    "measure",
    "at",
    "estimate",
    "low",
    "high",
    "n",
    "invalid",
    "covers",
    "direction",
    "convention",
];

const FLAG_COLUMNS: [&str; 8] = ["suite", "dataset", "model", "explainer", "metric", "reason", "count", "of"];

impl Format for Csv {
    fn render(&self, report: &Report) -> Result<Vec<u8>> {
        match self {
            Self::Rows => table(&COLUMNS, rows(report, |measure| !measure.timing)),
            Self::Timings => table(&COLUMNS, rows(report, |measure| measure.timing)),
            Self::Flags => table(&FLAG_COLUMNS, flags(report)),
            Self::Multiverse => table(&multiverse::COLUMNS, multiverse::rows(report)),
            Self::Networks => table(&networks::COLUMNS, networks::lines(report)),
        }
    }
}

/// The header is written here, because a file without rows has one too.
fn table<R: Serialize>(columns: &[&str], rows: impl IntoIterator<Item = R>) -> Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(columns).map_err(failed)?;
    for row in rows {
        writer.serialize(row).map_err(failed)?;
    }
    writer.into_inner().map_err(|error| failed(error.into_error()))
}

fn flags(report: &Report) -> impl Iterator<Item = impl Serialize> {
    report.tables.iter().flat_map(move |group| {
        group.contenders.iter().flat_map(move |contender| {
            contender.flags.iter().map(move |Flag { metric, reason, count, of }| {
                (&report.suite, &group.dataset, &group.model, &contender.label, metric, reason, count, of)
            })
        })
    })
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(format!("cannot write rows as CSV: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn text(csv: Csv, report: &Report) -> String {
        String::from_utf8(csv.render(report).unwrap()).unwrap()
    }

    #[test]
    fn the_text_of_the_sample() {
        let text = text(Csv::Rows, &sample::report());
        let lines: Vec<&str> = text.lines().take(4).collect();
        assert_eq!(
            lines,
            [
                "suite,dataset,model,explainer,metric,measure,at,estimate,low,high,n,invalid,covers,direction,convention",
                "small,digits,cnn,gradient,deletion,area,,0.172,0.1675,0.1765,3,0,recipe,lower,",
                "small,digits,cnn,gradient,deletion,area minus best control,,-0.008,-0.011,-0.005,3,0,recipe,lower,",
                "small,digits,cnn,gradient,deletion,area minus best explainer,,0.0,0.0,0.0,3,0,recipe,lower,",
            ]
        );
    }

    #[test]
    fn timings_stand_apart() {
        let report = sample::report();
        assert!(!text(Csv::Rows, &report).contains("cost"));
        let timings = text(Csv::Timings, &report);
        assert_eq!(timings.lines().count(), 1 + 4);
        assert!(timings.lines().skip(1).all(|line| line.contains(",cost,time,")));
    }

    #[test]
    fn flags_are_counted_by_explainer() {
        let expected = "suite,dataset,model,explainer,metric,reason,count,of\n\
                        small,digits,cnn,random,pointing-game,constant map,12,300\n";
        assert_eq!(text(Csv::Flags, &sample::report()), expected);
    }

    #[test]
    fn networks_are_estimates_and_then_trainings() {
        let text = text(Csv::Networks, &sample::report());
        // 3 estimates and 3 epochs; per training 3 numbers, the epochs to fit, twice 3 epochs.
        assert_eq!(text.lines().count(), 1 + 6 + 2 * (4 + 6));
        for line in [
            "suite,dataset,model,seed,measure,at,estimate,low,high,n",
            "small,digits,cnn,,test accuracy,,0.96,0.83,1.09,2",
            "small,digits,cnn,0,epochs to fit,,2.0,,,1",
            "small,digits,cnn,1,epochs to fit,,,,,1",
            "small,digits,cnn,1,running training accuracy,3.0,0.96,,,1",
        ] {
            assert!(text.lines().any(|held| held == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn reads_back_whatever_the_labels_hold() {
        let mut report = sample::report();
        let label = "ig[steps=16,\"a\"]\nb";
        report.tables[0].contenders[0].label = label.into();
        report.tables[0].contenders[0].cells[0] = sample::number(0.1 + 0.2, f64::NAN, 1e300);
        let bytes = Csv::Rows.render(&report).unwrap();
        let mut reader = csv::Reader::from_reader(&*bytes);
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
        let first = reader.records().next().unwrap().unwrap();
        assert_eq!(&first[3], label);
        assert_eq!(first[7].parse(), Ok(0.1 + 0.2));
        assert_eq!(&first[8], "");
        assert_eq!(first[9].parse(), Ok(1e300));
    }
}
