//! One operation at one point, through which signals go back.

use tch::{Kind, Tensor};

use super::written;
use crate::error::Result;
use crate::model::ops::{self, Mode, Op};

/// An operation applied to inputs of which some are alive: a signal that arrives at its output goes back to those.
///
/// The live inputs are aliases that nothing else reads. So the derivative that is taken here is this operation's alone, however
/// often a tensor is used and even where the signal itself depends on the inputs, as it does on a tape.
pub struct Local<'a> {
    op: &'a Op,
    pub inputs: Vec<Tensor>,
    /// Which of the inputs are alive.
    pub live: Vec<usize>,
    /// What the operation gives. Depends on the inputs where derivatives of the result are asked for, and else on nothing.
    pub output: Tensor,
    /// The live inputs cut off from all before, and what the operation made of them; `None` where the tape is kept.
    cut: Option<(Vec<Tensor>, Tensor)>,
}

impl<'a> Local<'a> {
    /// With `differentiable`, the output and all that goes back can be differentiated with respect to the inputs.
    pub fn new(op: &'a Op, inputs: &[&Tensor], live: &[usize], differentiable: bool) -> Result<Self> {
        let inputs: Vec<Tensor> = inputs.iter().map(|input| input.shallow_clone()).collect();
        let live = live.to_vec();
        if differentiable {
            let output = tch::with_grad(|| apply(op, &inputs))?;
            return Ok(Self { op, inputs, live, output, cut: None });
        }
        let leaf = |which: &usize| inputs[*which].f_detach()?.f_set_requires_grad(true);
        let leaves = live.iter().map(leaf).collect::<Result<Vec<_>, _>>()?;
        let made = tch::with_grad(|| apply(op, &replaced(&inputs, &live, &leaves)))?;
        Ok(Self { op, inputs, live, output: made.f_detach()?, cut: Some((leaves, made)) })
    }

    /// The signal, shaped like the output, sent back by the derivative: one tensor for each live input, in order.
    pub fn pull(&self, signal: &Tensor) -> Result<Vec<Tensor>> {
        match &self.cut {
            Some((leaves, made)) => tch::with_grad(|| derive(made, leaves, signal, false)),
            None => tch::with_grad(|| {
                if let Some(sent) = written::pull(self.op, &self.inputs, &self.live, signal)? {
                    return Ok(sent);
                }
                let alias = |which: &usize| {
                    let input = &self.inputs[*which];
                    // A constant has no tape to stay on.
                    if input.requires_grad() {
                        input.f_view_as(input)
                    } else {
                        input.f_detach()?.f_set_requires_grad(true)
                    }
                };
                let aliases = self.live.iter().map(alias).collect::<Result<Vec<_>, _>>()?;
                let made = apply(self.op, &replaced(&self.inputs, &self.live, &aliases))?;
                derive(&made, &aliases, signal, true)
            }),
        }
    }
}

fn apply(op: &Op, inputs: &[Tensor]) -> Result<Tensor> {
    ops::apply(op, &inputs.iter().collect::<Vec<_>>(), Mode::Eval)
}

fn replaced(inputs: &[Tensor], live: &[usize], by: &[Tensor]) -> Vec<Tensor> {
    let alias = |which| live.iter().position(|alive| *alive == which).map(|at| &by[at]);
    inputs.iter().enumerate().map(|(which, input)| alias(which).unwrap_or(input).shallow_clone()).collect()
}

fn derive(made: &Tensor, by: &[Tensor], signal: &Tensor, differentiable: bool) -> Result<Vec<Tensor>> {
    let total = made.f_mul(signal)?.f_sum(None::<Kind>)?;
    let gradients = Tensor::f_run_backward(&[total], by, true, differentiable)?;
    // Undefined: the output does not depend on this input.
    let defined = |(gradient, input): (Tensor, &Tensor)| {
        if gradient.defined() { Ok(gradient) } else { Ok(input.f_zeros_like()?) }
    };
    gradients.into_iter().zip(by).map(defined).collect()
}
