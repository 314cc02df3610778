//! What a small change of a training example's input does to a test quantity.

use tch::{Kind, Tensor};

use super::calculus::{Parameters, blocks};
use super::{Case, Points};
use crate::error::Result;
use crate::model::{Mode, Passes};

/// The derivative of a test quantity by the inputs of training examples, when training follows:
/// -(1/n) grad q' (H + damping)^-1 d/dx grad_theta L(x, y), [B, input..] (I_pert of Koh and Liang, ICML 2017, section 2.2).
///
/// `solved` is (H + damping)^-1 grad q, [P], as [`super::influence_function::InfluenceFunction::inverse`] gives it; `points` are
/// some of the training examples of `on`, whose number is the n.
pub fn perturbation(on: &Case, solved: &Tensor, points: &Points) -> Result<Tensor> {
    let parameters = Parameters::of(&on.model.graph);
    let mut directions = Vec::new();
    for part in parameters.split(&solved.f_view([1, -1])?)? {
        directions.push(part.f_squeeze_dim(0)?);
    }
    let mut all = Vec::new();
    for (start, count) in blocks(points.len(), on.chunk) {
        let part = points.part(start, count)?;
        all.push(tch::with_grad(|| of_chunk(on, &parameters, &directions, &part))?);
        on.model.also_count(Passes { forward: count as u64, backward: 2 * count as u64, ..Passes::default() });
    }
    Ok(Tensor::f_cat(&all, 0)?.f_div_scalar(-(on.train.len() as f64))?)
}

/// d/dx of v' grad_theta L(x, y): examples do not meet, so the sum's derivative is each one's own.
fn of_chunk(on: &Case, parameters: &Parameters, directions: &[Tensor], part: &Points) -> Result<Tensor> {
    let x = part.x.f_detach()?.f_set_requires_grad(true)?;
    let (weights, leaves) = parameters.leaves(on.model.weights())?;
    let logits = on.model.graph.run(&weights, &x, Mode::Eval, &mut |_, _, _, output| Ok(output))?;
    let total = on.loss.of(&logits, &part.labels)?.f_sum(None::<Kind>)?;
    let first = Tensor::f_run_backward(&[total], &leaves, true, true)?;
    let mut along = Tensor::f_zeros([1], (Kind::Double, x.device()))?;
    for (first, direction) in first.iter().zip(directions).filter(|(first, _)| first.defined()) {
        along = along.f_add(&first.f_mul(direction)?.f_sum(None::<Kind>)?)?;
    }
    if !along.requires_grad() {
        return Ok(x.f_detach()?.f_zeros_like()?);
    }
    let by_input = Tensor::f_run_backward(&[along], &[&x], false, false)?.remove(0);
    if by_input.defined() { Ok(by_input) } else { Ok(x.f_detach()?.f_zeros_like()?) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::influence::Quantity;
    use crate::influence::calculus::Gradients;
    use crate::influence::influence_function::InfluenceFunction;
    use crate::influence::support::Setting;
    use crate::noise::Noise;

    /// The loss of the only test point where the regression is fitted anew, with one training input moved.
    fn refitted(moved: f64, direction: &Tensor) -> (Setting, f64) {
        let setting = Setting::drawn("layers = [{ linear = { out = 3 } }]", &[4], 3, 12, 1);
        let _ = setting.train.x.get(5).f_add_(&(direction * moved)).unwrap();
        let setting = setting.fitted();
        let logits = setting.model.logits(&setting.test.x).unwrap();
        let loss = setting.loss.of(&logits, &setting.test.labels).unwrap().double_value(&[0]);
        (setting, loss)
    }

    #[test]
    fn it_is_the_derivative_of_a_refit() {
        let direction = Noise::new(3).normal(&[0], &[4], Kind::Double, tch::Device::Cpu).unwrap().squeeze_dim(0);
        let (setting, _) = refitted(0.0, &direction);
        let case = setting.case();
        let method = InfluenceFunction::default();
        let test = Gradients::of(&case).all(&setting.test, Quantity::Loss).unwrap();
        let solved = method.inverse(&case).unwrap().apply(&test).unwrap().squeeze_dim(0);
        let all = perturbation(&case, &solved, &setting.train).unwrap();
        let some = perturbation(&case, &solved, &setting.train.part(5, 1).unwrap()).unwrap();
        assert!((some.get(0) - all.get(5)).abs().max().double_value(&[]) < 1e-15);
        let predicted = (some.get(0) * &direction).sum(Kind::Double).double_value(&[]);
        let step = 1e-4;
        let actual = (refitted(step, &direction).1 - refitted(-step, &direction).1) / (2.0 * step);
        assert!((predicted - actual).abs() < 1e-6 * actual.abs(), "{predicted} and {actual}");
    }
}
