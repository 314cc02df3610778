//! Backward rules: one walk of the graph from its output to its input, or to what an inner node gives, in which a rule may
//! take the place of any node's derivative.
//!
//! [`Model::trace`] runs a batch node by node, each with aliases of its inputs ([`Local`]); [`Trace::back`] sends a signal
//! back through the nodes in reverse order. Where a tensor is used several times, the signals that its uses send are added.
//! Weights never take part.

mod family;
mod local;
mod written;

use tch::Tensor;

pub use family::Family;
pub use local::Local;
pub use written::knows;

use super::Model;
use super::graph::{Arg, Node};
use super::ops::{self, Mode};
use crate::error::{Error, Result};

/// A batch that was sent forward, with what it takes to send signals back.
pub struct Trace<'m> {
    model: &'m Model,
    to: Arg,
    /// The nodes that depend on `to`.
    locals: Vec<Option<Local<'m>>>,
    /// What the network gave, `[B, K]`.
    pub logits: Tensor,
    /// What stands at `to`, where walks end.
    pub value: Tensor,
    differentiable: bool,
}

/// A node at which a signal arrived.
pub struct Visit<'a> {
    pub place: usize,
    pub node: &'a Node,
    /// All inputs of the node, the weights too.
    pub inputs: &'a [Tensor],
    /// Which of the inputs a signal is to be sent to: those that depend on where the walk ends.
    pub live: &'a [usize],
    pub output: &'a Tensor,
    /// Shaped like the output.
    pub signal: &'a Tensor,
    /// Whether a derivative of the result will be asked for.
    pub differentiable: bool,
    local: &'a Local<'a>,
}

/// Answers with a signal for each live input, in order and in the inputs' shapes, or `None`: as the derivative says.
///
/// What it computes from the visit stays on the tape where that is kept, so it must not detach anything.
pub type Rule<'a> = dyn FnMut(&Visit) -> Result<Option<Vec<Tensor>>> + 'a;

impl Visit<'_> {
    pub fn family(&self) -> Family {
        Family::of(&self.node.op)
    }

    /// What the derivative makes of another signal, for each live input.
    pub fn derivative(&self, signal: &Tensor) -> Result<Vec<Tensor>> {
        self.local.pull(signal)
    }

    /// The node's operation on other inputs, of which the first alone is alive.
    pub fn elsewhere(&self, inputs: &[&Tensor]) -> Result<Local<'_>> {
        self.elsewhere_at(inputs, &[0])
    }

    /// The node's operation on other inputs, of which those listed are alive.
    pub fn elsewhere_at(&self, inputs: &[&Tensor], live: &[usize]) -> Result<Local<'_>> {
        Local::new(&self.node.op, inputs, live, self.differentiable)
    }
}

impl Model {
    /// Sends `x`, `[B, input..]`, forward in eval mode, ready for walks back to `to`: the input, or what a node gives. With
    /// `differentiable`, what walks give can be differentiated with respect to `x`, which must then require a gradient.
    pub fn trace(&self, x: &Tensor, to: Arg, differentiable: bool) -> Result<Trace<'_>> {
        if self.graph.is_opaque() {
            return Err(Error::new("TorchScript shows no layers that signals could go back through"));
        }
        let x = if differentiable { x.shallow_clone() } else { x.f_detach()? };
        let mut reached = vec![false; self.graph.nodes.len()];
        let mut locals: Vec<Option<Local>> = self.graph.nodes.iter().map(|_| None).collect();
        let mut value = (to == Arg::Input).then(|| x.shallow_clone());
        let mut step = |at: usize, _: &Node, inputs: &[&Tensor]| {
            // Of the graph itself, which outlives the walk.
            let node = &self.graph.nodes[at];
            let alive = |arg: &Arg| *arg == to || matches!(arg, Arg::Node(node) if reached[*node]);
            let live: Vec<usize> = (0..inputs.len()).filter(|which| alive(&node.inputs[*which])).collect();
            let output = if live.is_empty() {
                let run = || ops::apply(&node.op, inputs, Mode::Eval);
                if differentiable { tch::with_grad(run)? } else { tch::no_grad(run)? }
            } else {
                let local = Local::new(&node.op, inputs, &live, differentiable)?;
                let output = local.output.shallow_clone();
                (reached[at], locals[at]) = (true, Some(local));
                output
            };
            if to == Arg::Node(at) {
                value = Some(output.shallow_clone());
            }
            Ok(output)
        };
        let logits = self.graph.execute(&self.weights, &x, &mut step)?;
        let value = value.ok_or_else(|| Error::new(format!("a walk cannot end at {to:?}")))?;
        self.count_forward(x.size()[0] as u64);
        Ok(Trace { model: self, to, locals, logits, value, differentiable })
    }
}

impl Trace<'_> {
    /// The signal that arrives where the walk ends, shaped like `value`, when `start`, shaped like the logits, is sent back.
    pub fn back(&self, start: &Tensor, rule: &mut Rule) -> Result<Tensor> {
        self.model.count_backward(self.logits.size()[0] as u64);
        if self.differentiable { tch::with_grad(|| self.walk(start, rule)) } else { self.walk(start, rule) }
    }

    /// Where walks of a logit's derivative start: 1 at each example's target (`[B]`, int64), 0 at all other classes.
    pub fn one_hot(&self, target: &Tensor) -> Result<Tensor> {
        Ok(self.logits.f_detach()?.f_zeros_like()?.f_scatter_value(1, &target.f_unsqueeze(1)?, 1.0)?)
    }

    fn walk(&self, start: &Tensor, rule: &mut Rule) -> Result<Tensor> {
        let graph = &self.model.graph;
        let mut signals: Vec<Option<Tensor>> = graph.nodes.iter().map(|_| None).collect();
        let mut arrived = None;
        send(start.shallow_clone(), Arg::Node(graph.output), self.to, &mut signals, &mut arrived)?;
        for (place, node) in graph.nodes.iter().enumerate().rev() {
            let (Some(local), Some(signal)) = (&self.locals[place], signals[place].take()) else { continue };
            let Local { inputs, live, output, .. } = local;
            let differentiable = self.differentiable;
            let visit = Visit { place, node, inputs, live, output, signal: &signal, differentiable, local };
            let named = |error| Error::new(format!("layer `{}`: {error}", node.name));
            let sent = match rule(&visit).map_err(named)? {
                Some(sent) => sent,
                None => local.pull(&signal).map_err(named)?,
            };
            if sent.len() != live.len() {
                return Err(named(Error::new(format!("{} signals for {} inputs", sent.len(), live.len()))));
            }
            for (which, sent) in live.iter().zip(sent) {
                send(sent, node.inputs[*which], self.to, &mut signals, &mut arrived)?;
            }
        }
        match arrived {
            Some(signal) => Ok(signal.f_contiguous()?),
            // Nothing that is explained depends on it.
            None => Ok(self.value.f_zeros_like()?),
        }
    }
}

/// Adds a signal to those that have come to a tensor before.
fn send(signal: Tensor, at: Arg, to: Arg, nodes: &mut [Option<Tensor>], arrived: &mut Option<Tensor>) -> Result<()> {
    let slot = match at {
        _ if at == to => arrived,
        Arg::Node(node) => &mut nodes[node],
        Arg::Input | Arg::Weight(_) => return Ok(()),
    };
    *slot = Some(match slot.take() {
        Some(before) => before.f_add(&signal)?,
        None => signal,
    });
    Ok(())
}

#[cfg(test)]
mod tests;
