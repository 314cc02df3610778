use std::path::Path;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::{Fit, Loss, Regression, Solver, is_linear};
use crate::model::tests::graph;
use crate::model::{Model, layers};
use crate::noise::Noise;
use crate::tensor_file::TensorFile;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

/// A model whose weights play no part.
fn model(layers: &str, input: &[i64], classes: i64) -> Model {
    let graph = graph(layers, input, classes);
    let weights = graph.weights.iter().map(|spec| Tensor::zeros(&spec.shape[..], DOUBLE)).collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

fn problem(x: &Tensor, labels: &Tensor, classes: i64, l2: f64, loss: Loss) -> Regression {
    let layers = format!("layers = [{{ linear = {{ out = {classes} }} }}]");
    let model = model(&layers, &x.size()[1..], classes);
    Regression::of(&model, x, labels, l2, loss, 7).unwrap().unwrap()
}

/// Noise with a class's own direction in it, of 40 examples in 5 dimensions.
fn drawn(classes: i64, l2: f64, loss: Loss) -> Regression {
    let ids: Vec<u64> = (0..40).collect();
    let x = Noise::new(4).normal(&ids, &[5], Kind::Double, Device::Cpu).unwrap();
    let labels = Tensor::arange(40, (Kind::Int64, Device::Cpu)).remainder(classes);
    let far = Tensor::eye(5, DOUBLE).index_select(0, &labels);
    problem(&(x + far), &labels, classes, l2, loss)
}

fn some_theta(of: &Regression) -> Tensor {
    Noise::new(8).normal(&[0], &of.zeros().unwrap().size(), Kind::Double, Device::Cpu).unwrap().squeeze_dim(0)
}

fn gap(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

const EXACT: Fit = Fit { tolerance: 1e-12, iterations: 1000 };
const LOSSES: [(i64, Loss); 3] = [(3, Loss::CrossEntropy), (2, Loss::CrossEntropy), (2, Loss::SmoothHinge { t: 0.3 })];

/// What a function says of theta moved by a small step of each parameter, both ways: [K F, ..].
fn differences(theta: &Tensor, of: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let count = theta.numel() as i64;
    let rows: Vec<Tensor> = (0..count)
        .map(|at| {
            let step = Tensor::zeros([count], DOUBLE);
            let _ = step.narrow(0, at, 1).fill_(1e-5);
            let step = step.view_as(theta);
            (of(&(theta + &step)) - of(&(theta - &step))) / 2e-5
        })
        .collect();
    Tensor::stack(&rows, 0)
}

#[test]
fn gradients_and_hessians_are_central_differences() {
    for (classes, loss) in LOSSES {
        let whole = drawn(classes, 0.1, loss);
        let theta = some_theta(&whole);
        for problem in [whole.without(&[3, 17]).unwrap(), whole] {
            let gradient = problem.gradient(&theta).unwrap();
            let slopes = differences(&theta, |theta| Tensor::from(problem.objective(theta).unwrap()));
            assert!(gap(&gradient.view([-1]), &slopes) < 1e-9, "{loss:?}");
            let hessian = problem.hessian(&theta).unwrap();
            let bends = differences(&theta, |theta| problem.gradient(theta).unwrap().view([-1]));
            assert!(gap(&hessian, &bends) < 1e-8, "{loss:?}");
            assert_eq!(hessian, hessian.transpose(0, 1), "symmetric to the bit");
        }
    }
}

/// More rows and columns than go into one product: the blocks are those of one product of all.
#[test]
fn a_large_gram_matrix_is_that_of_one_product() {
    let ids: Vec<u64> = (0..super::ROWS as u64 + 10).collect();
    let x = Noise::new(5).normal(&ids, &[2 * super::COLUMNS + 3], Kind::Double, Device::Cpu).unwrap();
    let labels = Tensor::zeros([ids.len() as i64], (Kind::Int64, Device::Cpu));
    let problem = problem(&x, &labels, 2, 0.1, Loss::CrossEntropy);
    let weights = x.select(1, 0).square();
    let expected = problem.features().transpose(0, 1).matmul(&(problem.features() * weights.unsqueeze(1)));
    let found = problem.gram(&weights).unwrap();
    assert!(gap(&found, &expected) < 1e-9 * expected.abs().max().double_value(&[]));
}

#[test]
fn both_solvers_find_the_one_minimum() {
    for (classes, loss) in LOSSES {
        let problem = drawn(classes, 0.01, loss);
        let newton = problem.fit(&problem.zeros().unwrap(), &EXACT, Solver::Newton).unwrap();
        let lbfgs = problem.fit(&some_theta(&problem), &EXACT, Solver::Lbfgs).unwrap();
        for fitted in [&newton, &lbfgs] {
            assert!(fitted.converged && fitted.gradient_norm <= 1e-12, "{loss:?}: {}", fitted.gradient_norm);
            let own = problem.gradient(&fitted.theta).unwrap().square().sum(None).sqrt().double_value(&[]);
            assert!((own - fitted.gradient_norm).abs() < 1e-15);
        }
        // The gradient is at least l2 times as long as the way that is left.
        assert!(gap(&newton.theta, &lbfgs.theta) < 1e-9, "{loss:?}");
        assert!(newton.iterations < 30 && lbfgs.iterations < 300, "{} {}", newton.iterations, lbfgs.iterations);
    }
}

#[test]
fn what_is_not_found_is_said() {
    let problem = drawn(3, 1e-3, Loss::CrossEntropy);
    for solver in [Solver::Newton, Solver::Lbfgs] {
        let early = problem.fit(&problem.zeros().unwrap(), &Fit { iterations: 2, ..EXACT }, solver).unwrap();
        assert!(!early.converged && early.iterations == 2 && early.gradient_norm > 1e-12);
        // No gradient is shorter than its own rounding: the search ends by itself.
        let endless = Fit { tolerance: 0.0, iterations: 100_000 };
        let far = problem.fit(&problem.zeros().unwrap(), &endless, solver).unwrap();
        assert!(far.iterations < 1000 && far.gradient_norm < 1e-13, "{} {}", far.iterations, far.gradient_norm);
    }
}

/// Of one example x = 1 without a bias, two classes and weight w of the margin by symmetry (theta = w/2, -w/2):
/// dJ/dtheta_0 = -1 / (1 + exp(w)) + l2 w / 2 = 0, which at w = 1 holds for l2 = 2 / (1 + e).
#[test]
fn one_example_by_hand() {
    let model = model("layers = [{ linear = { out = 2, bias = false } }]", &[1], 2);
    let (x, labels) = (Tensor::from_slice(&[1.0]).view([1, 1]), Tensor::from_slice(&[0i64]));
    let l2 = 2.0 / (1.0 + 1f64.exp());
    let problem = Regression::of(&model, &x, &labels, l2, Loss::CrossEntropy, 8).unwrap().unwrap();
    let fitted = problem.fit(&problem.zeros().unwrap(), &EXACT, Solver::Newton).unwrap();
    assert!(gap(&fitted.theta, &Tensor::from_slice2(&[[0.5], [-0.5]])) < 1e-10);
    assert_eq!(problem.weights(&fitted.theta).unwrap(), [fitted.theta.shallow_clone()]);
}

/// The problem without some examples is that of the others.
#[test]
fn an_example_left_out_is_as_if_it_had_never_been() {
    let problem = drawn(3, 0.05, Loss::CrossEntropy);
    let stay: Vec<i64> = (0..40).filter(|place| ![0, 9, 31].contains(place)).collect();
    let stay = Tensor::from_slice(&stay);
    let x = problem.features().narrow(1, 0, 5).index_select(0, &stay);
    let fewer = super::tests::problem(&x, &problem.labels.index_select(0, &stay), 3, 0.05, Loss::CrossEntropy);
    let without = problem.without(&[9]).unwrap().without(&[31, 0]).unwrap();
    let theta = some_theta(&problem);
    assert!((fewer.objective(&theta).unwrap() - without.objective(&theta).unwrap()).abs() < 1e-14);
    assert!(gap(&fewer.gradient(&theta).unwrap(), &without.gradient(&theta).unwrap()) < 1e-14);
    assert!(gap(&fewer.hessian(&theta).unwrap(), &without.hessian(&theta).unwrap()) < 1e-14);
    assert!(problem.without(&[40]).is_err() && problem.without(&(0..40).collect::<Vec<_>>()).is_err());
}

/// Together, in blocks and with a Hessian that is not quite theirs, or one by one: the same minima.
#[test]
fn refits_together_are_fits_one_by_one() {
    for (classes, loss) in LOSSES {
        let problem = drawn(classes, 0.05, loss);
        let theta = problem.fit(&problem.zeros().unwrap(), &EXACT, Solver::Newton).unwrap().theta;
        let factor = problem.factor(&theta).unwrap();
        let mut left_out: Vec<Vec<i64>> = (0..40).chain(0..40).map(|place| vec![place]).collect();
        left_out.extend([vec![], vec![1, 2, 3], (0..20).collect()]);
        let refits = problem.refit(&theta, &factor, &left_out, 1e-12).unwrap();
        assert!(refits.not_converged == 0 && refits.gradient_norm <= 1e-12, "{loss:?}");
        // The half of all is one of them. What bends a rounded hinge is the few examples near its kink.
        assert!((1..20).contains(&refits.alone), "{loss:?}: {}", refits.alone);
        for (at, places) in left_out.iter().enumerate() {
            let alone = problem.without(places).unwrap();
            let alone = alone.fit(&problem.zeros().unwrap(), &EXACT, Solver::Newton).unwrap().theta;
            assert!(gap(&refits.theta.get(at as i64), &alone) < 1e-10, "{loss:?} without {places:?}");
        }
        assert!(problem.refit(&theta, &factor, &[vec![40]], 1e-12).is_err());
    }
}

#[test]
fn linear_networks_are_told_from_others() {
    let image = [1, 8, 8];
    let linear = |layers: &str| is_linear(&graph(&format!("layers = [{layers}]"), &image, 3));
    assert!(linear(r#""flatten", { linear = { out = 3 } }"#));
    assert!(linear(r#"{ avg_pool2d = { kernel = 2 } }, "relu", "flatten", { linear = { out = 3, bias = false } }"#));
    assert!(!linear(r#""flatten", { linear = { out = 4 } }, { linear = { out = 3 } }"#), "two layers");
    assert!(!linear(r#""flatten", { linear = { out = 3 } }, "tanh""#), "not the output");
    assert!(!linear(r#""flatten", { dropout = { probability = 0.5 } }, { linear = { out = 3 } }"#), "random");
    assert!(!linear(r#"{ conv2d = { out = 3, kernel = 8 } }, "flatten""#), "not a linear layer");
    assert!(!linear(r#""batch_norm", "flatten", { linear = { out = 3 } }"#), "other weights");
}

/// theta of the network gives the network's logits, and the features are those before the layer, in chunks of any size.
#[test]
fn theta_is_the_weights_of_the_network() {
    let layers = r#"preprocess = { mean = [0.4], std = [0.3] }
        layers = [{ max_pool2d = { kernel = 2 } }, "flatten", { linear = { out = 3 } }]"#;
    let section = crate::config::Section::parse("", layers).unwrap();
    let graph = Arc::new(layers::read(&section, &[1, 4, 4], Some(3)).unwrap());
    let noise = Noise::new(2);
    let weights = graph.weights.iter().map(|spec| spec.draw(&noise, Kind::Double, Device::Cpu).unwrap());
    let model = Model::new(graph.clone(), weights.collect()).unwrap();
    let x = noise.uniform(&[1, 2, 3, 4, 5], &[1, 4, 4], Kind::Double, Device::Cpu).unwrap();
    let labels = Tensor::from_slice(&[0i64, 1, 2, 0, 1]);
    let of = |chunk| Regression::of(&model, &x, &labels, 0.1, Loss::CrossEntropy, chunk).unwrap().unwrap();
    let problem = of(2);
    assert_eq!(problem.features(), of(100).features());
    let theta = problem.theta(model.weights()).unwrap();
    assert_eq!((theta.size(), problem.parameters()), (vec![3, 5], 15));
    assert!(gap(&problem.logits(&theta).unwrap(), &model.logits(&x).unwrap()) < 1e-14);
    let back = problem.weights(&theta).unwrap();
    assert!(back.iter().zip(model.weights()).all(|(back, own)| back == own));
    // In single precision it is not solved, and a hinge has two classes.
    let single = model.to(Device::Cpu, Kind::Float).unwrap();
    assert!(Regression::of(&single, &x, &labels, 0.1, Loss::CrossEntropy, 2).is_err());
    assert!(Regression::of(&model, &x, &labels, 0.1, Loss::SmoothHinge { t: 1.0 }, 2).is_err());
}

/// As t falls, the minimum comes to that of the hinge. Of x = 1 labelled 0 and x = -1 labelled 1, without a bias and with weight
/// w of the margin, J = max(0, 1 - w) + l2 w² / 4, least at w = 1 for l2 < 2.
#[test]
fn a_rounded_hinge_ends_where_the_hinge_does() {
    let model = model("layers = [{ linear = { out = 2, bias = false } }]", &[1], 2);
    let (x, labels) = (Tensor::from_slice(&[1.0, -1.0]).view([2, 1]), Tensor::from_slice(&[0i64, 1]));
    let found = [1.0, 0.1, 0.01, 0.001].map(|t| {
        let problem = Regression::of(&model, &x, &labels, 0.5, Loss::SmoothHinge { t }, 8).unwrap().unwrap();
        let fitted =
            problem.fit(&problem.zeros().unwrap(), &Fit { tolerance: 1e-10, ..EXACT }, Solver::Newton).unwrap();
        assert!(fitted.converged, "t = {t}");
        2.0 * fitted.theta.double_value(&[0, 0])
    });
    // There the slope -s + l2 w / 2 is 0: s = 1/4, so that w = 1 + t log 3.
    for (t, w) in [(0.01, found[2]), (0.001, found[3])] {
        assert!((w - 1.0 - t * 3f64.ln()).abs() < 10.0 * t * t, "{w}");
    }
}

fn golden(name: &str) -> Tensor {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/digits_logreg_influence.safetensors");
    TensorFile::open(&file).unwrap().tensor(name).unwrap()
}

/// SciPy's minimum, and all 200 leave-one-out problems that were solved by themselves there, in float64.
#[test]
fn digits_as_another_program_fits_them() {
    let problem = problem(&golden("train.x"), &golden("train.y"), 10, 0.01, Loss::CrossEntropy);
    for solver in [Solver::Newton, Solver::Lbfgs] {
        let fitted = problem.fit(&problem.zeros().unwrap(), &EXACT, solver).unwrap();
        let far = gap(&fitted.theta, &golden("theta"));
        println!("{solver:?}: {} steps, theta to {far:.1e}", fitted.iterations);
        assert!(fitted.converged && far < 1e-8, "{solver:?}: {far}");
    }
    let theta = golden("theta");
    let left_out: Vec<Vec<i64>> = (0..200).map(|place| vec![place]).collect();
    let refits = problem.refit(&theta, &problem.factor(&theta).unwrap(), &left_out, 1e-12).unwrap();
    assert_eq!((refits.not_converged, refits.theta.size()), (0, vec![200, 10, 65]));
    let (x, labels) = (golden("test.x"), golden("test.y"));
    let ones = Tensor::ones([16, 1], DOUBLE);
    let losses = |theta: &Tensor| {
        let logits = Tensor::cat(&[&x, &ones], 1).matmul(&theta.transpose(0, 1));
        Loss::CrossEntropy.of(&logits, &labels).unwrap()
    };
    let before = losses(&theta);
    assert!(gap(&before, &golden("test_loss")) < 1e-8);
    let changes: Vec<Tensor> = (0..200).map(|at| losses(&refits.theta.get(at)) - &before).collect();
    let far = gap(&Tensor::stack(&changes, 1), &golden("leave_one_out_change"));
    println!("changes of the test losses to {far:.1e}; {} alone", refits.alone);
    assert!(far < 1e-8, "{far}");
}
