//! Training as the solution of a convex problem: `train = { solver = "newton", l2 = 0.01 }`, for networks that are linear in
//! their weights (`crate::model::convex`).
//!
//! The minimum does not depend on where it is looked for, so nothing is drawn: trainings from several seeds are one network.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tch::{Device, Kind, Tensor};

use super::{TrainData, Trained};
use crate::config::Section;
use crate::error::{Error, Result};
use crate::model::convex::{Fit, Loss, Regression, Solver, is_linear};
use crate::model::{Graph, Model};

/// The keys of a recipe that only a fit has.
pub const KEYS: [&str; 4] = ["l2", "tolerance", "iterations", "loss"];

/// How a network that is linear in its weights is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Convex {
    pub solver: Solver,
    /// The objective is the mean loss plus l2/2 times the square of all weights, biases too.
    pub l2: f64,
    pub loss: Loss,
    pub fit: Fit,
}

/// What a fit says of itself beyond its weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Convergence {
    pub iterations: usize,
    pub gradient_norm: f64,
    pub tolerance: f64,
    pub converged: bool,
    pub l2: f64,
}

impl Convex {
    /// Reads the keys of a recipe that has a `solver`.
    pub fn read(section: &Section) -> Self {
        let positive = |number: &f64| *number > 0.0 && number.is_finite();
        let solver = section.choice("solver", "newton", &[("newton", Solver::Newton), ("lbfgs", Solver::Lbfgs)]);
        let many = |count: &usize| (1..=1_000_000).contains(count);
        Self {
            solver,
            // Without it, classes could all move together and there would be no one minimum.
            l2: section.get_if("l2", 0.01, positive, "a number above 0"),
            loss: loss(section),
            fit: Fit {
                tolerance: section.get_if("tolerance", 1e-10, positive, "a length of the gradient, above 0"),
                iterations: section.get_if("iterations", 1000, many, "an integer from 1 to 1000000"),
            },
        }
    }

    /// Leaves with the section what this network cannot be fitted by.
    pub fn check(self, section: &Section, graph: &Graph) {
        if !is_linear(graph) {
            let message =
                "`solver` finds the minimum for a network that is linear in its weights, which this one is not";
            let expected = "one layer with weights, `linear`, that gives the logits, and no `dropout`".to_string();
            let help = "train it by steps: `train = { epochs = .. }`".to_string();
            section.mistake("solver", message, Some(expected), Some(help));
            return;
        }
        let classes = graph.shapes().ok().and_then(|shapes| shapes.get(graph.output)?.first().copied());
        if let Some(classes) = classes.filter(|classes| !self.loss.fits(*classes)) {
            let message = format!("a smooth hinge is for 2 classes, and there are {classes}");
            section.mistake("loss", message, None, Some("take `loss = \"cross-entropy\"`".to_string()));
        }
    }

    /// The fit to the data, in double precision, from `from` or from 0. Layers' outputs of the rows that go
    /// through the network together take `chunk_bytes` at most.
    pub fn fit(
        self,
        graph: &Arc<Graph>,
        data: &TrainData,
        from: Option<&[Tensor]>,
        device: Device,
        chunk_bytes: u64,
    ) -> Result<Trained> {
        let started = Instant::now();
        let nothing = |shape: &Vec<i64>| Tensor::f_zeros(&shape[..], (Kind::Double, device));
        let weights = graph.weights.iter().map(|spec| nothing(&spec.shape)).collect::<Result<_, _>>()?;
        let model = Model::new(graph.clone(), weights)?;
        // Images that differ from epoch to epoch are as in the first one.
        let images = match data.redrawn {
            Some(images_of) => images_of(0)?,
            None => data.images.shallow_clone(),
        };
        let chunk = model.rows_within(chunk_bytes);
        let problem = Regression::of(&model, &images, data.labels, self.l2, self.loss, chunk)?;
        let problem = problem.ok_or_else(|| Error::new("the network is not linear in its weights"))?;
        let start = match from {
            Some(weights) => problem.theta(weights)?,
            None => problem.zeros()?,
        };
        let fitted = problem.fit(&start, &self.fit, self.solver)?;
        if !fitted.gradient_norm.is_finite() {
            return Err(Error::new(format!("the fit diverged after {} steps", fitted.iterations)));
        }
        let convergence = Convergence {
            iterations: fitted.iterations,
            gradient_norm: fitted.gradient_norm,
            tolerance: self.fit.tolerance,
            converged: fitted.converged,
            l2: self.l2,
        };
        let loss = problem.losses(&fitted.theta)?.f_mean(None::<Kind>)?.f_double_value(&[])?;
        Ok(Trained {
            weights: problem.weights(&fitted.theta)?,
            loss: vec![loss],
            accuracy: Vec::new(),
            seconds: started.elapsed().as_secs_f64(),
            steps: 0,
            checkpoints: Vec::new(),
            convergence: Some(convergence),
        })
    }
}

/// `loss = "cross-entropy"`, or `{ use = "smooth-hinge", t = 0.001 }`.
fn loss(section: &Section) -> Loss {
    type Read = fn(&Section) -> Loss;
    let kinds: [(&str, Read); 2] = [("cross-entropy", |_| Loss::CrossEntropy), ("smooth-hinge", hinge)];
    let Some(named) = section.word_or_table("loss", "use", "cross-entropy") else { return Loss::CrossEntropy };
    let loss = named.choice("use", "cross-entropy", &kinds)(&named);
    named.finish();
    loss
}

fn hinge(section: &Section) -> Loss {
    let positive = |number: &f64| *number > 0.0 && number.is_finite();
    Loss::SmoothHinge { t: section.get_if("t", 0.001, positive, "a number above 0") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::graph;
    use crate::noise::Noise;

    fn read(text: &str) -> (Convex, String) {
        let section = Section::parse("model.toml", text).unwrap();
        let convex = Convex::read(&section);
        section.finish();
        (convex, section.mistakes().to_string())
    }

    #[test]
    fn every_part_is_read() {
        let usual = Convex {
            solver: Solver::Lbfgs,
            l2: 0.01,
            loss: Loss::CrossEntropy,
            fit: Fit { tolerance: 1e-10, iterations: 1000 },
        };
        assert_eq!(read("solver = 'lbfgs'").0, usual);
        let all =
            "solver = 'newton'\nl2 = 1\ntolerance = 1e-6\niterations = 5\nloss = { use = 'smooth-hinge', t = 0.1 }";
        let expected = Convex {
            solver: Solver::Newton,
            l2: 1.0,
            loss: Loss::SmoothHinge { t: 0.1 },
            fit: Fit { tolerance: 1e-6, iterations: 5 },
        };
        assert_eq!(read(all).0, expected);
        assert_eq!(read("solver = 'newton'\nloss = 'smooth-hinge'").0.loss, Loss::SmoothHinge { t: 0.001 });
        let (_, mistakes) = read("solver = 'sgd'\nl2 = 0\nloss = { use = 'cross-entropy', t = 1 }");
        assert!(["`sgd`", "`l2`", "unknown key `t`"].iter().all(|said| mistakes.contains(said)), "{mistakes}");
    }

    /// From anywhere to the same weights, which are a minimum of the network's own loss; too few steps are said to be.
    #[test]
    fn a_network_is_fitted_from_anywhere() {
        let graph = Arc::new(graph(r#"layers = ["flatten", { linear = { out = 3 } }]"#, &[1, 2, 2], 3));
        let ids: Vec<u64> = (0..30).collect();
        let images = Noise::new(1).uniform(&ids, &[1, 2, 2], Kind::Double, Device::Cpu).unwrap();
        let labels = Tensor::arange(30, (Kind::Int64, Device::Cpu)).remainder(3);
        let data = TrainData { images: &images, labels: &labels, ids: &ids, redrawn: None };
        let convex = read("solver = 'lbfgs'\nl2 = 0.1\ntolerance = 1e-11").0;
        let cold = convex.fit(&graph, &data, None, Device::Cpu, 700).unwrap();
        let drawn = super::super::untrained(&graph, &Noise::new(5), Kind::Float, Device::Cpu).unwrap();
        let warm = convex.fit(&graph, &data, Some(&drawn), Device::Cpu, 100_000).unwrap();
        for (cold, warm) in cold.weights.iter().zip(&warm.weights) {
            assert!((cold - warm).abs().max().double_value(&[]) < 1e-9);
        }
        let convergence = cold.convergence.unwrap();
        assert!(convergence.converged && convergence.gradient_norm <= 1e-11 && convergence.l2 == 0.1);
        // By libtorch's own derivative of the objective.
        let leaves: Vec<Tensor> = cold.weights.iter().map(|weight| weight.copy().set_requires_grad(true)).collect();
        let mut pass = |_: usize, _: &crate::model::Node, _: &[&Tensor], output: Tensor| Ok(output);
        let logits = graph.run(&leaves, &images, crate::model::Mode::Eval, &mut pass).unwrap();
        let loss = Loss::CrossEntropy.of(&logits, &labels).unwrap().mean(None::<Kind>);
        assert!((loss.double_value(&[]) - cold.loss[0]).abs() < 1e-14);
        let decay: Tensor = leaves.iter().map(|weight| weight.square().sum(None::<Kind>)).sum::<Tensor>() * 0.05;
        for slope in Tensor::run_backward(&[loss + decay], &leaves, false, false) {
            assert!(slope.abs().max().double_value(&[]) < 1e-11);
        }
        let early = read("solver = 'lbfgs'\niterations = 1").0.fit(&graph, &data, None, Device::Cpu, 700).unwrap();
        assert!(!early.convergence.unwrap().converged);
    }
}
