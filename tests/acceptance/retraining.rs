//! Orderings 10 to 16, which need networks trained anew. 13 and what the controls must show are judged; the others are printed as
//! what they are at this scale, because they were found on larger data and are contested on small ones.

use std::collections::BTreeMap;
use std::process::Command;

use explainbench::stats::{spearman, t_interval};

use crate::support::Bench;

/// The values of the repetitions, by the seed of the original network.
type Networks = BTreeMap<u64, Vec<f64>>;

/// The number of each training, by explainer, metric, measure and place.
struct Trainings {
    values: BTreeMap<[String; 4], Networks>,
    /// Whether an ordering may be called absent at all: 8,000 training images and 5 original networks.
    large: bool,
}

impl Trainings {
    fn read(examples: &std::path::Path, large: bool) -> Self {
        let mut values = BTreeMap::<_, Networks>::new();
        for row in csv::Reader::from_path(examples).unwrap().records().map(Result::unwrap) {
            let key = [4, 5, 6, 7].map(|column: usize| row[column].to_string());
            let value = row[9].parse().unwrap_or(f64::NAN);
            values.entry(key).or_default().entry(row[3].parse().unwrap()).or_default().push(value);
        }
        Self { values, large }
    }

    /// The mean over the repetitions of each original network.
    fn get(&self, explainer: &str, metric: &str, measure: &str, at: &str) -> Vec<f64> {
        let key = [explainer, metric, measure, at].map(str::to_string);
        let networks = self.values.get(&key).unwrap_or_else(|| panic!("nothing is known of {key:?}"));
        networks.values().map(|repetitions| repetitions.iter().sum::<f64>() / repetitions.len() as f64).collect()
    }

    /// Prints whether the accuracy of `lower` at `at` is below that of `higher`, paired by the original network.
    fn ordering(&self, number: u32, lower: &str, higher: &str, at: &str) {
        let of = |explainer| self.get(explainer, "roar", "accuracy", at);
        let gaps: Vec<f64> = of(higher).iter().zip(of(lower)).map(|(high, low)| high - low).collect();
        let (low, high) = t_interval(&gaps, 0.05);
        // Less than the smallest effect that ROAR speaks of, as surely as these trainings can say.
        let verdict = match (low > 0.0, self.large && high - low <= 0.04 && high < 0.01) {
            (true, _) => "holds",
            // Where nothing is left of any image, nobody is below anybody.
            _ if gaps.iter().all(|gap| *gap == 0.0) => "equal in every training",
            (false, true) => "absent",
            (false, false) => "undecided",
        };
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        println!("{number}: {lower} below {higher} at {at}: {mean:+.4} [{low:+.4}, {high:+.4}] {verdict}");
    }

    /// Prints how well the accuracy without retraining ranks the explainers as the retrained one does, network by network.
    fn agreement(&self, metric: &str, explainers: &[&str], at: &str) {
        let of = |measure| explainers.iter().map(|one| self.get(one, metric, measure, at)).collect::<Vec<_>>();
        let (after, before) = (of("accuracy"), of("without-retraining"));
        let network = |all: &[Vec<f64>], n: usize| all.iter().map(|values| values[n]).collect::<Vec<f64>>();
        let rho: Vec<f64> = (0..after[0].len()).map(|n| spearman(&network(&after, n), &network(&before, n))).collect();
        let (low, high) = t_interval(&rho, 0.05);
        let mean = rho.iter().sum::<f64>() / rho.len() as f64;
        let count = explainers.len();
        println!(
            "15: {metric}, {count} explainers at {at}: Spearman of retrained and not {mean:.3} [{low:.3}, {high:.3}]"
        );
    }
}

/// The suite of digits, made smaller.
fn limited() -> String {
    let text = std::fs::read_to_string("suites/roar-digits.toml").unwrap();
    let smaller = |text: String, from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    };
    let text = smaller(text, "model = 6", "model = 3");
    let text = smaller(text, "count = 100", "count = 10");
    let text = smaller(text, "use = \"roar\"", "use = \"roar\"\nfractions = [0.5, 0.9]");
    format!(
        "{text}\n[[metric]]\nname = \"train-only\"\nuse = \"roar\"\nsplits = \"train\"\nfractions = [0.9]\nmasks = false\n\
         explainers = [\"gradient\", \"random\"]\n"
    )
}

#[test]
fn retraining_recovers_accuracy_and_a_leak_is_read() {
    let bench = Bench::new(&limited());
    let said = bench.says("run suite.toml --store store --out out --examples");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let trainings = Trainings::read(&bench.path("out/suite/examples.csv"), false);
    let mean = |explainer: &str, measure: &str, at: &str| {
        let values = trainings.get(explainer, "roar", measure, at);
        values.iter().sum::<f64>() / values.len() as f64
    };
    let explainers = [
        "gradient",
        "integrated-gradients",
        "smoothgrad",
        "smoothgrad-squared",
        "vargrad",
        "smooth-gradient",
        "random",
        "random-redrawn",
        "edges",
        "center",
        "input",
    ];
    for explainer in explainers {
        for at in ["0.5", "0.9"] {
            let (after, before) = (mean(explainer, "accuracy", at), mean(explainer, "without-retraining", at));
            println!("13: {explainer} at {at}: {after:.3} retrained, {before:.3} not");
            assert!(after >= before - 0.05, "{explainer} at {at}: {after} retrained, {before} not");
        }
    }
    // The shape of the leak's mask alone tells the class; noise tells nothing; ten classes.
    assert!(mean("label-leak", "mask-only", "0.5") > 0.9);
    assert!(mean("random", "mask-only", "0.5") < 0.2);
    assert!(mean("label-leak", "accuracy", "0.9") > mean("random", "accuracy", "0.9") + 0.1);
    for explainer in ["gradient", "random"] {
        let only = trainings.get(explainer, "train-only", "accuracy", "0.9");
        println!(
            "16: {explainer}: {only:.3?} with the training images alone modified, {:.3}",
            mean(explainer, "accuracy", "0.9")
        );
    }
    trainings.ordering(10, "smoothgrad-squared", "gradient", "0.9");
    trainings.ordering(10, "vargrad", "gradient", "0.9");
    trainings.ordering(11, "gradient", "smoothgrad", "0.9");
    trainings.ordering(12, "gradient", "random", "0.9");
    trainings.ordering(12, "smoothgrad-squared", "random", "0.9");
    trainings.ordering(14, "smooth-gradient", "gradient", "0.9");
    trainings.agreement("roar", &explainers, "0.9");
}

/// Prints the orderings at the scale of the paper suite: 8,000 training images and 5 networks. What its store holds already is
/// not computed again.
#[test]
#[ignore = "trains a thousand networks: about half an hour on two cores, and needs MNIST in EXPLAINBENCH_DATA"]
fn the_orderings_of_the_paper_suite() {
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_explainbench"));
    command.args(["run", "suites/papers/roar.toml", "--examples", "--out"]).arg(out.path());
    assert!(command.status().unwrap().success());
    let trainings = Trainings::read(&out.path().join("roar/examples.csv"), true);
    for at in ["0.7", "0.9"] {
        for (base, [mean, square, variance]) in
            [("gradient", ["gradient-sg", "gradient-sq", "gradient-var"]), ("ig", ["ig-sg", "ig-sq", "ig-var"])]
        {
            trainings.ordering(10, square, base, at);
            trainings.ordering(10, variance, base, at);
            trainings.ordering(11, base, mean, at);
            trainings.ordering(12, base, "random", at);
            trainings.ordering(12, square, "random", at);
            trainings.ordering(12, variance, "random", at);
        }
        trainings.ordering(14, "blurred-gradient", "gradient", at);
        let methods = ["gradient", "gradient-sg", "gradient-sq", "gradient-var", "ig", "ig-sg", "ig-sq", "ig-var"];
        trainings.agreement("roar", &methods, at);
        trainings.agreement("roar-linear", &methods, at);
    }
}
