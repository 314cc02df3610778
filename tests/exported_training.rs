//! Exported models trained anew: batch norm and dropout, which a file fixes for evaluation, do again what they do in training.

use std::ops::ControlFlow;

use explainbench::config::Section;
use explainbench::model::train::{Recipe, TrainData, train, untrained};
use explainbench::model::{Graph, Mode, Role, exported, weights};
use explainbench::noise::Noise;
use tch::{Device, Kind, Tensor};

use crate::exported::fixture;

fn read(name: &str, input: &[i64]) -> Graph {
    exported::read(&fixture(name), input, None).unwrap_or_else(|error| panic!("{error}"))
}

/// Noise images, brighter on the left in class 0 and on the right in class 1.
fn images(ids: &[u64]) -> (Tensor, Tensor) {
    let images = Noise::new(9).uniform(ids, &[3, 16, 16], Kind::Float, Device::Cpu).unwrap() * 0.5;
    let labels = Tensor::arange(ids.len() as i64, (Kind::Int64, Device::Cpu)).remainder(2);
    for at in 0..ids.len() as i64 {
        let _ = images.get(at).narrow(2, at % 2 * 8, 8).g_add_scalar_(0.4);
    }
    (images, labels)
}

#[test]
fn a_few_steps_move_weights_and_running_statistics_and_lower_the_loss() {
    let graph = read("mobilenet.pt2", &[3, 16, 16]);
    let ids: Vec<u64> = (0..64).collect();
    let (images, labels) = images(&ids);
    let section = Section::parse("model.toml", "epochs = 6\nbatch = 16\noptimizer = { lr = 0.01 }").unwrap();
    let recipe = Recipe::read(&section, &graph.input);
    let data = TrainData { images: &images, labels: &labels, ids: &ids, redrawn: None };
    let noise = Noise::new(4);
    let trained =
        train(&graph, &recipe, &data, None, &noise, Device::Cpu, &mut |_| Ok(ControlFlow::Continue(()))).unwrap();
    assert_eq!(trained.steps, 24);
    assert!(trained.loss[5] < 0.5 * trained.loss[0], "{:?}", trained.loss);
    let start = untrained(&graph, &noise, Kind::Float, Device::Cpu).unwrap();
    for ((spec, before), after) in graph.weights.iter().zip(&start).zip(&trained.weights) {
        assert_ne!(before, after, "{} did not move", spec.name);
        assert_eq!(spec.role == Role::Buffer, spec.name.contains("running_"), "{}", spec.name);
    }
}

/// Between the layers of an LSTM, in attention and in what follows it.
#[test]
fn dropout_drops_in_training_alone() {
    for (name, input) in [("digits", &[1, 8, 8][..]), ("transformer", &[3, 16, 16]), ("recurrent", &[6, 5])] {
        let path = fixture(&format!("{name}.pt2"));
        let graph = read(&format!("{name}.pt2"), input);
        let weights = weights::read(&graph, &path, Kind::Double, Device::Cpu).unwrap();
        let ids = [0, 1, 2];
        let x = Noise::new(5).uniform(&ids, input, Kind::Double, Device::Cpu).unwrap();
        let run = |mode: Mode| graph.run(&weights, &x, mode, &mut |_, _, _, output| Ok(output)).unwrap();
        let train = |seed: u64| run(Mode::Train { noise: Noise::new(seed), ids: &ids });
        assert_eq!(train(0), train(0), "{name}");
        assert_ne!(train(0), train(1), "{name}");
        assert_ne!(train(0), run(Mode::Eval), "{name}");
    }
}
