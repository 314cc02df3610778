use tch::{Device, Kind, Tensor};

use super::{Mode, Op, Window, apply, shape};
use crate::noise::Noise;

/// One operation with the shapes of its inputs: an example's without the batch, then the weights'.
type Case = (Op, Vec<Vec<i64>>);

fn convolution(stride: &[i64], padding: &[i64], dilation: &[i64], groups: i64) -> Op {
    Op::Convolution { stride: stride.into(), padding: padding.into(), dilation: dilation.into(), groups }
}

fn window(kernel: &[i64], stride: &[i64], padding: &[i64], ceil: bool) -> Window {
    Window { kernel: kernel.into(), stride: stride.into(), padding: padding.into(), ceil }
}

fn cases() -> Vec<Case> {
    let max = |window: Window, dilation: &[i64]| Op::MaxPool { window, dilation: dilation.into() };
    let average = |window: Window, count_padding| Op::AveragePool { window, count_padding };
    let mut cases = vec![
        (Op::Normalise { mean: vec![0.1, 0.2, 0.3], std: vec![1.0, 2.0, 3.0] }, vec![vec![3, 5, 4]]),
        (Op::Normalise { mean: vec![0.1; 6], std: vec![2.0; 6] }, vec![vec![6]]),
        (Op::Linear, vec![vec![5], vec![7, 5], vec![7]]),
        (Op::Linear, vec![vec![2, 3, 5], vec![7, 5]]),
        (convolution(&[1], &[0], &[1], 1), vec![vec![3, 11], vec![4, 3, 3], vec![4]]),
        (convolution(&[3], &[2], &[2], 3), vec![vec![3, 11], vec![6, 1, 4]]),
        (convolution(&[1, 1], &[0, 0], &[1, 1], 1), vec![vec![2, 9, 7], vec![4, 2, 3, 3], vec![4]]),
        (convolution(&[2, 3], &[1, 2], &[1, 2], 2), vec![vec![4, 9, 12], vec![6, 2, 3, 2], vec![6]]),
        (Op::BatchNorm { momentum: 0.1, epsilon: 1e-5 }, vec![vec![3, 4, 4], vec![3], vec![3], vec![3], vec![3]]),
        (Op::BatchNorm { momentum: 0.1, epsilon: 1e-5 }, vec![vec![3], vec![3], vec![3]]),
        (Op::LayerNorm { shape: vec![4, 5], epsilon: 1e-5 }, vec![vec![3, 4, 5], vec![4, 5], vec![4, 5]]),
        (Op::LayerNorm { shape: vec![6], epsilon: 1e-5 }, vec![vec![6]]),
        (Op::AdaptiveMaxPool { size: vec![3] }, vec![vec![2, 7]]),
        (Op::AdaptiveMaxPool { size: vec![3, 2] }, vec![vec![2, 7, 5]]),
        (Op::AdaptiveAveragePool { size: vec![3] }, vec![vec![2, 7]]),
        (Op::AdaptiveAveragePool { size: vec![1, 1] }, vec![vec![2, 7, 5]]),
        (Op::Flatten, vec![vec![2, 3, 4]]),
        (Op::Flatten, vec![vec![5]]),
        (Op::Add, vec![vec![2, 3], vec![2, 3]]),
    ];
    // Sizes around a multiple of the stride, where `ceil` keeps, and then drops, the window that hangs over.
    for length in 5..10 {
        for ceil in [false, true] {
            cases.push((max(window(&[3], &[2], &[1], ceil), &[1]), vec![vec![2, length]]));
            cases.push((max(window(&[2, 3], &[3, 2], &[1, 0], ceil), &[2, 1]), vec![vec![2, length, 8]]));
            cases.push((average(window(&[3], &[2], &[1], ceil), false), vec![vec![2, length]]));
            cases.push((average(window(&[2, 3], &[3, 3], &[1, 1], ceil), true), vec![vec![2, length, 8]]));
        }
    }
    let elementwise = [
        Op::Relu,
        Op::LeakyRelu { slope: 0.2 },
        Op::Elu { alpha: 1.0 },
        Op::Elu { alpha: 0.5 },
        Op::Gelu { tanh: false },
        Op::Gelu { tanh: true },
        Op::Silu,
        Op::Tanh,
        Op::Sigmoid,
        Op::Softplus { beta: 1.0 },
        Op::Softplus { beta: 4.0 },
        Op::SmoothRelu { beta: 3.0, slope: 0.0 },
        Op::SmoothRelu { beta: 3.0, slope: 0.1 },
        Op::SmoothClamp { beta: 3.0, low: Some(0.0), high: Some(6.0) },
        Op::Dropout { probability: 0.5 },
    ];
    cases.extend(elementwise.map(|op| (op, vec![vec![3, 4]])));
    cases
}

/// Positive numbers, so that they can be variances too.
fn draw(shape: &[i64], seed: u64) -> Tensor {
    Noise::new(seed).uniform(&[0], shape, Kind::Double, Device::Cpu).unwrap().squeeze_dim(0) + 0.1
}

fn inputs(op: &Op, shapes: &[Vec<i64>], batch: i64) -> Vec<Tensor> {
    let activations = if *op == Op::Add { 2 } else { 1 };
    let batched = |at: usize| if at < activations { [&[batch], &shapes[at][..]].concat() } else { shapes[at].clone() };
    (0..shapes.len()).map(|at| draw(&batched(at), at as u64)).collect()
}

#[test]
fn the_inferred_shape_is_the_computed_one() {
    for (op, shapes) in cases() {
        let inferred = shape(&op, &shapes.iter().map(|shape| &shape[..]).collect::<Vec<_>>());
        let inputs = inputs(&op, &shapes, 2);
        let computed = apply(&op, &inputs.iter().collect::<Vec<_>>(), Mode::Eval).unwrap();
        assert_eq!(inferred.as_deref(), Ok(&computed.size()[1..]), "{op:?} of {shapes:?}");
    }
}

#[test]
fn what_inference_refuses_cannot_be_computed() {
    let refused: [Case; 9] = [
        (Op::Linear, vec![vec![6], vec![7, 5]]),
        (convolution(&[1, 1], &[0, 0], &[1, 1], 1), vec![vec![2, 4, 4], vec![4, 2, 5, 5]]),
        (convolution(&[1, 1], &[0, 0], &[1, 1], 1), vec![vec![3, 4, 4], vec![4, 2, 3, 3]]),
        (convolution(&[1, 1], &[0, 0], &[1, 1], 2), vec![vec![3, 4, 4], vec![4, 1, 3, 3]]),
        (Op::BatchNorm { momentum: 0.1, epsilon: 1e-5 }, vec![vec![4, 4, 4], vec![3], vec![3]]),
        (Op::LayerNorm { shape: vec![5, 4], epsilon: 1e-5 }, vec![vec![3, 4, 5]]),
        (Op::MaxPool { window: window(&[3], &[1], &[2], false), dilation: vec![1] }, vec![vec![2, 7]]),
        (
            Op::AveragePool { window: window(&[9, 2], &[1, 1], &[0, 0], false), count_padding: true },
            vec![vec![2, 7, 7]],
        ),
        (Op::Add, vec![vec![2, 3], vec![3, 2]]),
    ];
    for (op, shapes) in refused {
        let inferred = shape(&op, &shapes.iter().map(|shape| &shape[..]).collect::<Vec<_>>());
        assert!(inferred.is_err(), "{op:?} of {shapes:?} gives {inferred:?}");
        let inputs = inputs(&op, &shapes, 2);
        assert!(apply(&op, &inputs.iter().collect::<Vec<_>>(), Mode::Eval).is_err(), "{op:?} of {shapes:?}");
    }
}

#[test]
fn a_batch_gives_what_its_examples_give() {
    for (op, shapes) in cases() {
        let inputs = inputs(&op, &shapes, 3);
        let whole = apply(&op, &inputs.iter().collect::<Vec<_>>(), Mode::Eval).unwrap();
        for example in 0..3 {
            let one: Vec<Tensor> = inputs
                .iter()
                .zip(&shapes)
                .map(
                    |(input, shape)| {
                        if input.dim() > shape.len() { input.narrow(0, example, 1) } else { input.shallow_clone() }
                    },
                )
                .collect();
            let alone = apply(&op, &one.iter().collect::<Vec<_>>(), Mode::Eval).unwrap();
            let gap = (alone - whole.narrow(0, example, 1)).abs().max().double_value(&[]);
            assert!(gap < 1e-14, "{op:?}: {gap}");
        }
    }
}

/// Values by the definitions, at -1, 0 and 2.
#[test]
fn activations_are_what_they_are_called() {
    let x = Tensor::from_slice(&[-1.0, 0.0, 2.0]).unsqueeze(0);
    let e = std::f64::consts::E;
    let soft = |x: f64| (2.0 * x).exp().ln_1p() / 2.0;
    let cases: [(Op, [f64; 3]); 9] = [
        (Op::SmoothRelu { beta: 2.0, slope: 0.0 }, [soft(-1.0), soft(0.0), soft(2.0)]),
        (Op::SmoothRelu { beta: 2.0, slope: 0.5 }, [-1.0, 0.0, 2.0].map(|x| 0.5 * soft(x) + 0.5 * x)),
        (
            Op::SmoothClamp { beta: 2.0, low: Some(0.0), high: Some(1.0) },
            [-1.0, 0.0, 2.0].map(|x| 1.0 - soft(1.0 - soft(x))),
        ),
        (Op::LeakyRelu { slope: 0.25 }, [-0.25, 0.0, 2.0]),
        (Op::Elu { alpha: 0.5 }, [0.5 * (1.0 / e - 1.0), 0.0, 2.0]),
        (Op::Elu { alpha: 1.0 }, [1.0 / e - 1.0, 0.0, 2.0]),
        // log(1 + exp(2x)) / 2
        (Op::Softplus { beta: 2.0 }, [((-2f64).exp()).ln_1p() / 2.0, 2f64.ln() / 2.0, (4f64.exp()).ln_1p() / 2.0]),
        (Op::Silu, [-1.0 / (1.0 + e), 0.0, 2.0 / (1.0 + (-2f64).exp())]),
        (Op::Normalise { mean: vec![1.0, 1.0, 1.0], std: vec![2.0, 1.0, 0.5] }, [-1.0, -1.0, 2.0]),
    ];
    for (op, expected) in cases {
        let found = apply(&op, &[&x], Mode::Eval).unwrap();
        let gap = (found - Tensor::from_slice(&expected)).abs().max().double_value(&[]);
        assert!(gap < 1e-12, "{op:?}: {gap}");
    }
}

/// Batch of means 1 and 3 (variance 1, unbiased 2): normalised to -1 and 1; running statistics move a tenth of the way,
/// the mean from 0 to 0.2, the variance from 1 to 1.1.
#[test]
fn batch_norm_in_training_normalises_by_the_batch_and_moves_the_running_statistics() {
    let x = Tensor::from_slice(&[1.0, 3.0]).view([2, 1]);
    let (mean, variance) = (Tensor::from_slice(&[0.0]), Tensor::from_slice(&[1.0]));
    let op = Op::BatchNorm { momentum: 0.1, epsilon: 1e-12 };
    let mode = Mode::Train { noise: Noise::new(0), ids: &[0, 1] };
    let y = apply(&op, &[&x, &mean, &variance], mode).unwrap();
    let close = |tensor: &Tensor, at: &[i64], expected: f64| (tensor.double_value(at) - expected).abs() < 1e-9;
    assert!(close(&y, &[0, 0], -1.0) && close(&y, &[1, 0], 1.0));
    assert!(close(&mean, &[0], 0.2) && close(&variance, &[0], 1.1));
}

#[test]
fn dropout_keeps_the_mean_and_follows_the_example() {
    let x = Tensor::ones([4, 2500], (Kind::Double, Device::Cpu));
    let op = Op::Dropout { probability: 0.2 };
    let noise = Noise::new(1);
    let y = apply(&op, &[&x], Mode::Train { noise, ids: &[7, 8, 9, 10] }).unwrap();
    // 10,000 draws of variance 0.25: the mean's standard deviation is 0.005.
    assert!((y.mean(None).double_value(&[]) - 1.0).abs() < 0.02);
    let alone = apply(&op, &[&x.narrow(0, 0, 1)], Mode::Train { noise, ids: &[9] }).unwrap();
    assert_eq!(alone, y.narrow(0, 2, 1));
    assert_ne!(y.narrow(0, 0, 1), y.narrow(0, 1, 1));
    let nothing = apply(&Op::Dropout { probability: 1.0 }, &[&x], Mode::Train { noise, ids: &[1, 2, 3, 4] }).unwrap();
    assert_eq!(nothing, x.zeros_like());
}
