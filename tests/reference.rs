//! Numbers made by other programs: attributions and curves of a LeNet, in float64 (`tests/reference/README.md`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use explainbench::config::Section;
use explainbench::explainers::{self, Scene, Unit};
use explainbench::imputers::Statistics;
use explainbench::metrics::{self, Given};
use explainbench::model::{Model, exported, layers, script, weights};
use explainbench::noise::Noise;
use explainbench::tensor_file::TensorFile;
use tch::{Device, Kind, Tensor};

/// Agreement is asked for to this share of the reference's largest absolute value.
const TOLERANCE: f64 = 1e-5;

pub const LENET: &str = r#"
layers = [
    { name = "conv1", conv2d = { out = 16, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    { name = "conv2", conv2d = { out = 32, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    "flatten",
    { name = "fc1", linear = { out = 128 } }, "relu", { name = "fc2", linear = { out = 10 } },
]
"#;

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

pub fn reference(name: &str) -> Tensor {
    let tensor = TensorFile::open(&folder().join("lenet.reference.safetensors")).unwrap().tensor(name).unwrap();
    if tensor.kind() == Kind::Float { tensor.to_kind(Kind::Double) } else { tensor }
}

pub fn lenet() -> Model {
    let section = Section::parse("lenet.toml", LENET).unwrap();
    let graph = layers::read(&section, &[1, 28, 28], Some(10)).unwrap();
    let file = folder().join("lenet.weights.safetensors");
    let tensors = weights::read(&graph, &file, Kind::Double, Device::Cpu).unwrap();
    Model::new(Arc::new(graph), tensors).unwrap()
}

/// The same network as PyTorch exported it, with the weights in the file.
pub fn exported_lenet() -> Model {
    let file = folder().join("lenet.pt2");
    let graph = exported::read(&file, &[1, 28, 28], None).unwrap();
    let tensors = weights::read(&graph, &file, Kind::Double, Device::Cpu).unwrap();
    Model::new(Arc::new(graph), tensors).unwrap()
}

/// The network whatever it comes from, by the words for that, where it shows its layers.
pub fn lenets() -> [(&'static str, Model); 2] {
    [("list of layers", lenet()), ("exported", exported_lenet())]
}

/// The network whatever it comes from.
pub fn all_lenets() -> [(&'static str, Model); 3] {
    let graph = script::read(&folder().join("lenet.torchscript.pt"), &[1, 28, 28], None).unwrap();
    let script = Model::new(Arc::new(graph), Vec::new()).unwrap();
    let [list, exported] = lenets();
    [list, exported, ("TorchScript", script)]
}

/// The reference's images and targets, in chunks of `chunk` rows.
pub fn scene<'a>(model: &'a Model, statistics: &'a Statistics, chunk: usize) -> Scene<'a> {
    let x = reference("x");
    Scene {
        model,
        target: reference("target").to_kind(Kind::Int64),
        evidence: None,
        ids: (0..x.size()[0] as u64).collect(),
        x,
        noise: Noise::new(0),
        statistics,
        chunk,
        differentiable: false,
    }
}

pub fn explainer(text: &str) -> explainers::Contender {
    let section = Section::parse("explainer", text).unwrap();
    let contender = explainers::read(&section);
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    contender.unwrap()
}

pub fn statistics() -> Statistics {
    Statistics { mean: Tensor::from_slice(&[0.1]) }
}

pub fn assert_close(what: &str, ours: &Tensor, theirs: &Tensor) {
    assert_eq!(ours.size(), theirs.size(), "{what}");
    let apart = (ours - theirs).abs().max().double_value(&[]);
    let largest = theirs.abs().max().double_value(&[]);
    assert!(largest > 0.0 && apart <= TOLERANCE * largest, "{what}: {apart:e} apart, largest value {largest}");
}

/// The maps of explainers on each model, `chunk` rows at a time, are those that the reference holds under the names beside them.
pub fn assert_maps(models: &[(&str, Model)], maps: &[(&str, &str)], chunk: usize) {
    let statistics = statistics();
    for (origin, model) in models {
        let scene = scene(model, &statistics, chunk);
        for (text, name) in maps {
            let ours = explainer(text).chosen.method.explain(&scene).unwrap();
            assert_close(&format!("{name}, {origin}"), &ours.values, &reference(name));
        }
    }
}

#[test]
fn attributions_of_lenet_agree_with_the_reference() {
    let maps = [
        ("use = 'gradient'", "attr.gradient"),
        ("use = 'input-x-gradient'", "attr.input_x_gradient"),
        ("use = 'integrated-gradients'\nsteps = 64", "attr.integrated_gradients_n64_midpoint_zero_baseline"),
        (
            "use = 'integrated-gradients'\nsteps = 64\nrule = 'gauss-legendre'",
            "attr.integrated_gradients_n64_gausslegendre_zero_baseline",
        ),
    ];
    assert_maps(&all_lenets(), &maps, 100);
}

#[test]
fn the_deletion_and_insertion_curves_of_lenet_agree_with_the_reference() {
    let (model, statistics) = (lenet(), statistics());
    let contender = explainer("use = 'gradient'\nmap = { channels = 'sum', sign = 'absolute' }");
    let scene = || scene(&model, &statistics, 100);
    let attribution = contender.chosen.method.explain(&scene()).unwrap().values;
    for name in ["deletion", "insertion"] {
        let given = Given {
            scene: scene(),
            attribution: attribution.shallow_clone(),
            unit: Unit::Element,
            map: contender.map,
            cost: Default::default(),
            others: Vec::new(),
            beside: Default::default(),
        };
        let text = format!("use = '{name}'\nimputer = 'black'\nstep = 28\nties = 'stable'");
        let section = Section::parse("metric", &text).unwrap();
        let scores = metrics::read(&section).unwrap().method.score(&given).unwrap();
        let of = |measure: &str| scores.measures.iter().find(|values| values.measure == measure).unwrap();
        let curve = Tensor::from_slice(&of("curve").values).view([-1, of("curve").at.len() as i64]);
        assert_close(name, &curve, &reference(&format!("curve.{name}_absgradient")));
        assert_close(name, &Tensor::from_slice(&of("auc").values), &reference(&format!("auc.{name}_absgradient")));
    }
}

#[test]
fn steps_auto_meet_the_completeness_tolerance() {
    let (model, statistics) = (lenet(), statistics());
    let scene = scene(&model, &statistics, 1000);
    let ours = explainer("use = 'integrated-gradients'\nsteps = 'auto'\ntolerance = 0.002");
    let sum =
        ours.chosen.method.explain(&scene).unwrap().values.sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Double);
    let logit = |x: &Tensor| model.scores(x, &scene.target, explainbench::model::Score::Logit).unwrap();
    let difference = logit(&scene.x) - logit(&scene.x.zeros_like());
    let gap = (sum - &difference).abs() / difference.abs().clamp_min(1.0);
    let gap = gap.max().double_value(&[]);
    assert!(gap <= 0.002, "{gap}");
}
