//! What any correct implementation of these metrics must show, from the suite to the printed row. Each test prints the rows that
//! it judges by (`cargo test acceptance -- --nocapture`).

use explainbench::store::Store;
use serde_json::Value;

use crate::support::Bench;

mod examples;
mod fragility;
mod influence;
mod randomization;
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
        Self::from(&Bench::new(suite))
    }

    fn from(bench: &Bench) -> Self {
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

/// What the training of a network recorded; `network` is as the plan says it.
fn training(bench: &Bench, network: &str) -> Value {
    let cell = bench.cell(&format!("train {network}"));
    let id = cell.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let record = Store::open(&bench.path("store")).unwrap().record(id).unwrap().unwrap();
    println!("{network}: {} {} {}", record["epochs"], record["train_accuracy"], record["test_accuracy"]);
    record
}

/// Ordering 37: a network learns random labels by heart, more slowly than true ones, and knows nothing of other images then.
#[test]
fn random_labels_are_fitted_later_than_true_ones_and_tell_nothing() {
    let bench = Bench::new(
        "question = 'Can it learn nonsense?'
        seeds = { model = 2 }
        images = { count = 5 }
        dataset = { use = 'digits', transform = { sweep = ['none', 'random-labels', 'shuffled-pixels'] } }
        model = { name = 'mlp', layers = ['flatten', { linear = { out = 256 } }, 'relu', { linear = { out = 10 } }],
            train = { epochs = 300, batch = 32, optimizer = { lr = 3e-3 }, until = 0.95 } }
        explainer = { use = 'gradient' }
        metric = { use = 'deletion' }",
    );
    Rows::from(&bench);
    for seed in 0..2 {
        let of = |transform: &str| training(&bench, &format!("digits[transform={transform}]/mlp seed {seed}"));
        let (stated, random, shuffled) = (of("none"), of("random-labels"), of("shuffled-pixels"));
        let number = |record: &Value, key: &str| record[key].as_f64().unwrap();
        for record in [&stated, &random, &shuffled] {
            assert!(record["reached"] == true && number(record, "train_accuracy") >= 0.95);
        }
        assert!(number(&random, "epochs") > 2.0 * number(&stated, "epochs"), "slower");
        // Chance is .1; 360 test images have a standard error of .016.
        assert!(number(&random, "test_accuracy") < 0.16 && number(&stated, "test_accuracy") > 0.85);
        assert!(number(&shuffled, "test_accuracy") > 0.85, "without neighbours nothing is lost in an order of its own");
    }
}

/// Ordering 7, and 6 of the same metric: the random-label network is fitted and at chance, maps of the image alone have exactly
/// 1, and a gradient is less like that of the random labels than like that of another seed.
#[test]
fn permuted_labels_change_what_a_gradient_says_and_not_what_an_edge_detector_says() {
    let bench = Bench::new(
        "question = 'Does it depend on what was learnt?'
        seeds = { model = 1 }
        images = { count = 60, only = 'correct' }
        dataset = { use = 'digits', scale = 2, test = 0.7 }
        explainer = [
            { use = 'gradient', map = { channels = 'sum', sign = 'signed' } },
            { use = 'edges' }, { use = 'input' }, { use = 'random' }, { use = 'constant' },
        ]
        metric = [{ use = 'data-randomization', patience = 40 }, { name = 'too short', use = 'data-randomization', patience = 1 }]
        model = { name = 'mlp', layers = ['flatten', { linear = { out = 512 } }, 'relu', { linear = { out = 10 } }],
            train = { epochs = 15, batch = 32, optimizer = { lr = 1e-3 } } }",
    );
    let rows = Rows::from(&bench);
    let sibling = 1_u64 << 32;
    let random = training(&bench, &format!("digits with permuted labels/mlp seed {sibling}"));
    assert!(random["reached"] == true && random["train_accuracy"].as_f64().unwrap() >= 0.95);
    assert!(random["test_accuracy"].as_f64().unwrap() < 0.16);
    assert_eq!(training(&bench, &format!("digits unseen/mlp seed {sibling}"))["epochs"], 0);
    assert!(training(&bench, &format!("digits/mlp seed {sibling}"))["test_accuracy"].as_f64().unwrap() > 0.9);
    let of = |explainer: &str, network: &str, measure: &str| {
        rows.get(explainer, "data-randomization", &format!("{network}-{measure}")).estimate
    };
    for network in ["random-labels", "other-seed", "untrained"] {
        for explainer in ["edges", "input", "random"] {
            for measure in ["spearman", "absolute-spearman", "ssim"] {
                assert_eq!(of(explainer, network, measure), 1.0);
            }
        }
        assert!(of("constant", network, "spearman").is_nan());
        assert_eq!(of("constant", network, "ssim"), 1.0);
    }
    assert!(of("gradient", "random-labels", "spearman") < of("gradient", "other-seed", "spearman") - 0.1);
    assert!(of("gradient", "untrained", "spearman") < of("gradient", "other-seed", "spearman") - 0.1);
    let report = std::fs::read_to_string(bench.path("out/suite/report.md")).unwrap();
    let flagged: Vec<&str> = report.lines().filter(|line| line.contains("random labels not fitted")).collect();
    assert!(!flagged.is_empty() && flagged.iter().all(|line| line.contains("too short")), "{flagged:?}");
}
