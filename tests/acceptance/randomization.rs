//! Orderings 1 to 6 of model randomization. On digits those are judged that hold at any scale; at the scale of the paper suite all
//! of them are printed with their intervals.

use std::collections::BTreeMap;
use std::process::Command;

use explainbench::stats::t_interval;

use super::Rows;
use crate::support::Bench;

/// Orderings 1, 3, 4 and 6: once the top layer is drawn anew guided backprop keeps more of its map than the gradient does; with all
/// layers drawn anew the signed correlation of what is made of gradients is about 0, while that of
/// magnitudes of what multiplies by the image stays up by the pixels that are black; maps of the image alone have exactly 1 at
/// every step, a constant has no correlation at all, and noise that is drawn anew has none to find.
#[test]
fn maps_of_a_network_without_its_weights_keep_the_outline_and_not_the_signs() {
    let bench = Bench::new(
        "question = 'Do maps change with the weights?'
        seeds = { model = 1, draw = 8 }
        images = { count = 60, only = 'correct' }
        dataset = { use = 'digits', scale = 3 }
        explainer = [
            { use = 'gradient', map = { channels = 'sum', sign = 'signed' } }, { use = 'input-x-gradient' },
            { use = 'integrated-gradients', steps = 16 },
            { use = 'guided-backprop', map = { channels = 'sum', sign = 'signed' } },
            { use = 'grad-cam', models = ['cnn'] },
            { name = 'copy', use = 'gradient', map = { channels = 'sum', sign = 'signed' } },
            { use = 'edges' }, { use = 'input' }, { use = 'random' }, { use = 'constant' },
            { name = 'redrawn', use = 'random', redraw = 'network' },
        ]
        metric = [
            { use = 'model-randomization', models = ['cnn'] }, { use = 'random-logit', models = ['cnn'] },
            { use = 'agreement', with = 'gradient', quantile = 0.1, at_least = { cosine = 0.999 }, at_most = { relative-l2 = 0.01 } },
        ]
        model = [{ name = 'cnn', layers = [
                { name = 'conv1', conv2d = { out = 8, kernel = 3, padding = 1 } }, 'relu', { max_pool2d = { kernel = 2 } },
                { name = 'conv2', conv2d = { out = 16, kernel = 3, padding = 1 } }, 'relu', { max_pool2d = { kernel = 2 } },
                'flatten', { name = 'fc1', linear = { out = 10 } },
            ], train = { epochs = 8, batch = 32, optimizer = { use = 'adam', lr = 3e-3 } } },
            { name = 'linear', layers = ['flatten', { linear = { out = 10 } }], train = { epochs = 2 } }]",
    );
    let rows = Rows::from(&bench);
    let of = |explainer: &str, measure: &str| rows.get(explainer, "model-randomization", measure).estimate;
    for class in ["fixed", "reselected"] {
        for explainer in ["gradient", "input-x-gradient", "integrated-gradients"] {
            assert!(of(explainer, &format!("{class}-spearman@3")).abs() < 0.15, "{explainer}");
            assert!(of(explainer, &format!("{class}-nonzero-spearman@3")).abs() < 0.2, "{explainer}");
        }
        let top = |explainer: &str| rows.get(explainer, "model-randomization", &format!("{class}-spearman@1"));
        assert!(top("guided-backprop").low > top("gradient").high, "{class}");
        for explainer in ["input-x-gradient", "integrated-gradients"] {
            let gap =
                of(explainer, &format!("{class}-absolute-spearman@3")) - of(explainer, &format!("{class}-spearman@3"));
            assert!(gap > 0.4, "{explainer}: {gap}");
        }
        for at in 1..=3 {
            for measure in ["spearman", "absolute-spearman", "nonzero-spearman", "ssim", "cosine"] {
                for explainer in ["edges", "input", "random"] {
                    assert!((of(explainer, &format!("{class}-{measure}@{at}")) - 1.0).abs() < 1e-12, "{explainer}");
                }
            }
            assert!(of("constant", &format!("{class}-spearman@{at}")).is_nan());
            assert_eq!(of("constant", &format!("{class}-ssim@{at}")), 1.0);
            assert!(of("redrawn", &format!("{class}-spearman@{at}")).abs() < 0.02);
        }
    }
    // What the class decides differs from class to class; what does not see it does not.
    let other = |explainer: &str| rows.get(explainer, "random-logit", "spearman").estimate;
    assert!(other("gradient") < 0.6 && other("input") == 1.0);
    assert_eq!(rows.get("gradient", "agreement", "relative-l2").estimate, 0.0);
    assert!(rows.get("copy", "agreement", "cosine-lower-quantile").low >= 1.0 - 1e-12);
    let report = std::fs::read_to_string(bench.path("out/suite/report.md")).unwrap();
    let says = |text: &str| assert!(report.contains(text), "{text} is missing in\n{report}");
    says(
        "agreement on digits/cnn: copy with gradient: the 10 % quantile of cosine is 1.0000 [1.0000, 1.0000], at least 0.999: holds",
    );
    says("copy with gradient: the 90 % quantile of relative-l2 is 0.0000 [0.0000, 0.0000], at most 0.01: holds");
    for explainer in ["input-x-gradient", "guided-backprop"] {
        let lines: Vec<&str> = report.lines().filter(|line| line.contains(&format!("cnn: {explainer} with"))).collect();
        assert!(lines.len() == 2 && lines.iter().all(|line| line.ends_with("does not hold")), "{lines:?}");
    }
    assert!(!report.contains("linear: grad-cam") && report.contains("digits/linear: copy with gradient"));
    assert!(report.contains("points on digits/cnn: 1 = fc1, 2 = conv2, 3 = conv1"), "{report}");
    assert!(report.contains("over new draws (model-randomization)"), "{report}");
    assert!(report.contains("layers are drawn anew 8 times: model-randomization"), "{report}");
}

/// The values of one suite: by model, explainer, measure and place, then by the seed of the network.
struct Curves(BTreeMap<[String; 4], BTreeMap<u64, Vec<f64>>>);

impl Curves {
    fn read(examples: &std::path::Path) -> Self {
        let mut values = BTreeMap::<_, BTreeMap<u64, Vec<f64>>>::new();
        for row in csv::Reader::from_path(examples).unwrap().records().map(Result::unwrap) {
            if &row[5] == "model-randomization" {
                let key = [2, 4, 6, 7].map(|column: usize| row[column].to_string());
                let value = row[9].parse().unwrap_or(f64::NAN);
                values.entry(key).or_default().entry(row[3].parse().unwrap()).or_default().push(value);
            }
        }
        Self(values)
    }

    /// The means over images of each draw; of several networks, the mean over the draws of each.
    fn get(&self, model: &str, explainer: &str, measure: &str, at: usize) -> Vec<f64> {
        let key = [model, explainer, measure, &at.to_string()].map(str::to_string);
        let found = self
            .0
            .iter()
            .find(|(known, _)| known[..3] == key[..3] && known[3].parse::<f64>().ok() == key[3].parse::<f64>().ok());
        let (_, networks) = found.unwrap_or_else(|| panic!("nothing is known of {key:?}"));
        match networks.len() {
            1 => networks.values().flatten().copied().collect(),
            _ => networks.values().map(|draws| draws.iter().sum::<f64>() / draws.len() as f64).collect(),
        }
    }

    /// Prints a mean over draws, or networks, with its interval, and what is expected of it.
    fn show(&self, ordering: &str, expected: &str, [model, explainer, measure]: [&str; 3], at: usize) {
        print(
            ordering,
            &format!("{model} {explainer} {measure}@{at}"),
            expected,
            &self.get(model, explainer, measure, at),
        );
    }
}

fn print(ordering: &str, what: &str, expected: &str, values: &[f64]) {
    let (low, high) = t_interval(values, 0.05);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    println!("{ordering}: {what}: {mean:+.3} [{low:+.3}, {high:+.3}] (expected: {expected})");
}

/// Prints the orderings at the scale of the paper suite. What its store holds already is not computed again.
#[test]
#[ignore = "explains 200 images of some hundred networks: about half an hour on two cores, and needs MNIST in EXPLAINBENCH_DATA"]
fn the_orderings_of_the_sanity_checks() {
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_explainbench"));
    command.args(["run", "suites/papers/sanity-checks.toml", "--examples", "--out"]).arg(out.path());
    assert!(command.status().unwrap().success());
    let curves = Curves::read(&out.path().join("sanity-checks/examples.csv"));
    for model in ["lenet", "mlp"] {
        for class in ["reselected", "fixed"] {
            let measure = |name: &str| format!("{class}-{name}");
            let spearman = measure("spearman");
            let of = |explainer: &str, at: usize| curves.get(model, explainer, &spearman, at);
            let gaps: Vec<f64> =
                of("guided-backprop", 1).iter().zip(of("gradient", 1)).map(|(guided, plain)| guided - plain).collect();
            print("1", &format!("{model} guided-backprop minus gradient {spearman}@1"), "far above 0", &gaps);
            let falls: Vec<f64> = of("guided-backprop", 1)
                .iter()
                .zip(of("guided-backprop", 4))
                .map(|(first, last)| first - last)
                .collect();
            print("2", &format!("{model} guided-backprop {spearman} from 1 to 4"), "above 0", &falls);
            for explainer in ["gradient", "smoothgrad", "integrated-gradients", "input-x-gradient"] {
                curves.show("3", "within .1 of 0", [model, explainer, &spearman], 4);
            }
            for explainer in ["integrated-gradients", "input-x-gradient"] {
                curves.show("4", "above .95 on raw pixels", [model, explainer, &measure("absolute-spearman")], 4);
            }
            let mut pictures = vec!["guided-backprop", "integrated-gradients", "input-x-gradient", "gradient"];
            if model == "lenet" {
                pictures.push("grad-cam");
            }
            for explainer in pictures {
                curves.show("5", "reported", [model, explainer, &measure("ssim")], 4);
            }
            for explainer in ["edges", "input", "random"] {
                for at in 1..=4 {
                    let values = curves.get(model, explainer, &spearman, at);
                    assert!(values.iter().all(|value| (value - 1.0).abs() < 1e-12), "{explainer} {values:?}");
                }
            }
            assert!(curves.get(model, "constant", &spearman, 4).iter().all(|value| value.is_nan()));
            assert!(curves.get(model, "constant", &measure("ssim"), 4).iter().all(|value| *value == 1.0));
            curves.show("6", "0", [model, "random-redrawn", &spearman], 4);
        }
    }
}
