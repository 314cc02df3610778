//! The same steps of a network that is linear in its parameters, where they need no vector of their own: with f_i what the layer is
//! given of example i, its gradient is a outer f_i and its curvature S outer f_i f_i', so a step takes no more of the inverse
//! matrix than the K x K numbers f_i' M^-1 f_i, class by class.

use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::influence::calculus::small_enough;
use crate::influence::quantity::second;
use crate::influence::{Case, Points};
use crate::model::convex::Regression;
use crate::model::factor::Factor;

/// Training examples that are held against blocks of the inverse together.
const ROWS: i64 = 4096;

/// All removals of a regression, theta_{-i} - theta = M^-1 (moved_i outer f_i + l2 theta).
pub struct Removals {
    regression: Regression,
    /// Of M = n H - l2.
    whole: Factor,
    /// M^-1 l2 theta, [K F].
    pull: Tensor,
    /// [N, K]
    logits: Tensor,
    /// [N, K]: where an example's own curvature is taken out of the Hessian, its gradient by the logits goes so much further.
    moved: Tensor,
    /// f_i' M^-1 f_i for each pair of classes, [N, K, K].
    inside: Tensor,
}

impl Removals {
    /// `None` for a network that is not linear in its parameters.
    pub fn of(on: &Case, damping: f64) -> Result<Option<Self>> {
        let Some(regression) = problem(on, on.train, on.l2 + damping)? else { return Ok(None) };
        small_enough(regression.parameters())?;
        let theta = regression.theta(on.model.weights())?;
        let matrix = regression.hessian(&theta)?.f_mul_scalar_(on.train.len() as f64)?;
        let _ = matrix.f_diagonal(0, 0, 1)?.f_sub_scalar_(on.l2)?;
        let whole = Factor::of(&matrix)?;
        drop(matrix);
        let pull = whole.solve(&theta.f_reshape([-1, 1])?.f_mul_scalar(on.l2)?)?.f_view([-1])?;
        let logits = regression.logits(&theta)?;
        let inside = inside(&whole.inverse()?.f_to_device(theta.device())?, regression.features(), regression.classes)?;
        let first = on.loss.first(&logits, &on.train.labels)?;
        let second = second(on.loss, &logits, &on.train.labels)?;
        // (M - J S J')^-1 = M^-1 + M^-1 J (1 - S W)^-1 S J' M^-1 of W = J' M^-1 J, applied to J p + l2 theta.
        let along = inside.f_matmul(&first.f_unsqueeze(2)?)?.f_add(&sent(&regression, &pull)?.f_unsqueeze(2)?)?;
        let one = Tensor::f_eye(regression.classes, (Kind::Double, first.device()))?;
        let rest = one.f_sub(&second.f_matmul(&inside)?)?;
        let share = Tensor::f_linalg_solve(&rest, &second.f_matmul(&along)?, true)?;
        let moved = first.f_add(&share.f_squeeze_dim(2)?)?;
        Ok(Some(Self { regression, whole, pull, logits, moved, inside }))
    }

    /// [T, N]
    pub fn influence(&self, on: &Case) -> Result<Tensor> {
        let test = problem(on, on.test, 0.0)?.ok_or_else(|| Error::new("the network is not linear in its weights"))?;
        let first = on.quantity.first(on.loss, &test.logits(&test.theta(on.model.weights())?)?, &on.test.labels)?;
        let gradients = first.f_unsqueeze(2)?.f_mul(&test.features().f_unsqueeze(1)?)?.f_flatten(1, -1)?;
        let back = self.whole.solve(&gradients.f_tr()?)?.f_tr()?;
        let moved = self.moved.f_tr()?;
        let row = |at: i64| -> Result<Tensor> {
            let of_classes = sent(&self.regression, &back.f_get(at)?)?.f_tr()?;
            Ok(of_classes.f_mul(&moved)?.f_sum_dim_intlist([0].as_slice(), false, Kind::Double)?)
        };
        let rows = (0..on.test.len()).map(row).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::f_stack(&rows, 0)?.f_add(&gradients.f_matmul(&self.pull.f_unsqueeze(1)?)?)?)
    }

    /// [N]
    pub fn of_itself(&self, on: &Case) -> Result<Tensor> {
        let first = on.quantity.first(on.loss, &self.logits, &on.train.labels)?;
        let along = self.inside.f_matmul(&self.moved.f_unsqueeze(2)?)?.f_squeeze_dim(2)?;
        let along = along.f_add(&sent(&self.regression, &self.pull)?)?;
        Ok(first.f_mul(&along)?.f_sum_dim_intlist([1].as_slice(), false, Kind::Double)?)
    }
}

fn problem(on: &Case, points: &Points, l2: f64) -> Result<Option<Regression>> {
    Regression::of(on.model, &points.x, &points.labels, l2, on.loss, on.chunk)
}

/// What parameters [K F] send to the logits of all examples, [N, K].
fn sent(regression: &Regression, parameters: &Tensor) -> Result<Tensor> {
    regression.logits(&parameters.f_reshape([regression.classes, -1])?)
}

/// f_i' B_kl f_i for the blocks B_kl [F, F] of a symmetric matrix and the rows f_i of `features` [N, F]: [N, K, K].
fn inside(matrix: &Tensor, features: &Tensor, classes: i64) -> Result<Tensor> {
    let (examples, width) = features.size2()?;
    let all = Tensor::f_zeros([examples, classes, classes], (Kind::Double, features.device()))?;
    for start in (0..examples).step_by(ROWS as usize) {
        let rows = ROWS.min(examples - start);
        let (part, into) = (features.f_narrow(0, start, rows)?, all.f_narrow(0, start, rows)?);
        for k in 0..classes {
            for l in 0..=k {
                let block = matrix.f_narrow(0, k * width, width)?.f_narrow(1, l * width, width)?;
                let own =
                    part.f_matmul(&block)?.f_mul(&part)?.f_sum_dim_intlist([1].as_slice(), false, Kind::Double)?;
                for (a, b) in [(k, l), (l, k)] {
                    into.f_select(1, a)?.f_select(1, b)?.f_copy_(&own)?;
                }
            }
        }
    }
    Ok(all)
}
