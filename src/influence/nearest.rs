//! # Definition
//! The cosine between what the last linear layer is given of the test point and of the training example: as it stands where they
//! have one label, and with the other sign where they have two. Near examples of one class are taken for helpful: without them the
//! loss rises, and a margin or a logit falls. It sees nothing of the training.
//!
//! # Cost
//! A forward pass over both splits.
//!
//! # Reference
//! Hanawa et al., "Evaluation of Similarity-based Explanations", ICLR 2021 (cosine of the last hidden layer).

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::last_layer::{self, seen};
use super::{Case, InfluenceMethod, ORDER, Points};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::explainers::{Misfit, Role};
use crate::model::Graph;

pub const ENTRY: Entry<dyn InfluenceMethod> = Entry {
    name: "nearest",
    summary: "control: nearness in the last hidden layer, helpful where the labels are equal",
    reference: "Hanawa et al. 2021",
    revision: 1,
    source: include_str!("nearest.rs"),
    read: |_| Some(Arc::new(Nearest)),
};

struct Nearest;

impl InfluenceMethod for Nearest {
    fn influence(&self, on: &Case) -> Result<Tensor> {
        let cosines = directions(on, on.test)?.f_matmul(&directions(on, on.train)?.f_tr()?)?;
        let equal = on.test.labels.f_unsqueeze(1)?.f_eq_tensor(&on.train.labels)?.f_to_kind(Kind::Double)?;
        let sign = equal.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?;
        Ok(cosines.f_mul(&sign)?.f_mul_scalar(-on.quantity.better())?)
    }

    fn of_itself(&self, on: &Case) -> Result<Tensor> {
        let directions = directions(on, on.train)?;
        // Exactly 1, but for what has no direction: rounding would order what is the same of all.
        let cosines = directions.f_square()?.f_sum_dim_intlist(1, false, Kind::Double)?.f_round()?;
        Ok(cosines.f_mul_scalar(-on.quantity.better())?)
    }

    fn convention(&self) -> &'static str {
        ORDER
    }

    fn role(&self) -> Role {
        Role::Control
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        last_layer::check(graph)
    }
}

/// [N, F], of length 1, or 0 where there is nothing.
fn directions(on: &Case, points: &Points) -> Result<Tensor> {
    let (features, _) = seen(on.model, &points.x, on.chunk)?;
    let length = features.f_square()?.f_sum_dim_intlist(1, true, Kind::Double)?.f_sqrt()?;
    Ok(features.f_div(&length)?.f_nan_to_num(0.0, 0.0, 0.0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::influence::Quantity;
    use crate::influence::support::{Setting, method, near};

    /// Of (3, 4), label 0: the cosines with (4, 3), label 0, (0, 1), label 1, and nothing at all.
    #[test]
    fn cosines_by_hand() {
        let mut setting = Setting::drawn("layers = [{ linear = { out = 2 } }]", &[2], 2, 3, 1);
        setting.train.x = Tensor::from_slice(&[4.0, 3.0, 0.0, 1.0, 0.0, 0.0]).view([3, 2]);
        setting.train.labels = Tensor::from_slice(&[0i64, 1, 0]);
        setting.test.x = Tensor::from_slice(&[3.0, 4.0]).view([1, 2]);
        setting.test.labels = Tensor::from_slice(&[0i64]);
        let nearest = method("use = 'nearest'");
        let expected = Tensor::from_slice(&[0.96, -0.8, 0.0]).unsqueeze(0);
        near(&nearest.influence(&setting.case()).unwrap(), &expected, 1e-15);
        let case = Case { quantity: Quantity::Margin, ..setting.case() };
        near(&nearest.influence(&case).unwrap(), &-expected, 1e-15);
        near(&nearest.of_itself(&case).unwrap(), &Tensor::from_slice(&[-1.0, -1.0, 0.0]), 1e-15);
    }

    #[test]
    fn a_network_that_ends_otherwise_is_refused() {
        let setting = Setting::drawn("layers = [{ linear = { out = 2 } }, 'tanh']", &[2], 2, 3, 1);
        let message = method("use = 'nearest'").check(&setting.model.graph).unwrap_err().message;
        assert!(message.contains("none gives the logits (`tanh1` is tanh) of"), "{message}");
    }
}
