//! Puts a report's files into a folder. Each file appears whole under its name or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::csv::Csv;
use super::figures;
use super::json::Json;
use super::latex;
use super::markdown::{self, Markdown};
use super::{Format, Report, Size, file_stem};
use crate::error::{Error, Result};

/// Writes every file of the report below `folder`, made if absent, and returns their paths; figures are `size` wide. Equal
/// reports give equal bytes. Files of an earlier report that this one does not have are left alone.
pub fn write(report: &Report, folder: &Path, size: Size) -> Result<Vec<PathBuf>> {
    let figures = figures::draw(report, size);
    let mut files: Vec<(String, Vec<u8>)> = vec![
        ("report.md".into(), Markdown { figures: &figures }.render(report)?),
        ("rows.csv".into(), Csv::Rows.render(report)?),
        ("rows.json".into(), Json.render(report)?),
        ("timings.csv".into(), Csv::Timings.render(report)?),
        ("flags.csv".into(), Csv::Flags.render(report)?),
        ("networks.csv".into(), Csv::Networks.render(report)?),
    ];
    if !report.multiverses.is_empty() {
        files.push(("multiverse.csv".into(), Csv::Multiverse.render(report)?));
    }
    if let Some(table) = latex::networks(&report.networks) {
        files.push(("tables/networks.tex".into(), table.into_bytes()));
    }
    for group in &report.tables {
        let name = |stem: &str| format!("tables/{stem}.md");
        let taken = |stem: &str| files.iter().any(|(held, _)| *held == name(stem));
        let stem = file_stem(&[&group.dataset, &group.model], taken);
        files.push((name(&stem), markdown::tables(group).into_bytes()));
        for family in group.families() {
            if let Some(table) = latex::table(group, family) {
                files.push((
                    format!("tables/{stem}.{}.tex", family.title().to_lowercase().replace(' ', "-")),
                    table.into_bytes(),
                ));
            }
        }
        for multiverse in report.multiverses.iter().filter(|multiverse| multiverse.belongs_to(group)) {
            let metric = file_stem(&[&multiverse.metric], |_| false);
            let tables = latex::multiverse(multiverse).into_bytes();
            files.push((format!("tables/{stem}.{metric}.multiverse.tex"), tables));
        }
    }
    for figure in figures {
        let rendered = figures::render(&figure.svg)?;
        files.push((format!("figures/{}.png", figure.stem), rendered.png));
        files.push((format!("figures/{}.pdf", figure.stem), rendered.pdf));
        files.push((format!("figures/{}.svg", figure.stem), figure.svg.into_bytes()));
    }
    for part in ["tables", "figures"].map(|part| folder.join(part)) {
        fs::create_dir_all(&part).map_err(|error| Error::io("make the folder", &part, error))?;
    }
    let lock = File::open(folder).and_then(|handle| handle.lock().map(|()| handle));
    let _lock = lock.map_err(|error| Error::io("lock the folder", folder, error))?;
    files.iter().map(|(name, bytes)| publish(&folder.join(name), bytes)).collect()
}

/// A file under a temporary name, then renamed. The name is fixed, so that what a killed process left behind is
/// overwritten; the caller's lock keeps other processes from using it.
pub(super) fn publish(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let temporary = PathBuf::from(temporary);
    fs::write(&temporary, bytes).map_err(|error| Error::io("write", &temporary, error))?;
    fs::rename(&temporary, path).map_err(|error| Error::io("write", path, error))?;
    Ok(path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = ["", "tables", "figures"]
            .iter()
            .flat_map(|part| fs::read_dir(folder.join(part)).unwrap())
            .filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_file())
            .map(|entry| entry.unwrap().path().strip_prefix(folder).unwrap().display().to_string())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn equal_reports_give_equal_files_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = write(&sample::report(), folder.path(), Size::Page).unwrap();
        let before: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(before.iter().all(|bytes| !bytes.is_empty()));
        fs::write(folder.path().join("rows.csv.part"), "left by a killed process").unwrap();
        assert_eq!(write(&sample::report(), folder.path(), Size::Page).unwrap(), paths);
        let after: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(before == after);
        paths.sort();
        let written: Vec<_> =
            paths.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
        assert_eq!(names(folder.path()), written);
        assert!(written.contains(&"tables/digits.cnn.md".to_string()));
        assert!(written.contains(&"tables/digits.cnn.removal.tex".to_string()));
        assert!(written.contains(&"figures/digits.cnn.deletion.curve.pdf".to_string()));
    }

    #[test]
    fn only_timings_move_when_only_timings_differ() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut report = sample::report();
        write(&report, first.path(), Size::Page).unwrap();
        report.tables[0].contenders[0].cells[3] = sample::number(7.0, 6.0, 8.0);
        write(&report, second.path(), Size::Page).unwrap();
        let differing = names(first.path())
            .into_iter()
            .filter(|name| fs::read(first.path().join(name)).unwrap() != fs::read(second.path().join(name)).unwrap());
        assert_eq!(
            differing.collect::<Vec<_>>(),
            ["report.md", "tables/digits.cnn.cost.tex", "tables/digits.cnn.md", "timings.csv"]
        );
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = write(&sample::report(), &file, Size::Page).unwrap_err().to_string();
        assert!(error.starts_with("cannot make the folder ") && error.contains("file/tables"), "{error}");
    }
}
