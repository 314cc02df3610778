//! Backward rules against one plain backward pass: guided backprop and LRP of 256 images of a LeNet and of a small residual
//! network, each beside the gradient of the target's logit, all in the same chunks.
//!
//! `cargo bench --bench rules` prints criterion's times, then the ratio rule / gradient, the median of alternating pairs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::Criterion;
use explainbench::config::Section;
use explainbench::explainers::{self, Scene};
use explainbench::imputers::Statistics;
use explainbench::model::{Model, chunk_bytes, layers};
use explainbench::noise::Noise;
use tch::{Device, Kind, Tensor};

const LENET: &str = r#"layers = [
    { conv2d = { out = 16, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    { conv2d = { out = 32, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    "flatten", { linear = { out = 128 } }, "relu", { linear = { out = 10 } },
]"#;

const RESIDUAL: &str = r#"layers = [
    { conv2d = { out = 16, kernel = 3, padding = 1 } }, "batch_norm", "relu",
    { repeat = { times = 3, layers = [
        { name = "block{}", residual = { layers = [
            { conv2d = { out = 16, kernel = 3, padding = 1 } }, "batch_norm", "relu",
            { conv2d = { out = 16, kernel = 3, padding = 1 } }, "batch_norm",
        ] } },
        "relu",
    ] } },
    { adaptive_avg_pool2d = { size = 1 } }, "flatten", { linear = { out = 10 } },
]"#;

const IMAGES: usize = 256;

/// Pairs of runs whose ratio is taken.
const PAIRS: usize = 9;

fn model(text: &str, noise: Noise) -> Model {
    let section = Section::parse("model", text).expect("valid TOML");
    let graph = layers::read(&section, &[1, 28, 28], Some(10)).expect("a valid model");
    let weights = graph.weights.iter().map(|spec| spec.draw(&noise, Kind::Float, Device::Cpu).expect("weights"));
    let weights = weights.collect();
    Model::new(Arc::new(graph), weights).expect("a model")
}

fn explain(model: &Model, statistics: &Statistics, text: &str) {
    let section = Section::parse("explainer", text).expect("valid TOML");
    let explainer = explainers::read(&section).expect("an explainer").chosen.method;
    let ids: Vec<u64> = (0..IMAGES as u64).collect();
    let scene = Scene {
        model,
        x: Noise::new(1).uniform(&ids, &[1, 28, 28], Kind::Float, Device::Cpu).expect("images"),
        target: Tensor::zeros([IMAGES as i64], (Kind::Int64, Device::Cpu)),
        evidence: None,
        ids,
        noise: Noise::new(0),
        statistics,
        chunk: model.rows_within(chunk_bytes(Device::Cpu)),
        differentiable: false,
    };
    black_box(explainer.explain(&scene).expect("attributions"));
}

fn seconds(run: impl Fn()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

fn main() {
    explainbench::native::init();
    let mut criterion = Criterion::default().configure_from_args();
    let statistics = Statistics { mean: Tensor::from_slice(&[0.5]) };
    for (network, text) in [("lenet", LENET), ("residual", RESIDUAL)] {
        let model = model(text, Noise::new(2));
        let run = |rule: &str| explain(&model, &statistics, rule);
        let gradient = || run("use = 'gradient'");
        for (name, rule) in [
            ("guided backprop", "use = 'guided-backprop'"),
            ("lrp epsilon", "use = 'lrp'\ncomposite = 'epsilon'"),
            ("lrp epsilon-plus", "use = 'lrp'"),
            ("lrp epsilon-gamma-box", "use = 'lrp'\ncomposite = 'epsilon-gamma-box'"),
            ("deep-lift", "use = 'deep-lift'"),
        ] {
            let name = format!("{network}: {name}");
            // Criterion leaves out what its filter does not name; so do the pairs.
            if std::env::args().skip(1).find(|word| !word.starts_with('-')).is_some_and(|only| !name.contains(&only)) {
                continue;
            }
            let mut group = criterion.benchmark_group(&name);
            group.sample_size(10);
            group.bench_function("rule", |bencher| bencher.iter(|| run(rule)));
            group.bench_function("gradient", |bencher| bencher.iter(gradient));
            group.finish();
            let pair = |pair: usize| {
                let before = pair.is_multiple_of(2).then(|| seconds(gradient));
                let with = seconds(|| run(rule));
                with / before.unwrap_or_else(|| seconds(gradient))
            };
            let mut ratios: Vec<f64> = (0..PAIRS).map(pair).collect();
            ratios.sort_by(f64::total_cmp);
            let (low, median, high) = (ratios[0], ratios[PAIRS / 2], ratios[PAIRS - 1]);
            println!("{name}: rule / gradient = {median:.3} (of {PAIRS} pairs; {low:.3} to {high:.3})\n");
        }
    }
    criterion.final_summary();
}
