//! # Definition
//! What each input adds to the difference of the target's logit between the input x and a reference x', by the rescale
//! rule: a(x) = (x - x') m, where the multipliers m go back from the logit as derivatives do, but for
//! - an activation f, which multiplies by (f(x) - f(x')) / (x - x'), or by f'(x) where the two are less than 1e-10 apart;
//! - the maximum of a window, which gives its whole difference to one element: to that of the maximum at x if the maximum
//!   rises or x' is nowhere larger in the window than there, else to that of the maximum at x'. Differences of overlapping
//!   windows add.
//!
//! Completeness: the sum of a is z_c(x) - z_c(x'), exactly, for networks of layers that are linear in eval mode, of activations
//! and of pools; layer norm goes by the derivative at x, and with it the sum is only near. There is no unique rule for
//! maxima, and programs differ in it.
//!
//! # Parameters
//! - `reference` ("black"): as in `integrated-gradients`.
//!
//! # Cost
//! Two forward passes and one backward pass per example.
//!
//! # Reference
//! Shrikumar, Greenside and Kundaje, "Learning Important Features Through Propagating Activation Differences", ICML 2017.

use std::path::PathBuf;
use std::sync::Arc;

use tch::Tensor;

use super::reference::Reference;
use super::{Access, Attribution, Explainer, Scene};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::model::rules::{Family, Visit};
use crate::model::{Arg, Model, ops};

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "deep-lift",
    summary: "what each input adds to the difference from a reference, by the rescale rule",
    reference: "Shrikumar et al. 2017",
    revision: 1,
    source: include_str!("deep_lift.rs"),
    read: |section| Some(Arc::new(DeepLift { reference: Reference::read(section)? })),
};

/// Inputs that are no farther apart have no difference to divide by.
const SAME: f64 = 1e-10;

pub struct DeepLift {
    pub reference: Reference,
}

impl Explainer for DeepLift {
    fn access(&self) -> Access {
        Access::Layers
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn rows(&self, _: &[i64]) -> usize {
        2
    }

    fn files(&self) -> Vec<PathBuf> {
        self.reference.files()
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        // References travel with the examples as a second set of images, so that chunks of both are cut alike.
        let pairs = Tensor::f_stack(&[self.reference.at(on)?, on.x.shallow_clone()], 1)?;
        let both = Scene { x: pairs, ..on.part(0..on.len())? };
        let values = both.sum_over_draws(1, 2, |part, _| {
            let (start, x) = (part.x.f_select(1, 0)?, part.x.f_select(1, 1)?);
            let there = Contrast::run(part.model, &start, part.differentiable)?;
            let trace = part.model.trace(&x, Arg::Input, part.differentiable)?;
            let multipliers = trace.back(&trace.one_hot(&part.target)?, &mut |visit| there.send(visit))?;
            Ok(x.f_sub(&start)?.f_mul(&multipliers)?)
        })?;
        Ok(Attribution::elements(values))
    }
}

/// What nonlinear nodes saw and gave when the network was at the reference.
struct Contrast(Vec<Option<(Tensor, Tensor)>>);

impl Contrast {
    fn run(model: &Model, start: &Tensor, differentiable: bool) -> Result<Self> {
        let mut seen: Vec<Option<(Tensor, Tensor)>> = model.graph.nodes.iter().map(|_| None).collect();
        let run = || {
            model.logits_with(start, &mut |at, node, inputs, output| {
                if matches!(Family::of(&node.op), Family::Activation | Family::Largest) {
                    seen[at] = Some((inputs[0].shallow_clone(), output.shallow_clone()));
                }
                Ok(output)
            })
        };
        let _ = if differentiable { tch::with_grad(run)? } else { tch::no_grad(run)? };
        Ok(Self(seen))
    }

    fn send(&self, visit: &Visit) -> Result<Option<Vec<Tensor>>> {
        let Some((start, before)) = &self.0[visit.place] else { return Ok(None) };
        let way = visit.inputs[0].f_sub(start)?;
        let gain = visit.output.f_sub(before)?;
        let same = way.f_abs()?.f_le(SAME)?;
        // Never divided by 0, which would leave its trace in derivatives of the result.
        let divisor = way.f_masked_fill(&same, 1.0)?;
        let sent = match visit.family() {
            Family::Largest => Self::share_of_largest(visit, start, before, &gain)?.f_div(&divisor)?,
            _ => visit.signal.f_mul(&gain.f_div(&divisor)?)?,
        };
        let limit = visit.derivative(visit.signal)?.remove(0);
        Ok(Some(vec![limit.f_where_self(&same, &sent)?]))
    }

    /// What each input contributes to the differences of the windows' maxima, times the multiplier of each.
    fn share_of_largest(visit: &Visit, start: &Tensor, before: &Tensor, gain: &Tensor) -> Result<Tensor> {
        let x = &visit.inputs[0];
        let (here, there) = (ops::winners(&visit.node.op, x)?, ops::winners(&visit.node.op, start)?);
        let flat = |tensor: &Tensor| tensor.f_flatten(2, -1);
        // An element that takes a difference must itself differ by as much, or the difference would be lost.
        let holds = flat(start)?.f_gather(2, &here, false)?.f_ge_tensor(&flat(before)?)?;
        let to = here.f_where_self(&flat(gain)?.f_gt(0.0)?.f_logical_or(&holds)?, &there)?;
        let whole = flat(&visit.signal.f_mul(gain)?)?;
        Ok(flat(x)?.f_zeros_like()?.f_scatter_add(2, &to, &whole)?.f_view_as(x)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Section;
    use crate::imputers::Statistics;
    use crate::model::layers;
    use crate::noise::Noise;
    use tch::{Device, Kind};

    /// The maxima of two windows: 5 where there was 1, so the element of the 5 gets 4; 2 where there was 6, so the element of
    /// the 6 gets -4. By the third and fourth channel: 1 where 6 was everywhere, the element of the 1; equal maxima, nothing.
    #[test]
    fn maxima_give_their_difference_to_the_element_that_makes_it() {
        let like = |rows: [[f64; 2]; 4]| Tensor::from_slice2(&rows).view([1, 4, 1, 2]);
        let x = like([[5.0, 3.0], [2.0, 0.0], [0.0, 1.0], [7.0, 2.0]]);
        let start = like([[0.0, 1.0], [1.0, 6.0], [6.0, 6.0], [7.0, 1.0]]);
        let file = tempfile::tempdir().unwrap();
        let path = file.path().join("start.safetensors");
        crate::tensor_file::write(&path, &[("reference", start.squeeze_dim(0))]).unwrap();
        let text = "layers = [{ max_pool2d = { kernel = [1, 2] } }, 'flatten', { linear = { out = 1, bias = false } }]";
        let graph = layers::read(&Section::parse("model", text).unwrap(), &[4, 1, 2], None).unwrap();
        let model = Model::new(Arc::new(graph), vec![Tensor::from_slice(&[1.0, 1.0, 10.0, 1.0]).view([1, 4])]).unwrap();
        let statistics = Statistics { mean: Tensor::zeros([4], (Kind::Double, Device::Cpu)) };
        let scene = Scene {
            model: &model,
            x,
            target: Tensor::from_slice(&[0i64]),
            evidence: None,
            ids: vec![0],
            noise: Noise::new(0),
            statistics: &statistics,
            chunk: 10,
            differentiable: false,
        };
        let map = DeepLift { reference: Reference::File(path) }.explain(&scene).unwrap().values;
        let expected = [4.0, 0.0, 0.0, -4.0, 0.0, -50.0, 0.0, 0.0];
        assert_eq!(Vec::<f64>::try_from(map.flatten(0, -1)).unwrap(), expected);
    }
}
