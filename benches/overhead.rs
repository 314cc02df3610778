//! What the harness adds to the passes that it makes: deletion curves of 256 images (29 points), integrated gradients (64
//! steps) and SmoothGrad (50 samples) of a LeNet, each beside the same number of bare passes through libtorch, in the chunk
//! in which those are fastest.
//!
//! `cargo bench --bench overhead` prints criterion's times, then the ratio harness / bare, the median of alternating pairs.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use criterion::Criterion;
use explainbench::config::Section;
use explainbench::explainers::{self, Scene, Unit};
use explainbench::imputers::Statistics;
use explainbench::metrics::{self, Given};
use explainbench::model::{Model, chunk_bytes, layers, weights};
use explainbench::noise::Noise;
use explainbench::tensor_file::TensorFile;
use tch::{Device, Kind, Tensor};

const LENET: &str = r#"layers = [
    { name = "conv1", conv2d = { out = 16, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    { name = "conv2", conv2d = { out = 32, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    "flatten", { name = "fc1", linear = { out = 128 } }, "relu", { name = "fc2", linear = { out = 10 } },
]"#;

/// Pairs of runs whose ratio is taken.
const PAIRS: usize = 9;

struct Bench {
    model: Model,
    statistics: Statistics,
    x: Tensor,
    target: Tensor,
}

impl Bench {
    /// 256 images: the 32 digits of the reference file, eight times.
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
        let section = Section::parse("lenet", LENET).expect("valid TOML");
        let graph = layers::read(&section, &[1, 28, 28], Some(10)).expect("a valid model");
        let tensors = weights::read(&graph, &folder.join("lenet.weights.safetensors"), Kind::Float, Device::Cpu);
        let model = Model::new(Arc::new(graph), tensors.expect("weights")).expect("a model");
        let file = TensorFile::open(&folder.join("lenet.reference.safetensors")).expect("the reference file");
        let x = file.tensor("x").expect("images").repeat([8, 1, 1, 1]);
        let target = file.tensor("target").expect("targets").to_kind(Kind::Int64).repeat([8]);
        Self { model, statistics: Statistics { mean: Tensor::from_slice(&[0.1]) }, x, target }
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            model: &self.model,
            x: self.x.shallow_clone(),
            target: self.target.shallow_clone(),
            evidence: None,
            ids: (0..self.x.size()[0] as u64).collect(),
            noise: Noise::new(0),
            statistics: &self.statistics,
            chunk: self.model.rows_within(chunk_bytes(Device::Cpu)),
            differentiable: false,
        }
    }

    fn explain(&self, text: &str) {
        let section = Section::parse("explainer", text).expect("valid TOML");
        let explainer = explainers::read(&section).expect("an explainer").chosen.method;
        black_box(explainer.explain(&self.scene()).expect("attributions"));
    }

    fn delete(&self) {
        let section = Section::parse("metric", "use = 'deletion'").expect("valid TOML");
        let metric = metrics::read(&section).expect("a metric").method;
        let attribution = Noise::new(1).normal(&self.scene().ids, &[1, 28, 28], Kind::Float, Device::Cpu);
        let given = Given {
            others: Vec::new(),
            beside: Default::default(),
            scene: self.scene(),
            attribution: attribution.expect("a map"),
            unit: Unit::Element,
            map: Default::default(),
            cost: Default::default(),
        };
        let _ = tch::no_grad(|| black_box(metric.score(&given).expect("scores")));
    }

    /// The network without the harness: libtorch's functions one after another.
    fn bare(&self, x: &Tensor) -> Tensor {
        let w = self.model.weights();
        let conv = |x: &Tensor, i: usize| {
            x.conv2d(&w[i], Some(&w[i + 1]), [1, 1], [0, 0], [1, 1], 1).relu().max_pool2d(
                [2, 2],
                [2, 2],
                [0, 0],
                [1, 1],
                false,
            )
        };
        let features = conv(&conv(x, 0), 2).flatten(1, -1);
        features.linear(&w[4], Some(&w[5])).relu().linear(&w[6], Some(&w[7]))
    }

    fn bare_rows(&self, rows: usize) -> (Tensor, Tensor) {
        let times = rows.div_ceil(256) as i64;
        let x = self.x.repeat([times, 1, 1, 1]).narrow(0, 0, rows as i64);
        (x, self.target.repeat([times]).narrow(0, 0, rows as i64).unsqueeze(1))
    }

    fn forward(&self, total: usize, chunk: usize) {
        let (x, target) = self.bare_rows(chunk);
        tch::no_grad(|| {
            for _ in 0..total.div_ceil(chunk) {
                let _ = black_box(self.bare(&x).softmax(-1, Kind::Float).gather(1, &target, false));
            }
        });
    }

    fn backward(&self, total: usize, chunk: usize) {
        let (x, target) = self.bare_rows(chunk);
        for _ in 0..total.div_ceil(chunk) {
            let x = x.detach().set_requires_grad(true);
            let score = self.bare(&x).gather(1, &target, false).sum(Kind::Float);
            let _ = black_box(Tensor::run_backward(&[score], &[&x], false, false));
        }
    }
}

fn seconds(run: impl Fn()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

/// The chunk in which `run` is fastest, best of three.
fn best_chunk(run: impl Fn(usize)) -> usize {
    let time = |chunk: usize| (0..3).map(|_| seconds(|| run(chunk))).fold(f64::INFINITY, f64::min);
    let timed = [16, 32, 64, 128, 256, 512].map(|chunk| (time(chunk), chunk));
    timed.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or(64, |(_, chunk)| chunk)
}

fn compare(criterion: &mut Criterion, name: &str, harness: impl Fn(), bare: impl Fn(usize)) {
    // Criterion leaves out what its filter does not name; so do the pairs.
    if std::env::args().skip(1).find(|word| !word.starts_with('-')).is_some_and(|filter| !name.contains(&filter)) {
        return;
    }
    let chunk = best_chunk(&bare);
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.bench_function("harness", |bencher| bencher.iter(&harness));
    group.bench_function("bare", |bencher| bencher.iter(|| bare(chunk)));
    group.finish();
    let mut ratios: Vec<f64> = (0..PAIRS)
        .map(|pair| match pair % 2 {
            0 => seconds(&harness) / seconds(|| bare(chunk)),
            _ => {
                let bare = seconds(|| bare(chunk));
                seconds(&harness) / bare
            }
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (low, median, high) = (ratios[0], ratios[PAIRS / 2], ratios[PAIRS - 1]);
    println!(
        "{name}: harness / bare = {median:.3} (of {PAIRS} pairs; {low:.3} to {high:.3}), bare in chunks of {chunk}\n"
    );
}

fn main() {
    explainbench::native::init();
    let bench = Bench::new();
    let mut criterion = Criterion::default().configure_from_args();
    let images = bench.x.size()[0] as usize;
    compare(&mut criterion, "deletion, 29 points", || bench.delete(), |chunk| bench.forward(images * 29, chunk));
    let ig = || bench.explain("use = 'integrated-gradients'\nsteps = 64");
    compare(&mut criterion, "integrated gradients, 64 steps", ig, |chunk| bench.backward(images * 64, chunk));
    let smoothgrad = || bench.explain("use = 'smoothgrad'\nsamples = 50");
    compare(&mut criterion, "smoothgrad, 50 samples", smoothgrad, |chunk| bench.backward(images * 50, chunk));
    criterion.final_summary();
}
