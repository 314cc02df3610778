//! TorchScript files: networks that nobody sees into.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use explainbench::model::{Model, Op, Score, exported, script, weights};
use explainbench::noise::Noise;
use tch::{Device, Kind, Tensor};

use crate::exported::fixture;
use crate::reference;

fn of(path: &Path, input: &[i64]) -> Model {
    let graph = script::read(path, input, None).unwrap_or_else(|error| panic!("{error}"));
    Model::new(Arc::new(graph), Vec::new()).unwrap()
}

fn digits() -> Model {
    of(&fixture("digits.pt"), &[1, 8, 8])
}

fn draw(count: u64, kind: Kind) -> (Tensor, Tensor) {
    let ids: Vec<u64> = (0..count).collect();
    let x = Noise::new(4).uniform(&ids, &[1, 8, 8], kind, Device::Cpu).unwrap();
    (x, Tensor::arange(count as i64, (Kind::Int64, Device::Cpu)).remainder(10))
}

#[test]
fn it_gives_what_the_exported_file_of_the_same_network_gives() {
    let path = fixture("digits.pt2");
    let graph = exported::read(&path, &[1, 8, 8], None).unwrap();
    let (x, target) = draw(7, Kind::Double);
    let weights = weights::read(&graph, &path, Kind::Double, Device::Cpu).unwrap();
    let exported = Model::new(Arc::new(graph), weights).unwrap();
    let apart = |a: Tensor, b: Tensor| (a - b).abs().max().double_value(&[]);
    let script = digits();
    assert!(apart(script.logits(&x).unwrap(), exported.logits(&x).unwrap()) < 1e-14);
    for score in [Score::Logit, Score::Probability, Score::LogProbability] {
        let gradients = [&script, &exported].map(|model| model.gradient(&x, &target, score).unwrap());
        let [ours, theirs] = gradients;
        assert!(theirs.abs().max().double_value(&[]) > 1e-3 && apart(ours, theirs) < 1e-14);
    }
    // And pixels are prepared before it.
    let prepared = Op::Normalise { mean: vec![0.5], std: vec![2.0] };
    let graph = script::read(&fixture("digits.pt"), &[1, 8, 8], Some(prepared)).unwrap();
    let prepared = Model::new(Arc::new(graph), Vec::new()).unwrap();
    assert!(apart(prepared.logits(&(&x * 2.0 + 0.5)).unwrap(), exported.logits(&x).unwrap()) < 1e-12);
}

/// Call after call, and however many calls another thread made before.
#[test]
fn every_call_gives_the_same_bits() {
    for model in [digits(), of(&lenet(), &[1, 28, 28])] {
        let size = model.graph.input[1];
        let ids: Vec<u64> = (0..5).collect();
        let x = Noise::new(4).uniform(&ids, &[1, size, size], Kind::Float, Device::Cpu).unwrap();
        let target = Tensor::from_slice(&[0i64, 1, 2, 3, 4]);
        let ask = |model: &Model| {
            let logits = tch::no_grad(|| model.logits(&x)).unwrap();
            let taped = model.gradient(&x, &target, Score::Probability).unwrap();
            [logits, taped].map(|tensor| Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap())
        };
        let first = ask(&model);
        for call in 1..6 {
            assert_eq!(ask(&model), first, "call {call}");
        }
        let copies = [model.shallow_copy(), model.shallow_copy()];
        let parts: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = copies
                .into_iter()
                .map(|copy| {
                    let (x, target) = (x.shallow_clone(), target.shallow_clone());
                    scope.spawn(move || {
                        let answers = (0..5).map(|_| {
                            let gradient = copy.gradient(&x, &target, Score::Probability).unwrap();
                            Vec::<f32>::try_from(gradient.flatten(0, -1)).unwrap()
                        });
                        answers.collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert!(parts.len() == 10 && parts.iter().all(|part| *part == first[1]));
    }
}

fn lenet() -> PathBuf {
    reference::folder().join("lenet.torchscript.pt")
}

#[test]
fn a_batch_of_any_size_gives_what_its_examples_give() {
    let (model, (x, _)) = (digits(), draw(40, Kind::Double));
    let whole = model.logits(&x).unwrap();
    for (start, length) in [(0, 1), (3, 2), (5, 35)] {
        let part = model.logits(&x.narrow(0, start, length)).unwrap();
        let apart = (part - whole.narrow(0, start, length)).abs().max().double_value(&[]);
        assert!(apart < 1e-14, "{apart:e}");
    }
    // The images alone are 64 numbers each: what is inside is counted too.
    assert!(model.activation_bytes() > 4 * 64 * 10, "{}", model.activation_bytes());
    assert_eq!(model.graph.shapes().unwrap(), [[10]]);
}

#[test]
fn programs_that_are_no_networks_to_explain_are_refused() {
    let says = |name: &str, input: &[i64]| script::read(&fixture(name), input, None).unwrap_err().to_string();
    let dropout = says("dropout.pt", &[1, 8, 8]);
    assert!(
        dropout.contains("dropout.pt: gives other logits each time") && dropout.contains("model.eval()"),
        "{dropout}"
    );
    let normed = says("normed.pt", &[1, 8, 8]);
    assert!(normed.contains("depend on the rest of the batch"), "{normed}");
    let channels = says("digits.pt", &[3, 8, 8]);
    assert!(channels.contains("cannot compute a batch [3, 3, 8, 8]: Given groups=1"), "{channels}");
    assert_eq!(channels.lines().count(), 1, "{channels}");
    // No convolution of a batch of single numbers.
    assert!(says("digits.pt", &[64]).contains("cannot compute"));
    let exported = says("digits.pt2", &[1, 8, 8]);
    assert!(exported.contains("cannot be loaded") && exported.lines().count() == 1, "{exported}");
}

#[test]
fn it_has_no_layers() {
    let (model, (x, target)) = (digits(), draw(2, Kind::Double));
    let statistics = reference::statistics();
    let scene = explainbench::explainers::Scene {
        model: &model,
        x: x.shallow_clone(),
        target,
        evidence: None,
        ids: vec![0, 1],
        noise: Noise::new(0),
        statistics: &statistics,
        chunk: 2,
        differentiable: false,
    };
    for name in [
        "guided-backprop",
        "deconvnet",
        "grad-cam",
        "grad-cam-plus-plus",
        "score-cam",
        "guided-grad-cam",
        "deep-lift",
        "lrp",
        "excitation-backprop",
    ] {
        let method = reference::explainer(&format!("use = '{name}'")).chosen.method;
        let misfit = method.check(&model.graph).unwrap_err();
        assert!(misfit.message.contains("TorchScript") && misfit.help.unwrap().contains("torch.export.save"), "{name}");
        // Whoever does not ask gets no plain gradient in the place of the map.
        assert!(method.explain(&scene).is_err(), "{name}");
        let smoothed = reference::explainer(&format!("use = 'smoothgrad'\nof = '{name}'")).chosen.method;
        assert_eq!(smoothed.check(&model.graph).unwrap_err().keys, ["of", "use"], "{name}");
    }
    assert!(model.graph.weights.is_empty() && model.graph.is_opaque());
}
