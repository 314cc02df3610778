use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::super::Scene;
use super::*;
use crate::imputers::Statistics;
use crate::model::{Model, layers};
use crate::noise::Noise;

/// A network whose weights are drawn, biases only where `biased`.
fn model(text: &str, input: &[i64], biased: bool) -> Model {
    let section = Section::parse("model", text).unwrap();
    let graph = layers::read(&section, input, None).unwrap_or_else(|| panic!("{}", section.mistakes()));
    let noise = Noise::new(21);
    let weights = graph.weights.iter().map(|spec| {
        let drawn = noise.purpose(&spec.name).uniform(&[0], &spec.shape, Kind::Double, Device::Cpu).unwrap();
        let drawn = drawn.squeeze_dim(0);
        match spec.name.rsplit('.').next() {
            Some("running_var") => drawn + 0.5,
            Some("bias" | "running_mean") if !biased => drawn * 0.0,
            _ => drawn - 0.4,
        }
    });
    let weights = weights.collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

/// The network with these weights, in the order of its graph.
fn with(model: &Model, weights: &[&[f64]]) -> Model {
    let shaped = model.weights().iter().zip(weights);
    Model::new(model.graph.clone(), shaped.map(|(old, new)| Tensor::from_slice(new).view(&old.size()[..])).collect())
        .unwrap()
}

fn relevance(model: &Model, x: &Tensor, target: &[i64], parameters: &str) -> Tensor {
    let section = Section::parse("explainer", &format!("use = 'lrp'\n{parameters}")).unwrap();
    let contender = crate::explainers::read(&section);
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    let statistics = Statistics { mean: Tensor::zeros([x.size()[1]], (Kind::Double, Device::Cpu)) };
    let scene = Scene {
        model,
        x: x.shallow_clone(),
        target: Tensor::from_slice(target),
        evidence: None,
        ids: (0..target.len() as u64).collect(),
        noise: Noise::new(0),
        statistics: &statistics,
        chunk: 100,
        differentiable: false,
    };
    contender.unwrap().chosen.method.explain(&scene).unwrap().values
}

fn images(count: u64) -> Tensor {
    Noise::new(5).uniform(&(0..count).collect::<Vec<_>>(), &[2, 8, 8], Kind::Double, Device::Cpu).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

fn assert_near(ours: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(ours.len(), expected.len());
    for (a, b) in ours.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}: {ours:?} instead of {expected:?}");
    }
}

/// z = 2 * 1 + (-3) * 2 + 1 * 3 + 0.5 = -0.5 of the inputs 1, 2, 3. Contributions 2, -6, 3.
#[test]
fn one_linear_layer_by_hand() {
    let one = model("layers = ['flatten', { linear = { out = 1 } }]", &[1, 1, 3], true);
    let x = Tensor::from_slice(&[1.0, 2.0, 3.0]).view([1, 1, 1, 3]);
    let one = with(&one, &[&[2.0, -3.0, 1.0], &[0.5]]);
    // The relevance to be divided is z itself.
    let z = -0.5;
    let share = |q: [f64; 3], by: f64| q.map(|q| q / by * z);
    let near = |parameters: &str, expected: &[f64]| {
        let ours = numbers(&relevance(&one, &x, &[0], &format!("epsilon = 1e-12\n{parameters}")));
        assert_near(&ours, expected, 1e-9, parameters);
    };
    near("composite = 'epsilon'", &share([2.0, -6.0, 3.0], -0.5));
    near("composite = 'z-plus'", &share([2.0, 0.0, 3.0], 5.5));
    let (positive, negative) = (share([2.0, 0.0, 3.0], 5.5), share([0.0, -6.0, 0.0], -6.0));
    let both: Vec<f64> = positive.iter().zip(negative).map(|(p, n)| 2.0 * p - n).collect();
    near("composite = 'alpha-beta'", &both);
    // z < 0, so the negative part counts once more by half: 2, -9, 3, bias .5: sum -3.5.
    near("composite = 'gamma'\ngamma = 0.5", &share([2.0, -9.0, 3.0], -3.5));
    // Pixels between 0 and 1: 2 - 0, -6 + 3 * 1, 3 - 0; the bias cancels.
    near("composite = 'epsilon-gamma-box'", &share([2.0, -3.0, 3.0], 2.0));
    // A stabiliser as large as z, of its sign.
    assert_near(
        &numbers(&relevance(&one, &x, &[0], "composite = 'epsilon'\nepsilon = 0.5")),
        &share([2.0, -6.0, 3.0], -1.0),
        1e-9,
        "epsilon",
    );
}

#[test]
fn negative_inputs_with_negative_weights_are_positive_contributions() {
    // preprocess makes -2 and 2 of the pixels 0 and 1: contributions (-2)(-1) = 2 and 2 (-1) = -2 and 2 * 3 = 6.
    let text =
        "preprocess = { mean = [0.5], std = [0.25] }\nlayers = ['flatten', { linear = { out = 1, bias = false } }]";
    let one = with(&model(text, &[1, 1, 3], false), &[&[-1.0, -1.0, 3.0]]);
    let x = Tensor::from_slice(&[0.0, 1.0, 1.0]).view([1, 1, 1, 3]);
    let ours = numbers(&relevance(&one, &x, &[0], "composite = 'z-plus'\nepsilon = 1e-12"));
    assert_near(&ours, &[6.0 * 2.0 / 8.0, 0.0, 6.0 * 6.0 / 8.0], 1e-9, "z-plus");
    // The range is -2 to 2: x w - low w+ - high w-: 2 + 2, -2 + 2, 6 + 6.
    let ours = numbers(&relevance(&one, &x, &[0], "composite = 'epsilon-gamma-box'\nepsilon = 1e-12"));
    assert_near(&ours, &[6.0 * 4.0 / 16.0, 0.0, 6.0 * 12.0 / 16.0], 1e-9, "box");
}

const RESIDUAL: &str = "layers = [{ conv2d = { out = 4, kernel = 3, padding = 1 } }, 'relu', \
    { residual = { layers = [{ conv2d = { out = 4, kernel = 3, padding = 1 } }, 'relu'] } }, { max_pool2d = { kernel = 2 } }, \
    { residual = { layers = [{ conv2d = { out = 6, kernel = 1 } }, 'relu'], shortcut = [{ conv2d = { out = 6, kernel = 1 } }] } }, \
    'relu', { avg_pool2d = { kernel = 2 } }, 'dropout', 'flatten', { linear = { out = 5 } }, 'relu', { linear = { out = 3 } }]";

#[test]
fn without_biases_every_composite_keeps_the_logit() {
    let plain = RESIDUAL.replace(
        "shortcut = [{ conv2d = { out = 6, kernel = 1 } }]",
        "shortcut = [{ conv2d = { out = 6, kernel = 1 } }, 'relu']",
    );
    let model = model(&plain, &[2, 8, 8], false);
    let (x, target) = (images(4), [0, 1, 2, 1]);
    let logits = model.scores(&x, &Tensor::from_slice(&target), crate::model::Score::Logit).unwrap();
    for composite in [
        "epsilon'",
        "z-plus'",
        // With a beta, only where a layer has contributions of both signs.
        "alpha-beta'\nalpha = 1.0",
        "gamma'",
        "epsilon-plus'",
        "epsilon-gamma-box'",
    ] {
        let map = relevance(&model, &x, &target, &format!("composite = '{composite}\nepsilon = 1e-12"));
        let sum = map.sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Double);
        assert_near(&numbers(&sum), &numbers(&logits), 1e-6, composite);
    }
}

#[test]
fn epsilon_without_biases_is_input_times_gradient() {
    let model = model(RESIDUAL, &[2, 8, 8], false);
    let (x, target) = (images(3), [0, 1, 2]);
    let gradient = model.gradient(&x, &Tensor::from_slice(&target), crate::model::Score::Logit).unwrap();
    let map = relevance(&model, &x, &target, "composite = 'epsilon'\nepsilon = 1e-12");
    assert_near(&numbers(&map), &numbers(&(gradient * x)), 1e-7, "epsilon");
}

/// A network with batch norm has the maps of the one whose convolution does what both did.
#[test]
fn a_batch_norm_is_merged_into_the_layer_before_it() {
    let text = |norm: &str| {
        format!(
            "layers = [{{ conv2d = {{ out = 3, kernel = 3 }} }}{norm}, 'relu', 'flatten', {{ linear = {{ out = 4 }} }}{norm}, \
             'relu', {{ linear = {{ out = 2 }} }}]"
        )
    };
    let normed = model(&text(", 'batch_norm'"), &[2, 8, 8], true);
    let bare = model(&text(""), &[2, 8, 8], true);
    let of = |name: &str| {
        let at = normed.graph.weights.iter().position(|spec| spec.name == name);
        normed.weights()[at.unwrap_or_else(|| panic!("no {name}"))].shallow_clone()
    };
    let weights = bare.graph.weights.iter().map(|spec| {
        let (layer, part) = spec.name.split_once('.').unwrap();
        let norm = match layer {
            "conv1" => "batch_norm1",
            "linear1" => "batch_norm2",
            _ => return of(&spec.name),
        };
        let scale = of(&format!("{norm}.weight")) / (of(&format!("{norm}.running_var")) + 1e-5).sqrt();
        if part == "bias" {
            (of(&spec.name) - of(&format!("{norm}.running_mean"))) * scale + of(&format!("{norm}.bias"))
        } else {
            let mut column = vec![1; spec.shape.len()];
            column[0] = -1;
            of(&spec.name) * scale.view(&column[..])
        }
    });
    let bare = Model::new(bare.graph.clone(), weights.collect()).unwrap();
    let x = images(3);
    assert_near(&numbers(&normed.logits(&x).unwrap()), &numbers(&bare.logits(&x).unwrap()), 1e-10, "logits");
    for composite in ["epsilon", "z-plus", "alpha-beta", "gamma", "epsilon-gamma-box"] {
        let map = |model: &Model| numbers(&relevance(model, &x, &[0, 1, 0], &format!("composite = '{composite}'")));
        assert_near(&map(&normed), &map(&bare), 1e-8, composite);
    }
}

#[test]
fn alpha_and_beta_differ_by_one() {
    let read = |text: &str| {
        let section = Section::parse("a.toml", text).unwrap();
        let contender = crate::explainers::read(&section);
        (contender.map(|contender| contender.chosen.identity), section.mistakes().to_string())
    };
    let (_, said) = read("use = 'lrp'\ncomposite = 'alpha-beta'\nalpha = 3.0\nbeta = 1.0");
    assert!(said.contains("`alpha` - 1, which is 2"), "{said}");
    let (_, said) = read("use = 'lrp'\ngamma = 0.1");
    assert!(said.contains("unknown key `gamma`"), "{said}");
}
