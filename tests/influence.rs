//! Influence against retraining: what metrics make of answers that are known, and suites from the outside.

use explainbench::config::Section;
use explainbench::error::Result;
use explainbench::metrics::{self, Influenced, Metric, Poisoned, Refitted, Said, Scores};
use explainbench::model::convex::Loss;
use explainbench::need::{About, DataRef, Known, LeftOut, Need, Poison, Refit, Start};
use explainbench::noise::Noise;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

use crate::support::{Bench, numbers};

const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);
const POINTS: i64 = 4;
const EXAMPLES: i64 = 60;

fn metric(text: &str) -> Arc<dyn Metric> {
    metrics::read(&Section::parse("metric", text).unwrap()).unwrap().method
}

/// Influences [T, N] drawn by a number.
fn influence(draw: u64) -> Tensor {
    let ids: Vec<u64> = (0..POINTS as u64).collect();
    Noise::new(draw).normal(&ids, &[EXAMPLES], OPTIONS.0, OPTIONS.1).unwrap()
}

/// What retraining gives where a logit's change is `slope` times the sum of the influences of what was left out, plus noise that
/// differs between repetitions: logits (change, 0) of label 0.
fn refitted(refit: &Refit, slope: f64, noise: f64) -> Refitted {
    let truth = influence(1);
    let problems = refit.left_out.problems(POINTS as usize);
    let draw = Noise::new(9);
    let removal = |at: usize| -> (Vec<usize>, Option<usize>) {
        let order = draw.index(at as u64).permutation(EXAMPLES as usize);
        match refit.left_out {
            LeftOut::Nothing => (Vec::new(), None),
            LeftOut::Random { size, .. } => (order[..size].to_vec(), None),
            LeftOut::Rest { .. } => (order[..EXAMPLES as usize / 2].to_vec(), None),
            LeftOut::Top { count, size, .. } => (order[..size].to_vec(), Some(at / count)),
            LeftOut::Helpful { size, .. } => (order[..size].to_vec(), Some(at)),
            LeftOut::HelpfulTo { ref each, .. } => (order[..each[at].1].to_vec(), Some(each[at].0)),
        }
    };
    let (left_out, aimed): (Vec<_>, Vec<_>) = (0..problems).map(removal).unzip();
    let repetition = if let Start::Cold(repetition) = refit.start { repetition } else { 0 };
    let value = |places: &[usize], point: i64, at: usize| {
        let sum: f64 = places.iter().map(|place| truth.double_value(&[point, *place as i64])).sum();
        let drawn =
            Noise::new(50 + repetition).normal(&[at as u64 * 100 + point as u64], &[], OPTIONS.0, OPTIONS.1).unwrap();
        slope * sum + if places.is_empty() { 0.0 } else { noise * drawn.double_value(&[0]) }
    };
    let logits: Vec<f64> = (0..problems)
        .flat_map(|at| (0..POINTS).flat_map(move |point| [(at, point), (at, -1)]))
        .scan(0, |_, (at, point)| Some(if point < 0 { 0.0 } else { value(&left_out[at], point, at) }))
        .collect();
    Refitted {
        logits: Tensor::from_slice(&logits).view([problems as i64, POINTS, 2]),
        before: Tensor::zeros([POINTS, 2], OPTIONS),
        labels: Tensor::zeros([POINTS], (Kind::Int64, Device::Cpu)),
        ids: (10..10 + POINTS as u64).collect(),
        unconverged: 0,
        left_out,
        aimed,
    }
}

fn judged(metric: &dyn Metric, slope: f64, noise: f64) -> Scores {
    let said = |about: &About| -> Result<Said> {
        let values = match about {
            About::Test(_, DataRef::Nothing) => influence(2),
            About::Test(..) => influence(1),
            // Wrong labels, which come first, have the largest values.
            About::Itself(_) => Tensor::arange(EXAMPLES, OPTIONS).neg(),
        };
        Ok(Said { values, flipped: (0..EXAMPLES).map(|at| at < 3).collect(), ids: (10..10 + POINTS as u64).collect() })
    };
    let refits = |refit: &Refit| -> Result<Refitted> { Ok(refitted(refit, slope, noise)) };
    let poisoned = |_: &Poison| -> Result<Poisoned> {
        let both = |one: f64| [vec![one; 4], vec![0.0; 4]];
        Ok(Poisoned { ids: (0..4).collect(), change: both(slope), flipped: [vec![true; 4], vec![false; 4]] })
    };
    let given = Influenced {
        repetitions: vec![0, 1],
        flips: vec![0, 1, 2],
        noise: Noise::new(0),
        loss: Loss::CrossEntropy,
        said: &said,
        refitted: &refits,
        poisoned: &poisoned,
    };
    metric.judge(&given).unwrap()
}

fn values<'a>(scores: &'a Scores, name: &str) -> &'a [f64] {
    &scores.measures.iter().find(|values| values.measure == name).unwrap().values
}

#[test]
fn every_metric_of_influence_keeps_its_word_on_measures() {
    let mut judged_ones = 0;
    for entry in metrics::ALL {
        let metric = match metrics::read(&Section::parse("metric", &format!("use = '{}'", entry.name)).unwrap()) {
            Some(chosen) if chosen.method.influences() => chosen.method,
            _ => continue,
        };
        judged_ones += 1;
        let known = Known { repetitions: vec![0, 1], flips: vec![0], ..Known::default() };
        assert!(
            metric
                .needs(&known)
                .iter()
                .all(|need| matches!(need, Need::Influence(_) | Need::Refitted(_) | Need::Poisoned(_)))
        );
        let scores = judged(&*metric, 1.0, 0.1);
        let promised: Vec<&str> = metric
            .measures()
            .iter()
            .filter(|measure| measure.spread_of.is_none())
            .map(|measure| measure.name)
            .collect();
        let kept: Vec<&str> = scores.measures.iter().map(|values| values.measure).collect();
        let (mut sorted, mut there) = (promised.clone(), kept);
        sorted.sort_unstable();
        there.sort_unstable();
        assert_eq!(sorted, there, "{}", entry.name);
        for values in &scores.measures {
            assert_eq!(values.values.len(), scores.ids.len() * values.at.len(), "{} {}", entry.name, values.measure);
        }
    }
    assert!(judged_ones >= 5);
}

/// Twice the prediction, without noise: correlation 1, slope 2, and half the actual change missed.
#[test]
fn what_was_predicted_to_scale_has_its_slope() {
    let scores = judged(&*metric("use = 'leave-one-out'\nquantity = 'logit'"), 2.0, 0.0);
    for set in ["", "top-"] {
        let all = |name: &str, expected: f64| {
            let values = values(&scores, &format!("{set}{name}"));
            assert!(values.iter().all(|value| (value - expected).abs() < 1e-9), "{set}{name}: {values:?}");
        };
        all("pearson", 1.0);
        all("spearman", 1.0);
        all("slope", 2.0);
        all("intercept", 0.0);
        all("relative-l2", 0.5);
    }
    assert_eq!(scores.ids, [10, 11, 12, 13]);
    assert!(values(&scores, "drift").iter().all(|drift| *drift == 0.0));
}

/// Noise of retraining lowers what can be reached at all, which the ceiling says; far above the signal nothing can be told.
#[test]
fn noise_of_retraining_is_told_from_a_bad_prediction() {
    let text = "use = 'leave-one-out'\nquantity = 'logit'\nstart = 'cold'\nrandom = 400";
    let quiet = judged(&*metric(text), 1.0, 0.01);
    assert!(values(&quiet, "ceiling").iter().all(|ceiling| *ceiling > 0.99));
    // Signal and noise of one repetition alike: of two, the mean has a reliability of 2/3.
    let loud = judged(&*metric(text), 1.0, 1.0);
    let ceilings = values(&loud, "ceiling");
    let expected = (2.0f64 / 3.0).sqrt();
    assert!(ceilings.iter().all(|ceiling| (ceiling - expected).abs() < 0.15), "{ceilings:?}");
    let reached = values(&loud, "pearson");
    assert!(reached.iter().zip(ceilings).all(|(reached, ceiling)| (reached - ceiling).abs() < 0.15), "{reached:?}");
    let lost = judged(&*metric(text), 0.0, 1.0);
    let hidden = lost.flags.iter().find(|(flag, _)| *flag == "below resolution").unwrap().1;
    assert!(hidden > 0, "{:?} {:?}", lost.flags, values(&lost, "ceiling"));
}

#[test]
fn sums_of_influences_are_ranked_against_subsets() {
    let scores = judged(&*metric("use = 'linear-datamodelling-score'\nquantity = 'logit'"), 3.0, 0.0);
    assert!(values(&scores, "lds").iter().all(|lds| (lds - 1.0).abs() < 1e-12));
    let scores = judged(&*metric("use = 'linear-datamodelling-score'\nquantity = 'logit'"), -1.0, 0.0);
    assert!(values(&scores, "lds").iter().all(|lds| (lds + 1.0).abs() < 1e-12));
}

#[test]
fn wrong_labels_that_come_first_are_found() {
    let scores = judged(&*metric("use = 'mislabel-detection'\nchecked = [0.05, 0.1, 0.2]"), 1.0, 0.0);
    assert_eq!(values(&scores, "auroc"), [1.0; 3]);
    assert_eq!(values(&scores, "average-precision"), [1.0; 3]);
    // The first 3 of 60 are the three.
    assert_eq!(values(&scores, "recall")[..3], [1.0, 1.0, 1.0]);
}

fn suite() -> String {
    SUITE.replace("OTHERS", "['influence-function', 'gradient-cosine', 'loss', 'random']")
}

const SUITE: &str = "question = 'Is what is said of training examples what happens without them?'
    inference = { over = 'model' }
    seeds = { model = 2, retrain = 2, flip = 2 }
    images = { count = 4 }
    dataset = { use = 'digits', train = 150 }
    influence = [
        { use = 'influence-function', hessian = 'gauss-newton' },
        { use = 'gradient-cosine' },
        { use = 'loss' },
        { use = 'random' },
        { name = 'hasty', use = 'influence-function', solver = 'cg', iterations = 2 },
    ]
    metric = [
        { use = 'leave-one-out', random = 12, top = 4, models = ['logistic'], influences = OTHERS },
        { name = 'cold', use = 'leave-one-out', start = 'cold', random = 4, top = 2, models = ['mlp'], influences = ['loss'] },
        { use = 'linear-datamodelling-score', subsets = 10, models = ['logistic'], influences = OTHERS },
        { use = 'mislabel-detection', models = ['logistic'], influences = OTHERS },
        { name = 'subgroup', use = 'mislabel-detection', models = ['logistic'], class = 3, into = 8, share = 0.5, influences = OTHERS },
        { use = 'brittleness', sizes = [1, 5, 20], models = ['logistic'], influences = OTHERS },
        { use = 'influence-randomization', models = ['logistic'], influences = ['influence-function', 'hasty'] },
        { use = 'training-set-attack', models = ['logistic'], influences = ['influence-function'], examples = 5, radius = 8,
          step = 2, iterations = 5, images = { count = 3, only = 'correct' } },
    ]
    [[model]]
    name = 'logistic'
    layers = ['flatten', { linear = { out = 10 } }]
    train = { solver = 'newton', l2 = 0.01 }
    [[model]]
    name = 'mlp'
    layers = ['flatten', { linear = { out = 6 } }, 'tanh', { linear = { out = 10 } }]
    train = { epochs = 3, batch = 32 }";

/// What one score holds of a measure.
fn scored(bench: &Bench, words: &str, measure: &str) -> Vec<f64> {
    let contents = bench.contents(words);
    assert_eq!(contents.len(), 1, "{words}");
    Vec::try_from(numbers(&contents[0], &format!("values.{measure}")).1.flatten(0, -1)).unwrap()
}

#[test]
fn a_suite_holds_influences_against_retraining() {
    let bench = Bench::new(&suite());
    let said = bench.run();
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    // A convex fit has no noise: the influence function is nearly right, of random examples and of the largest.
    let of = |who: &str, measure: &str| scored(&bench, &format!("leave-one-out of {who}"), measure);
    for measure in ["pearson", "top-pearson"] {
        assert!(of("influence-function", measure).iter().all(|pearson| *pearson > 0.97), "{measure}");
    }
    assert!(of("influence-function", "slope").iter().all(|slope| (0.9..1.6).contains(slope)));
    assert!(of("influence-function", "drift").iter().all(|drift| *drift < 1e-8));
    // A cosine of gradients is 1 of every example with itself: it finds wrong labels as chance does, exactly.
    assert_eq!(scored(&bench, "mislabel-detection of gradient-cosine", "auroc"), [0.5; 2]);
    let found = |who: &str| scored(&bench, &format!("mislabel-detection of {who}"), "auroc").iter().sum::<f64>() / 2.0;
    assert!(found("influence-function") > 0.8 && found("influence-function") > found("random"));
    // Leaving the most helpful out hurts, more of them more, and more than random ones.
    let area = |who: &str| scored(&bench, &format!("brittleness of {who}"), "area").iter().sum::<f64>();
    assert!(area("influence-function") > area("random").abs(), "{} {}", area("influence-function"), area("random"));
    // Examples that many predictions rest on turn them, and where one less did not the curve says the same.
    let of = |measure: &str| scored(&bench, "brittleness of influence-function", measure);
    let (removals, flipped) = (of("removals"), of("flipped"));
    assert!(removals.iter().any(|removals| removals.is_finite()), "{removals:?}");
    for (removals, flipped) in removals.iter().zip(flipped.chunks(3)) {
        let curve: Vec<f64> = [1.0, 5.0, 20.0].map(|size| f64::from(u8::from(size >= *removals))).to_vec();
        let first = |curve: &[f64]| curve.iter().position(|flipped| *flipped == 1.0);
        assert_eq!(first(flipped), first(&curve), "{removals} {flipped:?}");
    }
    let wrong = |who: &str| scored(&bench, &format!("subgroup of {who}"), "auroc").iter().sum::<f64>() / 2.0;
    assert!(wrong("influence-function") > 0.6 && wrong("gradient-cosine") == 0.5, "{}", wrong("influence-function"));
    // What is aimed at raises the loss, by more than random signs on the same images do.
    let raised = |measure: &str| scored(&bench, "training-set-attack of influence-function", measure);
    let (attack, random) = (raised("change"), raised("random-sign-change"));
    assert!(
        attack.iter().zip(&random).all(|(attack, random)| attack > random && *attack > 0.0),
        "{attack:?} {random:?}"
    );
    // Trainings without an example are shared by all methods: 12 random ones in one cell, 4 x 4 top ones in one for each method.
    assert_eq!(bench.contents("refit digits/logistic seed 0: without 1 random").len(), 1);
    assert_eq!(bench.contents("refit digits/mlp seed 0: without 1 random").len(), 2 * 4);
    let report = std::fs::read_to_string(bench.path("out/suite/report.md")).unwrap();
    for words in ["4 test points drawn by seed", "2 draws of wrong labels", "Controls: loss, random."] {
        assert!(report.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{words}");
    }
    // What a number is stands in its row, and what was not solved beside the tables.
    let rows = std::fs::read_to_string(bench.path("out/suite/rows.csv")).unwrap();
    for line in rows.lines().skip(1) {
        let order = ["loss", "random", "gradient-cosine"].iter().any(|name| line.split(',').nth(3) == Some(name));
        let convention = if order { "in order alone" } else { "divisor n" };
        let convention = format!("\"without it minus with it, {convention}, regulariser ");
        assert!(line.contains(&convention) && line.ends_with(" / 2 |theta|^2\""), "{line}");
    }
    let objective =
        "objective on digits/logistic: mean cross-entropy over n = 150 training examples + 0.01 / 2 |theta|^2";
    assert!(report.contains(objective), "{report}");
    let flags = std::fs::read_to_string(bench.path("out/suite/flags.csv")).unwrap();
    assert!(flags.contains("hasty,influence-randomization,system not solved,4,4"), "{flags}");
    assert!(!flags.contains("influence-function,influence-randomization"), "{flags}");
    for figure in ["digits.logistic.leave-one-out.scatter", "digits.logistic.mislabel-detection.recall"] {
        assert!(bench.path(&format!("out/suite/figures/{figure}.svg")).exists(), "{figure}");
    }
    // Nothing is computed again.
    assert_eq!(bench.run().computed(), 0);
}

/// Of eighteen test images some are classified correctly; trainings are planned for all.
#[test]
fn test_points_may_be_fewer_than_were_planned_for() {
    let bench = Bench::new(
        "question = 'Who is left?'
        inference = { over = 'model' }
        images = { count = 18, only = 'correct' }
        dataset = { use = 'digits', train = 60, test = 0.01 }
        influence = [{ use = 'loss' }]
        metric = [{ use = 'leave-one-out', random = 2, top = 2 }, { use = 'brittleness', sizes = [1, 4] }]
        [[model]]
        name = 'mlp'
        layers = ['flatten', { linear = { out = 6 } }, 'tanh', { linear = { out = 10 } }]
        train = { epochs = 10, batch = 8, optimizer = { use = 'adam', lr = 0.01 } }",
    );
    let said = bench.run();
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let (pearson, removals) =
        (scored(&bench, "leave-one-out of loss", "pearson"), scored(&bench, "brittleness of loss", "removals"));
    assert!((1..18).contains(&pearson.len()) && removals.len() == pearson.len(), "{pearson:?} {removals:?}");
}
