//! The Clever Hans test: what does not look at the network differs by exactly nothing, and what a network loses with its cue is
//! known for a linear one.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::*;

/// A linear model of two classes whose logit of class 0 is the sum over `weights` times x, and that of class 1 is 0.
fn linear(weights: &Tensor) -> Model {
    let section = Section::parse("model", "layers = [\"flatten\", { linear = { out = 2 } }]").unwrap();
    let graph = layers::read(&section, &[2, SIDE, SIDE], Some(2)).unwrap();
    let rows = Tensor::stack(&[weights.reshape([-1]), weights.reshape([-1]).zeros_like()], 0);
    let bias = Tensor::zeros([2], (Kind::Double, Device::Cpu));
    Model::new(Arc::new(graph), vec![rows, bias]).unwrap()
}

/// Scores of a pair of maps [B, H, W], that of the network that uses the cue first.
fn scores(models: [&Model; 2], maps: [&Tensor; 2], measure: &str) -> Vec<f64> {
    let statistics = statistics();
    let count = maps[0].size()[0] as usize;
    let mut scene = scene(models[0], &statistics, count, 7);
    scene.target = scene.target.zeros_like();
    let mut given = given(scene, maps[0].shallow_clone());
    given.others[0].model = models[1];
    given.others[0].attribution = Some(maps[1].unsqueeze(1));
    values(&*metric("use = 'clever-hans'"), &given, measure)
}

#[test]
fn a_map_that_finds_the_cue_only_where_it_is_used_has_the_largest_difference_and_a_control_none() {
    let statistics = statistics();
    let model = model();
    let cue = scene(&model, &statistics, 5, 10).evidence.unwrap().mask.to_kind(Kind::Double);
    let noise = Noise::new(3).uniform(&[0, 1, 2, 3, 4], &[SIDE, SIDE], Kind::Double, Device::Cpu).unwrap();
    let scores = |maps, measure| scores([&model, &model], maps, measure);
    let inverted = -&cue;
    assert_eq!(scores([&cue, &inverted], "difference"), [1.0; 5]);
    assert_eq!(scores([&inverted, &cue], "difference"), [-1.0; 5]);
    assert_eq!(scores([&noise, &noise], "difference"), [0.0; 5]);
    assert_eq!(scores([&cue, &noise], "found"), [1.0; 5]);
    assert!(scores([&cue, &cue.ones_like()], "difference").iter().all(|value| value.is_nan()), "a constant map");
}

#[test]
fn reliance_is_the_probability_that_goes_with_the_cue() {
    let statistics = statistics();
    let network = model();
    let (x, mask) = {
        let scene = scene(&network, &statistics, 4, 10);
        (scene.x.shallow_clone(), scene.evidence.unwrap().mask.unsqueeze(1).to_kind(Kind::Double))
    };
    let inside = mask.get(0).expand([2, SIDE, SIDE], false) * 0.5;
    let outside = 0.5 - &inside;
    let (uses, ignores) = (linear(&inside), linear(&outside));
    let map = Tensor::rand([4, SIDE, SIDE], (Kind::Double, Device::Cpu));
    let taken = scores([&uses, &ignores], [&map, &map], "reliance");
    // Without the cue the logit of class 0 is 0 and the two classes are as likely as each other.
    let with = (&x * &mask * 0.5).sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Double).sigmoid() - 0.5;
    let apart = (Tensor::from_slice(&taken) - with).abs().max().double_value(&[]);
    assert!(apart < 1e-12, "{apart}");
    assert_eq!(scores([&uses, &ignores], [&map, &map], "counterpart-reliance"), [0.0; 4]);
}
