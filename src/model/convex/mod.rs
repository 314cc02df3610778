//! Networks that are linear in their weights: their training is a convex problem with one solution, which is found to the last
//! digits and found again, quickly, without some of the examples.
//!
//! A fit minimises J(theta) = 1/n sum of the losses + l2/2 |theta|^2. All of theta is regularised, biases too. Parameters are
//! theta [K, F], one row per class; where there are biases, they are its last column and the last feature is 1. As one vector
//! theta is written row by row.

mod fit;
mod loss;
mod refit;

use std::sync::Arc;

use tch::{Kind, Tensor};

pub use fit::{Fit, Fitted, Solver};
pub use loss::{Loss, Second};
pub use refit::Refits;

use super::factor::Factor;
use super::{Arg, Graph, Model, Op};
use crate::error::{Error, Result};

/// Rows of features that are weighted together, so that a weighted copy of all of them is never made.
const ROWS: i64 = 4096;
/// Columns of one product of a symmetric matrix, of which only one half is computed.
const COLUMNS: i64 = 256;

/// The problem that a training of such a network solves. Tensors are in float64 and on the device of the network.
pub struct Regression {
    /// [N, F]: what the weights are applied to, and a last column of ones where there are biases.
    features: Tensor,
    /// [N], int64
    labels: Tensor,
    /// 1 for the examples that are there and 0 for those left out, [N]; without it all are there.
    there: Option<Tensor>,
    /// How many there are.
    examples: f64,
    pub classes: i64,
    pub l2: f64,
    pub loss: Loss,
    graph: Arc<Graph>,
    place: Place,
}

/// Where the graph has its weights, among its own.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    weight: usize,
    bias: Option<usize>,
}

/// Whether the logits are linear in the weights: one layer has any, it is linear and gives the logits. A layer of dropout is
/// another network at each step, so that there is no one problem to solve.
pub fn is_linear(graph: &Graph) -> bool {
    place(graph).is_some()
}

fn place(graph: &Graph) -> Option<Place> {
    let random = |op: &Op| matches!(op, Op::Dropout { .. } | Op::Script(_));
    let weighs = |arg: &Arg| matches!(arg, Arg::Weight(_));
    let output = graph.nodes.get(graph.output)?;
    let others = graph.nodes.iter().enumerate().filter(|(at, _)| *at != graph.output);
    if output.op != Op::Linear || others.into_iter().any(|(_, node)| random(&node.op) || node.inputs.iter().any(weighs))
    {
        return None;
    }
    // A vector of features for each example, as many logits as classes.
    if graph.shapes().ok()?.get(graph.output)?.len() != 1 {
        return None;
    }
    match (&output.inputs[..], graph.weights.len()) {
        ([Arg::Input | Arg::Node(_), Arg::Weight(weight)], 1) => Some(Place { weight: *weight, bias: None }),
        ([Arg::Input | Arg::Node(_), Arg::Weight(weight), Arg::Weight(bias)], 2) if weight != bias => {
            Some(Place { weight: *weight, bias: Some(*bias) })
        }
        _ => None,
    }
}

impl Regression {
    /// The problem that the network's training is, on images [N, input..] and labels [N], `chunk` rows of which go through the
    /// network together. The weights of `model`, which is in float64, play no part. `None` for a network that is not linear in
    /// them; an error where the loss is not defined for so many classes.
    pub fn of(model: &Model, x: &Tensor, labels: &Tensor, l2: f64, loss: Loss, chunk: usize) -> Result<Option<Self>> {
        let Some(place) = place(&model.graph) else { return Ok(None) };
        let (kind, device) = model.options();
        if kind != Kind::Double {
            return Err(Error::new(format!("a convex problem is solved in double precision, not in {kind:?}")));
        }
        let classes = model.graph.weights[place.weight].shape[0];
        if !loss.fits(classes) {
            return Err(Error::new(format!("{loss:?} is not defined for {classes} classes")));
        }
        let features = features(model, x, place.bias.is_some(), chunk)?;
        let labels = labels.f_to_device(device)?;
        let examples = features.size2()?.0;
        if examples == 0 || labels.size() != [examples] {
            return Err(Error::new(format!("cannot fit {examples} examples with labels {:?}", labels.size())));
        }
        let graph = model.graph.clone();
        let examples = examples as f64;
        Ok(Some(Self { features, labels, there: None, examples, classes, l2, loss, graph, place }))
    }

    /// How many parameters there are.
    pub fn parameters(&self) -> i64 {
        self.classes * self.width()
    }

    /// How many examples there are, those left out too.
    pub fn len(&self) -> i64 {
        self.labels.size()[0]
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the weights are applied to, [N, F].
    pub fn features(&self) -> &Tensor {
        &self.features
    }

    fn width(&self) -> i64 {
        self.features.size()[1]
    }

    /// The same problem without some examples, by their places: the mean is over those that stay.
    pub fn without(&self, left_out: &[i64]) -> Result<Self> {
        let there = match &self.there {
            Some(there) => there.copy(),
            None => self.labels.f_ones_like()?.f_to_kind(Kind::Double)?,
        };
        if let Some(wrong) = left_out.iter().find(|place| !(0..self.len()).contains(place)) {
            return Err(Error::new(format!("there is no example {wrong} of {}", self.len())));
        }
        let places = Tensor::f_from_slice(left_out)?.f_to_device(there.device())?;
        let there = there.f_index_fill(0, &places, 0.0)?;
        let examples = there.f_sum(None::<Kind>)?.f_double_value(&[])?;
        if examples == 0.0 {
            return Err(Error::new("all examples are left out"));
        }
        Ok(Self {
            features: self.features.shallow_clone(),
            labels: self.labels.shallow_clone(),
            there: Some(there),
            examples,
            graph: self.graph.clone(),
            ..*self
        })
    }

    /// theta [K, F] of weights in the order of the graph's.
    pub fn theta(&self, weights: &[Tensor]) -> Result<Tensor> {
        let at = |place: usize| {
            let weight = weights.get(place).ok_or_else(|| Error::new("the network lacks weights"))?;
            Ok::<_, Error>(weight.f_detach()?.f_to_kind(Kind::Double)?.f_to_device(self.features.device())?)
        };
        let weight = at(self.place.weight)?;
        Ok(match self.place.bias {
            Some(bias) => Tensor::f_cat(&[weight, at(bias)?.f_unsqueeze(1)?], 1)?,
            None => weight,
        })
    }

    /// The weights, in the order of the graph's, of theta.
    pub fn weights(&self, theta: &Tensor) -> Result<Vec<Tensor>> {
        let Place { weight, bias } = self.place;
        let Some(bias) = bias else { return Ok(vec![theta.f_contiguous()?.copy()]) };
        let features = self.width() - 1;
        let matrix = theta.f_narrow(1, 0, features)?.f_contiguous()?;
        let column = theta.f_select(1, features)?.f_contiguous()?;
        Ok(if weight < bias { vec![matrix, column] } else { vec![column, matrix] })
    }

    /// theta of nothing, where fits start: of a convex problem, every start leads to the same end.
    pub fn zeros(&self) -> Result<Tensor> {
        Ok(Tensor::f_zeros([self.classes, self.width()], (Kind::Double, self.features.device()))?)
    }

    /// The logits, [N, K].
    pub fn logits(&self, theta: &Tensor) -> Result<Tensor> {
        Ok(self.features.f_matmul(&theta.f_transpose(0, 1)?)?)
    }

    /// J(theta)
    pub fn objective(&self, theta: &Tensor) -> Result<f64> {
        Ok(self.mean_loss(&self.logits(theta)?)? + 0.5 * self.l2 * dot(theta, theta)?)
    }

    /// dJ/dtheta, [K, F]
    pub fn gradient(&self, theta: &Tensor) -> Result<Tensor> {
        self.gradient_at(theta, &self.pulls(&self.logits(theta)?)?)
    }

    fn mean_loss(&self, logits: &Tensor) -> Result<f64> {
        let losses = self.loss.of(logits, &self.labels)?;
        Ok(self.of_those_there(losses)?.f_sum(None::<Kind>)?.f_double_value(&[])? / self.examples)
    }

    /// The derivatives of the mean loss by the logits, [N, K].
    fn pulls(&self, logits: &Tensor) -> Result<Tensor> {
        let first = self.loss.first(logits, &self.labels)?;
        let first = match &self.there {
            Some(there) => first.f_mul(&there.f_unsqueeze(1)?)?,
            None => first,
        };
        Ok(first.f_div_scalar(self.examples)?)
    }

    fn gradient_at(&self, theta: &Tensor, pulls: &Tensor) -> Result<Tensor> {
        Ok(pulls.f_transpose(0, 1)?.f_matmul(&self.features)?.f_add(&theta.f_mul_scalar(self.l2)?)?)
    }

    fn of_those_there(&self, numbers: Tensor) -> Result<Tensor> {
        Ok(match &self.there {
            Some(there) => numbers.f_mul(there)?,
            None => numbers,
        })
    }

    /// The second derivatives of J, [K F, K F], at index k F + f; takes that memory and little more.
    ///
    /// A pair of classes is one symmetric block A' diag(w) A. Those of a class with itself are sums of the others.
    pub fn hessian(&self, theta: &Tensor) -> Result<Tensor> {
        let (classes, width) = (self.classes, self.width());
        let second = self.loss.second(&self.logits(theta)?, &self.labels)?;
        let hessian = Tensor::f_zeros([classes, width, classes, width], (Kind::Double, self.features.device()))?;
        let block = |k: i64, l: i64| hessian.f_select(0, k)?.f_select(1, l);
        for k in 0..classes {
            for l in 0..k {
                let weights = self.of_those_there(second.pair(k, l)?)?.f_div_scalar(self.examples)?;
                let gram = self.gram(&weights)?;
                for (a, b) in [(k, l), (l, k)] {
                    let _ = block(a, b)?.f_sub_(&gram)?;
                    let _ = block(a, a)?.f_add_(&gram)?;
                }
            }
        }
        let hessian = hessian.f_view([classes * width, classes * width])?;
        let _ = hessian.f_diagonal(0, 0, 1)?.f_add_scalar_(self.l2)?;
        Ok(hessian)
    }

    /// The Cholesky factor of the Hessian.
    pub fn factor(&self, theta: &Tensor) -> Result<Factor> {
        Factor::of(&self.hessian(theta)?)
    }

    /// A' diag(weights) A of the features A, [F, F].
    fn gram(&self, weights: &Tensor) -> Result<Tensor> {
        let (examples, width) = self.features.size2()?;
        let sum = Tensor::f_zeros([width, width], (Kind::Double, self.features.device()))?;
        for start in (0..examples).step_by(ROWS as usize) {
            let rows = ROWS.min(examples - start);
            let plain = self.features.f_narrow(0, start, rows)?;
            let weighted = plain.f_mul(&weights.f_narrow(0, start, rows)?.f_unsqueeze(1)?)?;
            // Panels of columns, each with itself and all that follow it.
            for left in (0..width).step_by(COLUMNS as usize) {
                let columns = COLUMNS.min(width - left);
                let panel = weighted.f_narrow(1, left, columns)?.f_transpose(0, 1)?;
                let product = panel.f_matmul(&plain.f_narrow(1, left, width - left)?)?;
                let _ = sum.f_narrow(0, left, columns)?.f_narrow(1, left, width - left)?.f_add_(&product)?;
            }
        }
        // Of panels on the diagonal the lower half was computed too; it goes.
        let upper = sum.f_triu(0)?;
        Ok(upper.f_add(&sum.f_triu(1)?.f_transpose(0, 1)?)?)
    }
}

/// What the linear layer is given, [N, F], with a last column of ones where there are biases.
fn features(model: &Model, x: &Tensor, biased: bool, chunk: usize) -> Result<Tensor> {
    let (kind, device) = model.options();
    let examples = x.size().first().copied().unwrap_or(0);
    let chunk = i64::try_from(chunk.max(1)).unwrap_or(i64::MAX);
    let mut parts = Vec::new();
    let mut start = 0;
    while start < examples {
        let rows = chunk.min(examples - start);
        let x = super::evaluate::pixels(&x.f_narrow(0, start, rows)?.f_to_device(device)?, kind)?;
        let mut given = None;
        let _ = tch::no_grad(|| {
            model.logits_with(&x, &mut |at, _, inputs, output| {
                if at == model.graph.output {
                    given = inputs.first().map(|input| input.shallow_clone());
                }
                Ok(output)
            })
        })?;
        let given = given.ok_or_else(|| Error::new("the linear layer was not run"))?;
        parts.push(match biased {
            true => Tensor::f_cat(&[&given, &Tensor::f_ones([rows, 1], (kind, device))?], 1)?,
            false => given,
        });
        start += rows;
    }
    if parts.is_empty() {
        return Err(Error::new("there are no examples to fit"));
    }
    Ok(Tensor::f_cat(&parts, 0)?.f_contiguous()?)
}

/// The inner product of two tensors of one shape.
fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    Ok(a.f_mul(b)?.f_sum(None::<Kind>)?.f_double_value(&[])?)
}

fn norm(a: &Tensor) -> Result<f64> {
    Ok(dot(a, a)?.sqrt())
}

#[cfg(test)]
mod tests;
