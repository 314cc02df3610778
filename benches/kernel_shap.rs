//! KernelSHAP of 64 images of 28 x 28 pixels: 49 segments, 2146 sets of them, a small convolutional network. Beside it as
//! many passes of the network over images that nothing was removed from, in the same chunks.
//!
//! `cargo bench --bench kernel_shap`

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use explainbench::config::Section;
use explainbench::explainers::{self, Scene};
use explainbench::imputers::Statistics;
use explainbench::model::{Model, chunk_bytes, layers};
use explainbench::noise::Noise;
use tch::{Device, Kind, Tensor};

const IMAGES: u64 = 64;

const CNN: &str = "layers = [{ conv2d = { out = 8, kernel = 5 } }, 'relu', { max_pool2d = { kernel = 2 } }, \
                   { conv2d = { out = 16, kernel = 5 } }, 'relu', { max_pool2d = { kernel = 2 } }, 'flatten', \
                   { linear = { out = 10 } }]";

fn model() -> Model {
    let section = Section::parse("cnn", CNN).expect("valid TOML");
    let graph = layers::read(&section, &[1, 28, 28], Some(10)).expect("a valid model");
    let weights = graph.weights.iter().map(|spec| {
        let drawn = Noise::new(1).purpose(&spec.name).normal(&[0], &spec.shape, Kind::Float, Device::Cpu);
        drawn.expect("weights").squeeze_dim(0) * 0.1
    });
    let weights = weights.collect();
    Model::new(Arc::new(graph), weights).expect("a model")
}

fn kernel_shap(criterion: &mut Criterion) {
    let (model, statistics) = (model(), Statistics { mean: Tensor::from_slice(&[0.1f32]) });
    let ids: Vec<u64> = (0..IMAGES).collect();
    let scene = Scene {
        model: &model,
        x: Noise::new(2).uniform(&ids, &[1, 28, 28], Kind::Float, Device::Cpu).expect("images"),
        target: Tensor::zeros([IMAGES as i64], (Kind::Int64, Device::Cpu)),
        evidence: None,
        ids,
        noise: Noise::new(0),
        statistics: &statistics,
        chunk: model.rows_within(chunk_bytes(Device::Cpu)),
        differentiable: false,
    };
    let section = Section::parse("explainer", "use = 'kernel-shap'").expect("valid TOML");
    let explainer = explainers::read(&section).expect("an explainer").chosen.method;
    let mut group = criterion.benchmark_group("kernel-shap");
    group.sample_size(10);
    group.bench_function("64 images, 49 segments", |bencher| {
        bencher.iter(|| black_box(explainer.explain(&scene).expect("attributions").values));
    });
    let rows = explainer.rows(&[1, 28, 28]) * IMAGES as usize;
    let x = scene.x.repeat([scene.chunk.div_ceil(IMAGES as usize) as i64, 1, 1, 1]).narrow(0, 0, scene.chunk as i64);
    group.bench_function("as many passes", |bencher| {
        bencher.iter(|| {
            for _ in 0..rows.div_ceil(scene.chunk) {
                let _ = black_box(model.logits(&x).expect("logits"));
            }
        });
    });
    group.finish();
}

fn main() {
    explainbench::native::init();
    let mut criterion = Criterion::default().configure_from_args();
    kernel_shap(&mut criterion);
    criterion.final_summary();
}
