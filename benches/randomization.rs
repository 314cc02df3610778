//! What model randomization adds to the gradients and the ranks that it needs. Cascading randomization of the four layers of a LeNet,
//! 512 images, one draw, gradients compared by Spearman's correlation, beside a loop over libtorch's functions that takes the same
//! gradients in the same chunks and ranks by one `argsort` for each map: the class held fixed, piece by piece; and the metric as it
//! is scored, which has the class of the new network too. Then Spearman's correlation of 1,000 pairs of maps of 3 x 224 x 224
//! numbers, and all similarities of one pair of maps of 512 images.
//!
//! `cargo bench --bench randomization` prints medians, and the ratio harness / bare, the median of alternating pairs.

mod timing;

use std::hint::black_box;
use std::sync::Arc;

use explainbench::config::Section;
use explainbench::explainers::{self, Contender, Scene};
use explainbench::imputers::Statistics;
use explainbench::metrics::{self, Beside, Given};
use explainbench::model::{Model, chunk_bytes, layers};
use explainbench::need::{Class, Known, Maps, Need};
use explainbench::noise::Noise;
use explainbench::similarities::{self, Side, Similarity, Spearman};
use tch::{Device, Kind, Tensor};
use timing::{median, seconds};

const LENET: &str = r#"layers = [
    { name = "conv1", conv2d = { out = 16, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    { name = "conv2", conv2d = { out = 32, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    "flatten", { name = "fc1", linear = { out = 128 } }, "relu", { name = "fc2", linear = { out = 10 } },
]"#;

const IMAGES: i64 = 512;
/// Pairs of runs whose ratio is taken.
const PAIRS: usize = 9;

struct Bench {
    model: Model,
    contender: Contender,
    statistics: Statistics,
    x: Tensor,
    target: Tensor,
    /// What is asked for, from the last layer to all, for both classes.
    asked: Vec<Maps>,
}

impl Bench {
    fn new() -> Self {
        let section = Section::parse("lenet", LENET).expect("valid TOML");
        let graph = Arc::new(layers::read(&section, &[1, 28, 28], Some(10)).expect("a valid model"));
        let weights = graph.weights.iter().map(|spec| spec.draw(&Noise::new(2), Kind::Float, Device::Cpu));
        let weights = weights.collect::<Result<_, _>>().expect("weights");
        let text = "use = 'gradient'\nmap = { channels = 'sum', sign = 'signed' }";
        let contender = explainers::read(&Section::parse("explainer", text).expect("valid TOML"));
        let known = Known { draws: vec![0], graph: Some(graph.clone()), ..Known::default() };
        let needs = metric().needs(&known).into_iter();
        Self {
            model: Model::new(graph, weights).expect("a model"),
            contender: contender.expect("an explainer"),
            statistics: Statistics { mean: Tensor::from_slice(&[0.5]) },
            x: Noise::new(1).uniform(&ids(), &[1, 28, 28], Kind::Float, Device::Cpu).expect("images"),
            target: Tensor::arange(IMAGES, (Kind::Int64, Device::Cpu)).remainder(10),
            asked: needs.filter_map(|need| if let Need::Maps(maps) = need { Some(maps) } else { None }).collect(),
        }
    }

    fn scene<'a>(&'a self, model: &'a Model, target: Tensor) -> Scene<'a> {
        Scene {
            model,
            x: self.x.shallow_clone(),
            target,
            evidence: None,
            ids: ids(),
            noise: Noise::new(0),
            statistics: &self.statistics,
            chunk: self.chunk(),
            differentiable: false,
        }
    }

    fn chunk(&self) -> usize {
        self.model.rows_within(chunk_bytes(Device::Cpu))
    }

    fn explain(&self, model: &Model, target: Tensor) -> Tensor {
        self.contender.chosen.method.explain(&self.scene(model, target)).expect("attributions").values
    }

    /// As an Explain cell makes them.
    fn maps(&self, asked: &Maps) -> Tensor {
        let model = asked.randomized.as_ref().expect("layers").apply(&self.model, &Noise::new(3)).expect("a model");
        let target = match asked.class {
            Class::Row => self.target.shallow_clone(),
            _ => tch::no_grad(|| {
                let chunks = self.x.split(self.chunk() as i64, 0);
                let classes = chunks.iter().map(|x| model.logits(x).expect("logits").argmax(1, false));
                Tensor::cat(&classes.collect::<Vec<_>>(), 0)
            }),
        };
        self.pixels(&self.explain(&model, target))
    }

    fn pixels(&self, attribution: &Tensor) -> Tensor {
        self.contender.map.reduce(attribution).expect("a map").to_kind(Kind::Double)
    }

    /// The fixed class, with the metric's parts.
    fn fixed(&self) {
        let own = Side::pieces(&self.pixels(&self.explain(&self.model, self.target.shallow_clone()))).expect("maps");
        for asked in self.asked.iter().filter(|asked| asked.class == Class::Row) {
            let maps = Side::pieces(&self.maps(asked)).expect("maps");
            for (own, other) in own.iter().zip(&maps) {
                black_box(Vec::<f64>::try_from(Spearman.compare(own, other).expect("a similarity")).expect("numbers"));
            }
        }
    }

    /// Both classes, by the metric.
    fn both(&self) {
        let read = |asked: &Maps| Ok(self.maps(asked));
        let given = Given {
            scene: self.scene(&self.model, self.target.shallow_clone()),
            attribution: self.explain(&self.model, self.target.shallow_clone()),
            unit: self.contender.chosen.method.unit(),
            map: self.contender.map,
            cost: Default::default(),
            others: Vec::new(),
            beside: Beside { draws: vec![0], read: Some(&read), moved: None },
        };
        let _ = black_box(metric().score(&given).expect("scores"));
    }

    /// Weights with those of the last `fresh` layers replaced.
    fn weights(&self, fresh: usize) -> Vec<Tensor> {
        let weights = self.model.weights().iter().enumerate();
        weights
            .map(|(at, weight)| if at + 2 * fresh >= 8 { weight.flip([0]) } else { weight.shallow_clone() })
            .collect()
    }

    /// libtorch's functions one after another.
    fn bare(&self, classes: &[Class]) {
        let chunk = self.chunk() as i64;
        let gradients = |weights: &[Tensor], class: &Class| {
            let parts = self.x.split(chunk, 0).into_iter().zip(self.target.split(chunk, 0)).map(|(x, target)| {
                let target = match class {
                    Class::Row => target,
                    _ => tch::no_grad(|| network(&x, weights)).argmax(1, false),
                };
                let x = x.detach().set_requires_grad(true);
                let score = network(&x, weights).gather(1, &target.unsqueeze(1), false).sum(Kind::Float);
                Tensor::run_backward(&[score], &[&x], false, false).remove(0)
            });
            Tensor::cat(&parts.collect::<Vec<_>>(), 0)
        };
        let own = ranks(&gradients(&self.weights(0), &Class::Row));
        for fresh in 1..=4 {
            let weights = self.weights(fresh);
            for class in classes {
                black_box(
                    Vec::<f64>::try_from(correlation(&own, &ranks(&gradients(&weights, class)))).expect("numbers"),
                );
            }
        }
    }
}

fn network(x: &Tensor, w: &[Tensor]) -> Tensor {
    let conv = |x: &Tensor, i: usize| {
        let maps = x.conv2d(&w[i], Some(&w[i + 1]), [1, 1], [0, 0], [1, 1], 1);
        maps.relu().max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)
    };
    conv(&conv(x, 0), 2).flatten(1, -1).linear(&w[4], Some(&w[5])).relu().linear(&w[6], Some(&w[7]))
}

/// The rank of each number in its row, ties in any order, minus the mean.
fn ranks(maps: &Tensor) -> Tensor {
    let rows = maps.flatten(1, -1);
    let order = rows.argsort(1, false);
    let count = rows.size()[1];
    let places = Tensor::arange(count, (Kind::Double, Device::Cpu)) - (count - 1) as f64 / 2.0;
    Tensor::zeros(rows.size(), (Kind::Double, Device::Cpu)).scatter(1, &order, &places.expand(rows.size(), false))
}

fn correlation(a: &Tensor, b: &Tensor) -> Tensor {
    let sum = |x: Tensor| x.sum_dim_intlist([1].as_slice(), false, Kind::Double);
    sum(a * b) / (sum(a.square()) * sum(b.square())).sqrt()
}

fn ids() -> Vec<u64> {
    (0..IMAGES as u64).collect()
}

fn metric() -> Arc<dyn metrics::Metric> {
    let text = "use = 'model-randomization'\nsimilarities = ['spearman']";
    metrics::read(&Section::parse("metric", text).expect("valid TOML")).expect("a metric").method
}

fn compare(name: &str, pairs: usize, harness: impl Fn(), bare: impl Fn()) {
    // What the command line does not name is left out.
    if std::env::args().skip(1).find(|word| !word.starts_with('-')).is_some_and(|only| !name.contains(&only)) {
        return;
    }
    timing::compare(name, pairs, 1, harness, bare);
}

fn main() {
    explainbench::native::init();
    let bench = Bench::new();
    compare("cascading, fixed class", PAIRS, || bench.fixed(), || bench.bare(&[Class::Row]));
    compare("cascading, both classes", PAIRS, || bench.both(), || bench.bare(&[Class::Row, Class::Predicted]));
    let large = |seed: u64| {
        let ids: Vec<u64> = (0..20).collect();
        Noise::new(seed).normal(&ids, &[3 * 224, 224], Kind::Double, Device::Cpu).expect("maps")
    };
    let (a, b) = (large(4), large(5));
    let spearman = || {
        for (a, b) in Side::pieces(&a).expect("maps").iter().zip(&Side::pieces(&b).expect("maps")) {
            black_box(Vec::<f64>::try_from(Spearman.compare(a, b).expect("a similarity")).expect("numbers"));
        }
    };
    let bare = || {
        let numbers = Vec::<f64>::try_from(correlation(&ranks(&a), &ranks(&b)));
        black_box(numbers.expect("numbers"));
    };
    compare("Spearman of 20 pairs of 3 x 224 x 224", 3, spearman, bare);
    println!("Spearman of 1,000 pairs of 3 x 224 x 224: {:.1} s", seconds(|| (0..50).for_each(|_| spearman())));
    let small = |seed| Noise::new(seed).normal(&ids(), &[28, 28], Kind::Double, Device::Cpu).expect("maps");
    let (own, other) = (Side::pieces(&small(6)).expect("maps"), small(7));
    for entry in similarities::ALL {
        let similarity = (entry.read)(&Section::parse("", "").expect("valid TOML")).expect("a similarity");
        let run = || {
            for (a, b) in own.iter().zip(&Side::pieces(&other).expect("maps")) {
                let _ = black_box(similarity.compare(a, b).expect("a similarity"));
            }
        };
        run();
        let times = (0..PAIRS).map(|_| seconds(run)).collect();
        println!("{}: {:.2} ms for one further map of 512 images of 28 x 28", entry.name, 1e3 * median(times));
    }
}
