//! What localization metrics add to the tensor work that they cannot do without: pointing game, relevance mass,
//! relevance rank accuracy and ROC AUC of 2,000 maps of 28 x 28, beside the same numbers from libtorch's functions
//! alone, which neither check a map nor share ties.
//!
//! `cargo bench --bench localization` prints criterion's times, then the ratio harness / bare, the median of
//! alternating pairs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::Criterion;
use explainbench::config::Section;
use explainbench::datasets::Truth;
use explainbench::explainers::{Evidence, Map, Scene, Unit};
use explainbench::imputers::Statistics;
use explainbench::metrics::{self, Cost, Given, Metric};
use explainbench::model::{Model, layers};
use explainbench::noise::Noise;
use tch::{Device, Kind, Tensor};

const MAPS: i64 = 2000;
const SIDE: i64 = 28;
const METRICS: [&str; 4] = ["pointing-game", "relevance-mass", "relevance-rank-accuracy", "localization-auc"];
/// Pairs of runs whose ratio is taken.
const PAIRS: usize = 9;

struct Bench {
    model: Model,
    statistics: Statistics,
    maps: Tensor,
    truth: Tensor,
}

impl Bench {
    /// Maps of noise; the evidence of each image is a box of 6 x 9 pixels somewhere.
    fn new() -> Self {
        let section = Section::parse("model", "layers = [\"flatten\", { linear = { out = 2 } }]").expect("valid TOML");
        let graph = layers::read(&section, &[1, SIDE, SIDE], Some(2)).expect("a valid model");
        let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let weights = graph.weights.iter().map(|weight| zeros(&weight.shape)).collect();
        let ids: Vec<u64> = (0..MAPS as u64).collect();
        let maps = Noise::new(1).normal(&ids, &[1, SIDE, SIDE], Kind::Float, Device::Cpu).expect("maps");
        let truth = Tensor::zeros([MAPS, SIDE, SIDE], (Kind::Bool, Device::Cpu));
        for id in 0..MAPS {
            let _ = truth.get(id).narrow(0, id % 22, 6).narrow(1, id % 19, 9).fill_(1);
        }
        Self {
            model: Model::new(Arc::new(graph), weights).expect("a model"),
            statistics: Statistics { mean: Tensor::from_slice(&[0.1]) },
            maps,
            truth,
        }
    }

    fn given(&self) -> Given<'_> {
        let boxes = Truth::from_masks(self.truth.shallow_clone()).expect("boxes").boxes;
        let applies = vec![true; MAPS as usize];
        let evidence = Evidence { mask: self.truth.shallow_clone(), ignored: None, boxes, applies, without: None };
        let scene = Scene {
            model: &self.model,
            x: self.maps.shallow_clone(),
            target: Tensor::zeros([MAPS], (Kind::Int64, Device::Cpu)),
            evidence: Some(evidence),
            ids: (0..MAPS as u64).collect(),
            noise: Noise::new(0),
            statistics: &self.statistics,
            chunk: 1000,
            differentiable: false,
        };
        let attribution = self.maps.shallow_clone();
        Given {
            scene,
            attribution,
            unit: Unit::Pixel,
            map: Map::default(),
            cost: Cost::default(),
            others: Vec::new(),
            beside: Default::default(),
        }
    }

    /// The four numbers of each map: one sort to rank, one to count the ranks.
    fn bare(&self) -> Vec<Vec<f64>> {
        let map = self.maps.to_kind(Kind::Double).flatten(1, 3);
        let truth = self.truth.flatten(1, 2);
        let weight = truth.to_kind(Kind::Double);
        let sum = |values: &Tensor| values.sum_dim_intlist(1, false, Kind::Double);
        let inside = sum(&weight);
        let hit = weight.gather(1, &map.argmax(1, true), false).squeeze_dim(1);
        let positive = map.clamp_min(0.0);
        let mass = sum(&(&positive * &weight)) / sum(&positive);
        let (_, order) = map.sort(1, true);
        let places = Tensor::arange(SIDE * SIDE, (Kind::Double, Device::Cpu));
        let top = places.unsqueeze(0).lt_tensor(&inside.unsqueeze(1));
        let rank = sum(&(weight.gather(1, &order, false) * top)) / &inside;
        let (_, order) = map.sort(1, false);
        let ranks = sum(&(weight.gather(1, &order, false) * (places + 1.0)));
        let auc = (ranks - &inside * (&inside + 1.0) / 2.0) / (&inside * ((SIDE * SIDE) as f64 - &inside));
        [hit, mass, rank, auc].map(|values| Vec::try_from(values).expect("numbers")).into()
    }
}

fn score(metrics: &[Arc<dyn Metric>], given: &Given) -> Vec<Vec<f64>> {
    let values = |metric: &Arc<dyn Metric>| metric.score(given).expect("scores").measures.swap_remove(0).values;
    tch::no_grad(|| metrics.iter().map(values).collect())
}

fn seconds(run: impl Fn()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

fn main() {
    explainbench::native::init();
    let bench = Bench::new();
    let given = bench.given();
    let metrics = METRICS.map(|name| {
        let section = Section::parse("metric", &format!("use = '{name}'")).expect("valid TOML");
        metrics::read(&section).expect("a metric").method
    });
    for (name, (ours, bare)) in METRICS.iter().zip(score(&metrics, &given).iter().zip(bench.bare())) {
        assert!(ours.iter().zip(bare).all(|(ours, bare)| (ours - bare).abs() < 1e-9), "{name}: not the same work");
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("localization, 4 metrics of 2000 maps");
    group.sample_size(10);
    let (harness, alone) = (|| drop(black_box(score(&metrics, &given))), || drop(black_box(bench.bare())));
    group.bench_function("harness", |bencher| bencher.iter(harness));
    group.bench_function("bare", |bencher| bencher.iter(alone));
    group.finish();
    let mut ratios: Vec<f64> = (0..PAIRS)
        .map(|pair| match pair % 2 {
            0 => seconds(harness) / seconds(alone),
            _ => {
                let bare = seconds(alone);
                seconds(harness) / bare
            }
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (low, median, high) = (ratios[0], ratios[PAIRS / 2], ratios[PAIRS - 1]);
    println!("localization: harness / bare = {median:.3} (of {PAIRS} pairs; {low:.3} to {high:.3})\n");
    criterion.final_summary();
}
