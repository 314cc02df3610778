use std::ops::ControlFlow;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::{Epoch, Recipe, TrainData, Trained, batches, order, train, untrained};
use crate::config::Section;
use crate::error::Result;
use crate::model::Model;
use crate::model::evaluate::predictions;
use crate::model::graph::Role;
use crate::model::tests::graph;
use crate::noise::Noise;

const LAYERS: &str = r#"layers = [{ conv2d = { out = 4, kernel = 3 } }, "batch_norm", "relu", "flatten",
    { dropout = { probability = 0.2 } }, { linear = { out = 2 } }]"#;

/// Noise images `[N, 1, 6, 6]`, brighter on the left in class 0 and on the right in class 1.
fn images(count: u64) -> (Tensor, Tensor, Vec<u64>) {
    let ids: Vec<u64> = (0..count).collect();
    let images = Noise::new(9).uniform(&ids, &[1, 6, 6], Kind::Float, Device::Cpu).unwrap() * 0.5;
    let labels = Tensor::arange(count as i64, (Kind::Int64, Device::Cpu)).remainder(2);
    for at in 0..count as i64 {
        let _ = images.get(at).narrow(2, at % 2 * 3, 3).g_add_scalar_(0.3);
    }
    (images, labels, ids)
}

fn trained(recipe: &str, noise: u64, layers: &str) -> Result<Trained> {
    let (images, labels, ids) = images(65);
    let section = Section::parse("model.toml", recipe).unwrap();
    let recipe = Recipe::read(&section, &[1, 6, 6]);
    section.check().unwrap();
    let data = TrainData { images: &images, labels: &labels, ids: &ids, redrawn: None };
    train(&graph(layers, &[1, 6, 6], 2), &recipe, &data, None, &Noise::new(noise), Device::Cpu, &mut |_| {
        Ok(ControlFlow::Continue(()))
    })
}

#[test]
fn a_simple_problem_is_learnt() {
    let trained = trained("epochs = 5\nbatch = 16\noptimizer = { lr = 0.01 }", 0, LAYERS).unwrap();
    let (images, labels, _) = images(65);
    let model = Model::new(Arc::new(graph(LAYERS, &[1, 6, 6], 2)), trained.weights).unwrap();
    let rows = |range: std::ops::Range<usize>| Ok(images.narrow(0, range.start as i64, range.len() as i64));
    assert_eq!(predictions(&model, 65, 16, rows).unwrap(), Vec::<i64>::try_from(labels).unwrap());
    assert!(trained.loss[4] < 0.5 * trained.loss[0], "{:?}", trained.loss);
    assert!(trained.accuracy.len() == 5 && trained.accuracy[4] > trained.accuracy[0], "{:?}", trained.accuracy);
    // 65 examples: 4 steps an epoch, as the one left over joins the last.
    assert_eq!(trained.steps, 20);
}

#[test]
fn a_training_ends_when_it_is_told_to_and_starts_from_the_untrained_weights() {
    let (images, labels, ids) = images(65);
    let recipe = Recipe::read(&Section::parse("", "epochs = 9").unwrap(), &[1, 6, 6]);
    let data = TrainData { images: &images, labels: &labels, ids: &ids, redrawn: None };
    let (graph, noise) = (graph(LAYERS, &[1, 6, 6], 2), Noise::new(3));
    let mut seen = Vec::new();
    let mut until_third = |epoch: &Epoch| {
        seen.push(epoch.weights.iter().map(|weight| weight.detach().copy()).collect::<Vec<_>>());
        Ok(if epoch.number == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    let trained = train(&graph, &recipe, &data, None, &noise, Device::Cpu, &mut until_third).unwrap();
    assert_eq!((trained.loss.len(), seen.len()), (3, 3));
    assert_eq!(trained.weights, seen[2]);
    let start = untrained(&graph, &noise, Kind::Float, Device::Cpu).unwrap();
    assert_eq!(start.len(), trained.weights.len());
    let still =
        Recipe::read(&Section::parse("", "epochs = 1\noptimizer = { use = 'sgd', lr = 1e-60 }").unwrap(), &[1, 6, 6]);
    let on = &mut |_: &Epoch| Ok(ControlFlow::Continue(()));
    let moved = train(&graph, &still, &data, None, &noise, Device::Cpu, on).unwrap().weights;
    let parameters = (0..start.len()).filter(|&at| graph.weights[at].role == Role::Parameter);
    parameters.for_each(|at| assert_eq!(start[at], moved[at]));
}

#[test]
fn equal_noise_gives_equal_weights_to_the_bit() {
    let recipe = "epochs = 2\nbatch = 16\naugment = { shift = 1, flip = true }";
    let weights = |noise| trained(recipe, noise, LAYERS).unwrap().weights;
    assert_eq!(weights(1), weights(1));
    assert_ne!(weights(1), weights(2));
}

const AGAINST: [&str; 3] =
    ["use = 'pgd'", "use = 'ig-norm', segments = 3, weight = 0.3", "use = 'ig-sum-norm', segments = 3"];

#[test]
fn training_against_moves_learns_and_equal_noise_gives_equal_weights() {
    for against in AGAINST {
        let recipe = "epochs = 5\nbatch = 16\noptimizer = { lr = 0.01 }";
        let run = || trained(&format!("{recipe}\nrobust = {{ {against}, radius = 20, iterations = 3 }}"), 0, LAYERS);
        let (one, other) = (run().unwrap(), run().unwrap());
        assert_eq!(one.weights, other.weights, "{against}");
        assert!(one.loss[4] < 0.7 * one.loss[0], "{against}: {:?}", one.loss);
    }
}

/// In a ball of almost no size the moved images are the images: however long the search, batch norm has seen each batch once.
#[test]
fn running_statistics_do_not_see_the_search() {
    let still = |robust: &str| {
        let recipe = "epochs = 1\nbatch = 16\noptimizer = { use = 'sgd', lr = 1e-30 }";
        trained(&format!("{recipe}\n{robust}"), 0, LAYERS).unwrap().weights
    };
    let usual = still("");
    let graph = graph(LAYERS, &[1, 6, 6], 2);
    let buffers = || (0..usual.len()).filter(|&at| graph.weights[at].role != Role::Parameter);
    assert_eq!(buffers().count(), 2, "a mean and a variance");
    let start = untrained(&graph, &Noise::new(0), Kind::Float, Device::Cpu).unwrap();
    buffers().for_each(|at| assert_ne!(start[at], usual[at]));
    for against in AGAINST {
        let moved = still(&format!("robust = {{ {against}, radius = 1e-6, iterations = 7 }}"));
        for at in buffers() {
            let far = (&moved[at] - &usual[at]).abs().max().double_value(&[]);
            assert!(far < 1e-6, "{against}: {far}");
        }
    }
}

#[test]
fn bytes_are_trained_on_as_their_pixels() {
    let labels = Tensor::from_slice(&[0_i64, 1, 0, 1]);
    let bytes = Tensor::arange(4 * 36, (Kind::Uint8, Device::Cpu)).view([4, 1, 6, 6]);
    let numbers = bytes.to_kind(Kind::Float) / 255.0;
    let recipe = Recipe::read(&Section::parse("", "epochs = 2").unwrap(), &[1, 6, 6]);
    let loss = |images: &Tensor| {
        let data = TrainData { images, labels: &labels, ids: &[0, 1, 2, 3], redrawn: None };
        let graph = graph(LAYERS, &[1, 6, 6], 2);
        train(&graph, &recipe, &data, None, &Noise::new(0), Device::Cpu, &mut |_| Ok(ControlFlow::Continue(())))
            .unwrap()
            .loss
    };
    assert_eq!(loss(&bytes), loss(&numbers));
}

#[test]
fn a_training_that_diverges_says_so() {
    let layers = r#"layers = ["flatten", { linear = { out = 20 } }, { linear = { out = 2 } }]"#;
    let error = trained("optimizer = { use = \"sgd\", lr = 1e30 }", 0, layers).err().unwrap().to_string();
    assert!(error.starts_with("the training diverged in epoch "), "{error}");
}

/// Without a step that moves it, the running accuracy is that of the network as drawn, batch by batch or at once.
#[test]
fn the_running_accuracy_is_that_of_the_batches_as_they_pass() {
    let layers = r#"layers = ["flatten", { linear = { out = 2 } }]"#;
    let still = trained("epochs = 2\nbatch = 16\noptimizer = { use = \"sgd\", lr = 1e-30 }", 0, layers).unwrap();
    let (images, labels, _) = images(65);
    let model = Model::new(Arc::new(graph(layers, &[1, 6, 6], 2)), still.weights).unwrap();
    let rows = |range: std::ops::Range<usize>| Ok(images.narrow(0, range.start as i64, range.len() as i64));
    let labels = Vec::<i64>::try_from(labels).unwrap();
    let right = predictions(&model, 65, 65, rows).unwrap().iter().zip(&labels).filter(|(a, b)| a == b).count();
    assert_eq!(still.accuracy, [right as f64 / 65.0; 2]);
}

#[test]
fn leaving_one_example_out_keeps_the_order_of_the_others() {
    let noise = Noise::new(0);
    let names = |ids: &[u64]| order(ids, &noise).iter().map(|&at| ids[at]).collect::<Vec<_>>();
    let all = names(&[3, 5, 7, 9, 11, 13]);
    let without = names(&[3, 5, 9, 11, 13]);
    assert_eq!(without, all.into_iter().filter(|&id| id != 7).collect::<Vec<_>>());
    assert!(!without.is_sorted());
}

#[test]
fn no_step_sees_one_example_alone_unless_there_is_but_one() {
    assert_eq!(batches(8, 4), [0..4, 4..8]);
    assert_eq!(batches(9, 4), [0..4, 4..9]);
    assert_eq!(batches(10, 4), [0..4, 4..8, 8..10]);
    assert_eq!(batches(1, 4), std::slice::from_ref(&(0..1)));
}

#[test]
fn predictions_are_the_largest_logits_in_chunks_of_any_size() {
    // The identity network: class 1 where the second number is larger.
    let graph = graph("layers = [{ linear = { out = 2, bias = false } }]", &[2], 2);
    let model = Model::new(Arc::new(graph), vec![Tensor::eye(2, (Kind::Float, Device::Cpu))]).unwrap();
    let images = Tensor::from_slice2(&[[0.0_f32, 1.0], [1.0, 0.0], [0.2, 0.3], [0.3, 0.2]]);
    for rows in 1..=5 {
        let part = |range: std::ops::Range<usize>| Ok(images.narrow(0, range.start as i64, range.len() as i64));
        assert_eq!(predictions(&model, 4, rows, part).unwrap(), [1, 0, 1, 0]);
    }
}

/// Going on from where a training of one epoch ended is the second epoch, but for the draws, which an epoch's number keys: here
/// all images are one batch, so that no order is drawn. Plain gradient descent remembers nothing of the first.
#[test]
fn a_training_goes_on_from_given_weights() {
    let (images, labels, ids) = images(65);
    let data = TrainData { images: &images, labels: &labels, ids: &ids, redrawn: None };
    let graph = graph("layers = ['flatten', { linear = { out = 2 } }]", &[1, 6, 6], 2);
    let run = |epochs: usize, from: Option<&[Tensor]>| {
        let text = format!("epochs = {epochs}\nbatch = 65\noptimizer = {{ use = 'sgd', lr = 0.1 }}");
        let recipe = Recipe::read(&Section::parse("", &text).unwrap(), &[1, 6, 6]);
        let on = &mut |_: &Epoch| Ok(ControlFlow::Continue(()));
        train(&graph, &recipe, &data, from, &Noise::new(3), Device::Cpu, on)
    };
    let one = run(1, None).unwrap().weights;
    let kept: Vec<Tensor> = one.iter().map(Tensor::copy).collect();
    let (on, both) = (run(1, Some(&one)).unwrap().weights, run(2, None).unwrap().weights);
    let near = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]) < 1e-6;
    assert!(on.iter().zip(&both).all(|(a, b)| near(a, b)) && !near(&on[0], &one[0]));
    assert_eq!(one, kept, "what it starts from stays");
    assert!(run(1, Some(&one[..1])).is_err());
}

/// 65 images by 16 are 4 steps an epoch: at rate 0.1, halved from the third epoch on, 0.8 in two epochs and then 0.2 each.
#[test]
fn checkpoints_hold_the_weights_on_the_way_and_the_rates_between() {
    let recipe = "epochs = 4\nbatch = 16\ncheckpoints = 3\noptimizer = { use = 'sgd', lr = 0.1 }\n\
                  schedule = { use = 'step', milestones = [2], gamma = 0.5 }";
    let whole = trained(recipe, 1, LAYERS).unwrap();
    let found: Vec<(usize, f64)> = whole.checkpoints.iter().map(|kept| (kept.epoch, kept.rate)).collect();
    let expected = [(2, 0.8), (3, 0.2), (4, 0.2)];
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-12, "{found:?}");
    }
    assert_eq!((found.len(), &whole.checkpoints[2].weights), (3, &whole.weights));
    let half = trained(&recipe.replace("epochs = 4", "epochs = 2").replace("= 3", "= 2"), 1, LAYERS).unwrap();
    assert_eq!(half.checkpoints[1].weights, whole.checkpoints[0].weights);
    assert!(trained("epochs = 1", 1, LAYERS).unwrap().checkpoints.is_empty());
}
