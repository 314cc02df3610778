//! Cascading randomization of a LeNet against numbers made by other programs: fc2, fc1, conv2 and conv1 replaced one after another
//! by given weights, the class held fixed, Spearman's correlation of each image's maps with and without signs.

use std::collections::BTreeMap;

use explainbench::metrics::{Beside, Given};
use explainbench::need::{Class, Known, Maps, Need};
use tch::{Kind, Tensor};

use crate::conformance::metric;
use crate::reference::{assert_close, explainer, folder, lenet, reference, scene, statistics};

#[test]
fn cascading_randomization_of_lenet_agrees_with_the_reference() {
    let read: usize = [("gradient", "gradient"), ("guided-backprop", "guided_backprop")].map(cascade).iter().sum();
    // Nothing that the file has of cascades is left unread.
    let all = Tensor::read_safetensors(folder().join("lenet.reference.safetensors")).unwrap();
    assert_eq!(read, all.iter().filter(|(name, _)| name.starts_with("cascade.")).count());
}

/// Compares the curves of one explainer; how many tensors of the file these are.
fn cascade((name, named): (&str, &str)) -> usize {
    let (model, statistics) = (lenet(), statistics());
    let fresh_weights = tempfile::tempdir().unwrap();
    let file = fresh_weights.path().join("fresh.safetensors");
    let fresh: Vec<(&str, Tensor)> = model
        .graph
        .weights
        .iter()
        .map(|spec| (spec.name.as_str(), reference(&format!("random.{}", spec.name))))
        .collect();
    Tensor::write_safetensors(&fresh, &file).unwrap();
    let metric = metric(&format!("use = 'model-randomization'\ninit = 'file'\nweights = '{}'", file.display()));

    let known = Known { draws: vec![4, 5], graph: Some(model.graph.clone()), ..Known::default() };
    let contender = explainer(&format!("use = '{name}'\nmap = {{ channels = 'sum', sign = 'signed' }}"));
    let mut maps: BTreeMap<Maps, Tensor> = BTreeMap::new();
    for need in metric.needs(&known) {
        let Need::Maps(asked) = need else { continue };
        let model = asked.randomized.as_ref().unwrap().apply(&model, &explainbench::noise::Noise::new(0)).unwrap();
        let mut on = scene(&model, &statistics, 100);
        if asked.class == Class::Predicted {
            on.target = model.logits(&on.x).unwrap().argmax(1, false);
        }
        maps.insert(asked, contender.chosen.method.explain(&on).unwrap().values.squeeze_dim(1));
    }
    // Both classes of four steps; a file has one draw.
    assert_eq!(maps.len(), 8);
    let read = |asked: &Maps| Ok(maps[asked].shallow_clone());
    let on = scene(&model, &statistics, 100);
    let own = contender.chosen.method.explain(&on).unwrap();
    let given = Given {
        scene: on,
        attribution: own.values,
        unit: own.unit,
        map: contender.map,
        cost: Default::default(),
        others: Vec::new(),
        beside: Beside { draws: known.draws, read: Some(&read), moved: None },
    };
    let scores = metric.score(&given).unwrap();
    assert_eq!(scores.ids, [4; 32]);
    let mut compared = 0;
    for (ours, theirs) in [("fixed-spearman", "spearman"), ("fixed-absolute-spearman", "spearman_abs")] {
        let curve = scores.measures.iter().find(|values| values.measure == ours).unwrap();
        assert_eq!(curve.at, [1.0, 2.0, 3.0, 4.0]);
        let curve = Tensor::from_slice(&curve.values).view([32, 4]);
        for (step, layer) in ["fc2", "fc1", "conv2", "conv1"].into_iter().enumerate() {
            let name = format!("cascade.{step}.{layer}.{named}.{theirs}");
            assert_close(&name, &curve.select(1, step as i64), &reference(&name).to_kind(Kind::Double));
            compared += 1;
        }
    }
    compared
}
