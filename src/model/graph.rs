//! A network as data: operations in execution order, and the one interpreter that runs them.

use tch::Tensor;

use super::init::Init;
use super::ops::{self, Mode, Op};
use crate::error::{Error, Result};

/// A network from an input of one example's shape ([C, H, W] or [D]) to the output of node `output`.
#[derive(Clone, Debug)]
pub struct Graph {
    pub input: Vec<i64>,
    /// In execution order: a node reads only from nodes before it.
    pub nodes: Vec<Node>,
    pub weights: Vec<WeightSpec>,
    pub output: usize,
}

/// One operation. Its name is unique; `module` is the dotted path of the layer it belongs to.
#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub module: String,
    pub op: Op,
    pub inputs: Vec<Arg>,
}

/// Where a node's tensor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    Input,
    Node(usize),
    Weight(usize),
}

/// A tensor of the network, under the name that PyTorch gives it: `conv1.weight`.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightSpec {
    pub name: String,
    pub shape: Vec<i64>,
    pub role: Role,
    pub init: Init,
}

/// Training changes parameters by their gradients; buffers are batch norm's running statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Parameter,
    Buffer,
}

impl Graph {
    /// Runs the network on `x`, [B, input..]. The hook is shown every node with its inputs and its output, in execution
    /// order, and what it returns takes the place of the output. A value is dropped after its last use.
    pub fn run(
        &self,
        weights: &[Tensor],
        x: &Tensor,
        mode: Mode,
        hook: &mut dyn FnMut(usize, &Node, &[&Tensor], Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        self.check_input(x)?;
        let last_uses = self.last_uses();
        let mut values: Vec<Option<Tensor>> = self.nodes.iter().map(|_| None).collect();
        for (at, node) in self.nodes.iter().enumerate() {
            let inputs: Vec<&Tensor> =
                node.inputs.iter().map(|arg| self.value(*arg, weights, x, &values)).collect::<Result<_>>()?;
            let output = ops::apply(&node.op, &inputs, mode.within(&node.name))
                .map_err(|error| Error::new(format!("layer `{}`: {error}", node.name)))?;
            values[at] = Some(hook(at, node, &inputs, output)?);
            for arg in &node.inputs {
                if let Arg::Node(used) = *arg
                    && last_uses[used] == at
                {
                    values[used] = None;
                }
            }
        }
        values[self.output].take().ok_or_else(|| Error::new("the graph has no output"))
    }

    fn value<'a>(
        &self,
        arg: Arg,
        weights: &'a [Tensor],
        x: &'a Tensor,
        values: &'a [Option<Tensor>],
    ) -> Result<&'a Tensor> {
        let value = match arg {
            Arg::Input => Some(x),
            Arg::Node(node) => values[node].as_ref(),
            Arg::Weight(weight) => weights.get(weight),
        };
        value.ok_or_else(|| Error::new(format!("the graph reads {arg:?}, which is not there")))
    }

    fn check_input(&self, x: &Tensor) -> Result<()> {
        match x.size().split_first() {
            Some((_, shape)) if shape == self.input => Ok(()),
            _ => Err(Error::new(format!(
                "the model expects examples of shape {:?}, got a batch of {:?}",
                self.input,
                x.size()
            ))),
        }
    }

    /// For each node, the last node that reads it.
    fn last_uses(&self) -> Vec<usize> {
        let mut last = vec![self.nodes.len(); self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            for arg in &node.inputs {
                if let Arg::Node(used) = *arg
                    && used != self.output
                {
                    last[used] = at;
                }
            }
        }
        last
    }

    /// The shape of every node's output for one example.
    pub fn shapes(&self) -> Result<Vec<Vec<i64>>> {
        let mut shapes: Vec<Vec<i64>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let inputs: Vec<&[i64]> = node
                .inputs
                .iter()
                .map(|arg| match *arg {
                    Arg::Input => &self.input[..],
                    Arg::Node(node) => &shapes[node][..],
                    Arg::Weight(weight) => &self.weights[weight].shape[..],
                })
                .collect();
            let shape =
                ops::shape(&node.op, &inputs).map_err(|error| Error::new(format!("layer `{}` {error}", node.name)))?;
            shapes.push(shape);
        }
        Ok(shapes)
    }

    /// The place of the node of this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }
}
