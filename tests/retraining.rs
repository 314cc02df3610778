//! Retraining metrics, from the suite to the report: which cells there are, what is shared, what a reader is warned of.

use std::collections::BTreeMap;

use crate::support::{Bench, Said};

/// Some seconds of trainings of a linear network; 2 networks, 2 repetitions, 2 fractions.
const ROAR: &str = r#"
question = "What does a network trained anew need?"
seeds = { model = 2, retrain = 2 }
images = { count = 8 }
dataset = { use = "planted", size = 8, place = "corner", train = 120, test = 60 }
explainer = [{ use = "gradient" }, { use = "random" }]
metric = [{ use = "roar", fractions = [0.3, 0.6] }]

[model]
name = "linear"
layers = ["flatten", { linear = { out = 4 } }]
train = { epochs = 3, batch = 20, optimizer = { use = "sgd", lr = 0.2 } }
"#;

fn with(from: &str, to: &str) -> String {
    assert_eq!(ROAR.matches(from).count(), 1, "{from}");
    ROAR.replace(from, to)
}

/// The cells of a plan that are to do, in words without their networks, with how many there are.
fn to_do(bench: &Bench) -> BTreeMap<String, usize> {
    let said = bench.says("plan suite.toml --store store");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let mut counts = BTreeMap::new();
    for line in said.out.lines().filter(|line| line.contains("  to do  ")) {
        let (_, words) = line.split_once("to do").unwrap();
        let (kind, what) = words.trim().split_once(' ').unwrap();
        let what = what.split_once(": ").map_or("", |(_, what)| what);
        let what = what.split(", repetition").next().unwrap();
        *counts.entry(format!("{kind} {what}").trim().to_string()).or_default() += 1;
    }
    counts
}

fn ran(bench: &Bench) -> Said {
    let said = bench.run();
    assert_eq!(said.code, Some(0), "{}", said.err);
    said
}

#[test]
fn equal_trainings_are_one_cell() {
    let counts = to_do(&Bench::new(ROAR));
    let retrained: BTreeMap<&str, usize> =
        counts.iter().filter_map(|(what, count)| Some((what.strip_prefix("retrain ")?, *count))).collect();
    // 2 networks x 2 repetitions of each; those of `random` serve its own row and every other one.
    let expected = [
        "on the masks of images without the top 30 % of gradient",
        "on the masks of images without the top 30 % of random",
        "on the masks of images without the top 60 % of gradient",
        "on the masks of images without the top 60 % of random",
        "on unmodified images",
        "without the top 30 % of gradient",
        "without the top 30 % of random",
        "without the top 60 % of gradient",
        "without the top 60 % of random",
    ];
    assert_eq!(retrained, expected.map(|what| (what, 4)).into());
    // A fraction more or less, or another name, changes no cell of the others.
    let bench = Bench::new(ROAR);
    ran(&bench);
    std::fs::write(bench.path("suite.toml"), with("[0.3, 0.6]", "[0.3, 0.6, 0.8]")).unwrap();
    let new = to_do(&bench);
    assert!(new.keys().filter(|what| what.starts_with("retrain")).all(|what| what.contains("80 %")), "{new:?}");
    assert!(!new.keys().any(|what| what.starts_with("rank") || what.starts_with("train ")), "{new:?}");
}

#[test]
fn an_explainer_more_trains_only_its_own_networks_and_kar_explains_nothing_again() {
    let bench = Bench::new(ROAR);
    ran(&bench);
    assert!(to_do(&bench).is_empty());
    let more = with("{ use = \"random\" }]", "{ use = \"random\" }, { use = \"edges\" }]");
    std::fs::write(bench.path("suite.toml"), &more).unwrap();
    let new = to_do(&bench);
    assert!(new.keys().all(|what| what.contains("edges")), "{new:?}");
    assert_eq!(
        new.iter().filter(|(what, _)| what.starts_with("retrain")).map(|(_, count)| count).sum::<usize>(),
        4 * 4
    );
    let kar = with("metric = [", "metric = [{ use = \"kar\", fractions = [0.3, 0.6] }, ");
    std::fs::write(bench.path("suite.toml"), kar).unwrap();
    let new = to_do(&bench);
    let kinds: Vec<&str> = new.keys().map(|what| what.split(' ').next().unwrap()).collect();
    assert!(kinds.iter().all(|kind| ["retrain", "score"].contains(kind)), "{new:?}");
    assert!(!new.contains_key("retrain on unmodified images"), "{new:?}");
}

#[test]
fn the_numbers_hang_together() {
    let bench = Bench::new(&with("fractions = [0.3, 0.6]", "fractions = [0.3, 0.6], imputer = \"black\""));
    ran(&bench);
    let mut reader = csv::Reader::from_path(bench.path("out/suite/rows.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let get = |explainer: &str, measure: &str, at: f64| -> f64 {
        let row = rows.iter().find(|row| {
            [&row[3], &row[4], &row[5]] == [explainer, "roar", measure] && row[6].parse::<f64>().unwrap_or(-1.0) == at
        });
        row.unwrap_or_else(|| panic!("{explainer} {measure} {at}"))[7].parse().unwrap()
    };
    for at in [0.3, 0.6] {
        assert!(
            (get("gradient", "advantage", at) - (get("random", "accuracy", at) - get("gradient", "accuracy", at)))
                .abs()
                < 1e-12
        );
        assert_eq!(get("random", "advantage", at), 0.0);
        assert!(get("gradient", "changed", at) <= at + 1e-6);
        for measure in ["mask-only", "without-retraining", "train-accuracy"] {
            assert!((0.0..=1.0).contains(&get("gradient", measure, at)));
        }
    }
    assert_eq!(get("random", "area", -1.0), 0.0);
    let area = 0.3 * get("gradient", "advantage", 0.3) / 2.0
        + 0.3 * (get("gradient", "advantage", 0.3) + get("gradient", "advantage", 0.6)) / 2.0;
    assert!((get("gradient", "area", -1.0) - area).abs() < 1e-12);
    assert_eq!(get("gradient", "accuracy", 0.0), get("random", "accuracy", 0.0));
    // 64 pixels: 19 of them are the nearest to 30 %. Noise in place of pixels that are not black changes them all.
    assert!((get("random", "changed", 0.3) - 19.0 / 64.0).abs() < 0.02);
}

/// What the original network makes of the test images, at every fraction.
fn levels(bench: &Bench) -> Vec<String> {
    let rows = std::fs::read_to_string(bench.path("out/suite/rows.csv")).unwrap();
    let levels = rows.lines().filter(|row| row.contains(",gradient,roar,without-retraining,"));
    levels.map(|row| row.split(',').nth(7).unwrap().to_string()).collect()
}

/// The mistake of public code: every map looks far better than it is.
#[test]
fn a_train_only_modification_is_flagged_from_the_plan_to_the_report() {
    let bench = Bench::new(&with("fractions = [0.3, 0.6]", "fractions = [0.3, 0.6], splits = \"train\""));
    let words = "only the training images are modified";
    let said = ran(&bench);
    for command in ["plan suite.toml --store store", "validate suite.toml"] {
        let said = bench.says(command);
        let said = format!("{}{}", said.out, said.err);
        assert!(said.contains("warning: roar") && said.contains(words), "{command}: {said}");
    }
    let unmodified = levels(&bench);
    assert!(unmodified.iter().all(|level| level == &unmodified[0]), "{unmodified:?}");
    let both = Bench::new(ROAR);
    ran(&both);
    let modified = levels(&both);
    assert!(modified.iter().any(|level| level != &modified[0]), "{modified:?}");
    // Lines of a terminal break anywhere between words.
    let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat(said.out).contains(words));
    assert!(flat(std::fs::read_to_string(bench.path("out/suite/report.md")).unwrap()).contains(words));
}

#[test]
fn a_leak_is_named_and_is_no_bar() {
    let bench = Bench::new(&with("{ use = \"random\" }]", "{ use = \"random\" }, { use = \"label-leak\" }]").replace(
        "metric = [{ use = \"roar\", fractions = [0.3, 0.6] }]",
        "metric = [{ use = \"kar\", fractions = [0.3, 0.6], masks = true }]",
    ));
    let said = ran(&bench);
    let text = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("Writes the class into its map: label-leak"), "{text}");
    assert!(!text.contains("(label-leak for"), "it must not be the control to beat: {text}");
}

#[test]
fn a_quick_look_trains_on_few_images() {
    let bench = Bench::new(ROAR);
    let said = bench.says("run suite.toml --store store --out out --limit 30");
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("training images 1-30") && !said.err.contains("images 1-120"), "{}", said.err);
    let words = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("only 30 training and 30 test images"), "{}", said.out);
}

#[test]
fn what_is_redrawn_is_another_training() {
    let redrawn = "{ use = \"random\" }, { name = \"redrawn\", use = \"random\", redraw = \"epoch\" }]";
    let bench = Bench::new(&with("{ use = \"random\" }]", redrawn));
    ran(&bench);
    let rows = std::fs::read_to_string(bench.path("out/suite/rows.csv")).unwrap();
    let curve = |explainer: &str| -> Vec<String> {
        let wanted = format!(",{explainer},roar,train-accuracy,");
        rows.lines().filter(|row| row.contains(&wanted)).map(|row| row.split(',').nth(7).unwrap().to_string()).collect()
    };
    assert_eq!(curve("redrawn")[0], curve("random")[0], "nothing is removed");
    assert_ne!(curve("redrawn")[1..], curve("random")[1..]);
}

/// Networks that learnt random labels predict what has nothing to do with the true labels of the test images. A map of the
/// prediction tells a network trained on its mask nothing of these labels; a map of the label tells all.
#[test]
fn only_the_leak_is_told_the_label() {
    let suite = with("{ use = \"random\" }]", "{ use = \"random\" }, { use = \"label-leak\" }]");
    let suite = suite.replace("train = 120, test = 60", "train = 200, test = 100, transform = \"random-labels\"");
    let bench = Bench::new(&suite.replace("epochs = 3", "epochs = 30"));
    ran(&bench);
    let rows = std::fs::read_to_string(bench.path("out/suite/rows.csv")).unwrap();
    let masks = |explainer: &str| -> f64 {
        let row = rows.lines().find(|row| row.contains(&format!(",{explainer},roar,mask-only,0.3,"))).unwrap();
        row.split(',').nth(7).unwrap().parse().unwrap()
    };
    assert!(masks("label-leak") > 0.95, "{}", masks("label-leak"));
    assert!(masks("gradient") < 0.5, "{}", masks("gradient"));
}

/// Of colour images, each channel of a pixel goes by itself.
#[test]
fn single_elements_of_colours_are_ranked_against_noise_of_elements() {
    let suite = with(
        "dataset = { use = \"planted\", size = 8, place = \"corner\", train = 120, test = 60 }",
        "dataset = { use = \"clever-hans\", cue = \"colour\", train = 60, test = 30 }",
    );
    let suite = suite
        .replace("out = 4", "out = 10")
        .replace("{ use = \"random\" }", "{ use = \"random\", unit = \"element\" }")
        .replace("fractions = [0.3, 0.6]", "fractions = [0.3], unit = \"element\", masks = false");
    let said = ran(&Bench::new(&suite));
    assert!(said.err.contains("retrain clever-hans/linear seed 0: without the top 30 % of random"), "{}", said.err);
}
