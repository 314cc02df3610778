//! What influence adds to the tensor work in it: the linear datamodelling score of 5,000 x 500 influences over 50 subsets beside the
//! products and ranks alone, and finding wrong labels among 5,000 beside a sort; the products of 5,000 single examples' gradients of
//! a convolutional network of 80,000 parameters with ten vectors beside a loop over examples (a share of them); the exact influence
//! of 5,000 examples in 7,850 parameters; and the peak memory of gradients of n and of 4n examples.
//!
//! `cargo bench --bench influence` prints medians, ratios (of alternating pairs), seconds and megabytes.

mod timing;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use explainbench::config::Section;
use explainbench::error::{Error, Result};
use explainbench::influence::calculus::Gradients;
use explainbench::influence::{self, Case, Points, Quantity};
use explainbench::metrics::{self, Influenced, Metric, Poisoned, Refitted, Said};
use explainbench::model::convex::Loss;
use explainbench::model::{Model, chunk_bytes, layers};
use explainbench::need::{About, LeftOut, Poison, Refit};
use explainbench::noise::Noise;
use tch::{Device, Kind, Tensor};
use timing::{compare, run};

const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);
const EXAMPLES: i64 = 5000;
const TEST: i64 = 500;
const SUBSETS: i64 = 50;
const PAIRS: usize = 9;

fn metric(text: &str) -> Arc<dyn Metric> {
    metrics::read(&Section::parse("metric", text).expect("valid TOML")).expect("a metric").method
}

fn drawn(purpose: &str, shape: &[i64]) -> Tensor {
    let ids: Vec<u64> = (0..shape[0] as u64).collect();
    Noise::new(1).purpose(purpose).normal(&ids, &shape[1..], OPTIONS.0, OPTIONS.1).expect("numbers")
}

fn linear_datamodelling_score() {
    let influence = drawn("influence", &[TEST, EXAMPLES]);
    let order = |subset: i64| Noise::new(2).index(subset as u64).permutation(EXAMPLES as usize);
    let left_out: Vec<Vec<usize>> =
        (0..SUBSETS).map(|subset| order(subset)[..EXAMPLES as usize / 2].to_vec()).collect();
    let logits = drawn("logits", &[SUBSETS, TEST, 10]);
    let said = |_: &About| -> Result<Said> {
        Ok(Said { values: influence.shallow_clone(), flipped: Vec::new(), ids: Vec::new() })
    };
    let refitted = |refit: &Refit| -> Result<Refitted> {
        let all = refit.left_out == LeftOut::Nothing;
        Ok(Refitted {
            left_out: if all { vec![Vec::new()] } else { left_out.clone() },
            aimed: vec![None; if all { 1 } else { SUBSETS as usize }],
            logits: if all { logits.narrow(0, 0, 1) } else { logits.shallow_clone() },
            before: logits.get(0),
            labels: Tensor::zeros([TEST], (Kind::Int64, Device::Cpu)),
            ids: (0..TEST as u64).collect(),
            unconverged: 0,
        })
    };
    let poisoned = |_: &Poison| -> Result<Poisoned> { Err(Error::new("nothing is changed")) };
    let given = Influenced {
        repetitions: vec![0],
        flips: Vec::new(),
        noise: Noise::new(3),
        loss: Loss::CrossEntropy,
        said: &said,
        refitted: &refitted,
        poisoned: &poisoned,
    };
    let lds = metric("use = 'linear-datamodelling-score'");
    let masks = Tensor::zeros([SUBSETS, EXAMPLES], OPTIONS);
    for (subset, places) in left_out.iter().enumerate() {
        let places = Tensor::from_slice(&places.iter().map(|place| *place as i64).collect::<Vec<_>>());
        let _ = masks.get(subset as i64).index_fill_(0, &places, 1.0);
    }
    let ranks = |values: &Tensor| values.argsort(1, false).argsort(1, false).to_kind(Kind::Double);
    let labels = Tensor::zeros([TEST], (Kind::Int64, Device::Cpu));
    let bare = || {
        let predicted = influence.matmul(&masks.tr());
        let losses: Vec<Tensor> = (0..SUBSETS)
            .map(|at| logits.get(at).cross_entropy_loss::<Tensor>(&labels, None, tch::Reduction::None, -100, 0.0))
            .collect();
        let (x, y) = (ranks(&predicted), ranks(&Tensor::stack(&losses, 1)));
        let middle = (SUBSETS - 1) as f64 / 2.0;
        let score = ((x - middle) * (y - middle)).sum_dim_intlist([1].as_slice(), false, Kind::Double);
        drop(black_box(score));
    };
    let name = "linear datamodelling score, 5000 x 500, 50 subsets, with 400 draws for its interval";
    compare(name, PAIRS, 1, || drop(black_box(lds.judge(&given).expect("scores"))), bare);
}

fn mislabel_detection() {
    let values = drawn("own", &[EXAMPLES]);
    let flipped: Vec<bool> = (0..EXAMPLES).map(|at| at % 10 == 0).collect();
    let wrong = Tensor::from_slice(&flipped).to_kind(Kind::Double);
    let said = |_: &About| -> Result<Said> {
        Ok(Said { values: values.shallow_clone(), flipped: flipped.clone(), ids: Vec::new() })
    };
    let refitted = |_: &Refit| -> Result<Refitted> { Err(Error::new("nothing is trained")) };
    let poisoned = |_: &Poison| -> Result<Poisoned> { Err(Error::new("nothing is changed")) };
    let given = Influenced {
        repetitions: vec![0],
        flips: vec![0],
        noise: Noise::new(3),
        loss: Loss::CrossEntropy,
        said: &said,
        refitted: &refitted,
        poisoned: &poisoned,
    };
    let detection = metric("use = 'mislabel-detection'");
    // Ranks for the area, the order for precision and recall.
    let bare = || {
        let order = values.argsort(0, true);
        let ranks = order.argsort(0, false);
        let found = wrong.index_select(0, &order).cumsum(0, Kind::Double);
        drop(black_box((ranks.to_kind(Kind::Double).dot(&wrong), found)));
    };
    compare("wrong labels among 5000", 99, 1, || drop(black_box(detection.judge(&given).expect("scores"))), bare);
}

fn model(text: &str, input: &[i64]) -> Model {
    let graph =
        Arc::new(layers::read(&Section::parse("network", text).expect("TOML"), input, Some(10)).expect("a model"));
    let weights = graph.weights.iter().map(|spec| spec.draw(&Noise::new(2), Kind::Double, Device::Cpu));
    Model::new(graph.clone(), weights.collect::<Result<_, _>>().expect("weights")).expect("a model")
}

fn points(count: i64, shape: &[i64]) -> Points {
    Points {
        x: drawn("x", &[&[count], shape].concat()),
        labels: Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(10),
        ids: (0..count as u64).collect(),
    }
}

const CNN: &str = "layers = [{ conv2d = { out = 16, kernel = 5 } }, 'relu', { max_pool2d = { kernel = 2 } }, \
    { conv2d = { out = 32, kernel = 5 } }, 'relu', { max_pool2d = { kernel = 2 } }, 'flatten', { linear = { out = 128 } }, 'relu', \
    { linear = { out = 10 } }]";

fn gradients() {
    let model = model(CNN, &[1, 28, 28]);
    let all = points(EXAMPLES, &[1, 28, 28]);
    let gradients = Gradients::at(&model, Loss::CrossEntropy, model.rows_within(chunk_bytes(Device::Cpu)));
    let numbers: usize = model.weights().iter().map(Tensor::numel).sum();
    let vectors = drawn("vectors", &[10, numbers as i64]);
    println!("{numbers} parameters");
    // The loop takes a tenth of the examples, and so does the harness beside it.
    let some = all.part(0, EXAMPLES / 10).expect("a part");
    let streamed = || drop(black_box(gradients.products(&vectors, &some, Quantity::Loss).expect("products")));
    let bare = || {
        let weights: Vec<Tensor> = model.weights().iter().map(|weight| weight.copy().set_requires_grad(true)).collect();
        let leaves: Vec<&Tensor> = weights.iter().collect();
        for at in 0..EXAMPLES / 10 {
            let logits = forward(&some.x.narrow(0, at, 1), &weights);
            let loss = logits.cross_entropy_loss::<Tensor>(
                &some.labels.narrow(0, at, 1),
                None,
                tch::Reduction::Sum,
                -100,
                0.0,
            );
            let gradient = Tensor::run_backward(&[loss], &leaves, false, false);
            let flat: Vec<Tensor> = gradient.iter().map(|part| part.reshape([-1])).collect();
            drop(black_box(vectors.matmul(&Tensor::cat(&flat, 0))));
        }
    };
    compare("products of 500 single gradients with 10 vectors", PAIRS, 1, streamed, bare);
    let start = Instant::now();
    drop(black_box(gradients.products(&vectors, &all, Quantity::Loss).expect("products")));
    println!("of all 5000: {:.1} s", start.elapsed().as_secs_f64());
}

fn forward(x: &Tensor, w: &[Tensor]) -> Tensor {
    let convolved = |x: &Tensor, at: usize| {
        x.conv2d(&w[at], Some(&w[at + 1]), [1, 1], [0, 0], [1, 1], 1).relu().max_pool2d(
            [2, 2],
            [2, 2],
            [0, 0],
            [1, 1],
            false,
        )
    };
    let x = convolved(&convolved(x, 0), 2).flatten(1, -1);
    x.linear(&w[4], Some(&w[5])).relu().linear(&w[6], Some(&w[7]))
}

fn exact() {
    let model = model("layers = ['flatten', { linear = { out = 10 } }]", &[1, 28, 28]);
    let (train, test) = (points(EXAMPLES, &[1, 28, 28]), points(10, &[1, 28, 28]));
    let section = Section::parse("influence", "use = 'influence-function'").expect("TOML");
    let method = influence::choose(&section).expect("a method").method;
    let case = Case {
        model: &model,
        train: &train,
        test: &test,
        quantity: Quantity::Loss,
        loss: Loss::CrossEntropy,
        l2: 0.01,
        noise: Noise::new(0),
        chunk: model.rows_within(chunk_bytes(Device::Cpu)),
        checkpoints: &[],
        siblings: &[],
        unsolved: &std::cell::Cell::default(),
    };
    let start = Instant::now();
    drop(black_box(method.influence(&case).expect("influences")));
    println!("exact influence of 5000 examples in 7850 parameters on 10: {:.1} s", start.elapsed().as_secs_f64());
}

/// Gradients of so many digits, one worker.
fn memory() {
    let suite = |train: usize| {
        format!(
            "inference = {{ over = 'model' }}\nimages = {{ count = 10 }}\ndataset = {{ use = 'digits', scale = 3, train = {train} }}\n\
             influence = [{{ use = 'gradient-dot' }}, {{ use = 'random' }}]\nmetric = {{ use = 'influence-randomization' }}\n[model]\n\
             layers = [{{ conv2d = {{ out = 16, kernel = 3 }} }}, 'tanh', 'flatten', {{ linear = {{ out = 64 }} }}, 'tanh', \
             {{ linear = {{ out = 10 }} }}]\ntrain = {{ epochs = 1 }}"
        )
    };
    let [small, large] = [350, 1400].map(|count| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (_, megabytes) = run(folder.path(), &suite(count), 1);
        println!("{count:>5} examples: peak resident set {megabytes:.0} MB");
        megabytes
    });
    println!("4n / n = {:.3}", large / small);
}

fn main() {
    explainbench::native::init();
    linear_datamodelling_score();
    mislabel_detection();
    gradients();
    exact();
    memory();
}
