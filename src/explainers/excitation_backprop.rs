//! # Definition
//! The probability that a winner-take-all walk from the target down the network comes through an element: a layer with
//! weights sends what comes to output j on to input i with probability x_i+ w_ij+ / sum_i x_i+ w_ij+, by its positive
//! inputs and weights, without its bias. A batch norm behind a layer that it alone reads is merged into it; average pools and
//! sums of residual blocks divide by positive contributions, maxima give all to their winner, and activations and norms pass
//! on what comes. Where no contribution is positive, the walk ends. The map is the sum over the channels of the input, or
//! of `layer`, from which it is brought to the size of the image.
//!
//! # Parameters
//! - `layer` (the input): where the walk ends: the name of a layer that gives feature maps, or the path of a module.
//! - `upsample` ("bilinear"): "bilinear" (corners not aligned) or "nearest"; only with `layer`.
//!
//! # Cost
//! One forward and two backward passes per example, as far down as `layer`.
//!
//! # Reference
//! Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016.

use std::sync::Arc;

use tch::Tensor;

use super::feature_maps::FeatureMaps;
use super::lrp::network::Network;
use super::{Access, Attribution, Explainer, Misfit, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::model::rules::{Family, Visit};
use crate::model::{Arg, Graph};

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "excitation-backprop",
    summary: "how probably a winner-take-all walk from the target comes through a pixel",
    reference: "Zhang et al. 2016",
    revision: 1,
    source: concat!(include_str!("excitation_backprop.rs"), include_str!("lrp/network.rs")),
    read: |section| {
        let maps = section.has("layer").then(|| FeatureMaps::read(section));
        Some(Arc::new(ExcitationBackprop { maps }))
    },
};

pub struct ExcitationBackprop {
    /// `None`: down to the input.
    pub maps: Option<FeatureMaps>,
}

impl Explainer for ExcitationBackprop {
    fn access(&self) -> Access {
        Access::Layers
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn unit(&self) -> Unit {
        Unit::Pixel
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        self.maps.as_ref().map_or_else(|| super::see_layers(graph), |maps| maps.find(graph).map(drop))
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let network = Network::of(on.model, false)?;
        let find = |maps: &FeatureMaps| maps.find(&on.model.graph).map_err(|misfit| misfit.error("the network"));
        let to = self.maps.as_ref().map(find).transpose()?.map_or(Arg::Input, Arg::Node);
        let values = on.sum_over_draws(1, 1, |part, _| {
            let trace = part.model.trace(&part.x, to, part.differentiable)?;
            let arrived = trace.back(&trace.one_hot(&part.target)?, &mut |visit| send(visit, &network))?;
            let map = arrived.f_sum_dim_intlist(1, true, arrived.kind())?;
            self.maps.as_ref().map_or(Ok(map.shallow_clone()), |maps| maps.enlarge(&map, &part.x))
        })?;
        Ok(Attribution::pixels(values))
    }
}

/// What each live input gets of the probability that has come to a node.
fn send(visit: &Visit, network: &Network) -> Result<Option<Vec<Tensor>>> {
    let inputs: Vec<Tensor> = match visit.family() {
        Family::Activation | Family::Scaled => return Ok(Some(vec![visit.signal.shallow_clone()])),
        Family::Moved | Family::Largest => return Ok(None),
        Family::Weighted => {
            let weight = network.merged(visit.place).map_or(&visit.inputs[1], |(weight, _)| weight);
            vec![visit.inputs[0].f_relu()?, weight.f_relu()?]
        }
        Family::Summed | Family::Mixed => visit.inputs.iter().map(Tensor::f_relu).collect::<Result<_, _>>()?,
    };
    let local = visit.elsewhere_at(&inputs.iter().collect::<Vec<_>>(), visit.live)?;
    let none = local.output.f_le(0.0)?;
    let each = visit.signal.f_div(&local.output.f_masked_fill(&none, 1.0)?)?.f_masked_fill(&none, 0.0)?;
    let shares = local.pull(&each)?;
    let sent = visit.live.iter().zip(shares).map(|(which, share)| inputs[*which].f_mul(&share));
    Ok(Some(sent.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Section;
    use crate::imputers::Statistics;
    use crate::model::{Model, layers};
    use crate::noise::Noise;
    use tch::{Device, Kind};

    fn explain(text: &str, list: &str, x: &Tensor, weights: impl Fn(&[i64]) -> Tensor) -> Tensor {
        let section = Section::parse("model", &format!("layers = [{list}]")).unwrap();
        let graph = layers::read(&section, &x.size()[1..], None).unwrap_or_else(|| panic!("{}", section.mistakes()));
        let tensors = graph.weights.iter().map(|spec| weights(&spec.shape)).collect();
        let model = Model::new(Arc::new(graph), tensors).unwrap();
        let section = Section::parse("explainer", &format!("use = 'excitation-backprop'\n{text}")).unwrap();
        let scene = Scene {
            model: &model,
            x: x.shallow_clone(),
            target: Tensor::zeros([x.size()[0]], (Kind::Int64, Device::Cpu)),
            evidence: None,
            ids: (0..x.size()[0] as u64).collect(),
            noise: Noise::new(0),
            statistics: &Statistics { mean: Tensor::zeros([x.size()[1]], (Kind::Double, Device::Cpu)) },
            chunk: 100,
            differentiable: false,
        };
        crate::explainers::read(&section).unwrap().chosen.method.explain(&scene).unwrap().values
    }

    /// Contributions 1 * 2, 2 * (-3), 3 * 2 of which the second is not positive; the bias does not count.
    #[test]
    fn one_layer_by_hand() {
        let x = Tensor::from_slice(&[1.0, 2.0, 3.0]).view([1, 1, 1, 3]);
        let weights = |shape: &[i64]| match shape {
            [_, _] => Tensor::from_slice(&[2.0, -3.0, 2.0]).view(shape),
            _ => Tensor::from_slice(&[7.0]),
        };
        let map = explain("", "'flatten', { linear = { out = 1 } }", &x, weights);
        assert_eq!(Vec::<f64>::try_from(map.flatten(0, -1)).unwrap(), [0.25, 0.0, 0.75]);
    }

    #[test]
    fn probabilities_add_up_to_one_where_walks_do_not_end() {
        let conv = "{ conv2d = { out = 3, kernel = 3, padding = 1 } }";
        let list = format!(
            "{conv}, 'relu', {{ residual = {{ layers = [{conv}, 'relu'] }} }}, {{ max_pool2d = {{ kernel = 2 }} }}, {conv}, 'relu', \
             {{ avg_pool2d = {{ kernel = 2 }} }}, 'flatten', {{ linear = {{ out = 2 }} }}"
        );
        let draw = |shape: &[i64]| Noise::new(3).uniform(&[1], shape, Kind::Double, Device::Cpu).unwrap();
        let x = Noise::new(4).uniform(&[0, 1, 2], &[2, 8, 8], Kind::Double, Device::Cpu).unwrap();
        for text in ["", "layer = 'relu2'\nupsample = 'nearest'"] {
            let map = explain(text, &list, &x, |shape| draw(shape).squeeze_dim(0) - 0.2);
            let sum = map.sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Double);
            // Each of 4 x 4 positions is painted on 2 x 2 pixels.
            let expected = if text.is_empty() { 1.0 } else { 4.0 };
            assert!((sum - expected).abs().max().double_value(&[]) < 1e-9, "{text}");
            assert!(map.min().double_value(&[]) >= 0.0);
        }
    }
}
