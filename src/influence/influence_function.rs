//! # Definition
//! One step of the implicit function theorem: taking 1/n of a training example's loss out of J moves its minimum by
//! (1/n) H^-1 g_train, so a test quantity q changes by (1/n) grad q' (H + `damping`)^-1 g_train. H is the Hessian of J over all
//! training examples, the regulariser included; g_train is the gradient of the example's loss, without it. It takes the network
//! for one at a minimum of J.
//!
//! # Parameters
//! - `solver` ("exact"): how (H + damping)^-1 is applied.
//!   - "exact": the matrix and its Cholesky factor, up to 10000 parameters.
//!   - "cg": conjugate gradients, all test points together; `iterations` (100) at most, ended where a residual is `tolerance`
//!     (1e-8) of its right-hand side.
//!   - "lissa": a Neumann series; `scale` (10.0, has to exceed half the largest eigenvalue), `depth` (1000) terms, `batch` (50)
//!     training examples to a term, the mean of `samples` (1) series.
//!   - "arnoldi": on the space of the `rank` (100) largest eigenvalues found in `iterations` (200) products.
//! - `hessian` ("exact"): "exact", or "gauss-newton", which is never negative.
//! - `damping` (0.0): added to the diagonal.
//! - `smoothing` (none): of a network that was fitted with a smoothed hinge, the t to take its losses' derivatives with, instead of
//!   that of the fit. A hinge has no second derivative, so that a narrow one needs a wider one to be seen by.
//!
//! # Cost
//! "exact": as many Hessian products as parameters, or for a network that is linear in them half of n P^2, and with
//! "gauss-newton" K n P^2; a third of P^3 for the factor, once. Else one Hessian product over the training data (for "lissa", over a batch)
//! for each step and test point. Then the gradients of all training examples, in blocks of 64 MB. Self-influence takes a system
//! for each training example.
//!
//! # Reference
//! Koh and Liang, "Understanding Black-box Predictions via Influence Functions", ICML 2017.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::calculus::{Curvature, Gradients, Hessian, check};
use super::perturbation::perturbation;
use super::solve::{Inverse, Solver, of_itself_by, of_pairs_by};
use super::{Case, InfluenceMethod, OVER_ALL, Points};
use crate::catalogue::Entry;
use crate::config::Section;
use crate::error::{Error, Result};
use crate::explainers::Misfit;
use crate::model::Graph;
use crate::model::convex::Loss;

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "influence-function",
    summary: "the gradient of the test quantity, the inverse Hessian, and the training example's gradient",
    reference: "Koh and Liang 2017",
    revision: 1,
    source: include_str!("influence_function.rs"),
    read: |section| Some(Arc::new(InfluenceFunction::read(section))),
};

pub struct InfluenceFunction {
    pub solver: Solver,
    pub hessian: Hessian,
    pub damping: f64,
    pub smoothing: Option<f64>,
}

/// As a table without parameters says.
impl Default for InfluenceFunction {
    fn default() -> Self {
        Self { solver: Solver::Exact, hessian: Hessian::Exact, damping: 0.0, smoothing: None }
    }
}

impl InfluenceFunction {
    fn read(section: &Section) -> Self {
        let words = &[("exact", Hessian::Exact), ("gauss-newton", Hessian::GaussNewton)];
        Self {
            solver: Solver::read(section),
            hessian: section.choice("hessian", "exact", words),
            damping: section.get_if("damping", 0.0, |damping| *damping >= 0.0, "a number of 0 or more"),
            smoothing: section.optional_if("smoothing", |t: &f64| *t > 0.0 && t.is_finite(), "a number above 0"),
        }
    }

    /// The case with the loss that derivatives are taken of.
    fn smoothed<'a>(&self, on: &Case<'a>) -> Result<Case<'a>> {
        let loss = match (self.smoothing, on.loss) {
            (None, loss) => loss,
            (Some(t), Loss::SmoothHinge { .. }) => Loss::SmoothHinge { t },
            (Some(_), Loss::CrossEntropy) => {
                return Err(Error::refused(
                    "`smoothing` is of a hinge, and this network was trained with cross-entropy",
                    "narrow the influence method with `models = [..]`",
                ));
            }
        };
        Ok(Case { loss, ..*on })
    }

    /// (H + damping)^-1, ready to be applied.
    pub fn inverse<'a>(&self, on: &Case<'a>) -> Result<Box<dyn Inverse + 'a>> {
        self.solver.ready(Curvature::of(on, self.hessian, self.damping), on.noise)
    }
}

impl InfluenceMethod for InfluenceFunction {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        let on = &self.smoothed(on)?;
        of_pairs_by(&*self.inverse(on)?, on)
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        let on = &self.smoothed(on)?;
        of_itself_by(&*self.inverse(on)?, on)
    }

    fn convention(&self) -> &'static str {
        OVER_ALL
    }

    fn perturbation(&self, on: &Case, examples: &Points) -> Option<Result<Tensor>> {
        let derivative = || {
            let on = &self.smoothed(on)?;
            let pull = Gradients::of(on).all(on.test, on.quantity)?.f_mean_dim([0].as_slice(), true, Kind::Double)?;
            perturbation(on, &self.inverse(on)?.apply(&pull)?.f_squeeze_dim(0)?, examples)
        };
        Some(derivative())
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        check(graph)
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::influence::Quantity;
    use crate::influence::calculus::Gradients;
    use crate::influence::support::{Setting, golden, largest, method, near};

    #[test]
    fn the_reference_by_the_factor_and_by_conjugate_gradients() {
        let setting = Setting::golden();
        let case = Case { chunk: 128, ..setting.case() };
        let expected = golden("influence_on_removal");
        for text in [
            "use = 'influence-function'",
            "use = 'influence-function'\nhessian = 'gauss-newton'",
            "use = 'influence-function'\nsolver = 'cg'\niterations = 1000\ntolerance = 1e-12",
        ] {
            let mine = method(text).influence(&case).unwrap();
            let apart = largest(&(&mine - &expected));
            assert!(apart < 1e-8, "{text}: {apart:e}");
            for (at, pearson) in Vec::<f64>::try_from(golden("pearson")).unwrap().into_iter().enumerate() {
                let (mine, actual) = (mine.get(at as i64), golden("leave_one_out_change").get(at as i64));
                let both = Tensor::stack(&[mine, actual], 0).corrcoef();
                assert!((both.double_value(&[0, 1]) - pearson).abs() < 1e-6, "{text}: test point {at}");
            }
        }
    }

    /// Derivatives of another hinge than that of the fit: as if the fit had been that one's.
    #[test]
    fn a_hinge_may_be_seen_through_a_wider_one() {
        let mut setting = Setting::drawn("layers = [{ linear = { out = 2 } }]", &[4], 2, 30, 6);
        setting.loss = Loss::SmoothHinge { t: 0.5 };
        let wide = method("use = 'influence-function'").influence(&setting.case()).unwrap();
        setting.loss = Loss::SmoothHinge { t: 1e-3 };
        let seen =
            |text: &str| method(&format!("use = 'influence-function'\n{text}")).influence(&setting.case()).unwrap();
        near(&seen("smoothing = 0.5"), &wide, 1e-14);
        assert!(largest(&(seen("") - &wide)) > 1e-3);
        setting.loss = Loss::CrossEntropy;
        assert!(method("use = 'influence-function'\nsmoothing = 0.5").influence(&setting.case()).is_err());
    }

    #[test]
    fn systems_that_are_given_up_are_counted() {
        let setting = Setting::drawn("layers = [{ linear = { out = 3 } }]", &[4], 3, 30, 6);
        let solve = |iterations: usize| {
            let text = format!("use = 'influence-function'\nsolver = 'cg'\niterations = {iterations}");
            setting.unsolved.set(0);
            let _ = method(&text).influence(&setting.case()).unwrap();
            setting.unsolved.get()
        };
        assert_eq!([1, 100].map(solve), [6, 0]);
    }

    /// At a minimum the gradients' mean is -l2 theta, so all examples' influences on a quantity sum to -l2 grad q' H^-1 theta.
    #[test]
    fn at_a_minimum_the_influences_sum_to_what_the_regulariser_says() {
        let setting = Setting::drawn("layers = [{ linear = { out = 3 } }]", &[4], 3, 30, 6).fitted();
        for quantity in [Quantity::Loss, Quantity::Margin, Quantity::Logit] {
            let case = Case { quantity, ..setting.case() };
            let method = InfluenceFunction::default();
            let sum = method.influence(&case).unwrap().sum_dim_intlist(1, false, Kind::Double);
            let gradients = Gradients::of(&case);
            let theta = gradients.parameters().flat(setting.model.weights()).unwrap().unsqueeze(0);
            let moved = method.inverse(&case).unwrap().apply(&theta).unwrap();
            let said = gradients.products(&moved, &setting.test, quantity).unwrap().squeeze_dim(0) * -setting.l2;
            near(&sum, &said, 1e-10);
        }
    }

    /// The Hessian of J for logits z = w x, w = (a, b), of one example x = 1 with label 0 at p = (1/2, 1/2), l2 = 1/2:
    /// (1/4 + 1/2, -1/4; -1/4, 3/4) with inverse (3/2, 1/2; 1/2, 3/2); g = (-1/2, 1/2); g' H^-1 g = 1/2, and n = 1.
    #[test]
    fn one_example_by_hand() {
        let mut setting = Setting::drawn("layers = [{ linear = { out = 2, bias = false } }]", &[1], 2, 1, 1);
        let zero = Tensor::zeros([2, 1], (Kind::Double, tch::Device::Cpu));
        setting.model = crate::model::Model::new(setting.model.graph.clone(), vec![zero]).unwrap();
        setting.l2 = 0.5;
        setting.train.x = Tensor::from_slice(&[1.0]).view([1, 1]);
        setting.train.labels = Tensor::from_slice(&[0i64]);
        let own = |quantity, damping: &str| {
            let case = Case { quantity, ..setting.case() };
            method(&format!("use = 'influence-function'\n{damping}")).of_itself(&case).unwrap().double_value(&[0])
        };
        assert!((own(Quantity::Loss, "") - 0.5).abs() < 1e-15);
        // The margin a - b falls twice as fast as the loss rises; the logit a as fast.
        assert!((own(Quantity::Margin, "") + 1.0).abs() < 1e-15);
        assert!((own(Quantity::Logit, "") + 0.5).abs() < 1e-15);
        // 1 more on the diagonal: eigenvalue 2 of (-1, 1) instead of 1.
        assert!((own(Quantity::Loss, "damping = 1.0") - 0.25).abs() < 1e-15);
    }
}
