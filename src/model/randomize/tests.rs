use std::sync::Arc;

use super::*;
use crate::model::tests::graph;

/// conv1, bn1, and a residual block of conv and bn, then fc.
fn small() -> Graph {
    let layers = r#"layers = [
        { name = "conv1", conv2d = { out = 2, kernel = 3, padding = 1 } }, { name = "bn1", batch_norm = {} }, "relu",
        { name = "block", residual = { layers = [{ name = "conv", conv2d = { out = 2, kernel = 1 } }, { name = "bn", batch_norm = {} }] } },
        "flatten", { name = "fc", linear = { out = 3 } },
    ]"#;
    graph(layers, &[1, 4, 4], 3)
}

fn trained() -> Model {
    let graph = small();
    let weights = graph
        .weights
        .iter()
        .enumerate()
        .map(|(at, spec)| Tensor::full(&spec.shape, 0.5 + at as f64, (Kind::Double, Device::Cpu)));
    let weights = weights.collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

fn randomized(modules: &[&str], redraw: Redraw, statistics: bool, draw: u64) -> Randomized {
    Randomized { modules: modules.iter().map(|module| module.to_string()).collect(), redraw, statistics, draw }
}

/// The weights that are other than as trained.
fn changed(model: &Model) -> Vec<String> {
    let trained = trained();
    let pairs = model.weights().iter().zip(trained.weights()).zip(&model.graph.weights);
    pairs.filter(|((ours, theirs), _)| ours != theirs).map(|(_, spec)| spec.name.clone()).collect()
}

fn names(steps: &[Step]) -> Vec<(&str, Vec<&str>)> {
    steps.iter().map(|step| (step.name.as_str(), step.modules.iter().map(String::as_str).collect())).collect()
}

fn blocks(blocks: &[&[&str]]) -> Vec<Vec<String>> {
    blocks.iter().map(|block| block.iter().map(|path| path.to_string()).collect()).collect()
}

#[test]
fn each_module_with_parameters_is_a_step_in_the_order_of_execution() {
    let steps = steps(&small(), &[]).unwrap();
    let modules = ["conv1", "bn1", "block.conv", "block.bn", "fc"];
    assert_eq!(names(&steps), modules.map(|module| (module, vec![module])));
}

#[test]
fn blocks_hold_all_below_a_path_and_follow_the_execution() {
    let found = steps(&small(), &blocks(&[&["fc"], &["block"], &["conv1", "bn1"]])).unwrap();
    let expected = [("conv1+bn1", vec!["conv1", "bn1"]), ("block", vec!["block.conv", "block.bn"]), ("fc", vec!["fc"])];
    assert_eq!(names(&found), expected);
    let wrong = steps(&small(), &blocks(&[&["conv1", "blok"]])).unwrap_err();
    assert_eq!(wrong.help.as_deref(), Some("did you mean `block`?"));
    assert!(wrong.expected.unwrap().contains("conv1, bn1, block.conv, block.bn, fc"));
    // A path is whole words: "bloc" is no part of "block.conv".
    assert!(steps(&small(), &blocks(&[&["bloc"]])).is_err());
    assert!(steps(&small(), &blocks(&[&["block"], &["block.bn"]])).unwrap_err().message.contains("twice"));
    assert!(steps(&graph("layers = ['flatten']", &[1, 1, 3], 3), &[]).is_err());
}

#[test]
fn only_the_named_layers_change_and_draws_agree_where_they_overlap() {
    let noise = Noise::new(4);
    let apply = |modules: &[&str], statistics, draw| {
        randomized(modules, Redraw::Training, statistics, draw).apply(&trained(), &noise).unwrap()
    };
    let top = apply(&["fc"], false, 0);
    assert_eq!(changed(&top), ["fc.weight", "fc.bias"]);
    let more = apply(&["fc", "block.bn"], false, 0);
    assert_eq!(changed(&more), ["block.bn.weight", "block.bn.bias", "fc.weight", "fc.bias"]);
    let fc = |model: &Model| model.weights()[model.weights().len() - 2].copy();
    assert_eq!(fc(&top), fc(&more));
    assert_ne!(fc(&top), fc(&apply(&["fc"], false, 1)));
    // The statistics start at 0 and 1.
    let reset = apply(&["block.bn"], true, 0);
    assert_eq!(changed(&reset).len(), 4);
    let spec = |name: &str| reset.graph.weights.iter().position(|spec| spec.name == name).unwrap();
    assert_eq!(reset.weights()[spec("block.bn.running_mean")].abs().max().double_value(&[]), 0.0);
    // A layer is drawn as its training draws it.
    let at = top.graph.weights.iter().position(|spec| spec.name == "fc.weight").unwrap();
    let expected = top.graph.weights[at].draw(&noise.index(0), Kind::Double, Device::Cpu).unwrap();
    assert_eq!(fc(&top), expected);
}

/// A normal distribution cut at two standard deviations has .8796 of its deviation: 1 - 4 phi(2) / .9545 = .7737 of its variance.
#[test]
fn a_truncated_normal_has_its_moments() {
    let spec = WeightSpec { name: "w".into(), shape: vec![200, 200], role: Role::Parameter, init: Init::FanIn(5) };
    let drawn = truncated_normal(&spec, &Noise::new(1), Kind::Double, Device::Cpu).unwrap();
    assert!(drawn.abs().max().double_value(&[]) < 0.2);
    assert!(drawn.mean(Kind::Double).double_value(&[]).abs() < 2e-3);
    assert!((drawn.std(true).double_value(&[]) - 0.08796).abs() < 1e-3);
    let bias = WeightSpec { shape: vec![3], ..spec.clone() };
    let bias = truncated_normal(&bias, &Noise::new(1), Kind::Double, Device::Cpu).unwrap();
    assert_eq!(bias, Tensor::from_slice(&[0.1, 0.1, 0.1]));
    let scale = WeightSpec { shape: vec![2], init: Init::Ones, ..spec };
    let scale = truncated_normal(&scale, &Noise::new(1), Kind::Double, Device::Cpu).unwrap();
    assert_eq!(scale, Tensor::from_slice(&[1.0, 1.0]));
}

#[test]
fn weights_from_a_file_go_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fresh.safetensors");
    let (weight, bias) = (Tensor::ones([3, 32], (Kind::Float, Device::Cpu)), Tensor::from_slice(&[1f32, 2.0, 3.0]));
    Tensor::write_safetensors(&[("fc.weight", &weight), ("fc.bias", &bias)], &path).unwrap();
    let file = Redraw::File(path);
    let model = randomized(&["fc"], file.clone(), false, 0).apply(&trained(), &Noise::new(0)).unwrap();
    assert_eq!(model.weights().last().unwrap(), &bias.to_kind(Kind::Double));
    let error = randomized(&["conv1"], file, false, 0).apply(&trained(), &Noise::new(0)).err().unwrap();
    assert!(error.to_string().contains("has no `conv1.weight` of shape [2, 1, 3, 3]"), "{error}");
}
