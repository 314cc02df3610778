//! All parameters of a network as one vector.

use tch::Tensor;

use crate::error::Result;
use crate::explainers::Misfit;
use crate::model::exported::EXPORT;
use crate::model::graph::Role;
use crate::model::{Arg, Graph, Node, Op};

/// Which of a graph's weights are parameters, and where each lies in the vector: flattened, one after another, in the graph's
/// order.
pub struct Parameters {
    blocks: Vec<Block>,
    count: i64,
}

/// One weight among the parameters.
pub struct Block {
    /// Its place among the graph's weights.
    pub weight: usize,
    pub start: i64,
    pub shape: Vec<i64>,
}

impl Block {
    pub fn len(&self) -> i64 {
        self.shape.iter().product()
    }
}

impl Parameters {
    pub fn of(graph: &Graph) -> Self {
        let mut count = 0;
        let mut blocks = Vec::new();
        for (weight, spec) in graph.weights.iter().enumerate().filter(|(_, spec)| spec.role == Role::Parameter) {
            blocks.push(Block { weight, start: count, shape: spec.shape.clone() });
            count += spec.shape.iter().product::<i64>();
        }
        Self { blocks, count }
    }

    /// How many numbers.
    pub fn count(&self) -> i64 {
        self.count
    }

    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Where a weight lies, if it is a parameter.
    pub fn block(&self, weight: usize) -> Option<&Block> {
        self.blocks.iter().find(|block| block.weight == weight)
    }

    /// The vector, [P], of weights in the order of the graph's.
    pub fn flat(&self, weights: &[Tensor]) -> Result<Tensor> {
        let parts = self.blocks.iter().map(|block| Ok(weights[block.weight].f_detach()?.f_reshape([-1])?));
        Ok(Tensor::f_cat(&parts.collect::<Result<Vec<_>>>()?, 0)?)
    }

    /// Weights that a derivative can be taken by: all of the graph's, and the parameters among them.
    pub fn leaves(&self, weights: &[Tensor]) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let mut weights: Vec<Tensor> = weights.iter().map(Tensor::shallow_clone).collect();
        for block in &self.blocks {
            weights[block.weight] = weights[block.weight].f_detach()?.f_set_requires_grad(true)?;
        }
        let leaves = self.blocks.iter().map(|block| weights[block.weight].shallow_clone()).collect();
        Ok((weights, leaves))
    }

    /// Vectors [m, P] as one tensor [m, shape..] for each block.
    pub fn split(&self, vectors: &Tensor) -> Result<Vec<Tensor>> {
        let m = vectors.size()[0];
        let part = |block: &Block| {
            Ok(vectors.f_narrow(1, block.start, block.len())?.f_reshape([&[m], &block.shape[..]].concat())?)
        };
        self.blocks.iter().map(part).collect()
    }
}

/// Whether the gradients of single examples can be taken: at each layer with parameters they follow from what it is given and the
/// signal at its output.
pub fn check(graph: &Graph) -> Result<(), Misfit> {
    let parameters = Parameters::of(graph);
    if parameters.count == 0 {
        let help = format!("export the model with {EXPORT}, or narrow the method with `models = [..]`");
        return Err(Misfit::of_use("this method looks at the parameters, and there are none in".into(), Some(help)));
    }
    let known = "linear and convolutional layers, batch norm and layer norm";
    for block in &parameters.blocks {
        let readers = graph.nodes.iter().flat_map(|node| {
            node.inputs
                .iter()
                .enumerate()
                .filter(|(_, arg)| **arg == Arg::Weight(block.weight))
                .map(move |(at, _)| (at, node))
        });
        let readers: Vec<(usize, &Node)> = readers.collect();
        let message = match readers[..] {
            [] => continue,
            [(at, node)] if at > 0 && supported(&node.op) => continue,
            [(_, node)] => format!(
                "this method takes the gradients of single examples, which it cannot at the layer `{}` ({}) of",
                node.name,
                node.op.name()
            ),
            [(_, node), (_, other), ..] => format!(
                "this method takes the gradients of single examples, which it cannot where layers share their weights (`{}` and \
                 `{}`) as in",
                node.name, other.name
            ),
        };
        let help = format!("it knows {known}, each with weights of its own; `models = [..]` narrows the method");
        return Err(Misfit::of_use(message, Some(help)));
    }
    Ok(())
}

fn supported(op: &Op) -> bool {
    matches!(op, Op::Linear | Op::Convolution { .. } | Op::BatchNorm { .. } | Op::LayerNorm { .. })
}
