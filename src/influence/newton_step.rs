//! # Definition
//! For each training example one Newton step from theta towards the minimum of J without it, which is the mean over the n - 1 that
//! stay with the same l2, with that example's own curvature taken out of the Hessian:
//! theta_{-i} - theta = (n H - l2 - U_i U_i')^-1 (g_i + l2 theta), where g_i is the gradient of the example's loss and U_i U_i' its
//! curvature, of K columns at most. An influence is grad q' (theta_{-i} - theta). H is the Gauss-Newton curvature with the
//! regulariser and `damping`: for a network that is linear in its parameters that is the Hessian, and the step is exact to second
//! order. Theta is taken for a minimum of J: what is left of its gradient is the training's, not the removal's.
//!
//! # Parameters
//! - `damping` (0.0): added to the diagonal of H.
//!
//! # Cost
//! The matrix and its Cholesky factor once, up to 10000 parameters; then K + 1 systems for each training example (the identity of
//! Sherman, Morrison and Woodbury) and K + 1 passes back. Of a network that is linear in its parameters instead the inverse, once,
//! and P^2 multiplications for each training example.
//!
//! # Reference
//! Pregibon, "Logistic Regression Diagnostics", Annals of Statistics 1981; Koh et al., "On the Accuracy of Influence Functions for
//! Measuring Group Effects", NeurIPS 2019.

mod regression;

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::calculus::{Curvature, Gradients, Hessian, View, check};
use super::{Case, InfluenceMethod, OVER_REST, Quantity};
use crate::catalogue::Entry;
use crate::error::{Error, Result};
use crate::explainers::Misfit;
use crate::model::Graph;
use crate::model::factor::Factor;

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "newton-step",
    summary: "one Newton step without the training example, its own curvature taken out",
    reference: "Pregibon 1981",
    revision: 1,
    source: concat!(include_str!("newton_step.rs"), include_str!("newton_step/regression.rs")),
    read: |section| {
        let damping = section.get_if("damping", 0.0, |damping| *damping >= 0.0, "a number of 0 or more");
        Some(Arc::new(NewtonStep { damping }))
    },
};

struct NewtonStep {
    damping: f64,
}

/// What all removals share.
struct Removals {
    /// Of n H - l2.
    whole: Factor,
    /// l2 theta, [1, P]
    pull: Tensor,
}

impl InfluenceMethod for NewtonStep {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        if let Some(removals) = self.of_regression(on)? {
            return removals.influence(on);
        }
        self.influence_by_vectors(on)
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        if let Some(removals) = self.of_regression(on)? {
            return removals.of_itself(on);
        }
        self.of_itself_by_vectors(on)
    }

    fn convention(&self) -> &'static str {
        OVER_REST
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        check(graph)
    }
}

impl NewtonStep {
    /// Of a network that is linear in its parameters.
    fn of_regression(&self, on: &Case) -> Result<Option<regression::Removals>> {
        if on.train.len() < 2 {
            return Err(Error::new("of a single training example nothing stays"));
        }
        regression::Removals::of(on, self.damping)
    }

    fn influence_by_vectors(&self, on: &Case) -> Result<Tensor> {
        let test = Gradients::of(on).all(on.test, on.quantity)?;
        self.each(on, &mut |_, steps| Ok(test.f_matmul(&steps.f_tr()?)?), 1)
    }

    fn of_itself_by_vectors(&self, on: &Case) -> Result<Tensor> {
        let mut own = |view: &View, steps: &Tensor| {
            Ok(view.gradients(on.quantity)?.f_mul(steps)?.f_sum_dim_intlist(1, false, Kind::Double)?)
        };
        self.each(on, &mut own, 0)
    }

    /// What `see` makes of the training examples and their steps [B, P], block after block along a dimension.
    fn each(&self, on: &Case, see: &mut dyn FnMut(&View, &Tensor) -> Result<Tensor>, along: i64) -> Result<Tensor> {
        let removals = self.removals(on)?;
        let mut all = Vec::new();
        let gradients = Gradients::of(on).fewer()?;
        gradients.each(on.train, &mut |_, view| {
            all.push(see(view, &removals.steps(view)?)?);
            Ok(())
        })?;
        Ok(Tensor::f_cat(&all, along)?)
    }

    fn removals(&self, on: &Case) -> Result<Removals> {
        let hessian = Curvature::of(on, Hessian::GaussNewton, self.damping).matrix()?;
        let whole = hessian.f_mul_scalar(on.train.len() as f64)?;
        let _ = whole.f_diagonal(0, 0, 1)?.f_sub_scalar_(on.l2)?;
        let theta = Gradients::of(on).parameters().flat(on.model.weights())?;
        Ok(Removals { whole: Factor::of(&whole)?, pull: theta.f_mul_scalar(on.l2)?.f_unsqueeze(0)? })
    }
}

impl Removals {
    /// theta_{-i} - theta for a block of training examples, [B, P].
    fn steps(&self, view: &View) -> Result<Tensor> {
        let solve = |vectors: &Tensor| -> Result<Tensor> { Ok(self.whole.solve(&vectors.f_tr()?)?.f_tr()?) };
        let first = view.gradients(Quantity::Loss)?.f_add(&self.pull)?;
        let own = Tensor::f_stack(&view.curvature()?, 1)?;
        let (rows, columns, length) = own.size3()?;
        let moved = solve(&own.f_view([rows * columns, length])?)?.f_reshape([rows, columns, length])?;
        // (M - U U')^-1 b = M^-1 b + M^-1 U (1 - U' M^-1 U)^-1 U' M^-1 b
        let one = Tensor::f_eye(columns, (Kind::Double, own.device()))?;
        let inside = one.f_sub(&own.f_matmul(&moved.f_transpose(1, 2)?)?)?;
        let along = moved.f_matmul(&first.f_unsqueeze(2)?)?;
        let share = Tensor::f_linalg_solve(&inside, &along, true)?;
        Ok(solve(&first)?.f_add(&share.f_transpose(1, 2)?.f_matmul(&moved)?.f_squeeze_dim(1)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::influence::support::{Setting, golden, method, near};
    use crate::model::convex::Loss;

    /// Least squares of a line through 0.
    fn slope(predicted: &Tensor, actual: &Tensor) -> f64 {
        let centred = |of: &Tensor| of - of.mean(Kind::Double);
        let (predicted, actual) = (centred(predicted), centred(actual));
        (&predicted * actual).sum(Kind::Double).double_value(&[])
            / predicted.square().sum(Kind::Double).double_value(&[])
    }

    fn median_slope(text: &str) -> f64 {
        let setting = Setting::golden();
        let case = Case { chunk: 100, ..setting.case() };
        let predicted = method(text).influence(&case).unwrap();
        let actual = golden("leave_one_out_change");
        let mut slopes: Vec<f64> = (0..16).map(|at| slope(&predicted.get(at), &actual.get(at))).collect();
        slopes.sort_by(f64::total_cmp);
        (slopes[7] + slopes[8]) / 2.0
    }

    #[test]
    fn its_slope_is_nearer_one_than_that_of_first_order() {
        let (newton, first) = (median_slope("use = 'newton-step'"), median_slope("use = 'influence-function'"));
        println!("median slope: newton-step {newton:.4}, influence-function {first:.4}");
        assert!((newton - 1.06).abs() < 0.01 && (first - 1.33).abs() < 0.01, "{newton} and {first}");
    }

    /// What is known in advance of a linear network and what is computed of any are the same steps.
    #[test]
    fn a_linear_network_is_one_of_all() {
        for (layer, loss, classes) in [
            ("layers = [{ linear = { out = 3 } }]", Loss::CrossEntropy, 3),
            ("layers = [{ linear = { out = 2, bias = false } }]", Loss::SmoothHinge { t: 0.3 }, 2),
        ] {
            let mut setting = Setting::drawn(layer, &[4], classes, 12, 5);
            setting.loss = loss;
            let newton = NewtonStep { damping: 0.01 };
            for quantity in [Quantity::Loss, Quantity::Margin] {
                let case = Case { quantity, ..setting.case() };
                near(&newton.influence(&case).unwrap(), &newton.influence_by_vectors(&case).unwrap(), 1e-12);
                near(&newton.of_itself(&case).unwrap(), &newton.of_itself_by_vectors(&case).unwrap(), 1e-12);
            }
        }
    }

    /// The step of the smaller problem itself, whose Hessian and gradient are made anew for each.
    #[test]
    fn it_is_the_newton_step_of_the_problem_without_the_example() {
        let setting = Setting::drawn("layers = [{ linear = { out = 3 } }]", &[4], 3, 12, 5).fitted();
        let case = setting.case();
        let mine = method("use = 'newton-step'").influence(&case).unwrap();
        let test = Gradients::of(&case).all(&setting.test, Quantity::Loss).unwrap();
        for left_out in 0..12 {
            let stay: Vec<i64> = (0..12).filter(|at| *at != left_out).collect();
            let places = Tensor::from_slice(&stay);
            let train = crate::influence::Points {
                x: setting.train.x.index_select(0, &places),
                labels: setting.train.labels.index_select(0, &places),
                ids: stay.iter().map(|at| *at as u64).collect(),
            };
            let smaller = Case { train: &train, ..setting.case() };
            let gradients = Gradients::of(&smaller);
            let theta = gradients.parameters().flat(setting.model.weights()).unwrap();
            let first =
                gradients.all(&train, Quantity::Loss).unwrap().mean_dim(0, false, Kind::Double) + theta * setting.l2;
            let hessian = Curvature::of(&smaller, Hessian::Exact, 0.0).matrix().unwrap();
            let step = -Tensor::linalg_solve(&hessian, &first.unsqueeze(1), true).squeeze_dim(1);
            near(&mine.select(1, left_out), &test.matmul(&step), 1e-9);
        }
    }
}
