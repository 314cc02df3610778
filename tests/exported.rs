//! Models from PyTorch: what small exported files compute, against what PyTorch says of them (`python/make_fixtures.py`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use explainbench::model::exported::{self, Exported};
use explainbench::model::{Model, Op, Role, Score, weights};
use explainbench::tensor_file::TensorFile;
use tch::{Device, Kind, Tensor};

use crate::reference;

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn expected(name: &str, of: &str) -> Tensor {
    TensorFile::open(&fixture(&format!("{name}.safetensors"))).unwrap().tensor(of).unwrap()
}

fn model(path: &Path, input: &[i64], preprocess: Option<Op>) -> Model {
    let graph = exported::read(path, input, preprocess).unwrap_or_else(|error| panic!("{error}"));
    let tensors = weights::read(&graph, path, Kind::Double, Device::Cpu).unwrap_or_else(|error| panic!("{error}"));
    Model::new(Arc::new(graph), tensors).unwrap()
}

fn load(name: &str) -> Model {
    model(&fixture(&format!("{name}.pt2")), &expected(name, "x").size()[1..], None)
}

fn apart(ours: &Tensor, theirs: &Tensor) -> f64 {
    assert_eq!(ours.size(), theirs.size());
    (ours - theirs).abs().max().double_value(&[])
}

/// The last is as `torch.export.save` left it: an archive of examples lies within, and a name of eight letters makes its two
/// zip64 records as long as the first entry of the list of members.
const OF_NUMBERS: [&str; 6] = ["resnet", "mobilenet", "transformer", "recurrent", "decoder", "original"];

#[test]
fn models_of_numbers_give_what_pytorch_gives() {
    for name in OF_NUMBERS {
        let (model, x, target) = (load(name), expected(name, "x"), expected(name, "target"));
        let logits = apart(&model.logits(&x).unwrap(), &expected(name, "logits"));
        let gradient = apart(&model.gradient(&x, &target, Score::Logit).unwrap(), &expected(name, "gradient"));
        assert!(logits < 1e-10 && gradient < 1e-10, "{name}: {logits:e} {gradient:e}");
        // In single precision, with channels innermost in memory where there are convolutions.
        let single = model.to(Device::Cpu, Kind::Float).unwrap();
        let gradient = single.gradient(&x.to_kind(Kind::Float), &target, Score::Logit).unwrap();
        let gradient = apart(&gradient.to_kind(Kind::Double), &expected(name, "gradient"));
        assert!(gradient < 1e-5, "{name}: {gradient:e}");
    }
}

#[test]
fn a_batch_of_any_size_gives_what_its_examples_give() {
    for name in OF_NUMBERS {
        let (model, x) = (load(name), expected(name, "x"));
        for size in [1, 2] {
            let logits = model.logits(&x.narrow(0, 0, size)).unwrap();
            let gap = apart(&logits, &expected(name, "logits").narrow(0, 0, size));
            assert!(gap < 1e-10, "{name}: {gap:e}");
        }
        let four_times = [&[4], &vec![1; x.dim() - 1][..]].concat();
        let many = model.logits(&x.repeat(four_times)).unwrap();
        assert!(apart(&many, &expected(name, "logits").repeat([4, 1])) < 1e-10, "{name}");
    }
}

/// The shapes that are inferred are those that are computed.
#[test]
fn inferred_shapes_are_the_computed_ones() {
    for name in OF_NUMBERS.into_iter().chain(["tokens"]) {
        let (model, x) = (load(name), expected(name, "x"));
        let shapes = model.graph.shapes().unwrap();
        let x = x.narrow(0, 0, 1);
        let _ = model
            .logits_with(&x, &mut |at, node, _, output| {
                let numbers: i64 = shapes[at].iter().product();
                assert_eq!(output.numel() as i64, numbers, "{name}: {}: {:?}", node.name, shapes[at]);
                Ok(output)
            })
            .unwrap();
        assert!(model.activation_bytes() > 0);
    }
}

/// The logits, and the gradient of the targets' with respect to what the first embedding gives.
fn through_embedding(model: &Model, x: &Tensor, target: &Tensor) -> (Tensor, Tensor) {
    let mut leaf = None;
    let logits = model
        .logits_with(x, &mut |_, node, _, output| {
            if node.op.name() != "embedding" || leaf.is_some() {
                return Ok(output);
            }
            let cut = output.detach().set_requires_grad(true);
            leaf = Some(cut.shallow_clone());
            Ok(cut)
        })
        .unwrap();
    let score = Score::Logit.of(&logits, target).unwrap().sum(logits.kind());
    let gradient = Tensor::run_backward(&[score], &[leaf.unwrap()], false, false).remove(0);
    (logits.detach(), gradient)
}

/// For tokens the gradient is with respect to what the embedding gives.
#[test]
fn a_model_of_tokens_gives_what_pytorch_gives() {
    let (model, x) = (load("tokens"), expected("tokens", "x"));
    let (logits, gradient) = through_embedding(&model, &x, &expected("tokens", "target"));
    assert!(apart(&logits, &expected("tokens", "logits")) < 1e-10);
    assert!(apart(&gradient, &expected("tokens", "gradient")) < 1e-10);
    // The embedding and the output layer share one tensor, whose start the first of them decides.
    let tied: Vec<_> = model.graph.weights.iter().filter(|spec| spec.shape == [20, 16]).collect();
    assert_eq!(tied.len(), 1);
    assert_eq!(tied[0].name, "words.weight");
    // The table of places is a constant: not trained, and never drawn anew.
    let ids = model.graph.weights.iter().find(|spec| spec.name == "ids").unwrap();
    assert_eq!(ids.role, Role::Buffer);
    let drawn = ids.draw(&explainbench::noise::Noise::new(3), Kind::Double, Device::Cpu).unwrap();
    assert_eq!(drawn, Tensor::arange(12, (Kind::Double, Device::Cpu)).unsqueeze(0));
}

/// d/dx of |d logit / dx|² along a direction equals its central difference: attention and recurrent layers have second
/// derivatives.
#[test]
fn gradients_can_be_differentiated_again() {
    for name in ["transformer", "mobilenet", "recurrent", "decoder"] {
        let (model, x, target) = (load(name), expected(name, "x"), expected(name, "target"));
        let direction = (&x - 0.5) * 2.0;
        let square = |x: &Tensor| {
            let gradient = model.differentiable_gradient(x, &target, Score::Logit).unwrap();
            (&gradient * &gradient).sum(Kind::Double)
        };
        let leaf = x.detach().copy().set_requires_grad(true);
        let second = Tensor::run_backward(&[square(&leaf)], &[&leaf], false, false).remove(0);
        let along = (second * &direction).sum(Kind::Double).double_value(&[]);
        let at = |step: f64| {
            let moved = (&x + &direction * step).set_requires_grad(true);
            square(&moved).double_value(&[])
        };
        let step = 1e-6;
        let difference = (at(step) - at(-step)) / (2.0 * step);
        assert!(along.abs() > 1e-7, "{name}: {along}");
        assert!((along - difference).abs() < 1e-3 * along.abs() + 1e-9, "{name}: {along} {difference}");
    }
}

#[test]
fn weights_come_in_execution_order_under_their_modules() {
    let graph = load("resnet").graph;
    let names: Vec<&str> = graph.weights.iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names[..3], ["stem.0.weight", "stem.1.weight", "stem.1.bias"]);
    assert_eq!(names[names.len() - 2..], ["fc.weight", "fc.bias"]);
    let node = &graph.nodes[graph.position("conv2d_1").unwrap()];
    assert_eq!((&node.module[..], node.op.name()), ("blocks.0.conv1", "convolution"));
    let of = |op: &Op| graph.nodes.iter().filter(|node| node.op == *op).count();
    // An addition in place is one all the same.
    assert_eq!((of(&Op::Add), of(&Op::Relu), of(&Op::Flatten)), (2, 5, 1));
}

#[test]
fn preprocessing_comes_first() {
    let (mean, std) = (vec![0.5; 3], vec![2.0; 3]);
    let x = expected("resnet", "x");
    let preprocessed = model(&fixture("resnet.pt2"), &[3, 16, 16], Some(Op::Normalise { mean, std }));
    assert_eq!(preprocessed.graph.nodes[0].name, "preprocess");
    let gap = apart(&preprocessed.logits(&(&x * 2.0 + 0.5)).unwrap(), &expected("resnet", "logits"));
    assert!(gap < 1e-10, "{gap:e}");
}

#[test]
fn the_exported_lenet_is_that_of_the_layer_list() {
    let [(_, lenet), (_, exported)] = reference::lenets();
    let logits = exported.logits(&reference::reference("x")).unwrap();
    reference::assert_close("logits", &logits, &reference::reference("logits"));
    let names = |model: &Model| model.graph.weights.clone();
    assert_eq!(names(&exported), names(&lenet));
    let ops = |model: &Model| model.graph.nodes.iter().map(|node| node.op.clone()).collect::<Vec<_>>();
    assert_eq!(ops(&exported), ops(&lenet));
}

#[test]
fn the_models_of_torchvision_give_what_pytorch_gives() {
    let Some(folder) = std::env::var_os("EXPLAINBENCH_TORCHVISION") else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "pt2") {
            continue;
        }
        let file = TensorFile::open(&path.with_extension("safetensors")).unwrap();
        let of = |name: &str| file.tensor(name).unwrap();
        let (x, target) = (of("x"), of("target"));
        let model = model(&path, &x.size()[1..], None);
        // Tokens have no gradient: theirs is that of their embedding.
        let tokens = model.graph.nodes.iter().any(|node| node.op.name() == "embedding");
        let asked = |model: &Model, x: &Tensor| match tokens {
            true => through_embedding(model, x, &target),
            false => (model.logits(x).unwrap(), model.gradient(x, &target, Score::Logit).unwrap()),
        };
        // Of the largest value: logits of untrained networks may be of any size.
        let relative = |ours: &Tensor, name: &str| {
            let theirs = of(name);
            apart(&ours.to_kind(Kind::Double), &theirs) / theirs.abs().max().double_value(&[])
        };
        let (logits, gradient) = asked(&model, &x);
        let (logits, gradient) = (relative(&logits, "logits"), relative(&gradient, "gradient"));
        // In single precision a ReLU or a maximum may go the other way by rounding, and the gradient with it: that gap is told
        // and not judged.
        let (single, rounded) = asked(&model.to(Device::Cpu, Kind::Float).unwrap(), &x.to_kind(Kind::Float));
        let (single, rounded) = (relative(&single, "logits"), relative(&rounded, "gradient"));
        let shown = format!(
            "{}: {} nodes, logits {logits:.1e}, gradient {gradient:.1e}; in single precision {single:.1e}, {rounded:.1e}",
            path.display(),
            model.graph.nodes.len()
        );
        println!("{shown}");
        assert!(logits < 1e-5 && gradient < 1e-5 && single < 1e-5, "{shown}");
    }
}

/// A file is opened once for its graph and its weights.
#[test]
fn weights_are_read_under_their_names() {
    let mut file = Exported::open(&fixture("resnet.pt2")).unwrap();
    assert_eq!(file.input(), [Some(3), Some(16), Some(16)]);
    let graph = file.graph(&[3, 16, 16], None).unwrap();
    let tensors = file.weights(&graph).unwrap();
    assert_eq!(tensors.len(), graph.weights.len());
    assert_eq!(tensors["fc.weight"].size(), [5, 16]);
}

/// `python/export_model.py` as its users run it, where Python has torch.
#[test]
fn the_exporting_lines_write_what_is_read() {
    let Some(python) = std::env::var_os("EXPLAINBENCH_PYTHON") else {
        println!("skipped: EXPLAINBENCH_PYTHON names no Python that has torch");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/export_model.py");
    let mut command = std::process::Command::new(python);
    // Python has a libtorch of its own.
    let done = command.arg(script).current_dir(folder.path()).env_remove("LD_LIBRARY_PATH").output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let model = model(&folder.path().join("model.pt2"), &[1, 8, 8], None);
    let names: Vec<&str> = model.graph.nodes.iter().map(|node| node.op.name()).collect();
    assert_eq!(names, ["convolution", "relu", "flatten", "linear"]);
    for batch in [1, 5] {
        let x = Tensor::ones([batch, 1, 8, 8], (Kind::Double, Device::Cpu));
        assert_eq!(model.logits(&x).unwrap().size(), [batch, 10]);
    }
}
