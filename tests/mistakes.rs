//! What a user is told of wrong suites, word by word, and what no suite can do: make the reader panic or hang.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use explainbench::datasets::DataFolder;
use explainbench::error::Error;
use explainbench::suite;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;

/// Set to anything, it lets the answers of today be those expected.
const BLESS: &str = "EXPLAINBENCH_BLESS";

/// What `validate` answers; no data folder, whatever the machine has.
fn answer(path: &str, text: &str) -> Result<(), Error> {
    suite::read(path, text, &DataFolder::default()).map(|_| ())
}

/// The files below a folder with one extension, in order, as seen from the root of the crate.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(path.to_str().unwrap(), extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_mistake_is_answered_as_expected() {
    let suites = files("tests/mistakes", "toml");
    let mut kinds = BTreeSet::new();
    let mut wrong = Vec::new();
    for path in &suites {
        let text = fs::read_to_string(path).unwrap();
        let kind = text.lines().next().and_then(|line| line.strip_prefix("# kind: "));
        kinds.insert(kind.unwrap_or_else(|| panic!("{} names no kind", path.display())).to_string());
        let name = path.display().to_string();
        let Err(Error::Mistakes(mistakes)) = answer(&name, &text) else {
            wrong.push(format!("{name}: nothing is said of it"));
            continue;
        };
        let (found, golden) = (format!("{mistakes}\n"), path.with_extension("txt"));
        if std::env::var_os(BLESS).is_some() {
            fs::write(&golden, &found).unwrap();
        }
        match fs::read_to_string(&golden) {
            Ok(expected) if expected == found => {}
            Ok(expected) => wrong.push(format!("{name} is answered\n{found}\ninstead of\n{expected}")),
            Err(error) => wrong.push(format!("{}: {error}; {BLESS}=1 writes it", golden.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let answers: Vec<PathBuf> = files("tests/mistakes", "txt").iter().map(|path| path.with_extension("toml")).collect();
    assert_eq!(answers, suites);
    assert!(suites.len() >= 25 && kinds.len() >= 15, "{} files of {} kinds", suites.len(), kinds.len());
}

#[test]
fn shipped_suites_have_no_mistakes() {
    let data = DataFolder::new(None);
    for path in files("suites", "toml") {
        match suite::load(&path, &data) {
            Ok(_) => {}
            Err(error) if error.to_string().contains("name the folder that holds it") => {
                println!("skipped {}: its data are not on this machine", path.display());
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads a text that may be any; all its mistakes can be printed.
fn survives(text: &str) {
    // Every edit of a suite is read in some milliseconds; what takes so long follows the numbers in it.
    const PATIENCE: Duration = Duration::from_secs(2);
    let start = Instant::now();
    if let Err(error) = answer("tests/suites/edited.toml", text) {
        assert!(!error.to_string().is_empty());
    }
    let beginning: String = text.chars().take(2000).collect();
    assert!(start.elapsed() < PATIENCE, "{:?} for\n{beginning}", start.elapsed());
}

/// Suites that use every part of the language, and those that are shipped.
fn valid_suites() -> Vec<String> {
    let wide = include_str!("suites/wide.toml");
    answer("tests/suites/wide.toml", wide).unwrap_or_else(|error| panic!("{error}"));
    let shipped = files("suites", "toml").into_iter().map(|path| fs::read_to_string(path).unwrap());
    shipped.chain([wide.to_string()]).collect()
}

/// A change of a text, at places that `Index` finds in whatever the text has become.
#[derive(Clone, Debug)]
enum Edit {
    /// Another text in the place of some characters.
    Characters(Index, usize, String),
    SwapCharacters(Index, Index),
    DeleteLine(Index),
    DuplicateLine(Index, Index),
    SwapLines(Index, Index),
    /// Another value after some `=`, to the end of the line or of the inline table.
    Value(Index, String),
}

impl Edit {
    fn apply(&self, text: &str) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        let mut lines: Vec<&str> = text.split('\n').collect();
        match self {
            Self::Characters(at, removed, inserted) => {
                let start = at.index(characters.len() + 1);
                let end = (start + removed).min(characters.len());
                characters.splice(start..end, inserted.chars());
                return characters.into_iter().collect();
            }
            Self::SwapCharacters(a, b) if !characters.is_empty() => {
                let count = characters.len();
                characters.swap(a.index(count), b.index(count));
                return characters.into_iter().collect();
            }
            Self::Value(at, value) => {
                let places: Vec<usize> = text.match_indices('=').map(|(place, _)| place + 1).collect();
                let Some(&start) = (!places.is_empty()).then(|| at.get(&places)) else { return text.to_string() };
                let end = text[start..].find([',', '}', ']', '\n']).map_or(text.len(), |length| start + length);
                return format!("{} {value} {}", &text[..start], &text[end..]);
            }
            Self::SwapCharacters(..) => {}
            Self::DeleteLine(at) => drop(lines.remove(at.index(lines.len()))),
            Self::DuplicateLine(from, to) => lines.insert(to.index(lines.len()), lines[from.index(lines.len())]),
            Self::SwapLines(a, b) => {
                let count = lines.len();
                lines.swap(a.index(count), b.index(count));
            }
        }
        lines.join("\n")
    }
}

const VALUES: &[&str] = &[
    "true",
    "0",
    "-1",
    "1",
    "1.5",
    "nan",
    "-inf",
    "1e308",
    "1e-320",
    "9223372036854775807",
    "18446744073709551615",
    "-9223372036854775808",
    "999999999999999999999999999999999999999999",
    "65536",
    "1979-05-27",
    "''",
    "'auto'",
    "'cost'",
    "'\\u0000'",
    "\"\\u0000漢\"",
    "[]",
    "[1, 'a', {}]",
    "[[1, 2], [3]]",
    "{}",
    "{ use = 'blur' }",
    "{ sweep = [] }",
    "{ sweep = [1, 2, 'x'] }",
    "{ sweep = { sweep = [1] } }",
    "{ use = 'smoothgrad', of = 'smoothgrad' }",
    "'/dev/zero'",
    "{ use = 'planted', of = { use = 'digits' } }",
    "'..'",
    "[{ repeat = { times = 65536, layers = ['relu'] } }]",
];

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    let punctuation = r#"[\[\]{}=.,'"\#a19 \n漢-]{0,3}"#;
    prop_oneof![
        (at(), 0_usize..12, punctuation).prop_map(|(at, removed, inserted)| Edit::Characters(at, removed, inserted)),
        (at(), at()).prop_map(|(a, b)| Edit::SwapCharacters(a, b)),
        at().prop_map(Edit::DeleteLine),
        (at(), at()).prop_map(|(from, to)| Edit::DuplicateLine(from, to)),
        (at(), at()).prop_map(|(a, b)| Edit::SwapLines(a, b)),
        (at(), select(VALUES)).prop_map(|(at, value)| Edit::Value(at, value.to_string())),
    ]
}

#[test]
fn no_edit_of_a_valid_suite_makes_the_reader_panic_or_hang() {
    let suites = valid_suites();
    let mut runner = TestRunner::new(ProptestConfig { cases: 4000, failure_persistence: None, ..Default::default() });
    let edited = (select(suites), prop::collection::vec(edit(), 1..4));
    let result = runner.run(&edited, |(suite, edits)| {
        survives(&edits.iter().fold(suite, |text, edit| edit.apply(&text)));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survives(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn numbers_as_large_as_they_can_be_take_neither_time_nor_memory() {
    let model = |layers: &str| {
        format!(
            "[dataset]\nuse = 'digits'\n[model]\nlayers = {layers}\ntrain = {{ epochs = 1 }}\n\
             [explainer]\nuse = 'gradient'\n[metric]\nuse = 'deletion'\n"
        )
    };
    let nested = (0..20)
        .fold("'relu'".to_string(), |inner, _| format!("{{ repeat = {{ times = 65536, layers = [{inner}] }} }}"));
    for text in [
        model(&format!("[{nested}]")),
        model("[{ repeat = { times = 9999, layers = ['relu'] } }, 'flatten', { linear = { out = 10 } }]"),
        model("['flatten', { linear = { out = { sweep = [10, 65536] } } }, { linear = { out = 65536 } }]"),
        model("[{ adaptive_avg_pool2d = { size = 46340 } }, 'flatten', { conv2d = { out = 65536, kernel = 65536 } }]"),
        model("[{ conv2d = { out = 65536, kernel = 65536, padding = 65536, dilation = 65536, stride = 65536 } }]"),
        format!("seeds = {{ model = {} }}\n", u64::MAX),
        format!("[dataset]\nuse = 'planted'\nsize = {0}\ntrain = {0}\ntest = {0}\n", u64::MAX),
        format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("question = '{}'", "漢".repeat(100_000)),
        "[[metric]]\n".repeat(2_000),
    ] {
        survives(&text);
    }
}
