//! Removal metrics: on an additive linear model the best order is known exactly.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::*;

#[test]
fn deletion_of_a_linear_model_is_best_in_the_order_of_its_contributions() {
    let section = Section::parse("model", "layers = [\"flatten\", { linear = { out = 3 } }]").unwrap();
    let graph = layers::read(&section, &[2, SIDE, SIDE], Some(3)).unwrap();
    let noise = Noise::new(9);
    let draw = |spec: &explainbench::model::WeightSpec| {
        noise.purpose(&spec.name).normal(&[0], &spec.shape, Kind::Double, Device::Cpu).unwrap().squeeze_dim(0)
    };
    let weights: Vec<Tensor> = graph.weights.iter().map(draw).collect();
    let rows = weights[0].view([3, 2, SIDE, SIDE]);
    let model = Model::new(Arc::new(graph), weights).unwrap();
    let statistics = statistics();
    for (imputer, fill) in [("black", [0.0, 0.0]), ("mean", [0.4, 0.6])] {
        let deletion = metric(&format!("use = 'deletion'\nscore = 'logit'\nstep = 3\nimputer = '{imputer}'"));
        let scene = || scene(&model, &statistics, 8, 100);
        let fill = Tensor::from_slice(&fill).view([1, 2, 1, 1]);
        let contribution =
            (rows.index_select(0, &scene().target) * (scene().x - fill)).sum_dim_intlist(1, false, Kind::Double);
        let auc = |map: &Tensor| values(&*deletion, &given(scene(), map.shallow_clone()), "auc");
        let (best, worst) = (auc(&contribution), auc(&-&contribution));
        for trial in 0..20 {
            let ids: Vec<u64> = (0..8).collect();
            let other = auc(&Noise::new(trial).normal(&ids, &[SIDE, SIDE], Kind::Double, Device::Cpu).unwrap());
            for example in 0..8 {
                assert!(best[example] <= other[example] && other[example] <= worst[example]);
            }
        }
    }
}

#[test]
fn ties_are_broken_at_random_the_same_for_every_contender_or_in_order() {
    let (model, statistics) = (model(), statistics());
    let flat = Tensor::zeros([4, SIDE, SIDE], (Kind::Double, Device::Cpu));
    let auc = |text: &str, map: &Tensor| {
        values(&*metric(text), &given(scene(&model, &statistics, 4, 100), map.shallow_clone()), "auc")
    };
    let random = "use = 'deletion'";
    assert_eq!(auc(random, &flat), auc(random, &(&flat + 1.0)));
    // In order: the same as a map that falls from the first pixel to the last.
    let falling =
        -Tensor::arange(SIDE * SIDE, (Kind::Double, Device::Cpu)).view([1, SIDE, SIDE]).expand([4, SIDE, SIDE], false);
    let stable = "use = 'deletion'\nties = 'stable'";
    assert_eq!(auc(stable, &flat), auc(random, &falling));
    assert_ne!(auc(random, &flat), auc(stable, &flat));
}
