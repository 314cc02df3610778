//! # Definition
//! The influence function with, for each parameter tensor by itself, the mean over the training examples of (g_i g_i' + lambda)^-1 in
//! the place of the inverse of the mean of what stands in the brackets: the empirical Fisher matrix for the Hessian, and the order
//! of mean and inverse exchanged, so that each inverse is one division. lambda is l2 and `damping` times the mean square of the
//! tensor's gradients.
//!
//! # Parameters
//! - `damping` (0.1): in mean squares of the gradients.
//!
//! # Cost
//! The gradients of the training examples in blocks of 64 MB: twice, and once for each block of test points.
//!
//! # Reference
//! Kwon et al., "DataInf: Efficiently Estimating Data Influence in LoRA-tuned LLMs and Diffusion Models", ICLR 2024.

use std::sync::Arc;

use tch::Tensor;

use super::calculus::check;
use super::solve::{RankOne, of_itself_by, of_pairs_by};
use super::{Case, InfluenceMethod, OVER_ALL};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::explainers::Misfit;
use crate::model::Graph;

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "data-inf",
    summary: "influence function with a mean of inverses for the inverse of the mean",
    reference: "Kwon et al. 2024",
    revision: 1,
    source: include_str!("data_inf.rs"),
    read: |section| {
        let damping = section.get_if("damping", 0.1, |damping| *damping > 0.0, "a number above 0");
        Some(Arc::new(DataInf { damping }))
    },
};

struct DataInf {
    damping: f64,
}

impl InfluenceMethod for DataInf {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        of_pairs_by(&RankOne::of(on, self.damping)?, on)
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        of_itself_by(&RankOne::of(on, self.damping)?, on)
    }

    fn convention(&self) -> &'static str {
        OVER_ALL
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        check(graph)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::influence::Quantity;
    use crate::influence::calculus::Gradients;
    use crate::influence::support::{Setting, method, near};

    /// Everything written out with matrices.
    #[test]
    fn it_is_the_mean_of_the_inverses() {
        let setting =
            Setting::drawn("layers = [{ linear = { out = 4 } }, 'tanh', { linear = { out = 3 } }]", &[4], 3, 10, 3);
        let case = Case { quantity: Quantity::Margin, ..setting.case() };
        let gradients = Gradients::of(&case);
        let (test, train) = (gradients.all(case.test, case.quantity), gradients.all(case.train, Quantity::Loss));
        let (test, train) = (test.unwrap(), train.unwrap());
        let mut expected = Tensor::zeros([3, 10], (Kind::Double, Device::Cpu));
        for block in gradients.parameters().blocks() {
            let [q, g] = [&test, &train].map(|of| of.narrow(1, block.start, block.len()));
            let lambda = case.l2 + g.square().mean(Kind::Double).double_value(&[]) * 0.5;
            let inverse = |at: i64| {
                let outer = g.get(at).outer(&g.get(at));
                (outer + Tensor::eye(block.len(), (Kind::Double, Device::Cpu)) * lambda).inverse()
            };
            let mean = Tensor::stack(&(0..10).map(inverse).collect::<Vec<_>>(), 0).mean_dim(0, false, Kind::Double);
            expected += q.matmul(&mean).matmul(&g.tr()) / 10.0;
        }
        near(&method("use = 'data-inf'\ndamping = 0.5").influence(&case).unwrap(), &expected, 1e-10);
    }
}
