//! Orderings 21 to 24, of attacks on maps. What an attack finds beyond its control is judged; how explainers and trainings compare
//! is printed, because it was found on larger images.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use explainbench::stats::{mean, t_interval};

use crate::support::Bench;

/// The value of each image, by the seed of its network and its name.
type Images = BTreeMap<(u64, String), f64>;

/// Every value of `examples.csv`, by model, explainer, metric, measure and radius.
struct Moved(BTreeMap<[String; 5], Images>);

/// One curve of a model and an explainer: metric and measure.
#[derive(Clone, Copy)]
struct Curve<'a>(&'a str, &'a str, &'a str, &'a str);

/// A mean difference with its interval, and the two means that it lies between.
struct Gap {
    means: [f64; 2],
    mean: f64,
    low: f64,
    high: f64,
}

impl Moved {
    fn read(examples: &Path) -> Self {
        let mut values = BTreeMap::<_, Images>::new();
        for row in csv::Reader::from_path(examples).unwrap().records().map(Result::unwrap) {
            let key = [2, 4, 5, 6, 7].map(|column: usize| row[column].to_string());
            let image = (row[3].parse().unwrap(), row[8].to_string());
            // An image that no candidate kept in its class has no value.
            if let Ok(value) = row[9].parse() {
                values.entry(key).or_default().insert(image, value);
            }
        }
        Self(values)
    }

    fn images(&self, Curve(model, explainer, metric, measure): Curve, radius: &str) -> &Images {
        let key = [model, explainer, metric, measure, radius].map(str::to_string);
        self.0.get(&key).unwrap_or_else(|| panic!("nothing is known of {key:?}"))
    }

    fn mean(&self, curve: Curve, radius: &str) -> f64 {
        mean(&self.images(curve, radius).values().copied().collect::<Vec<_>>())
    }

    /// `high` minus `low` at a radius, on the images of the same networks that have both: over the means of the networks, or,
    /// of one network, over its images.
    fn gap(&self, high: Curve, low: Curve, radius: &str) -> Gap {
        let lower = self.images(low, radius);
        let mut seeds = BTreeMap::<u64, Vec<[f64; 2]>>::new();
        for (image, value) in self.images(high, radius) {
            if let Some(other) = lower.get(image) {
                seeds.entry(image.0).or_default().push([*other, *value]);
            }
        }
        let side = |pairs: &[[f64; 2]], at: usize| mean(&pairs.iter().map(|pair| pair[at]).collect::<Vec<_>>());
        let pairs: Vec<[f64; 2]> = match seeds.len() {
            1 => seeds.into_values().flatten().collect(),
            _ => seeds.values().map(|pairs| [0, 1].map(|at| side(pairs, at))).collect(),
        };
        let gaps: Vec<f64> = pairs.iter().map(|[low, high]| high - low).collect();
        let (low, high) = t_interval(&gaps, 0.05);
        Gap { means: [0, 1].map(|at| side(&pairs, at)), mean: mean(&gaps), low, high }
    }

    /// Prints whether `low` is below `high`.
    fn ordering(&self, number: u32, words: &str, low: Curve, high: Curve, radius: &str) -> Gap {
        let gap = self.gap(high, low, radius);
        let verdict = match (gap.low > 0.0, gap.high < 0.0) {
            (true, _) => "holds",
            (_, true) => "reversed",
            _ => "undecided",
        };
        let [below, above] = gap.means;
        println!(
            "{number}: {words} at {radius}/255: {below:.3} < {above:.3}, {:+.3} [{:+.3}, {:+.3}] {verdict}",
            gap.mean, gap.low, gap.high
        );
        gap
    }

    /// 21 for one model and explainer; the two comparisons with a control come back.
    fn attacks(&self, model: &str, explainer: &str, radius: &str) -> [Gap; 2] {
        let curve = |metric, measure| Curve(model, explainer, metric, measure);
        let (overlap, shift) = ("intersection-curve", "center-shift-curve");
        let (control, control_shift) = ("random-sign-intersection-curve", "random-sign-center-shift-curve");
        let say = |words: &str| format!("{model}, {explainer}: {words}");
        let ordering = |words: &str, low, high| self.ordering(21, &say(words), low, high, radius);
        let attack =
            ordering("intersection, top-k below its control", curve("top-k", overlap), curve("top-k", control));
        ordering("intersection, top-k below mass-center", curve("top-k", overlap), curve("mass-center", overlap));
        ordering(
            "intersection, mass-center below its control",
            curve("mass-center", overlap),
            curve("mass-center", control),
        );
        let center = ordering(
            "shift, mass-center above its control",
            curve("mass-center", control_shift),
            curve("mass-center", shift),
        );
        ordering("shift, mass-center above top-k", curve("top-k", shift), curve("mass-center", shift));
        ordering("shift, top-k above its control", curve("top-k", control_shift), curve("top-k", shift));
        [attack, center]
    }

    /// 22: what the top-k attack leaves of other maps than the gradient's.
    fn explainers(&self, model: &str, others: &[&str], radius: &str) {
        for measure in ["intersection-curve", "nonzero-spearman-curve", "spearman-curve"] {
            let curve = |explainer| Curve(model, explainer, "top-k", measure);
            for other in others {
                let words = format!("{model}, {measure}: gradient below {other}");
                self.ordering(22, &words, curve("gradient"), curve(other), radius);
            }
        }
    }

    /// 23: what random signs leave falls with the radius, and least for LRP z-plus.
    fn control(&self, model: &str, explainers: &[&str], radii: &[&str]) {
        let curve = |explainer| Curve(model, explainer, "top-k", "random-sign-intersection-curve");
        for explainer in explainers {
            let means: Vec<f64> = radii.iter().map(|radius| self.mean(curve(explainer), radius)).collect();
            let mut line = String::new();
            for (radius, mean) in radii.iter().zip(&means) {
                write!(line, " {radius}: {mean:.3}").unwrap();
            }
            let verdict = if means.is_sorted_by(|near, far| near > far) { "falls" } else { "does not fall" };
            println!("23: {model}, {explainer}, intersection under random signs:{line} {verdict}");
            if *explainer != "lrp-z-plus" {
                let words = format!("{model}, random signs leave less of {explainer} than of lrp-z-plus");
                self.ordering(23, &words, curve(explainer), curve("lrp-z-plus"), radii[radii.len() - 1]);
            }
        }
    }

    /// 24: what the top-k attack leaves of maps of networks that were trained against moves.
    fn trainings(&self, explainers: &[&str], radius: &str) {
        for explainer in explainers {
            let curve = |model| Curve(model, explainer, "top-k", "intersection-curve");
            let words = format!("{explainer}, intersection under top-k: plain below robust");
            self.ordering(24, &words, curve("plain"), curve("robust"), radius);
        }
    }
}

const EXPLAINERS: [&str; 4] = ["gradient", "integrated-gradients", "deep-lift", "lrp-z-plus"];

#[test]
fn attacks_move_maps_farther_than_as_many_random_signs() {
    let model = |name: &str, robust: &str| {
        format!(
            "[[model]]
            name = '{name}'
            layers = [
                {{ conv2d = {{ out = 8, kernel = 3, padding = 1 }} }}, 'relu', {{ max_pool2d = {{ kernel = 2 }} }},
                'flatten', {{ linear = {{ out = 32 }} }}, 'relu', {{ linear = {{ out = 10 }} }},
            ]
            train = {{ epochs = 8, batch = 32, optimizer = {{ use = 'adam', lr = 3e-3 }}{robust} }}\n"
        )
    };
    let bench = Bench::new(&format!(
        "question = 'Which explanations can be moved?'
        inference = {{ over = 'model' }}
        images = {{ count = 20, only = 'correct' }}
        dataset = {{ use = 'digits', scale = 2 }}
        explainer = [
            {{ use = 'gradient' }}, {{ use = 'integrated-gradients', steps = 8 }}, {{ use = 'deep-lift' }},
            {{ name = 'lrp-z-plus', use = 'lrp', composite = 'z-plus' }},
        ]
        metric = [
            {{ name = 'top-k', use = 'white-box-fragility', radii = [8, 32], iterations = 30 }},
            {{ name = 'mass-center', use = 'white-box-fragility', attack = 'mass-center', radii = [8, 32], iterations = 30 }},
        ]
        {}{}",
        model("plain", ""),
        model("robust", ", robust = { use = 'pgd', radius = 32, iterations = 5 }")
    ));
    let said = bench.says("run suite.toml --store store --out out --examples");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let moved = Moved::read(&bench.path("out/suite/examples.csv"));
    let radii = ["8", "32"];
    for explainer in EXPLAINERS {
        for radius in radii {
            for gap in moved.attacks("plain", explainer, radius) {
                // The known order is that of the gradient.
                assert!(explainer != "gradient" || gap.low > 0.0, "{explainer} at {radius}");
            }
        }
    }
    moved.explainers("plain", &EXPLAINERS[1..], "32");
    moved.control("plain", &EXPLAINERS, &radii);
    moved.trainings(&EXPLAINERS, "32");
}

/// Prints the orderings of the paper suites. What their stores hold already is not computed again.
#[test]
#[ignore = "attacks networks of MNIST and CIFAR-10: about forty minutes on two cores, and needs both in EXPLAINBENCH_DATA"]
fn the_orderings_of_the_paper_suites() {
    let out = tempfile::tempdir().unwrap();
    let run = |suite: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_explainbench"));
        command.args(["run", &format!("suites/papers/{suite}.toml"), "--examples", "--out"]).arg(out.path());
        assert!(command.status().unwrap().success());
        Moved::read(&out.path().join(suite).join("examples.csv"))
    };
    for (suite, models, radii) in [
        ("fragility-mnist", &["plain", "robust"][..], &["8", "16", "32"][..]),
        ("fragility", &["cnn"], &["1", "2", "4", "8"]),
    ] {
        println!("{suite}");
        let moved = run(suite);
        for model in models {
            for radius in radii {
                for explainer in EXPLAINERS {
                    moved.attacks(model, explainer, radius);
                }
                moved.explainers(model, &EXPLAINERS[1..], radius);
            }
            moved.control(model, &EXPLAINERS, radii);
        }
        if models.len() > 1 {
            radii.iter().for_each(|radius| moved.trainings(&EXPLAINERS, radius));
        }
    }
}
