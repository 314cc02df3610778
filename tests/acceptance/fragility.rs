//! Orderings 21 to 24, of attacks on maps. What an attack finds beyond its control is judged; how explainers and trainings compare
//! is printed, because it was found on larger images.

use std::fmt::Write;
use std::process::Command;

use super::examples::{Curve, Examples, Gap};
use crate::support::Bench;

/// What attacks left of maps.
struct Moved(Examples);

impl Moved {
    /// Prints whether `low` is below `high` at a radius.
    fn ordering(&self, number: u32, words: &str, low: Curve, high: Curve, radius: &str) -> Gap {
        self.0.ordering(number, &format!("{words} at {radius}/255"), low, high, radius)
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
            let means: Vec<f64> = radii.iter().map(|radius| self.0.mean(curve(explainer), radius)).collect();
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
    let moved = Moved(Examples::read(&bench.path("out/suite/examples.csv")));
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
        Moved(Examples::read(&out.path().join(suite).join("examples.csv")))
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
