use tch::{Kind, Tensor};

use super::*;
use crate::influence::support::{Setting, near};

/// Convolutions with groups, strides and padding, both norms, and a linear layer behind them.
const IMAGES: &str = r#"layers = [
    { conv2d = { out = 4, kernel = 3, padding = 1, groups = 2 } }, "batch_norm", "tanh",
    { conv2d = { out = 6, kernel = 2, stride = 2, bias = false } }, "softplus", "flatten",
    "layer_norm", { linear = { out = 5 } }, "relu", { linear = { out = 3 } }]"#;
const VECTORS: &str = r#"layers = [{ linear = { out = 5 } }, "tanh", { linear = { out = 3, bias = false } }]"#;

fn settings() -> [Setting; 2] {
    let images = Setting::drawn(IMAGES, &[2, 6, 6], 3, 16, 5);
    // A variance is positive.
    let weights = images.model.graph.weights.iter().zip(images.model.weights()).map(|(spec, weight)| {
        if spec.name.ends_with("running_var") { weight.abs() + 0.5 } else { weight.shallow_clone() }
    });
    let model = Model::new(images.model.graph.clone(), weights.collect()).unwrap();
    [Setting { model, ..images }, Setting::drawn(VECTORS, &[4], 3, 16, 5)]
}

/// By libtorch, one example after another.
fn plainly(setting: &Setting, points: &Points, quantity: Quantity) -> Tensor {
    let parameters = Parameters::of(&setting.model.graph);
    let one = |at: i64| {
        let mut weights: Vec<Tensor> = setting.model.weights().iter().map(Tensor::shallow_clone).collect();
        for block in parameters.blocks() {
            weights[block.weight] = weights[block.weight].detach().set_requires_grad(true);
        }
        let leaves: Vec<&Tensor> = parameters.blocks().iter().map(|block| &weights[block.weight]).collect();
        let x = points.x.narrow(0, at, 1);
        let logits = setting.model.graph.run(&weights, &x, crate::model::Mode::Eval, &mut |_, _, _, y| Ok(y)).unwrap();
        let of = quantity.of(setting.loss, &logits, &points.labels.narrow(0, at, 1)).unwrap().sum(Kind::Double);
        let parts: Vec<Tensor> =
            Tensor::run_backward(&[of], &leaves, false, false).iter().map(|part| part.reshape([-1])).collect();
        Tensor::cat(&parts, 0)
    };
    Tensor::stack(&(0..points.labels.size()[0]).map(one).collect::<Vec<_>>(), 0)
}

#[test]
fn gradients_of_single_examples_are_those_of_a_plain_loop() {
    for setting in settings() {
        assert!(crate::influence::calculus::check(&setting.model.graph).is_ok());
        let case = setting.case();
        let gradients = Gradients::of(&case);
        let (train, test) = (&setting.train, &setting.test);
        for quantity in [Quantity::Loss, Quantity::Margin, Quantity::Logit] {
            let (mine, plain) = (gradients.all(test, quantity).unwrap(), plainly(&setting, test, quantity));
            near(&mine, &plain, 1e-10);
            let losses = plainly(&setting, train, Quantity::Loss);
            let products = gradients.products(&plain, train, Quantity::Loss).unwrap();
            near(&products, &plain.matmul(&losses.tr()), 1e-10);
            let gram = gradients.gram((test, quantity), (train, Quantity::Loss)).unwrap();
            near(&gram, &plain.matmul(&losses.tr()), 1e-10);
            let pairs = gradients.pairs(test, quantity, Quantity::Loss).unwrap();
            let own = (&plain * plainly(&setting, test, Quantity::Loss)).sum_dim_intlist(1, false, Kind::Double);
            near(&pairs, &own, 1e-10);
        }
    }
}

#[test]
fn parameters_as_a_vector_and_back() {
    let [images, _] = settings();
    let parameters = Parameters::of(&images.model.graph);
    let flat = parameters.flat(images.model.weights()).unwrap();
    assert_eq!(flat.size(), [parameters.count()]);
    for (block, part) in parameters.blocks().iter().zip(parameters.split(&flat.unsqueeze(0)).unwrap()) {
        assert_eq!(part.squeeze_dim(0), images.model.weights()[block.weight]);
    }
    // Running statistics are none.
    assert!(parameters.blocks().iter().all(|block| !images.model.graph.weights[block.weight].name.contains("running")));
}

/// Over positions of a sequence and a row of pixels: no layer list has these, so the layers by themselves.
#[test]
fn sequences_and_rows_of_pixels() {
    let draw =
        |shape: &[i64]| crate::noise::Noise::new(2).normal(&[0, 1, 2], shape, Kind::Double, tch::Device::Cpu).unwrap();
    let row = crate::model::Op::Convolution { stride: vec![2], padding: vec![1], dilation: vec![2], groups: 2 };
    let layers = [
        (crate::model::Op::Linear, draw(&[6, 4]), draw(&[5, 4]).get(0), draw(&[5]).get(0)),
        (row, draw(&[4, 9]), draw(&[6, 2, 3]).get(0), draw(&[6]).get(0)),
    ];
    for (op, x, weight, bias) in layers {
        let [weight, bias] = [weight, bias].map(|weight| weight.set_requires_grad(true));
        let apply = |x: &Tensor| crate::model::ops::apply(&op, &[x, &weight, &bias], crate::model::Mode::Eval).unwrap();
        let output = apply(&x).detach();
        let signal = (&output * 1.7).sin();
        let inputs = [x.shallow_clone(), weight.detach(), bias.detach()];
        let mine = crate::influence::calculus::layer::gradients(&op, &inputs, &signal).unwrap();
        for at in 0..3 {
            let total = (apply(&x.narrow(0, at, 1)) * signal.narrow(0, at, 1)).sum(Kind::Double);
            let plain = Tensor::run_backward(&[total], &[&weight, &bias], false, false);
            for (mine, plain) in mine.iter().zip(&plain) {
                near(&mine.get(at), &plain.reshape([-1]), 1e-12);
            }
        }
    }
}

#[test]
fn layers_that_are_not_known_are_refused_by_name() {
    let setting = Setting::drawn(VECTORS, &[4], 3, 2, 1);
    let mut graph = (*setting.model.graph).clone();
    let first = graph.nodes[0].inputs[1];
    graph.nodes[2].inputs[1] = first;
    let message = crate::influence::calculus::check(&graph).unwrap_err().message;
    assert!(message.contains("share their weights (`") && message.ends_with("as in"), "{message}");
    graph.nodes[0].op = crate::model::Op::Add;
    graph.nodes[2].inputs.truncate(1);
    let message = crate::influence::calculus::check(&graph).unwrap_err().message;
    assert!(message.contains("(add) of"), "{message}");
}
