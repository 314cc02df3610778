//! Cases for tests.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::{Case, Points, Quantity};
use crate::config::Section;
use crate::model::convex::Loss;
use crate::model::{Model, layers};
use crate::noise::Noise;
use crate::tensor_file::TensorFile;

/// A network with the examples that it is asked about.
pub struct Setting {
    pub model: Model,
    pub train: Points,
    pub test: Points,
    pub l2: f64,
    pub loss: Loss,
    pub unsolved: Cell<usize>,
}

impl Setting {
    /// Drawn weights and random examples.
    pub fn drawn(text: &str, input: &[i64], classes: i64, train: u64, test: u64) -> Self {
        let model = network(text, input, classes, &mut |noise, shape| {
            noise.normal(&[0], shape, Kind::Double, Device::Cpu).unwrap().squeeze_dim(0).abs() * 0.4 - 0.2
        });
        let points = |from: u64, count: u64| {
            let ids: Vec<u64> = (from..from + count).collect();
            let labels: Vec<i64> = ids.iter().map(|id| (id * 7 % 11) as i64 % classes).collect();
            let x = Noise::new(5).normal(&ids, input, Kind::Double, Device::Cpu).unwrap();
            Points { x, labels: Tensor::from_slice(&labels), ids }
        };
        Self {
            model,
            train: points(0, train),
            test: points(1000, test),
            l2: 0.05,
            loss: Loss::CrossEntropy,
            unsolved: Cell::default(),
        }
    }

    /// The regression on digits of the reference, at its optimum.
    pub fn golden() -> Self {
        let of = |name: &str| golden(name);
        let theta = of("theta");
        let graph = {
            let section = Section::parse("model", "layers = [{ name = 'fc', linear = { out = 10 } }]").unwrap();
            layers::read(&section, &[64], Some(10)).unwrap()
        };
        let weights = vec![theta.narrow(1, 0, 64).contiguous(), theta.select(1, 64).contiguous()];
        let points = |split: &str, from: u64| {
            let labels = of(&format!("{split}.y"));
            let ids = (from..from + labels.size()[0] as u64).collect();
            Points { x: of(&format!("{split}.x")), labels, ids }
        };
        Self {
            model: Model::new(Arc::new(graph), weights).unwrap(),
            train: points("train", 0),
            test: points("test", 1000),
            l2: 0.01,
            loss: Loss::CrossEntropy,
            unsolved: Cell::default(),
        }
    }

    pub fn case(&self) -> Case<'_> {
        Case {
            model: &self.model,
            train: &self.train,
            test: &self.test,
            quantity: Quantity::Loss,
            loss: self.loss,
            l2: self.l2,
            noise: Noise::new(11),
            chunk: 7,
            checkpoints: &[],
            siblings: &[],
            unsolved: &self.unsolved,
        }
    }

    /// The same at the optimum of J, by Newton's method: for networks that are linear in their parameters.
    pub fn fitted(self) -> Self {
        let mut fitted = self;
        for _ in 0..20 {
            let case = fitted.case();
            let gradients = super::calculus::Gradients::of(&case);
            let parameters = gradients.parameters();
            let theta = parameters.flat(fitted.model.weights()).unwrap();
            let first = gradients.all(&fitted.train, Quantity::Loss).unwrap();
            let first = first.mean_dim(0, false, Kind::Double) + &theta * fitted.l2;
            let hessian =
                super::calculus::Curvature::of(&case, super::calculus::Hessian::GaussNewton, 0.0).matrix().unwrap();
            let step = Tensor::linalg_solve(&hessian, &first.unsqueeze(1), true).squeeze_dim(1);
            let moved = parameters.split(&(theta - step).unsqueeze(0)).unwrap();
            let weights = moved.iter().map(|part| part.squeeze_dim(0)).collect();
            fitted.model = Model::new(fitted.model.graph.clone(), weights).unwrap();
        }
        fitted
    }
}

/// A tensor of the reference.
pub fn golden(name: &str) -> Tensor {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/digits_logreg_influence.safetensors");
    TensorFile::open(&file).unwrap().tensor(name).unwrap()
}

/// A network whose weights `draw` gives, each for its name and shape.
pub fn network(text: &str, input: &[i64], classes: i64, draw: &mut dyn FnMut(Noise, &[i64]) -> Tensor) -> Model {
    let section = Section::parse("model", text).unwrap();
    let graph = layers::read(&section, input, Some(classes)).unwrap_or_else(|| panic!("{}", section.mistakes()));
    let weights = graph.weights.iter().map(|spec| draw(Noise::new(3).purpose(&spec.name), &spec.shape)).collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

pub fn largest(of: &Tensor) -> f64 {
    of.abs().max().double_value(&[])
}

/// Fails where two tensors are further apart than this share of the second's largest number.
pub fn near(one: &Tensor, two: &Tensor, tolerance: f64) {
    assert_eq!(one.size(), two.size());
    let apart = largest(&(one - two)) / largest(two);
    assert!(apart <= tolerance, "{apart:e} apart");
}

/// A method by its table.
pub fn method(text: &str) -> Arc<dyn super::InfluenceMethod> {
    let section = Section::parse("influence", text).unwrap();
    let chosen = super::choose(&section);
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    chosen.unwrap().method
}
