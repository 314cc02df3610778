//! A network as data: operations in execution order, and the one interpreter that runs them.

use tch::{Device, Kind, Tensor};

use super::init::Init;
use super::ops::{self, Mode, Op};
use crate::error::{Error, Result};

/// A network from an input of one example's shape (`[C, H, W]` or `[D]`) to the output of node `output`.
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

/// Is given a node's place, the node, its inputs and its output; what it returns takes the place of the output.
pub type Hook<'a> = dyn FnMut(usize, &Node, &[&Tensor], Tensor) -> Result<Tensor> + 'a;

/// Is given a node's place, the node and its inputs; returns the node's output.
pub(super) type Step<'a> = dyn FnMut(usize, &Node, &[&Tensor]) -> Result<Tensor> + 'a;

impl Graph {
    /// Runs the network on `x`, `[B, input..]`, and shows every node to the hook in execution order. A value is dropped
    /// after its last use.
    pub fn run(&self, weights: &[Tensor], x: &Tensor, mode: Mode, hook: &mut Hook) -> Result<Tensor> {
        self.execute(weights, x, &mut |at, node, inputs| {
            let output = ops::apply(&node.op, inputs, mode.within(&node.name))?;
            hook(at, node, inputs, output)
        })
    }

    /// The same, where `step` says what a node makes of its inputs.
    pub(super) fn execute(&self, weights: &[Tensor], x: &Tensor, step: &mut Step) -> Result<Tensor> {
        self.check_input(x)?;
        let x = &self.laid_out(x)?;
        let last_uses = self.last_uses();
        let mut values: Vec<Option<Tensor>> = self.nodes.iter().map(|_| None).collect();
        for (at, node) in self.nodes.iter().enumerate() {
            let value = |node: usize| values.get(node)?.as_ref();
            let inputs = node.inputs.iter().map(|arg| arg.pick(x, value, |weight| weights.get(weight)));
            let inputs = inputs.collect::<Result<Vec<_>>>()?;
            let output = step(at, node, &inputs);
            values[at] = Some(output.map_err(|error| Error::new(format!("layer `{}`: {error}", node.name)))?);
            for &used in &last_uses[at] {
                values[used] = None;
            }
        }
        let output = values.get_mut(self.output).and_then(Option::take);
        output.ok_or_else(|| Error::new("the graph has no output"))
    }

    /// The input with its channels innermost in memory, where there are convolutions on a CPU: their outputs, and what follows,
    /// keep that layout, and libtorch then takes about half the time for a forward pass and three quarters for a step of
    /// training. Same values, same shape, on the tape.
    fn laid_out(&self, x: &Tensor) -> Result<Tensor> {
        let convolves = self.nodes.iter().any(|node| matches!(node.op, Op::Convolution { .. }));
        match x.size()[..] {
            [n, c, h, w] if convolves && x.kind() == Kind::Float && x.device() == Device::Cpu => {
                // A view where nothing has to move: of a single channel, libtorch would not see what the strides mean.
                let inside = match c {
                    1 => x.f_reshape([n, h, w, 1])?,
                    _ => x.f_permute([0, 2, 3, 1])?.f_contiguous()?,
                };
                Ok(inside.f_permute([0, 3, 1, 2])?)
            }
            _ => Ok(x.shallow_clone()),
        }
    }

    fn check_input(&self, x: &Tensor) -> Result<()> {
        let given = x.size();
        if given.get(1..) == Some(&self.input[..]) {
            return Ok(());
        }
        Err(Error::new(format!("the model expects examples of shape {:?}, got a batch of {given:?}", self.input)))
    }

    /// For each node, the nodes whose values it is the last to read.
    fn last_uses(&self) -> Vec<Vec<usize>> {
        let mut seen = vec![false; self.nodes.len()];
        let mut last_uses = vec![Vec::new(); self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().rev() {
            for arg in &node.inputs {
                if let Arg::Node(used) = *arg
                    && used != self.output
                    && seen.get(used) == Some(&false)
                {
                    seen[used] = true;
                    last_uses[at].push(used);
                }
            }
        }
        last_uses
    }

    /// The shape of every node's output for one example.
    pub fn shapes(&self) -> Result<Vec<Vec<i64>>> {
        if self.nodes.iter().any(|node| matches!(node.op, Op::Aten(_))) {
            let (two, three) = (self.batched_shapes(2)?, self.batched_shapes(3)?);
            return Ok(two.iter().zip(&three).map(|(two, three)| of_one_example(two, three)).collect());
        }
        let mut shapes: Vec<Vec<i64>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let value = |node: usize| shapes.get(node).map(|shape| &shape[..]);
            let weight = |weight: usize| self.weights.get(weight).map(|spec| &spec.shape[..]);
            let inputs = node.inputs.iter().map(|arg| arg.pick(&self.input[..], value, weight));
            let shape = ops::shape(&node.op, &inputs.collect::<Result<Vec<_>>>()?)
                .map_err(|error| Error::new(format!("layer `{}` {error}", node.name)))?;
            shapes.push(shape);
        }
        Ok(shapes)
    }

    /// The shape of every node's output for a batch of so many examples.
    fn batched_shapes(&self, batch: i64) -> Result<Vec<Vec<i64>>> {
        let input = [&[batch], &self.input[..]].concat();
        let mut shapes: Vec<Vec<i64>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let value = |node: usize| shapes.get(node).map(|shape| &shape[..]);
            let weight = |weight: usize| self.weights.get(weight).map(|spec| &spec.shape[..]);
            let inputs = node.inputs.iter().map(|arg| arg.pick(&input[..], value, weight));
            let shape = ops::batched::batched_shape(&node.op, &inputs.collect::<Result<Vec<_>>>()?)
                .map_err(|error| Error::new(format!("layer `{}` {error}", node.name)))?;
            shapes.push(shape);
        }
        Ok(shapes)
    }

    /// The place of the node of this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// The place of the node of this name, or else of the last node of the module of this path.
    pub fn find(&self, address: &str) -> Option<usize> {
        let within =
            |module: &str| module.strip_prefix(address).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.position(address).or_else(|| self.nodes.iter().rposition(|node| within(&node.module)))
    }

    /// The node that reads a weight first: of several that share it, it belongs to that one.
    pub fn first_reader(&self, weight: usize) -> Option<&Node> {
        self.nodes.iter().find(|node| node.inputs.contains(&Arg::Weight(weight)))
    }

    /// The nodes that read what the node at `place` gives, in order; one that reads it twice comes twice.
    pub fn readers(&self, place: usize) -> Vec<usize> {
        let reads = |node: &Node| node.inputs.iter().filter(|arg| **arg == Arg::Node(place)).count();
        let nodes = self.nodes.iter().enumerate();
        nodes.flat_map(|(at, node)| std::iter::repeat_n(at, reads(node))).collect()
    }
}

/// One example's share of a tensor, from its shapes for two and three examples: without the batch where that comes first,
/// else with one example where it lies. What does not depend on the batch is whole.
fn of_one_example(two: &[i64], three: &[i64]) -> Vec<i64> {
    let one = two.iter().zip(three).map(|(two, three)| if two == three { *two } else { three - two });
    let first = usize::from(two.first() == Some(&2) && three.first() == Some(&3));
    one.skip(first).collect()
}

impl Arg {
    /// What it stands for, among the input, what nodes gave and the weights.
    fn pick<'a, T: ?Sized>(
        self,
        input: &'a T,
        node: impl Fn(usize) -> Option<&'a T>,
        weight: impl Fn(usize) -> Option<&'a T>,
    ) -> Result<&'a T> {
        let found = match self {
            Self::Input => Some(input),
            Self::Node(at) => node(at),
            Self::Weight(at) => weight(at),
        };
        found.ok_or_else(|| Error::new(format!("the graph reads {self:?}, which is not there yet")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, op: Op, inputs: &[Arg]) -> Node {
        Node { name: name.into(), module: name.into(), op, inputs: inputs.into() }
    }

    /// relu(x) + tanh(relu(x)), so that one value is used twice.
    fn graph() -> Graph {
        let nodes = vec![
            node("relu", Op::Relu, &[Arg::Input]),
            node("tanh", Op::Tanh, &[Arg::Node(0)]),
            node("add", Op::Add, &[Arg::Node(0), Arg::Node(1)]),
        ];
        Graph { input: vec![2], nodes, weights: Vec::new(), output: 2 }
    }

    fn run(graph: &Graph, hook: &mut Hook) -> Result<Tensor> {
        graph.run(&[], &Tensor::from_slice(&[-1.0, 2.0]).unsqueeze(0), Mode::Eval, hook)
    }

    #[test]
    fn a_hook_sees_every_node_in_order_and_may_replace_what_it_gives() {
        let mut seen = Vec::new();
        let y = run(&graph(), &mut |at, node, inputs, output| {
            seen.push((at, node.name.clone(), inputs.len()));
            Ok(if node.name == "tanh" { output.zeros_like() } else { output })
        });
        // relu(x) + 0
        assert_eq!(y.unwrap(), Tensor::from_slice(&[0.0, 2.0]).unsqueeze(0));
        assert_eq!(seen, [(0, "relu".into(), 1), (1, "tanh".into(), 1), (2, "add".into(), 2)]);
    }

    #[test]
    fn a_value_goes_after_its_last_use() {
        assert_eq!(graph().last_uses(), [vec![], vec![], vec![0, 1]]);
        // What the graph gives stays, whoever reads it.
        let kept = Graph { output: 1, ..graph() };
        assert_eq!(kept.last_uses(), [vec![], vec![], vec![0]]);
        assert_eq!(run(&kept, &mut |_, _, _, output| Ok(output)).unwrap().double_value(&[0, 1]), 2f64.tanh());
    }

    #[test]
    fn a_node_is_found_by_its_name_and_by_the_path_of_its_module() {
        let mut graph = graph();
        graph.nodes[0].module = "block.first".into();
        graph.nodes[1].module = "block.second".into();
        let found = ["tanh", "block", "block.first", "block.f", "bloc"].map(|address| graph.find(address));
        assert_eq!(found, [Some(1), Some(1), Some(0), None, None]);
        assert_eq!((graph.readers(0), graph.readers(2)), (vec![1, 2], vec![]));
    }

    #[test]
    fn reading_what_is_not_there_is_an_error() {
        let mut graph = graph();
        graph.nodes[1].inputs = vec![Arg::Node(2)];
        assert!(graph.shapes().is_err());
        assert!(run(&graph, &mut |_, _, _, output| Ok(output)).is_err());
        graph.nodes[1].inputs = vec![Arg::Weight(0)];
        assert!(run(&graph, &mut |_, _, _, output| Ok(output)).is_err());
    }
}
