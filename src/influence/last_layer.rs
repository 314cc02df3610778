//! What a network's last layer is given.

use tch::Tensor;

use crate::error::{Error, Result};
use crate::explainers::Misfit;
use crate::model::{Graph, Model, Op};

use super::calculus::blocks;

/// Whether a linear layer gives the logits.
pub fn check(graph: &Graph) -> Result<(), Misfit> {
    let last = graph.nodes.get(graph.output);
    if last.is_some_and(|node| node.op == Op::Linear) {
        return Ok(());
    }
    let named = last.map_or(String::new(), |node| format!(" (`{}` is {})", node.name, node.op.name()));
    let message =
        format!("this method looks at what the last linear layer is given, and none gives the logits{named} of");
    Err(Misfit::of_use(message, Some("narrow the method with `models = [..]`".to_string())))
}

/// Whether it adds a bias.
pub fn has_bias(graph: &Graph) -> bool {
    graph.nodes.get(graph.output).is_some_and(|node| node.inputs.len() == 3)
}

/// What it is given, [N, F], and the logits, [N, K], of inputs [N, input..], `chunk` rows together.
pub fn seen(model: &Model, x: &Tensor, chunk: usize) -> Result<(Tensor, Tensor)> {
    let (mut features, mut logits) = (Vec::new(), Vec::new());
    for (start, count) in blocks(x.size()[0], chunk) {
        let part = x.f_narrow(0, start, count)?;
        let of_part = tch::no_grad(|| {
            model.logits_with(&part, &mut |at, _, inputs, output| {
                if at == model.graph.output {
                    features.push(inputs[0].f_flatten(1, -1)?);
                }
                Ok(output)
            })
        })?;
        logits.push(of_part);
    }
    if features.is_empty() {
        return Err(Error::new("there are no examples"));
    }
    Ok((Tensor::f_cat(&features, 0)?, Tensor::f_cat(&logits, 0)?))
}
