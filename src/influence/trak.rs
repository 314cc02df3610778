//! # Definition
//! The network is taken for a linear one in the gradients of its margin, randomly projected, and of that the influence is the one
//! step of a logistic regression. With Phi the projected gradients of the training examples' margins, phi those of the test point's
//! margin and Q_i = 1 - p_i of the training example's label,
//! tau_i = (mean over networks of phi' (Phi' Phi)^-1 Phi_i) (mean over networks of Q_i). The paper's tau is what the example brings
//! to the margin, so removing it changes the margin by -tau. Of another quantity phi is the gradient. Of a loss other than the
//! cross-entropy Q_i is minus its derivative by the margin.
//!
//! # Parameters
//! - `dimension` (512): of the projection, by random signs. Up to so many parameters there is none.
//! - `ensemble` (1): networks; all but the first are further trainings of the recipe from other seeds, and each has a projection of
//!   its own.
//! - `ridge` (0.0): added to the diagonal of Phi' Phi; the paper has none.
//!
//! # Cost
//! For each network, the gradients of both splits in blocks of 64 MB, and `dimension` multiplications for each of their numbers.
//! The signs are drawn as they are used.
//!
//! # Reference
//! Park et al., "TRAK: Attributing Model Behavior at Scale", ICML 2023.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::calculus::{Gradients, check};
use super::projection::Projection;
use super::{Case, InfluenceMethod, OVER_ALL, Points, Quantity};
use crate::catalogue::Entry;
use crate::error::{Error, Result};
use crate::explainers::Misfit;
use crate::model::factor::Factor;
use crate::model::{Graph, Model};

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "trak",
    summary: "a linear model in randomly projected gradients of the margin, averaged over trainings",
    reference: "Park et al. 2023",
    revision: 1,
    source: include_str!("trak.rs"),
    read: |section| {
        let count = |key: &str, default: usize, most: usize| {
            section.get_if(key, default, |count| (1..=most).contains(count), &format!("an integer from 1 to {most}"))
        };
        let (dimension, ensemble) = (count("dimension", 512, 100_000), count("ensemble", 1, 1000));
        let ridge = section.get_if("ridge", 0.0, |ridge| *ridge >= 0.0, "a number of 0 or more");
        Some(Arc::new(Trak { dimension, ensemble, ridge }))
    },
};

struct Trak {
    dimension: usize,
    ensemble: usize,
    ridge: f64,
}

/// One network's view of the training examples.
struct Features<'a> {
    gradients: Gradients<'a>,
    projection: Projection,
    /// [n, k]
    train: Tensor,
    kernel: Factor,
    /// [n]
    weight: Tensor,
}

impl InfluenceMethod for Trak {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        self.mean(on, |of| {
            let test = of.projected(on.test, on.quantity)?;
            Ok(of.kernel.solve(&test.f_tr()?)?.f_tr()?.f_matmul(&of.train.f_tr()?)?)
        })
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        self.mean(on, |of| {
            let own = of.projected(on.train, on.quantity)?;
            let solved = of.kernel.solve(&own.f_tr()?)?.f_tr()?;
            Ok(solved.f_mul(&of.train)?.f_sum_dim_intlist(1, false, Kind::Double)?)
        })
    }

    fn convention(&self) -> &'static str {
        OVER_ALL
    }

    fn siblings(&self) -> usize {
        self.ensemble - 1
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        check(graph)
    }
}

impl Trak {
    /// Minus the mean over the networks of `kernel`, weighted by the mean of Q.
    fn mean(&self, on: &Case, kernel: impl Fn(&Features) -> Result<Tensor>) -> Result<Tensor> {
        if on.siblings.len() < self.siblings() {
            let message = format!("an ensemble of {} with {} further trainings", self.ensemble, on.siblings.len());
            return Err(Error::new(message));
        }
        let networks = std::iter::once(on.model).chain(&on.siblings[..self.siblings()]);
        let start = || Tensor::f_zeros([1], (Kind::Double, on.train.x.device()));
        let (mut kernels, mut weights) = (start()?, start()?);
        for (at, model) in networks.enumerate() {
            let features = self.features(on, model, at as u64)?;
            kernels = kernels.f_add(&kernel(&features)?)?;
            weights = weights.f_add(&features.weight)?;
        }
        let count = self.ensemble as f64;
        Ok(kernels.f_mul(&weights)?.f_div_scalar(-count * count)?)
    }

    fn features<'a>(&self, on: &Case, model: &'a Model, at: u64) -> Result<Features<'a>> {
        let gradients = Gradients::at(model, on.loss, on.chunk);
        let noise = on.noise.purpose("trak").index(at);
        let projection = Projection::new(noise, gradients.parameters().count(), self.dimension as i64);
        let (mut rows, mut weights) = (Vec::new(), Vec::new());
        gradients.each(on.train, &mut |_, view| {
            rows.push(projection.of(&view.gradients(Quantity::Margin)?)?);
            let [loss, margin] =
                [Quantity::Loss, Quantity::Margin].map(|of| of.first(on.loss, &view.tape.logits, &view.labels));
            let (loss, margin) = (loss?, margin?);
            // The loss is a function of the margin, or as good as one.
            let along = |a: &Tensor| a.f_mul(&margin)?.f_sum_dim_intlist(1, false, Kind::Double);
            weights.push(along(&loss)?.f_div(&along(&margin)?)?.f_neg()?);
            Ok(())
        })?;
        let train = Tensor::f_cat(&rows, 0)?;
        let matrix = train.f_tr()?.f_matmul(&train)?;
        let _ = matrix.f_diagonal(0, 0, 1)?.f_add_scalar_(self.ridge)?;
        let singular = || {
            let [n, k] = [train.size()[0], train.size()[1]];
            Error::refused(
                format!("TRAK's {k} features of {n} training examples are not independent"),
                "lower its `dimension`, or give it a `ridge`",
            )
        };
        if train.size()[1] > train.size()[0] && self.ridge == 0.0 {
            return Err(singular());
        }
        let kernel = Factor::of(&matrix).map_err(|_| singular())?;
        Ok(Features { gradients, projection, train, kernel, weight: Tensor::f_cat(&weights, 0)? })
    }
}

impl Features<'_> {
    /// The projected gradients, [N, k].
    fn projected(&self, points: &Points, quantity: Quantity) -> Result<Tensor> {
        let mut rows = Vec::new();
        self.gradients.each(points, &mut |_, view| {
            rows.push(self.projection.of(&view.gradients(quantity)?)?);
            Ok(())
        })?;
        Ok(Tensor::f_cat(&rows, 0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::influence::support::{Setting, method, near};

    const NETWORK: &str = "layers = [{ linear = { out = 4 } }, 'tanh', { linear = { out = 3 } }]";

    /// Everything written out, with the projection as a matrix.
    fn plainly(on: &Case, dimension: i64, at: u64) -> (Tensor, Tensor) {
        let gradients = Gradients::of(on);
        let count = gradients.parameters().count();
        let projection = Projection::new(on.noise.purpose("trak").index(at), count, dimension);
        let signs = projection.of(&Tensor::eye(count, (Kind::Double, tch::Device::Cpu))).unwrap();
        let train = gradients.all(on.train, Quantity::Margin).unwrap().matmul(&signs);
        let test = gradients.all(on.test, on.quantity).unwrap().matmul(&signs);
        let kernel = test.matmul(&train.tr().matmul(&train).inverse()).matmul(&train.tr());
        let logits = on.model.logits(&on.train.x).unwrap();
        let p = logits.softmax(1, Kind::Double).gather(1, &on.train.labels.unsqueeze(1), false).squeeze_dim(1);
        (kernel, 1.0 - p)
    }

    #[test]
    fn it_is_the_formula_of_the_paper_for_one_network_and_for_several() {
        let setting = Setting::drawn(NETWORK, &[4], 3, 30, 5);
        let other =
            Model::new(setting.model.graph.clone(), setting.model.weights().iter().map(|w| w * 1.5 + 0.1).collect());
        let siblings = [other.unwrap()];
        for quantity in [Quantity::Margin, Quantity::Loss] {
            let case = Case { quantity, siblings: &siblings, ..setting.case() };
            let (kernel, weight) = plainly(&case, 8, 0);
            near(&method("use = 'trak'\ndimension = 8").influence(&case).unwrap(), &-(&kernel * &weight), 1e-9);
            let (second, its) = plainly(&Case { model: &siblings[0], quantity, ..setting.case() }, 8, 1);
            let two = method("use = 'trak'\ndimension = 8\nensemble = 2");
            assert_eq!(two.siblings(), 1);
            near(&two.influence(&case).unwrap(), &-((kernel + second) / 2.0 * ((weight + its) / 2.0)), 1e-9);
        }
    }

    /// For a linear network with two classes and gradients that are not projected, whose every p is 1/2, it is the influence
    /// function: R = p (1 - p) is 1/4 everywhere, which TRAK leaves out.
    #[test]
    fn at_even_probabilities_it_is_a_quarter_of_the_influence_function() {
        let mut setting = Setting::drawn("layers = [{ linear = { out = 2, bias = false } }]", &[3], 2, 20, 4);
        let zeros = setting.model.weights().iter().map(Tensor::zeros_like).collect();
        setting.model = Model::new(setting.model.graph.clone(), zeros).unwrap();
        let case = Case { quantity: Quantity::Margin, l2: 1e-9, ..setting.case() };
        // Both classes' weights have one gradient but for its sign, so their six features are three.
        let trak = method("use = 'trak'\nridge = 1e-7").influence(&case).unwrap();
        near(&trak, &(method("use = 'influence-function'").influence(&case).unwrap() / 4.0), 1e-4);
    }

    #[test]
    fn more_features_than_examples_are_refused() {
        let setting = Setting::drawn(NETWORK, &[4], 3, 10, 2);
        let error = method("use = 'trak'").influence(&setting.case()).unwrap_err().to_string();
        assert!(error.contains("TRAK's 35 features of 10 training examples"), "{error}");
        let error = method("use = 'trak'\nensemble = 3").influence(&setting.case()).unwrap_err().to_string();
        assert!(error.contains("an ensemble of 3 with 0 further trainings"), "{error}");
    }
}
