//! Contracts that every entry of every catalogue keeps.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use explainbench::catalogue::Entry;
use explainbench::config::Section;
use explainbench::datasets::Truth;
use explainbench::explainers::{self, Evidence, Explainer, Role, Scene, Unit};
use explainbench::imputers::{self, Imputer, Statistics};
use explainbench::metrics::{self, Beside, Cost, Direction, Given, Metric, Moved, Other};
use explainbench::model::{Graph, Model, layers};
use explainbench::need::{DataRef, Fit, Maps, ModelRef, Perturbed};
use explainbench::noise::Noise;
use explainbench::similarities;
use explainbench::tensor_file;
use explainbench::transforms;
use tch::{Device, Kind, Tensor};

mod agreement;
mod clever_hans;
mod data_randomization;
mod influence;
mod localization;
mod model_randomization;
mod removal;

/// What holds for a row of any catalogue, whatever it makes.
fn check_entry<T: ?Sized>(folder: &str, entry: &Entry<T>) {
    let file = entry.name.replace('-', "_");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/{folder}"));
    assert!(find(&source, &format!("{file}.rs")), "{folder}: no file is called {file}.rs");
    assert!(!entry.summary.is_empty() && !entry.summary.ends_with('.'), "{}: summary", entry.name);
    assert!(!entry.reference.is_empty(), "{}: reference", entry.name);
    assert!(entry.revision >= 1, "{}: revision", entry.name);
    for heading in ["# Definition", "# Reference"] {
        assert!(entry.source.contains(&format!("//! {heading}")), "{}: {heading}", entry.name);
    }
}

fn find(folder: &Path, name: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { find(&path, name) } else { path.ends_with(name) }
    })
}

fn unique<T: ?Sized>(all: &[Entry<T>]) {
    let names: BTreeSet<&str> = all.iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), all.len());
}

#[test]
fn every_row_names_its_file_and_its_source() {
    explainbench::datasets::ALL.iter().for_each(|entry| check_entry("datasets", entry));
    explainers::ALL.iter().for_each(|entry| check_entry("explainers", entry));
    transforms::ALL.iter().for_each(|entry| check_entry("transforms", entry));
    imputers::ALL.iter().for_each(|entry| check_entry("imputers", entry));
    similarities::ALL.iter().for_each(|entry| check_entry("similarities", entry));
    explainbench::attacks::ALL.iter().for_each(|entry| check_entry("attacks", entry));
    explainbench::influence::ALL.iter().for_each(|entry| check_entry("influence", entry));
    metrics::ALL.iter().for_each(|entry| check_entry("metrics", entry));
    unique(explainbench::datasets::ALL);
    unique(explainers::ALL);
    unique(transforms::ALL);
    unique(imputers::ALL);
    unique(similarities::ALL);
    unique(explainbench::attacks::ALL);
    unique(explainbench::influence::ALL);
    unique(metrics::ALL);
}

pub const SIDE: i64 = 8;

/// A small network of two channels with fixed random weights.
pub fn model() -> Model {
    let text = "layers = [{ conv2d = { out = 4, kernel = 3, padding = 1 } }, \"relu\", { max_pool2d = { kernel = 2 } }, \
                \"flatten\", { linear = { out = 3 } }]";
    let section = Section::parse("model", text).unwrap();
    let graph: Graph = layers::read(&section, &[2, SIDE, SIDE], Some(3)).unwrap();
    let noise = Noise::new(5);
    let weights = graph.weights.iter().map(|spec| {
        noise.purpose(&spec.name).normal(&[0], &spec.shape, Kind::Double, Device::Cpu).unwrap().squeeze_dim(0) * 0.3
    });
    let weights = weights.collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

pub fn statistics() -> Statistics {
    Statistics { mean: Tensor::from_slice(&[0.4, 0.6]) }
}

/// `count` random images with a square of truth each.
pub fn scene<'a>(model: &'a Model, statistics: &'a Statistics, count: usize, chunk: usize) -> Scene<'a> {
    let ids: Vec<u64> = (0..count as u64).collect();
    let x = Noise::new(6).uniform(&ids, &[2, SIDE, SIDE], Kind::Double, Device::Cpu).unwrap();
    let truth = Tensor::zeros([count as i64, SIDE, SIDE], (Kind::Bool, Device::Cpu));
    let _ = truth.narrow(1, 2, 3).narrow(2, 1, 2).fill_(1);
    let without = Some(x.masked_fill(&truth.unsqueeze(1), 0.0));
    let boxes = Truth::from_masks(truth.shallow_clone()).unwrap().boxes;
    let evidence = Evidence { mask: truth, ignored: None, boxes, applies: vec![true; count], without };
    Scene {
        model,
        target: Tensor::from_slice(&ids.iter().map(|id| (id % 3) as i64).collect::<Vec<_>>()),
        evidence: Some(evidence),
        x,
        ids,
        noise: Noise::new(7),
        statistics,
        chunk,
        differentiable: false,
    }
}

/// Every explainer with its defaults; where a parameter has none, with an example.
pub fn all_explainers() -> Vec<(String, Arc<dyn Explainer>)> {
    let file = std::env::temp_dir().join(format!("explainbench-conformance-{}.safetensors", std::process::id()));
    let stored = Noise::new(8).normal(&(0..6).collect::<Vec<_>>(), &[2, SIDE, SIDE], Kind::Float, Device::Cpu).unwrap();
    tensor_file::write(&file, &[("attribution", stored)]).unwrap();
    let all = explainers::ALL.iter().map(|entry| {
        let parameters =
            if entry.name == "precomputed" { format!("file = '{}'", file.display()) } else { String::new() };
        let section = Section::parse("explainer", &format!("use = '{}'\n{parameters}", entry.name)).unwrap();
        let contender = explainers::read(&section);
        assert!(!section.has_mistakes(), "{}", section.mistakes());
        (entry.name.to_string(), contender.unwrap().chosen.method)
    });
    all.collect()
}

pub fn explain(explainer: &dyn Explainer, scene: &Scene) -> Tensor {
    let attribution = explainer.explain(scene).unwrap();
    let size = scene.x.size();
    let expected = match attribution.unit {
        Unit::Element => size.clone(),
        Unit::Pixel => vec![size[0], 1, size[2], size[3]],
    };
    assert_eq!(attribution.values.size(), expected);
    assert_eq!(attribution.values.kind(), scene.x.kind());
    attribution.values
}

#[test]
fn every_imputer_replaces_what_is_removed_and_nothing_else() {
    let (model, statistics) = (model(), statistics());
    let scene = scene(&model, &statistics, 2, 10);
    let (x, on) = (&scene.x, scene.surroundings());
    let removed = Tensor::zeros([2, 1, 1, SIDE, SIDE], (Kind::Bool, Device::Cpu));
    let _ = removed.narrow(3, 0, 3).fill_(1);
    for entry in imputers::ALL {
        let section = Section::parse("imputer", "").unwrap();
        let imputer: Arc<dyn Imputer> = (entry.read)(&section).unwrap();
        let changed = imputer.impute(x, &removed, &on).unwrap().squeeze_dim(1);
        assert_eq!(changed.narrow(2, 3, SIDE - 3), x.narrow(2, 3, SIDE - 3), "{}", entry.name);
        let fill = imputer.reference(x, &on).unwrap();
        assert_eq!(fill.size(), x.size());
        // Its fill depends on what is left.
        if entry.name != "noisy-linear" {
            assert_eq!(changed.narrow(2, 0, 3), fill.narrow(2, 0, 3), "{}", entry.name);
        }
    }
}

#[test]
fn every_explainer_gives_finite_maps_of_its_unit_the_same_each_time_and_in_any_batch() {
    let (model, statistics) = (model(), statistics());
    for (name, explainer) in all_explainers() {
        let whole = explain(&*explainer, &scene(&model, &statistics, 6, 1000));
        assert!(bool::try_from(whole.isfinite().all()).unwrap(), "{name}");
        assert_eq!(whole, explain(&*explainer, &scene(&model, &statistics, 6, 1000)), "{name} a second time");
        // One row at a time: other chunks change the order of sums, and nothing else.
        let narrow = explain(&*explainer, &scene(&model, &statistics, 6, 1));
        let apart = (&whole - &narrow).abs().max().double_value(&[]);
        assert!(apart < 1e-12, "{name}: {apart:e} apart with other chunks");
        for example in 0..6 {
            let alone = explain(&*explainer, &scene(&model, &statistics, 6, 1000).part(example..example + 1).unwrap());
            let apart = (whole.narrow(0, example as i64, 1) - alone).abs().max().double_value(&[]);
            assert!(apart < 1e-12, "{name}: {apart:e} apart when alone");
        }
    }
}

#[test]
fn controls_do_not_see_the_model_and_explainers_of_it_do() {
    let (one, statistics) = (model(), statistics());
    let other = {
        let weights = one.weights().iter().map(|weight| weight * -0.5 + 0.01).collect();
        Model::new(one.graph.clone(), weights).unwrap()
    };
    for (name, explainer) in all_explainers().into_iter().filter(|(name, _)| name != "precomputed") {
        let same = explain(&*explainer, &scene(&one, &statistics, 4, 1000))
            == explain(&*explainer, &scene(&other, &statistics, 4, 1000));
        assert_eq!(same, explainer.role() != Role::Explainer, "{name}");
    }
}

#[test]
fn the_settings_of_an_entry_tell_different_parameters_apart() {
    let identity = |text: &str| {
        let section = Section::parse("explainer", text).unwrap();
        explainers::read(&section).unwrap().chosen.identity
    };
    let plain = identity("use = 'smoothgrad'");
    assert_eq!(plain, identity("use = 'smoothgrad'\nsamples = 25\nname = 'mine'"), "defaults and names change nothing");
    assert_ne!(plain, identity("use = 'smoothgrad'\nsamples = 26"));
    assert_ne!(plain, identity("use = 'smoothgrad'\nof = 'input-x-gradient'"));
    assert_ne!(plain, identity("use = 'smoothgrad'\nof = { use = 'integrated-gradients', steps = 8 }"));
    assert_ne!(plain, identity("use = 'gradient'"));
}

#[test]
fn integrated_gradients_are_complete_and_give_a_dummy_nothing() {
    // Channel 1 is cut off: its weights in the only convolution are 0.
    let model = model();
    let weights = model.weights().iter().zip(&model.graph.weights).map(|(weight, spec)| {
        let weight = weight.copy();
        if spec.shape.len() == 4 {
            let _ = weight.select(1, 1).zero_();
        }
        weight
    });
    let model = Model::new(model.graph.clone(), weights.collect()).unwrap();
    let statistics = statistics();
    for reference in ["black", "mean", "blur"] {
        let text = format!("use = 'integrated-gradients'\nsteps = 2000\nreference = '{reference}'");
        let section = Section::parse("explainer", &text).unwrap();
        let explainer = explainers::read(&section).unwrap().chosen.method;
        let scene = scene(&model, &statistics, 3, 500);
        let values = explain(&*explainer, &scene);
        assert_eq!(values.select(1, 1).abs().max().double_value(&[]), 0.0, "the dummy channel");
        let section = Section::parse("metric", &format!("imputer = '{reference}'")).unwrap();
        let start = imputers::choose(&section, "imputer", "black").unwrap().method;
        let start = start.reference(&scene.x, &scene.surroundings()).unwrap();
        let score = |x: &Tensor| model.scores(x, &scene.target, explainbench::model::Score::Logit).unwrap();
        let gap = values.sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Double) - (score(&scene.x) - score(&start));
        let gap = gap.abs().max().double_value(&[]);
        assert!(gap < 1e-3, "{reference}: completeness gap {gap}");
    }
}

#[test]
fn smoothgrad_without_noise_is_what_it_wraps() {
    let (model, statistics) = (model(), statistics());
    let read = |text: &str| explainers::read(&Section::parse("explainer", text).unwrap()).unwrap().chosen.method;
    let scene = scene(&model, &statistics, 3, 10);
    let plain = explain(&*read("use = 'gradient'"), &scene);
    let close = |text: &str, expected: &Tensor| {
        let apart = (explain(&*read(text), &scene) - expected).abs().max().double_value(&[]);
        assert!(apart < 1e-12, "{text}: {apart}");
    };
    close("use = 'smoothgrad'\nnoise = 0.0\nsamples = 3", &plain);
    close("use = 'smoothgrad'\nnoise = 0.0\nsamples = 3\ncombine = 'square'", &plain.square());
    close("use = 'smoothgrad'\nnoise = 0.0\nsamples = 3\ncombine = 'variance'", &plain.zeros_like());
}

#[test]
fn every_metric_scores_each_example_alone_as_in_a_batch_and_keeps_its_word_on_measures() {
    let (model, statistics) = (model(), statistics());
    let map = Tensor::rand([5, SIDE, SIDE], (Kind::Double, Device::Cpu));
    for entry in metrics::ALL {
        let metric = metric(&example(entry.name));
        if metric.retrains() || metric.influences() {
            // These look at trainings, not at images.
            continue;
        }
        // Further maps: the same upside down.
        let further = |map: Tensor| move |_: &Maps| Ok(map.flip([1]));
        let read = further(map.shallow_clone());
        let all = given(scene(&model, &statistics, 5, 1000), map.shallow_clone());
        let around = moved(&*metric, all.scene.x.shallow_clone(), map.shallow_clone());
        let all = Given { beside: Beside { draws: vec![3], read: Some(&read), moved: Some(&around) }, ..all };
        let whole = metric.score(&all).unwrap();
        let measures = metric.measures();
        // A half-width is read off another measure's interval, and has no values of its own.
        let valued = measures.iter().filter(|measure| measure.half_width_of.is_none() && measure.spread_of.is_none());
        let promised: Vec<&str> = valued.map(|measure| measure.name).collect();
        for measure in measures.iter().filter(|measure| measure.half_width_of.is_some()) {
            let of = measures.iter().find(|other| Some(other.name) == measure.half_width_of);
            let alike = of.is_some_and(|of| of.axis == measure.axis && of.half_width_of.is_none());
            assert!(alike, "{} {}", entry.name, measure.name);
        }
        assert_eq!(whole.measures.iter().map(|values| values.measure).collect::<Vec<_>>(), promised, "{}", entry.name);
        for values in &whole.measures {
            assert_eq!(values.values.len(), 5 * values.at.len(), "{} {}", entry.name, values.measure);
        }
        for example in 0..5 {
            let part = scene(&model, &statistics, 5, 2).part(example..example + 1).unwrap();
            let map = map.narrow(0, example as i64, 1);
            let read = further(map.shallow_clone());
            let around = moved(&*metric, part.x.shallow_clone(), map.shallow_clone());
            let beside = Beside { draws: vec![3], read: Some(&read), moved: Some(&around) };
            let one = Given { beside, ..given(part, map) };
            let alone = metric.score(&one).unwrap();
            for (whole, alone) in
                whole.measures.iter().zip(&alone.measures).filter(|(whole, _)| whole.measure != "seconds")
            {
                let points = whole.at.len();
                let pairs = whole.values[example * points..(example + 1) * points].iter().zip(&alone.values);
                // Quotients can be large.
                let apart = pairs.map(|(a, b)| (a - b).abs() / a.abs().max(1.0)).fold(0.0, f64::max);
                assert!(apart < 1e-12, "{} {}: {apart}", entry.name, whole.measure);
            }
        }
    }
}

/// Images a little brighter, more so each time, whose maps are the same upside down and ever smaller.
fn moved(metric: &dyn Metric, x: Tensor, map: Tensor) -> impl Fn(Perturbed) -> explainbench::error::Result<Moved> {
    let count = |end| metric.perturbation(end).map_or(0, |perturbation| perturbation.count());
    let counts = [Perturbed::Attacked, Perturbed::Random, Perturbed::Nearby].map(|end| (end, count(end)));
    move |end| {
        let count = counts.iter().find(|(known, _)| *known == end).map_or(0, |(_, count)| *count);
        let stack =
            |of: &dyn Fn(f64) -> Tensor| Tensor::stack(&(1..=count).map(|at| of(at as f64)).collect::<Vec<_>>(), 1);
        let maps = stack(&|at| map.flip([1]) / at);
        Ok(Moved {
            x: stack(&|at| &x + 0.01 * at),
            half: Some(maps.shallow_clone()),
            maps,
            admitted: Tensor::ones([x.size()[0], count as i64], (Kind::Bool, Device::Cpu)),
        })
    }
}

/// On an additive linear model, removing by w_i (x_i - fill_i) is optimal for the logit, and the inverse order is worst.
#[test]
fn a_map_that_is_not_finite_is_invalid_for_that_example_alone() {
    let (model, statistics) = (model(), statistics());
    let map = Tensor::rand([3, SIDE, SIDE], (Kind::Double, Device::Cpu));
    let _ = map.get(1).get(0).get(0).fill_(f64::NAN);
    for (text, measure) in [("use = 'deletion'", "auc"), ("use = 'pointing-game'", "hit")] {
        let scored = values(&*metric(text), &given(scene(&model, &statistics, 3, 100), map.shallow_clone()), measure);
        assert_eq!(scored.iter().map(|value| value.is_nan()).collect::<Vec<_>>(), [false, true, false], "{text}");
    }
}

#[test]
fn directions_are_stated_for_every_measure_that_ranks() {
    let ranked: Vec<(&str, &str, Direction)> = metrics::ALL
        .iter()
        .flat_map(|entry| {
            let measures = metric(&example(entry.name)).measures();
            measures.into_iter().map(|measure| (entry.name, measure.name, measure.direction)).collect::<Vec<_>>()
        })
        .filter(|(_, _, direction)| *direction != Direction::None)
        .collect();
    let expected = [
        ("deletion", "auc", Direction::Lower),
        ("deletion", "curve", Direction::Lower),
        ("deletion", "logit-auc", Direction::Lower),
        ("deletion", "logit-curve", Direction::Lower),
        ("insertion", "auc", Direction::Higher),
        ("insertion", "curve", Direction::Higher),
        ("insertion", "logit-auc", Direction::Higher),
        ("insertion", "logit-curve", Direction::Higher),
        ("pixel-flipping", "aopc", Direction::Higher),
        ("pixel-flipping", "curve", Direction::Lower),
        ("pixel-flipping", "probability-aopc", Direction::Higher),
        ("pixel-flipping", "probability-curve", Direction::Lower),
        ("symmetric-relevance-gain", "area", Direction::Higher),
        ("symmetric-relevance-gain", "morf-curve", Direction::Lower),
        ("symmetric-relevance-gain", "lerf-curve", Direction::Higher),
        ("symmetric-relevance-gain", "logit-area", Direction::Higher),
        ("symmetric-relevance-gain", "logit-morf-curve", Direction::Lower),
        ("symmetric-relevance-gain", "logit-lerf-curve", Direction::Higher),
        ("road", "accuracy", Direction::Lower),
        ("road", "accuracy-curve", Direction::Lower),
        ("road", "lerf-accuracy", Direction::Higher),
        ("road", "lerf-accuracy-curve", Direction::Higher),
        ("road", "probability-curve", Direction::Lower),
        ("road", "logit-curve", Direction::Lower),
        ("roar", "area", Direction::Higher),
        ("roar", "accuracy", Direction::Lower),
        ("roar", "advantage", Direction::Higher),
        ("kar", "area", Direction::Higher),
        ("kar", "accuracy", Direction::Higher),
        ("kar", "advantage", Direction::Higher),
        ("pointing-game", "class-mean", Direction::Higher),
        ("pointing-game", "hit", Direction::Higher),
        ("relevance-mass", "mass", Direction::Higher),
        ("relevance-mass", "mass-minus-area", Direction::Higher),
        ("inside-outside-ratio", "share", Direction::Higher),
        ("inside-outside-ratio", "ratio", Direction::Higher),
        ("inside-outside-ratio", "log-ratio", Direction::Higher),
        ("relevance-rank-accuracy", "rank", Direction::Higher),
        ("relevance-rank-accuracy", "rank-minus-area", Direction::Higher),
        ("top-k-intersection", "intersection", Direction::Higher),
        ("localization-auc", "auc", Direction::Higher),
        ("box-iou", "iou", Direction::Higher),
        ("box-iou", "success", Direction::Higher),
        ("clever-hans", "difference", Direction::Higher),
        ("leave-one-out", "pearson", Direction::Higher),
        ("leave-one-out", "spearman", Direction::Higher),
        ("leave-one-out", "relative-l2", Direction::Lower),
        ("leave-one-out", "top-pearson", Direction::Higher),
        ("leave-one-out", "top-spearman", Direction::Higher),
        ("leave-one-out", "top-relative-l2", Direction::Lower),
        ("linear-datamodelling-score", "lds", Direction::Higher),
        ("mislabel-detection", "auroc", Direction::Higher),
        ("mislabel-detection", "average-precision", Direction::Higher),
        ("mislabel-detection", "recall", Direction::Higher),
        ("brittleness", "area", Direction::Higher),
        ("brittleness", "removals-median-range", Direction::Lower),
        ("brittleness", "removals", Direction::Lower),
        ("brittleness", "change", Direction::Higher),
        ("brittleness", "flipped", Direction::Higher),
    ];
    assert_eq!(ranked, expected);
}

pub fn given<'a>(scene: Scene<'a>, map: Tensor) -> Given<'a> {
    let cost = Cost { examples: scene.len(), together: 1, ..Cost::default() };
    let fit = Fit::new(0.95, 10);
    let siblings = [DataRef::PermutedLabels(fit), DataRef::Stated, DataRef::Nothing].map(ModelRef::Sibling);
    let other = |reference| Other {
        reference,
        model: scene.model,
        training: serde_json::json!({ "reached": true }),
        attribution: Some(map.unsqueeze(1)),
    };
    let others = std::iter::once(ModelRef::Counterpart).chain(siblings).map(other).collect();
    let beside = Beside::default();
    Given { scene, attribution: map.unsqueeze(1), unit: Unit::Pixel, map: Default::default(), cost, others, beside }
}

/// A metric with its defaults; where a parameter has none, with an example.
fn example(name: &str) -> String {
    let parameters = if name == "agreement" { "with = 'input'" } else { "" };
    format!("use = '{name}'\n{parameters}")
}

pub fn metric(text: &str) -> Arc<dyn Metric> {
    let section = Section::parse("metric", text).unwrap();
    let chosen = metrics::read(&section);
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    chosen.unwrap().method
}

pub fn values(metric: &dyn Metric, given: &Given, measure: &str) -> Vec<f64> {
    let scores = metric.score(given).unwrap();
    scores.measures.into_iter().find(|values| values.measure == measure).unwrap().values
}
