//! Dependencies point down only.

use std::fs;
use std::path::{Path, PathBuf};

/// Top to bottom; a module uses what stands below it, or beside it on one line.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["report"],
    &["run"],
    &["store"],
    &["plan"],
    &["suite"],
    &["metrics"],
    &["need", "explainers", "influence"],
    &["attacks"],
    &["imputers", "similarities"],
    &["model"],
    &["transforms"],
    &["datasets"],
    &["catalogue"],
    &["config", "tensor_file"],
    &["noise", "stats", "native"],
    &["error"],
];

/// The store names cells by the plan's ids, and an error carries the mistakes of a file.
const EXCEPTIONS: &[(&str, &str)] = &[("error", "config")];

fn layer(module: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&module)).unwrap_or_else(|| panic!("`{module}` has no layer"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn dependencies_point_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 50);
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&src).unwrap();
        let module = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_string();
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        for line in fs::read_to_string(&file).unwrap().lines().map(str::trim) {
            let Some(path) = line.strip_prefix("use crate::").or_else(|| line.strip_prefix("pub use crate::")) else {
                continue;
            };
            let used = path.split([':', ';', '{']).next().unwrap();
            let exception = EXCEPTIONS.contains(&(module.as_str(), used));
            if used != module && !exception && layer(used) < layer(&module) {
                wrong.push(format!("{}: {line}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "these point up:\n{}", wrong.join("\n"));
}
