//! What a search for attacked explanations adds to the derivatives that it takes. One iteration of the attack on the gradient of the
//! small network of `suites/papers/fragility.toml`, on as many rows as a cell takes together, beside loops over libtorch's functions
//! that differentiate the same maps twice: of a softplus copy alone, and with the gradient of the candidate on the network itself,
//! which every candidate is judged by.
//!
//! Then the tool itself, on CIFAR-10 where `EXPLAINBENCH_DATA` has it: top-k and mass-center, each with its control, on 50 images
//! with 4 radii (a share of the 100 iterations, all of them with `whole` on the command line); and peak memory of 16 and of 64
//! images, one worker.
//!
//! `cargo bench --bench attacks` prints medians, ratios (of alternating pairs), seconds and megabytes.

mod timing;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use explainbench::attacks::{Method, Original, Settings, Subject, search};
use explainbench::config::Section;
use explainbench::explainers::{self, Contender, Explained, Scene};
use explainbench::imputers::Statistics;
use explainbench::model::{Model, chunk_bytes, layers};
use explainbench::noise::Noise;
use tch::{Device, Kind, Tensor};
use timing::{compare, median, run, seconds};

const NETWORK: &str = r#"
layers = [
    { conv2d = { out = 32, kernel = 3, padding = 1 } }, "relu", { conv2d = { out = 32, kernel = 3, padding = 1 } }, "relu",
    { max_pool2d = { kernel = 2 } },
    { conv2d = { out = 64, kernel = 3, padding = 1 } }, "relu", { max_pool2d = { kernel = 2 } },
    "flatten", { linear = { out = 128 } }, "relu", { linear = { out = 10 } },
]
preprocess = { mean = [0.49, 0.48, 0.45], std = [0.25, 0.24, 0.26] }
"#;

const BETA: f64 = 10.0;
const K: i64 = 100;
const ITERATIONS: usize = 8;
/// Pairs of runs whose ratio is taken.
const PAIRS: usize = 9;
/// Of 100 iterations.
const SHARE: usize = 10;

struct Bench {
    model: Model,
    contender: Contender,
    settings: Settings,
    statistics: Statistics,
    x: Tensor,
    target: Tensor,
    original: Original,
}

impl Bench {
    fn new() -> Self {
        let section = Section::parse("network", NETWORK).expect("valid TOML");
        let graph = Arc::new(layers::read(&section, &[3, 32, 32], Some(10)).expect("a valid model"));
        let weights = graph.weights.iter().map(|spec| spec.draw(&Noise::new(2), Kind::Float, Device::Cpu));
        let model = Model::new(graph.clone(), weights.collect::<Result<_, _>>().expect("weights")).expect("a model");
        let rows = (model.rows_within(chunk_bytes(Device::Cpu)) / 2) as u64;
        let x = Noise::new(1).uniform(&(0..rows).collect::<Vec<_>>(), &[3, 32, 32], Kind::Float, Device::Cpu);
        let x = x.expect("images");
        let target = tch::no_grad(|| model.logits(&x)).expect("logits").argmax(1, false);
        let text = format!("attack = {{ use = 'top-k', k = {K} }}\niterations = {ITERATIONS}\nbeta = {BETA}");
        let settings = Settings::read(&Section::parse("metric", &text).expect("valid TOML"), true);
        let contender = explainers::read(&Section::parse("explainer", "use = 'gradient'").expect("valid TOML"));
        let maps = map(&x, &target, &parts(&model), Tensor::relu, false).detach();
        Self {
            model,
            contender: contender.expect("an explainer"),
            settings: settings.expect("settings"),
            statistics: Statistics { mean: Tensor::from_slice(&[0.5f32; 3]) },
            x,
            target,
            original: Original { maps, evidence: None },
        }
    }

    /// As a Perturb cell searches.
    fn search(&self, method: Method) {
        let ids: Vec<u64> = (0..self.x.size()[0] as u64).collect();
        let scene = Scene {
            model: &self.model,
            x: self.x.shallow_clone(),
            target: self.target.shallow_clone(),
            evidence: None,
            ids: ids.clone(),
            noise: Noise::new(0),
            statistics: &self.statistics,
            chunk: self.x.size()[0] as usize,
            differentiable: false,
        };
        let smooth = self.model.smoothed(BETA).expect("a smooth copy");
        let victim = Explained::new(&self.contender, &scene, Some(&smooth), None).expect("a victim");
        let radius = Tensor::full([scene.len() as i64, 1, 1, 1], 8.0 / 255.0, (Kind::Float, Device::Cpu));
        let subject =
            Subject { x: &self.x, radius: &radius, original: &self.original, ids: &ids, noise: Noise::new(3) };
        let _ = black_box(search(method, &self.settings, &subject, &victim).expect("candidates"));
    }

    /// libtorch's functions one after another: the derivative of the objective, and with `judged` the candidate's own map.
    fn bare(&self, judged: bool) {
        let weights = parts(&self.model);
        let top = self.original.maps.flatten(1, -1).topk(K, 1, true, false).1;
        for _ in 0..ITERATIONS {
            let x = self.x.detach().set_requires_grad(true);
            let maps = map(&x, &self.target, &weights, |x| (x * BETA).softplus() / BETA, true);
            let flat = maps.flatten(1, -1);
            let share = flat.gather(1, &top, false).mean_dim([1].as_slice(), false, Kind::Float)
                / flat.abs().mean_dim([1].as_slice(), false, Kind::Float);
            black_box(Tensor::run_backward(&[-share.sum(Kind::Float)], &[&x], false, false));
            if judged {
                let _ = black_box(map(&self.x, &self.target, &weights, Tensor::relu, false));
            }
        }
    }
}

fn parts(model: &Model) -> Vec<Tensor> {
    model.weights().iter().map(Tensor::shallow_clone).collect()
}

fn network(x: &Tensor, w: &[Tensor], bend: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let numbers = |numbers: [f32; 3]| Tensor::from_slice(&numbers).view([1, 3, 1, 1]);
    let conv = |x: &Tensor, i: usize| bend(&x.conv2d(&w[i], Some(&w[i + 1]), [1, 1], [1, 1], [1, 1], 1));
    let pool = |x: Tensor| x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
    let x = (x - numbers([0.49, 0.48, 0.45])) / numbers([0.25, 0.24, 0.26]);
    let x = pool(conv(&pool(conv(&conv(&x, 0), 2)), 4)).flatten(1, -1);
    bend(&x.linear(&w[6], Some(&w[7]))).linear(&w[8], Some(&w[9]))
}

/// [B, H, W], on the tape of `x` where that is kept.
fn map(x: &Tensor, target: &Tensor, w: &[Tensor], bend: impl Fn(&Tensor) -> Tensor, tape: bool) -> Tensor {
    let x = if tape { x.shallow_clone() } else { x.detach().set_requires_grad(true) };
    let score = network(&x, w, bend).gather(1, &target.unsqueeze(1), false).sum(Kind::Float);
    let gradient = Tensor::run_backward(&[score], &[&x], tape, tape).remove(0);
    gradient.abs().sum_dim_intlist([1].as_slice(), false, Kind::Float)
}

/// Two attacks with their controls on so many images of CIFAR-10.
fn suite(images: usize, iterations: usize) -> String {
    let metric = |name: &str, attack: &str| {
        format!(
            "[[metric]]\nname = '{name}'\nuse = 'white-box-fragility'\nattack = {attack}\nk = {K}\n\
             radii = [1, 2, 4, 8]\niterations = {iterations}\n"
        )
    };
    format!(
        "[images]\ncount = {images}\n[dataset]\nuse = 'cifar10'\ntrain = 1000\ntest = 1000\n[model]\n{NETWORK}train = {{ epochs = 2 }}\n\
         [[explainer]]\nuse = 'gradient'\n{}{}",
        metric("top-k", &format!("{{ use = 'top-k', k = {K} }}")),
        metric("mass-center", "'mass-center'"),
    )
}

fn whole_runs() {
    let data = std::env::var_os("EXPLAINBENCH_DATA");
    if !data.is_some_and(|data| Path::new(&data).join("cifar10").is_dir()) {
        println!("EXPLAINBENCH_DATA has no CIFAR-10: no runs of the tool");
        return;
    }
    let iterations = if std::env::args().any(|word| word == "whole") { 100 } else { SHARE };
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The network and the maps are there before the clock starts.
    let (before, _) = run(folder.path(), &suite(50, 1), 2);
    let (seconds, _) = run(folder.path(), &suite(50, iterations), 2);
    println!(
        "50 images x 4 radii x {iterations} iterations, top-k and mass-center with their controls: {seconds:.0} s on 2 workers, \
         so {:.0} s for 100 (training, maps and one iteration before: {before:.0} s)",
        seconds * 100.0 / iterations as f64
    );
    let [small, large] = [16, 64].map(|count| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (_, megabytes) = run(folder.path(), &suite(count, 2), 1);
        println!("{count:>5} images: peak resident set {megabytes:.0} MB");
        megabytes
    });
    println!("4n / n = {:.3}", large / small);
}

fn main() {
    explainbench::native::init();
    let bench = Bench::new();
    println!("{} rows of 3 x 32 x 32", bench.x.size()[0]);
    let attack = || bench.search(Method::Gradient);
    compare("one iteration against a double backward pass", PAIRS, ITERATIONS, attack, || bench.bare(false));
    let name = "one iteration against a double backward pass and the candidate's gradient";
    compare(name, PAIRS, ITERATIONS, attack, || bench.bare(true));
    let control = median((0..PAIRS).map(|_| seconds(|| bench.search(Method::RandomSign))).collect());
    println!("one iteration of the control: {:.1} ms", 1e3 * control / ITERATIONS as f64);
    whole_runs();
}
