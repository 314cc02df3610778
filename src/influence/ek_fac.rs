//! # Definition
//! The influence function with the Gauss-Newton Hessian taken layer by layer, and of each layer in the basis in which its Kronecker
//! factors are diagonal. With a the layer's inputs (and a 1 for the bias) and s the signals at its output, over all positions,
//! A = E[a a'] = U_A . U_A' and S = E[s s'] = U_S . U_S'; in that basis each number on the diagonal is the mean square of the
//! gradients' own, E[(U_S' G U_A)^2], to which l2 and `damping` are added. The expectation over labels that the curvature holds is
//! taken in full, by a pass for each class, where the paper draws labels. Of norms' scales and offsets and of grouped convolutions
//! the diagonal is taken as it stands; the rest of the curvature is left out.
//!
//! # Parameters
//! - `damping` (0.0): added to the diagonal.
//!
//! # Cost
//! Two times K + 1 passes over the training examples and the eigenvectors of the factors, once; then that of `gradient-dot` with
//! gradients made in blocks of 64 MB.
//!
//! # Reference
//! Grosse et al., "Studying Large Language Model Generalization with Influence Functions", 2023; George et al., "Fast Approximate
//! Natural Gradient Descent in a Kronecker-factored Eigenbasis", NeurIPS 2018.

use std::sync::Arc;

use tch::Tensor;

use super::calculus::check;
use super::solve::{Kronecker, of_itself_by, of_pairs_by};
use super::{Case, InfluenceMethod, OVER_ALL};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::explainers::Misfit;
use crate::model::Graph;

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "ek-fac",
    summary: "influence function with a Hessian by layers, diagonal in the basis of their Kronecker factors",
    reference: "Grosse et al. 2023",
    revision: 1,
    source: include_str!("ek_fac.rs"),
    read: |section| {
        let damping = section.get_if("damping", 0.0, |damping| *damping >= 0.0, "a number of 0 or more");
        Some(Arc::new(EkFac { damping }))
    },
};

struct EkFac {
    damping: f64,
}

impl InfluenceMethod for EkFac {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        of_pairs_by(&Kronecker::of(on, self.damping)?, on)
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        of_itself_by(&Kronecker::of(on, self.damping)?, on)
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
    use super::*;
    use crate::influence::Quantity;
    use crate::influence::support::{Setting, method, near};

    /// Inputs that are all alike make the Gauss-Newton Hessian one Kronecker product: nothing is left out.
    #[test]
    fn of_one_input_with_several_labels_it_is_exact() {
        let mut setting = Setting::drawn("layers = [{ linear = { out = 3 } }]", &[4], 3, 9, 2);
        setting.train.x = setting.train.x.narrow(0, 0, 1).repeat([9, 1]);
        let exact = method("use = 'influence-function'\ndamping = 0.1");
        let mine = method("use = 'ek-fac'\ndamping = 0.1");
        let case = setting.case();
        near(&mine.influence(&case).unwrap(), &exact.influence(&case).unwrap(), 1e-10);
        near(&mine.of_itself(&case).unwrap(), &exact.of_itself(&case).unwrap(), 1e-10);
    }

    /// As damping outgrows the curvature, only the gradients' inner products are left.
    #[test]
    fn under_heavy_damping_it_is_the_inner_product() {
        let text = "layers = [{ conv2d = { out = 4, kernel = 3, padding = 1 } }, 'batch_norm', 'tanh', \
                    { conv2d = { out = 4, kernel = 2, groups = 2 } }, 'flatten', { linear = { out = 3 } }]";
        let mut setting = Setting::drawn(text, &[2, 4, 4], 3, 9, 4);
        let positive = setting.model.weights().iter().zip(&setting.model.graph.weights).map(|(weight, spec)| {
            if spec.name.ends_with("running_var") { weight.abs() + 0.5 } else { weight.shallow_clone() }
        });
        let positive = positive.collect();
        setting.model = crate::model::Model::new(setting.model.graph.clone(), positive).unwrap();
        let case = Case { quantity: Quantity::Margin, ..setting.case() };
        let mine = method("use = 'ek-fac'\ndamping = 1e9").influence(&case).unwrap() * 1e9;
        near(&mine, &method("use = 'gradient-dot'").influence(&case).unwrap(), 1e-6);
    }
}
