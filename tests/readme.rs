//! The README says what the program does: its lists are generated, its suite is valid.

use std::fs;
use std::path::Path;
use std::process::Command;

use explainbench::datasets::DataFolder;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

fn part<'a>(text: &'a str, name: &str) -> &'a str {
    let (begin, end) = (format!("<!-- begin: {name} -->"), format!("<!-- end: {name} -->"));
    let from = text.find(&begin).unwrap_or_else(|| panic!("the README lacks {begin}")) + begin.len();
    let to = from + text[from..].find(&end).unwrap_or_else(|| panic!("the README lacks {end}"));
    text[from..to].trim()
}

fn printed(arguments: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_explainbench"));
    let output = program.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).unwrap().trim().to_string()
}

#[test]
fn generated_parts_are_up_to_date() {
    // The table is left out: its seconds change with every run of the demo.
    let text = readme();
    let again = "run `make readme`";
    assert_eq!(part(&text, "methods"), printed(&["list", "--markdown"]), "{again}");
    let mistake = format!("```text\n{}\n```", printed(&["validate", "tests/mistakes/readme.toml"]));
    assert_eq!(part(&text, "mistake"), mistake, "{again}");
}

#[test]
fn the_suite_is_valid_and_short() {
    let text = readme();
    let suite = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let lines = suite.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 15, "{lines} lines");
    let suite = explainbench::suite::read("README.md", suite, &DataFolder::new(None));
    let suite = suite.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(
        suite.explainers.iter().map(|row| row.label.as_str()).collect::<Vec<_>>(),
        ["smoothgrad[samples=5]", "smoothgrad[samples=50]", "random"]
    );
}
