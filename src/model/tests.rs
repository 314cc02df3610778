use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::{Graph, Model, Score, layers, weights};
use crate::config::Section;
use crate::noise::Noise;

const LENET: &str = r#"
layers = [
    { name = "conv1", conv2d = { out = 16, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    { name = "conv2", conv2d = { out = 32, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    "flatten", { name = "fc1", linear = { out = 128 } }, "relu", { name = "fc2", linear = { out = 10 } },
]"#;

/// A residual network with what a rule could trip over: two residuals, one with a shortcut, batch norm and dropout.
const RESIDUAL: &str = r#"
preprocess = { mean = [0.4, 0.5], std = [0.3, 0.2] }
layers = [
    { conv2d = { out = 4, kernel = 3, padding = 1, bias = false } }, "batch_norm", "silu",
    { residual = { layers = ["tanh", { conv2d = { out = 4, kernel = 3, padding = 1, groups = 2 } }] } },
    { residual = {
        layers = [{ conv2d = { out = 6, kernel = 3, stride = 2, padding = 1 } }, "gelu", { dropout = { probability = 0.3 } }],
        shortcut = [{ conv2d = { out = 6, kernel = 1, stride = 2 } }],
    } },
    "softplus", { avg_pool2d = { kernel = 2 } }, "flatten", "layer_norm", { linear = { out = 3 } },
]"#;

pub fn graph(layers: &str, input: &[i64], classes: i64) -> Graph {
    let section = Section::parse("model.toml", layers).unwrap();
    layers::read(&section, input, Some(classes)).unwrap_or_else(|| panic!("{}", section.mistakes()))
}

/// The graph with weights drawn, the running statistics too.
fn drawn(graph: Graph) -> Model {
    let noise = Noise::new(3);
    let draw = |spec: &super::WeightSpec| {
        let fresh = spec.draw(&noise, Kind::Double, Device::Cpu).unwrap();
        fresh
            + noise.purpose(&spec.name).uniform(&[0], &spec.shape, Kind::Double, Device::Cpu).unwrap().squeeze_dim(0)
                * 0.3
    };
    let weights = graph.weights.iter().map(draw).collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

fn images(count: u64, shape: &[i64]) -> Tensor {
    let ids: Vec<u64> = (0..count).collect();
    Noise::new(5).uniform(&ids, shape, Kind::Double, Device::Cpu).unwrap()
}

fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

fn largest(tensor: &Tensor) -> f64 {
    tensor.abs().max().double_value(&[])
}

fn assert_close(found: &Tensor, expected: &Tensor) {
    let expected = expected.to_kind(Kind::Double);
    let gap = largest(&(found - &expected));
    assert!(gap <= 1e-5 * largest(&expected), "{gap} apart");
}

fn lenet() -> (Model, BTreeMap<String, Tensor>) {
    let graph = Arc::new(graph(LENET, &[1, 28, 28], 10));
    let path = reference("lenet.weights.safetensors");
    let model = Model::new(graph.clone(), weights::read(&graph, &path, Kind::Double, Device::Cpu).unwrap()).unwrap();
    (model, weights::read_tensors(&reference("lenet.reference.safetensors")).unwrap())
}

#[test]
fn lenet_gives_the_logits_and_gradients_of_pytorch() {
    let (model, reference) = lenet();
    let x = reference["x"].to_kind(Kind::Double);
    let target = reference["target"].to_kind(Kind::Int64);
    assert_close(&model.logits(&x).unwrap(), &reference["logits"]);
    assert_close(&model.gradient(&x, &target, Score::Logit).unwrap(), &reference["attr.gradient"]);
}

#[test]
fn scores_are_of_the_target() {
    // Logits 0 and ln 3: probabilities 1/4 and 3/4.
    let logits = Tensor::from_slice(&[0.0, 3f64.ln()]).unsqueeze(0);
    let of = |score: Score, class: i64| score.of(&logits, &Tensor::from_slice(&[class])).unwrap().double_value(&[0]);
    assert_eq!(of(Score::Logit, 1), 3f64.ln());
    assert!((of(Score::Probability, 1) - 0.75).abs() < 1e-15);
    assert!((of(Score::LogProbability, 0) - 0.25f64.ln()).abs() < 1e-15);
}

#[test]
fn a_batch_gives_what_its_examples_give() {
    let model = drawn(graph(RESIDUAL, &[2, 8, 8], 3));
    let x = images(4, &[2, 8, 8]);
    let target = Tensor::from_slice(&[0_i64, 1, 2, 0]);
    let logits = model.logits(&x).unwrap();
    let gradient = model.gradient(&x, &target, Score::Logit).unwrap();
    for at in 0..4 {
        let one = x.narrow(0, at, 1);
        assert!(largest(&(model.logits(&one).unwrap() - logits.narrow(0, at, 1))) < 1e-13);
        let alone = model.gradient(&one, &target.narrow(0, at, 1), Score::Logit).unwrap();
        assert!(largest(&(alone - gradient.narrow(0, at, 1))) < 1e-13);
    }
}

#[test]
fn gradients_equal_central_differences() {
    let model = drawn(graph(RESIDUAL, &[2, 8, 8], 3));
    let x = images(2, &[2, 8, 8]);
    let target = Tensor::from_slice(&[2_i64, 1]);
    for score in [Score::Logit, Score::Probability, Score::LogProbability] {
        let gradient = model.gradient(&x, &target, score).unwrap();
        for seed in 0..4 {
            let direction = Noise::new(seed).normal(&[0, 1], &[2, 8, 8], Kind::Double, Device::Cpu).unwrap();
            let at = |step: f64| model.scores(&(&x + &direction * step), &target, score).unwrap();
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            let product = (&gradient * &direction).sum_dim_intlist([1, 2, 3].as_slice(), false, None);
            let gap = largest(&(&difference - product)) / largest(&difference);
            assert!(gap < 1e-7, "{score:?}: {gap}");
        }
    }
}

/// The second derivative along a direction equals the difference of gradients.
#[test]
fn a_gradient_can_be_differentiated() {
    let model = drawn(graph(RESIDUAL, &[2, 8, 8], 3));
    let target = Tensor::from_slice(&[2_i64]);
    let x = images(1, &[2, 8, 8]).set_requires_grad(true);
    let direction = Noise::new(1).normal(&[0], &[2, 8, 8], Kind::Double, Device::Cpu).unwrap();
    let gradient = model.differentiable_gradient(&x, &target, Score::Logit).unwrap();
    let product = (gradient * &direction).sum(None);
    let second = Tensor::run_backward(&[product], &[&x], false, false).remove(0);
    let at = |step: f64| model.gradient(&(&x + &direction * step), &target, Score::Logit).unwrap();
    let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
    assert!(largest(&(&difference - second)) < 1e-7 * largest(&difference));
}

#[test]
fn passes_and_bytes_are_counted() {
    let (model, reference) = lenet();
    let model = model.to(Device::Cpu, Kind::Float).unwrap();
    let x = reference["x"].narrow(0, 0, 6).to_kind(Kind::Float);
    let target = reference["target"].narrow(0, 0, 6).to_kind(Kind::Int64);
    let _ = model.gradient(&x, &target, Score::Logit).unwrap();
    let _ = model.logits(&x.narrow(0, 0, 2)).unwrap();
    // conv1, relu1: 16 x 24 x 24; pool1: 16 x 12 x 12; conv2, relu2: 32 x 8 x 8; pool2, flatten: 512; 128, 128, 10.
    let numbers = 2 * 16 * 24 * 24 + 16 * 12 * 12 + 2 * 32 * 8 * 8 + 2 * 512 + 2 * 128 + 10;
    assert_eq!(model.activation_bytes(), 4 * numbers);
    let passes = model.passes();
    assert_eq!((passes.forward, passes.backward, passes.peak_bytes), (8, 6, 6 * 4 * numbers));
}

#[test]
fn a_batch_of_another_shape_is_an_error_that_says_so() {
    let (model, _) = lenet();
    let error = model.logits(&images(2, &[3, 28, 28])).unwrap_err().to_string();
    assert_eq!(error, "the model expects examples of shape [1, 28, 28], got a batch of [2, 3, 28, 28]");
}
