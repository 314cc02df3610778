//! What a network looks like to relevance: batch norms merged, and the range of what its first layer sees.

use tch::Tensor;

use crate::error::{Error, Result};
use crate::model::rules::Family;
use crate::model::{Arg, Mode, Model, Node, Op, ops};

pub struct Network {
    /// For each node, the weight and the bias that it has together with the batch norm behind it.
    merged: Vec<Option<(Tensor, Tensor)>>,
    /// The first layer with weights, and what pixels of 0 and of 1 become before it, [1, ..] each; none where anything but
    /// scaling lies before it.
    first: Option<(usize, Tensor, Tensor)>,
}

impl Network {
    /// `boxed`: whether the range of the first layer's input is asked for.
    pub fn of(model: &Model, boxed: bool) -> Result<Self> {
        let places = 0..model.graph.nodes.len();
        let merged = places.map(|place| merge(model, place)).collect::<Result<_>>()?;
        let first = if boxed { bounds(model)? } else { None };
        Ok(Self { merged, first })
    }

    pub fn merged(&self, place: usize) -> Option<(&Tensor, &Tensor)> {
        self.merged.get(place)?.as_ref().map(|(weight, bias)| (weight, bias))
    }

    /// The least and the largest that the layer at `place` can see, where it is the first.
    pub fn bounds(&self, place: usize) -> Option<(&Tensor, &Tensor)> {
        self.first.as_ref().filter(|(first, ..)| *first == place).map(|(_, low, high)| (low, high))
    }
}

fn weight<'a>(model: &'a Model, arg: &Arg) -> Option<&'a Tensor> {
    if let Arg::Weight(at) = arg { model.weights().get(*at) } else { None }
}

/// The weight and bias of the layer at `place` followed by the batch norm that alone reads it; `None` where that is not so.
fn merge(model: &Model, place: usize) -> Result<Option<(Tensor, Tensor)>> {
    let graph = &model.graph;
    let node = &graph.nodes[place];
    let [reader] = graph.readers(place)[..] else { return Ok(None) };
    let norm = &graph.nodes[reader];
    let Op::BatchNorm { epsilon, .. } = norm.op else { return Ok(None) };
    if Family::of(&node.op) != Family::Weighted || place == graph.output {
        return Ok(None);
    }
    let of_node: Vec<&Tensor> = node.inputs.iter().skip(1).filter_map(|arg| weight(model, arg)).collect();
    let of_norm: Vec<&Tensor> = norm.inputs.iter().skip(1).filter_map(|arg| weight(model, arg)).collect();
    let ([matrix, bias @ ..], [affine @ .., mean, variance]) = (&of_node[..], &of_norm[..]) else { return Ok(None) };
    // Of a linear layer on a sequence, the norm's channels are not the layer's outputs.
    let channels = mean.size();
    if matrix.size().first() != channels.first() || (node.op == Op::Linear && graph.shapes()?[place].len() != 1) {
        return Ok(None);
    }
    let deviation = variance.f_add_scalar(epsilon)?.f_sqrt()?;
    let scale = match affine.first() {
        Some(gain) => gain.f_div(&deviation)?,
        None => deviation.f_reciprocal()?,
    };
    let mut column = vec![1; matrix.dim()];
    column[0] = -1;
    let centred = match bias.first() {
        Some(bias) => bias.f_sub(mean)?,
        None => mean.f_neg()?,
    };
    let mut shift = centred.f_mul(&scale)?;
    if let Some(offset) = affine.get(1) {
        shift = shift.f_add(offset)?;
    }
    Ok(Some((matrix.f_mul(&scale.f_view(&column[..])?)?, shift)))
}

/// The first layer with weights, and what pixels of 0 and of 1 become on their way to it.
fn bounds(model: &Model) -> Result<Option<(usize, Tensor, Tensor)>> {
    let graph = &model.graph;
    let Some(first) = graph.nodes.iter().position(|node| Family::of(&node.op) == Family::Weighted) else {
        return Ok(None);
    };
    let mut way: Vec<&Node> = Vec::new();
    let mut at = graph.nodes[first].inputs.first();
    while let Some(Arg::Node(place)) = at {
        let node = &graph.nodes[*place];
        if !matches!(Family::of(&node.op), Family::Scaled | Family::Moved) {
            return Ok(None);
        }
        way.push(node);
        at = node.inputs.first();
    }
    let (kind, device) = model.options();
    let shape = [&[1], &graph.input[..]].concat();
    let end = |pixel: f64| -> Result<Tensor> {
        let mut value = Tensor::f_full(&shape[..], pixel, (kind, device))?;
        for node in way.iter().rev() {
            let weights = node.inputs.iter().skip(1).filter_map(|arg| weight(model, arg));
            let inputs: Vec<&Tensor> = std::iter::once(&value).chain(weights).collect();
            value = ops::apply(&node.op, &inputs, Mode::Eval)?;
        }
        Ok(value.f_to_kind(kind)?)
    };
    let (black, white) = tch::no_grad(|| Ok::<_, Error>((end(0.0)?, end(1.0)?)))?;
    // A scale may be negative.
    Ok(Some((first, black.f_minimum(&white)?, black.f_maximum(&white)?)))
}
