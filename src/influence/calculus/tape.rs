//! A batch on its way through the network, with what it takes to say how each example's quantity follows each parameter.

use tch::{Kind, Tensor};

use super::layer;
use super::parameters::Parameters;
use super::place::{Place, Unfolded};
use crate::error::{Error, Result};
use crate::model::{Arg, Model, Node, Op, Passes};

/// A batch that was sent forward. Signals go back to the outputs of the layers that have parameters, and no further.
pub struct Tape<'m> {
    model: &'m Model,
    parameters: &'m Parameters,
    layers: Vec<Layer<'m>>,
    /// [B, K], on the tape.
    pub logits: Tensor,
}

/// A layer with parameters, what it was given and what it gave.
struct Layer<'m> {
    node: &'m Node,
    inputs: Vec<Tensor>,
    output: Tensor,
}

/// The gradients of a batch by the parameters of one layer.
pub enum Part {
    /// Of a linear layer that sees each example once: the outer products of `signal` [B, O] and `input` [B, I], and with a bias
    /// the signal too.
    Outer { input: Tensor, signal: Tensor, bias: bool },
    /// [B, numbers]
    Dense(Tensor),
}

impl<'m> Tape<'m> {
    /// Sends `x` [B, input..] forward in eval mode.
    pub fn of(model: &'m Model, parameters: &'m Parameters, x: &Tensor) -> Result<Self> {
        let mut layers = Vec::new();
        let mut visit = |at: usize, _: &Node, inputs: &[&Tensor], output: Tensor| {
            // Of the graph itself, which outlives the walk.
            let node = &model.graph.nodes[at];
            if !node.inputs.iter().any(|arg| block(parameters, arg).is_some()) {
                return Ok(output);
            }
            // The tape begins at the first layers, whose inputs nobody asks about.
            let output = if output.requires_grad() { output } else { output.f_detach()?.f_set_requires_grad(true)? };
            let inputs = inputs.iter().map(|input| Ok(input.f_detach()?)).collect::<Result<_>>()?;
            layers.push(Layer { node, inputs, output: output.shallow_clone() });
            Ok(output)
        };
        let logits = tch::with_grad(|| model.logits_with(&x.f_detach()?, &mut visit))?;
        if !logits.requires_grad() {
            return Err(Error::new("the network has no parameters that its outputs depend on"));
        }
        Ok(Self { model, parameters, layers, logits })
    }

    /// The signals at the layers' outputs that `start` [B, K] at the logits sends back.
    fn signals(&self, start: &Tensor) -> Result<Vec<Tensor>> {
        let outputs: Vec<&Tensor> = self.layers.iter().map(|layer| &layer.output).collect();
        // Examples do not meet in eval mode, so the sum's derivative is each one's own.
        let total = tch::with_grad(|| self.logits.f_mul(&start.f_detach()?)?.f_sum(None::<Kind>))?;
        let signals = Tensor::f_run_backward(&[total], &outputs, true, false)?;
        self.model.also_count(Passes { backward: start.size()[0] as u64, ..Passes::default() });
        let defined = |(signal, output): (Tensor, &&Tensor)| {
            if signal.defined() { Ok(signal) } else { Ok(output.f_detach()?.f_zeros_like()?) }
        };
        signals.into_iter().zip(&outputs).map(defined).collect()
    }

    /// The gradients, [B, P], by all parameters of the quantities whose derivatives by the logits are `start`, [B, K].
    pub fn gradients(&self, start: &Tensor) -> Result<Tensor> {
        let all = Tensor::f_zeros([start.size()[0], self.parameters.count()], (start.kind(), start.device()))?;
        for (layer, signal) in self.layers.iter().zip(self.signals(start)?) {
            for (start, of_weight) in layer.gradients(self.parameters, &signal)? {
                let _ = all.f_narrow(1, start, of_weight.size()[1])?.f_add_(&of_weight)?;
            }
        }
        Ok(all)
    }

    /// The same layer by layer, for inner products alone.
    pub fn parts(&self, start: &Tensor) -> Result<Vec<Part>> {
        self.layers
            .iter()
            .zip(self.signals(start)?)
            .map(|(layer, signal)| layer.part(self.parameters, signal))
            .collect()
    }

    /// The same layer by layer, with where each layer's parameters lie.
    pub fn unfolded(&self, start: &Tensor) -> Result<Vec<(Place, Unfolded)>> {
        let layers = self.layers.iter().zip(self.signals(start)?);
        layers.map(|(layer, signal)| layer.unfolded(self.parameters, &signal)).collect()
    }
}

impl Layer<'_> {
    /// The gradients, [B, numbers], by each of the layer's parameters, and where each lies among all.
    fn gradients(&self, parameters: &Parameters, signal: &Tensor) -> Result<Vec<(i64, Tensor)>> {
        let named = |error| Error::new(format!("layer `{}`: {error}", self.node.name));
        let all = layer::gradients(&self.node.op, &self.inputs, signal).map_err(named)?;
        let placed = |(arg, of_weight)| Some((block(parameters, arg)?, of_weight));
        Ok(self.node.inputs[1..].iter().zip(all).filter_map(placed).collect())
    }

    fn unfolded(&self, parameters: &Parameters, signal: &Tensor) -> Result<(Place, Unfolded)> {
        let weights: Vec<Option<i64>> = self.node.inputs[1..].iter().map(|arg| block(parameters, arg)).collect();
        if let (Some(weight), Some((input, signal))) =
            (weights[0], layer::positions(&self.node.op, &self.inputs, signal)?)
        {
            let bias = weights.get(1).copied().flatten();
            let place = Place::of_matrix(weight, signal.size()[2], input.size()[2], bias);
            let size = input.size();
            let one = Tensor::f_ones([size[0], size[1], 1], (input.kind(), input.device()))?;
            let input = if bias.is_some() { Tensor::f_cat(&[input, one], 2)? } else { input };
            return Ok((place, Unfolded::Positions { input, signal }));
        }
        let (starts, parts): (Vec<i64>, Vec<Tensor>) = self.gradients(parameters, signal)?.into_iter().unzip();
        let pieces = starts.into_iter().zip(parts.iter().map(|part| part.size()[1])).collect();
        Ok((Place::of_pieces(pieces), Unfolded::Dense(Tensor::f_cat(&parts, 1)?)))
    }

    fn part(&self, parameters: &Parameters, signal: Tensor) -> Result<Part> {
        let input = &self.inputs[0];
        let is_parameter = |arg: &Arg| block(parameters, arg).is_some();
        match &self.node.inputs[1..] {
            [weight, bias @ ..] if self.node.op == Op::Linear && input.dim() == 2 && is_parameter(weight) => {
                Ok(Part::Outer { input: input.shallow_clone(), signal, bias: bias.iter().any(is_parameter) })
            }
            _ => {
                let parts: Vec<Tensor> =
                    self.gradients(parameters, &signal)?.into_iter().map(|(_, of_weight)| of_weight).collect();
                Ok(Part::Dense(Tensor::f_cat(&parts, 1)?))
            }
        }
    }
}

/// Where what a node takes lies among the parameters.
fn block(parameters: &Parameters, arg: &Arg) -> Option<i64> {
    let Arg::Weight(weight) = arg else { return None };
    parameters.block(*weight).map(|block| block.start)
}

impl Part {
    /// The inner products, [A, B], of all pairs.
    pub fn products(&self, other: &Self) -> Result<Tensor> {
        match (self, other) {
            (Self::Outer { input, signal, bias }, Self::Outer { input: input2, signal: signal2, .. }) => {
                let inputs = input.f_matmul(&input2.f_tr()?)?;
                Ok(signal.f_matmul(&signal2.f_tr()?)?.f_mul(&inputs.f_add_scalar(f64::from(*bias))?)?)
            }
            (Self::Dense(one), Self::Dense(two)) => Ok(one.f_matmul(&two.f_tr()?)?),
            _ => Err(Error::new("gradients of two networks have no inner products")),
        }
    }

    /// The inner products, [B], of each example's two.
    pub fn pairs(&self, other: &Self) -> Result<Tensor> {
        let rows = |a: &Tensor, b: &Tensor| a.f_mul(b)?.f_sum_dim_intlist(1, false, a.kind());
        match (self, other) {
            (Self::Outer { input, signal, bias }, Self::Outer { input: input2, signal: signal2, .. }) => {
                Ok(rows(signal, signal2)?.f_mul(&rows(input, input2)?.f_add_scalar(f64::from(*bias))?)?)
            }
            (Self::Dense(one), Self::Dense(two)) => Ok(rows(one, two)?),
            _ => Err(Error::new("gradients of two networks have no inner products")),
        }
    }
}
