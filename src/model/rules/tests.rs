use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::super::{Arg, Model, Score, layers};
use crate::config::Section;
use crate::noise::Noise;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn model(layers: &str, input: &[i64]) -> Model {
    let section = Section::parse("model", &format!("layers = [{layers}]")).unwrap();
    let graph = layers::read(&section, input, None).unwrap_or_else(|| panic!("{}", section.mistakes()));
    let noise = Noise::new(11);
    let weights = graph.weights.iter().map(|spec| {
        let drawn = noise.purpose(&spec.name).uniform(&[0], &spec.shape, Kind::Double, Device::Cpu).unwrap();
        // Variances are positive.
        if spec.name.ends_with("running_var") { drawn.squeeze_dim(0) + 0.5 } else { drawn.squeeze_dim(0) - 0.4 }
    });
    let weights = weights.collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

/// One of every kind of operation, a value used twice, and a shortcut with a layer of its own.
const ALL_KINDS: &str = "{ conv2d = { out = 4, kernel = 3, padding = 1 } }, 'batch_norm', 'relu', \
    { residual = { layers = [{ conv2d = { out = 4, kernel = 3, padding = 1 } }, 'elu', { leaky_relu = { slope = 0.1 } }] } }, \
    { max_pool2d = { kernel = 2 } }, 'silu', \
    { residual = { layers = [{ conv2d = { out = 6, kernel = 1 } }, 'gelu'], shortcut = [{ conv2d = { out = 6, kernel = 1 } }] } }, \
    'dropout', { layer_norm = { dimensions = 1 } }, { avg_pool2d = { kernel = 2, padding = 1 } }, 'tanh', \
    { adaptive_max_pool2d = { size = 2 } }, { adaptive_avg_pool2d = { size = 1 } }, 'softplus', 'flatten', \
    { linear = { out = 5 } }, 'sigmoid', { linear = { out = 3 } }";

fn batch() -> (Tensor, Tensor) {
    let x = Noise::new(3).uniform(&[0, 1, 2], &[2, 8, 8], Kind::Double, Device::Cpu).unwrap();
    (x, Tensor::from_slice(&[0i64, 2, 1]))
}

fn close(ours: &Tensor, theirs: &Tensor) {
    assert_eq!(ours.size(), theirs.size());
    let (apart, largest) = ((ours - theirs).abs().max().double_value(&[]), theirs.abs().max().double_value(&[]));
    assert!(largest > 0.0 && apart <= 1e-12 * largest.max(1.0), "{apart:e} apart, largest {largest}");
}

#[test]
fn without_a_rule_the_walk_is_the_gradient_whatever_the_layers() {
    let (model, (x, target)) = (model(ALL_KINDS, &[2, 8, 8]), batch());
    let gradient = model.gradient(&x, &target, Score::Logit).unwrap();
    for differentiable in [false, true] {
        let x = x.detach().set_requires_grad(differentiable);
        let trace = model.trace(&x, Arg::Input, differentiable).unwrap();
        assert_eq!(trace.logits.detach(), model.logits(&x).unwrap().detach());
        let walked = trace.back(&trace.one_hot(&target).unwrap(), &mut |_| Ok(None)).unwrap();
        close(&walked.detach(), &gradient);
        assert_eq!(walked.requires_grad(), differentiable);
    }
    assert_eq!((model.passes().forward, model.passes().backward), (3 * 5, 3 * 3));
}

/// d<map, v>/dx, by the tape of the walk and by that of the gradient.
#[test]
fn a_walk_on_the_tape_has_the_second_derivatives_of_the_gradient() {
    let layers = ALL_KINDS.replace("'relu'", "'softplus'");
    let (model, (x, target)) = (model(&layers, &[2, 8, 8]), batch());
    let weights = Noise::new(4).normal(&[0, 1, 2], &[2, 8, 8], Kind::Double, Device::Cpu).unwrap();
    let x = x.set_requires_grad(true);
    let trace = model.trace(&x, Arg::Input, true).unwrap();
    let walked = trace.back(&trace.one_hot(&target).unwrap(), &mut |_| Ok(None)).unwrap();
    let gradient = model.differentiable_gradient(&x, &target, Score::Logit).unwrap();
    let derive = |map: &Tensor| {
        let total = (map * &weights).sum(Kind::Double);
        Tensor::run_backward(&[total], &[&x], true, false).remove(0)
    };
    close(&derive(&walked), &derive(&gradient));
}

#[test]
fn a_walk_may_end_at_a_node() {
    // z = w . relu(x): its derivative by what relu gives is w, and by x that of the positive elements.
    let model = model("'relu', 'flatten', { linear = { out = 1 } }", &[4]);
    let x = Tensor::from_slice(&[-1.0, 2.0, -3.0, 4.0]).view([1, 4]);
    let trace = model.trace(&x, Arg::Node(0), false).unwrap();
    assert_eq!(trace.value, x.relu());
    let start = Tensor::ones([1, 1], DOUBLE);
    assert_eq!(trace.back(&start, &mut |_| Ok(None)).unwrap(), model.weights()[0]);
    let mut seen = Vec::new();
    let _ = trace
        .back(&start, &mut |visit| {
            seen.push(visit.node.name.clone());
            Ok(None)
        })
        .unwrap();
    assert_eq!(seen, ["linear1", "flatten1"]);
    // At the output there is nowhere to go.
    let output = model.trace(&x, Arg::Node(2), false).unwrap();
    assert_eq!(output.back(&start, &mut |_| panic!("no node lies between")).unwrap(), start);
}

#[test]
fn a_rule_stands_for_a_node_and_the_signals_of_all_uses_are_added() {
    // x + relu(x), with the rule that relu sends 10 times what arrives: 1 + 10, whatever x.
    let model = model("{ residual = { layers = ['relu'] } }", &[2]);
    let x = Tensor::from_slice(&[-1.0, 2.0]).view([1, 2]);
    let trace = model.trace(&x, Arg::Input, false).unwrap();
    let mut rule = |visit: &super::Visit| {
        Ok(match visit.node.name.as_str() {
            "residual1.relu1" => Some(vec![visit.signal * 10.0]),
            _ => None,
        })
    };
    let sent = trace.back(&x.ones_like(), &mut rule).unwrap();
    assert_eq!(sent, x.full_like(11.0));
    assert!(trace.back(&x.ones_like(), &mut |_| Ok(Some(Vec::new()))).is_err(), "too few signals");
}
