//! Influence against retraining: what metrics make of answers that are known, and suites from the outside.

use explainbench::config::Section;
use explainbench::error::Result;
use explainbench::metrics::{self, Influenced, Metric, Refitted, Said, Scores};
use explainbench::model::convex::Loss;
use explainbench::need::{About, DataRef, Known, LeftOut, Need, Refit, Start};
use explainbench::noise::Noise;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);
const POINTS: i64 = 4;
const EXAMPLES: i64 = 30;

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
        Ok(Said { values, flipped: (0..EXAMPLES).map(|at| at < 3).collect() })
    };
    let refits = |refit: &Refit| -> Result<Refitted> { Ok(refitted(refit, slope, noise)) };
    let given = Influenced {
        repetitions: vec![0, 1],
        flips: vec![0, 1, 2],
        noise: Noise::new(0),
        loss: Loss::CrossEntropy,
        said: &said,
        refitted: &refits,
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
        assert!(metric.needs(&known).iter().all(|need| matches!(need, Need::Influence(_) | Need::Refitted(_))));
        let scores = judged(&*metric, 1.0, 0.1);
        let promised: Vec<&str> = metric.measures().iter().map(|measure| measure.name).collect();
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
    // Half of the three are among the first 1.5 of 30.
    assert_eq!(values(&scores, "recall")[..3], [0.5, 1.0, 1.0]);
}
