//! What any correct implementation of these metrics must show, from the suite to the printed row. Each test prints the rows that
//! it judges by (`cargo test acceptance -- --nocapture`).

use crate::support::Bench;

mod retraining;

/// Digits and a network that learns them in seconds.
const DIGITS: &str = r#"
question = "Is the order right?"
seeds = { model = 3 }
images = { count = 100, only = "correct" }
dataset = { use = "digits", scale = 2 }

[model]
name = "cnn"
layers = [
    { conv2d = { out = 8, kernel = 3, padding = 1 } }, "relu", { max_pool2d = { kernel = 2 } },
    "flatten", { linear = { out = 10 } },
]
train = { epochs = 8, batch = 32, optimizer = { use = "adam", lr = 3e-3 } }
"#;

/// One number of `rows.csv` with its interval.
#[derive(Clone, Copy, Debug)]
struct Row {
    estimate: f64,
    low: f64,
    high: f64,
}

struct Rows(Vec<Vec<String>>);

impl Rows {
    /// The rows of a suite, run as a user runs it.
    fn of(suite: &str) -> Self {
        let bench = Bench::new(suite);
        let said = bench.run();
        assert_eq!(said.code, Some(0), "{}", said.err);
        let mut reader = csv::Reader::from_path(bench.path("out/suite/rows.csv")).unwrap();
        Self(reader.records().map(|row| row.unwrap().iter().map(String::from).collect()).collect())
    }

    /// `measure` may end in "@" and a place on the curve.
    fn get(&self, explainer: &str, metric: &str, measure: &str) -> Row {
        let (name, at) = measure.split_once('@').unwrap_or((measure, ""));
        let number = |text: &str| text.parse().unwrap_or(f64::NAN);
        let wanted = |row: &&Vec<String>| {
            let place = row[6].parse::<f64>().ok() == at.parse::<f64>().ok();
            [row[3].as_str(), &row[4], &row[5]] == [explainer, metric, name] && place
        };
        let row = self.0.iter().find(wanted).unwrap_or_else(|| panic!("no row {explainer} {metric} {measure}"));
        let row = Row { estimate: number(&row[7]), low: number(&row[8]), high: number(&row[9]) };
        println!("{explainer:>12} {metric} {measure}: {:.4} [{:.4}, {:.4}]", row.estimate, row.low, row.high);
        row
    }
}

/// Ordering 8, against random only; which of the others is best differs from network to network.
#[test]
fn rise_and_occlusion_delete_faster_and_insert_faster_than_a_random_map() {
    let rows = Rows::of(&format!(
        "explainer = [{{ use = 'rise', samples = 500 }}, {{ use = 'occlusion' }}, {{ use = 'random' }}]
        metric = [{{ use = 'deletion', imputer = 'mean' }}, {{ use = 'insertion' }}]
        {DIGITS}"
    ));
    for explainer in ["rise", "occlusion"] {
        let deletion = rows.get(explainer, "deletion", "auc minus best control");
        let insertion = rows.get(explainer, "insertion", "auc minus best control");
        assert!(deletion.high < 0.0, "{explainer}: {deletion:?}");
        assert!(insertion.low > 0.0, "{explainer}: {insertion:?}");
    }
}

/// Ordering 9: of the same imputer, what one curve begins with the other ends with.
#[test]
fn deletion_and_insertion_share_their_end_points() {
    let rows = Rows::of(&format!(
        "explainer = [{{ use = 'gradient' }}, {{ use = 'random' }}]
        metric = [{{ use = 'deletion', imputer = 'blur' }}, {{ use = 'insertion', imputer = 'blur' }}]
        {DIGITS}"
    ));
    for explainer in ["gradient", "random"] {
        for (deleted, inserted) in [("curve@0", "curve@1"), ("curve@1", "curve@0")] {
            let deleted = rows.get(explainer, "deletion", deleted);
            let inserted = rows.get(explainer, "insertion", inserted);
            assert!((deleted.estimate - inserted.estimate).abs() < 1e-9, "{deleted:?} {inserted:?}");
        }
    }
}

/// Ordering 20, over images of one network: the interval of a random map holds its chance level.
#[test]
fn a_random_map_is_at_chance() {
    let rows = Rows::of(
        "question = 'Is a random map at chance?'
        images = { count = 500, only = 'correct' }
        dataset = { use = 'planted', of = { use = 'digits', scale = 2 } }
        model = { layers = ['flatten', { linear = { out = 4 } }], train = { epochs = 5 } }
        explainer = [{ use = 'random' }, { use = 'oracle' }]
        metric = [
            { use = 'localization-auc' }, { use = 'relevance-mass' }, { use = 'relevance-rank-accuracy' },
            { use = 'top-k-intersection' },
        ]",
    );
    for (metric, measure, chance) in [
        ("localization-auc", "auc", Some(0.5)),
        ("relevance-mass", "mass-minus-area", Some(0.0)),
        ("relevance-rank-accuracy", "rank-minus-area", Some(0.0)),
        ("top-k-intersection", "intersection", None),
    ] {
        let random = rows.get("random", metric, measure);
        let chance = chance.unwrap_or_else(|| rows.get("random", metric, "chance").estimate);
        assert!(random.low <= chance && chance <= random.high, "{metric}: {random:?}");
        assert!(rows.get("oracle", metric, measure).low > random.high, "{metric}: the oracle is better");
    }
}
