//! # Definition
//! The target's logit is sent back as relevance, layer by layer, so that what a layer gets it passes on, as far as its rule
//! keeps it. With x_i the inputs of a layer with weights, w_ij its weights and z_j = sum_i x_i w_ij + b_j, every rule has the
//! form R_i = sum_j q_ij R_j / (sum_i q_ij + bias), where q_ij is
//! - epsilon: x_i w_ij; the divisor z_j + `epsilon` sign(z_j), with sign(0) = 1, as in all rules below;
//! - z-plus: (x_i w_ij)+, the positive part, and of the bias the positive part too;
//! - alpha-beta: `alpha` times the share by positive parts minus `beta` times that by negative parts;
//! - gamma: x_i w_ij + `gamma` (x_i w_ij)+ where z_j > 0, and x_i w_ij + `gamma` (x_i w_ij)- where z_j < 0;
//! - box: x_i w_ij - l_i w_ij+ - h_i w_ij-, where l and h are what pixels of 0 and of 1 become on their way to the layer.
//!
//! Other layers: a batch norm behind a convolution or linear layer that it alone reads is merged into that layer, another one
//! passes relevance on unchanged, as do `preprocess` and activations. A maximum gives all to its winner. Average pools, the
//! sum of a residual block and layer norm divide in proportion to each input's contribution x_i dz_j/dx_i, by the epsilon rule.
//!
//! Conservation: the sum of the map is the logit but for what biases and the stabiliser take. By alpha-beta, an output whose
//! contributions all have one sign passes on another sum than it got: `alpha` times it where none is negative.
//!
//! # Parameters
//! - `composite` ("epsilon-plus"): the rules of the layers with weights: "epsilon", "z-plus", "alpha-beta", "gamma" for
//!   all of them; "epsilon-plus": epsilon for linear layers, z-plus for convolutions; "epsilon-gamma-box": epsilon for linear
//!   layers, gamma for convolutions, box for the first layer if nothing but normalisation lies before it.
//! - `epsilon` (1e-6): the stabiliser of all divisions.
//! - `alpha` (2.0), `beta` (`alpha` - 1): for "alpha-beta"; they must differ by 1.
//! - `gamma` (0.25): for "gamma" and "epsilon-gamma-box".
//!
//! # Cost
//! One forward and one backward pass per example; a layer with another rule than epsilon takes two to four times.
//!
//! # Reference
//! Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation",
//! PLOS ONE 2015; Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019 (composites).

use std::sync::Arc;

use tch::Tensor;

use super::{Access, Attribution, Explainer, Scene};
use crate::catalogue::Entry;
use crate::config::Section;
use crate::error::Result;
use crate::model::rules::{Family, Visit};
use crate::model::{Arg, Op};

mod layer;
pub mod network;

use layer::{Layer, Rule, stabilise};
use network::Network;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "lrp",
    summary: "the logit sent back as relevance that each layer divides among its inputs",
    reference: "Bach et al. 2015",
    revision: 1,
    source: concat!(include_str!("lrp.rs"), include_str!("lrp/layer.rs"), include_str!("lrp/network.rs")),
    read: |section| {
        let words = &[
            ("epsilon", Word::Epsilon),
            ("z-plus", Word::ZPlus),
            ("alpha-beta", Word::AlphaBeta),
            ("gamma", Word::Gamma),
            ("epsilon-plus", Word::EpsilonPlus),
            ("epsilon-gamma-box", Word::EpsilonGammaBox),
        ];
        let word = section.choice("composite", "epsilon-plus", words);
        let epsilon = section.get_if("epsilon", 1e-6, |epsilon| *epsilon > 0.0, "a number above 0");
        let gamma = || section.get_if("gamma", 0.25, |gamma| *gamma >= 0.0, "a number of 0 or more");
        let all = |rule| Composite { linear: rule, convolution: rule, boxed: false };
        let of = |convolution, boxed| Composite { linear: Rule::Epsilon, convolution, boxed };
        let composite = match word {
            Word::Epsilon => all(Rule::Epsilon),
            Word::ZPlus => all(Rule::ZPlus),
            Word::AlphaBeta => all(read_alpha_beta(section)),
            Word::Gamma => all(Rule::Gamma(gamma())),
            Word::EpsilonPlus => of(Rule::ZPlus, false),
            Word::EpsilonGammaBox => of(Rule::Gamma(gamma()), true),
        };
        Some(Arc::new(Lrp { composite, epsilon }))
    },
};

#[derive(Clone, Copy)]
enum Word {
    Epsilon,
    ZPlus,
    AlphaBeta,
    Gamma,
    EpsilonPlus,
    EpsilonGammaBox,
}

/// Which rule a layer with weights follows.
#[derive(Clone, Copy, Debug)]
pub struct Composite {
    linear: Rule,
    convolution: Rule,
    /// Whether the first layer follows the box rule.
    boxed: bool,
}

pub struct Lrp {
    composite: Composite,
    epsilon: f64,
}

fn read_alpha_beta(section: &Section) -> Rule {
    let alpha = section.get_if("alpha", 2.0, |alpha| *alpha >= 1.0, "a number of 1 or more");
    let fits = |beta: &f64| (alpha - beta - 1.0).abs() < 1e-9;
    let expected = format!("`alpha` - 1, which is {}, or relevance would not be kept", alpha - 1.0);
    Rule::AlphaBeta { alpha, beta: section.optional_if("beta", fits, &expected).unwrap_or(alpha - 1.0) }
}

impl Explainer for Lrp {
    fn access(&self) -> Access {
        Access::Layers
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let network = Network::of(on.model, self.composite.boxed)?;
        let values = on.sum_over_draws(1, 1, |part, _| {
            let trace = part.model.trace(&part.x, Arg::Input, part.differentiable)?;
            let logit = trace.one_hot(&part.target)?.f_mul(&trace.logits)?;
            trace.back(&logit, &mut |visit| self.send(visit, &network))
        })?;
        Ok(Attribution::elements(values))
    }
}

impl Lrp {
    /// What each live input gets of the relevance that has come to a node.
    fn send(&self, visit: &Visit, network: &Network) -> Result<Option<Vec<Tensor>>> {
        Ok(match visit.family() {
            Family::Weighted if visit.live == [0] => Some(vec![self.through(visit, network)?]),
            Family::Activation | Family::Scaled => Some(vec![visit.signal.shallow_clone()]),
            Family::Moved | Family::Largest => None,
            Family::Weighted | Family::Summed | Family::Mixed => Some(self.in_proportion(visit)?),
        })
    }

    fn through(&self, visit: &Visit, network: &Network) -> Result<Tensor> {
        let rule = match visit.node.op {
            _ if network.bounds(visit.place).is_some() => Rule::Box,
            Op::Linear => self.composite.linear,
            _ => self.composite.convolution,
        };
        let merged = network.merged(visit.place);
        if let (Rule::Epsilon, None) = (rule, merged) {
            // The layer as it ran will do.
            return Ok(self.in_proportion(visit)?.remove(0));
        }
        let (weight, bias) = match merged {
            Some((weight, bias)) => (weight, Some(bias)),
            None => (&visit.inputs[1], visit.inputs.get(2)),
        };
        let layer = Layer { visit, weight, bias, epsilon: self.epsilon };
        match network.bounds(visit.place) {
            Some((low, high)) => layer.boxed(low, high),
            None => layer.send(rule),
        }
    }

    /// By the contribution that each input makes to first order.
    fn in_proportion(&self, visit: &Visit) -> Result<Vec<Tensor>> {
        let shares = visit.derivative(&visit.signal.f_div(&stabilise(visit.output, self.epsilon)?)?)?;
        // Each of several factors makes the whole of their product.
        let times = if visit.family() == Family::Summed { 1 } else { visit.live.len() };
        let sent = visit.live.iter().zip(shares).map(|(which, share)| {
            let sent = visit.inputs[*which].f_mul(&share)?;
            Ok(if times == 1 { sent } else { sent.f_div_scalar(times as f64)? })
        });
        sent.collect()
    }
}

#[cfg(test)]
mod tests;
