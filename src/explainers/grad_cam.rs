//! # Definition
//! The positive part of a weighted sum of a layer's feature maps A_k, where a map's weight is the mean of the derivative of
//! the target's logit over its positions: max(0, sum_k A_k mean_ij dz_c/dA_k[i,j]), brought to the size of the image.
//!
//! # Parameters
//! - `layer` (the last convolution): the name of a layer that gives feature maps, or the path of a module, whose last layer
//!   it is. The default is the last convolution in execution order, or what follows it as long as one layer alone reads
//!   it and that layer is a batch norm, an activation, a dropout or the sum of a residual block: `relu2` of
//!   conv1, relu1, pool1, conv2, relu2, pool2, fc.
//! - `upsample` ("bilinear"): "bilinear" (corners not aligned) or "nearest".
//!
//! # Cost
//! One forward pass per example, and a backward pass from the output to the layer.
//!
//! # Reference
//! Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.

use std::sync::Arc;

use tch::Tensor;

use super::feature_maps::{Cam, FeatureMaps};
use super::{Explainer, Scene};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::model::Arg;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "grad-cam",
    summary: "a layer's feature maps, weighted by the mean derivative of the target's logit",
    reference: "Selvaraju et al. 2017",
    revision: 1,
    source: include_str!("grad_cam.rs"),
    read: |section| Some(Arc::new(Cam { maps: FeatureMaps::read(section), explain })),
};

fn explain(maps: &FeatureMaps, on: &Scene) -> Result<Tensor> {
    on.sum_over_draws(1, 1, |part, _| maps.enlarge(&grad_cam(maps, part)?, &part.x))
}

/// The map in the size of the layer, [B, 1, h, w], all rows at once.
pub fn grad_cam(maps: &FeatureMaps, on: &Scene) -> Result<Tensor> {
    let place = maps.find(&on.model.graph).map_err(|misfit| misfit.error("the network"))?;
    let trace = on.model.trace(&on.x, Arg::Node(place), on.differentiable)?;
    let derivative = trace.back(&trace.one_hot(&on.target)?, &mut |_| Ok(None))?;
    let weights = derivative.f_mean_dim([2, 3].as_slice(), true, derivative.kind())?;
    let sum = trace.value.f_mul(&weights)?.f_sum_dim_intlist(1, true, derivative.kind())?;
    Ok(sum.f_relu()?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tch::{Device, Kind};

    use super::*;
    use crate::config::Section;
    use crate::explainers::feature_maps::Upsample;
    use crate::imputers::Statistics;
    use crate::model::{Model, table, weights};
    use crate::noise::Noise;
    use crate::tensor_file::TensorFile;

    const LENET: &str = "layers = [
        { conv2d = { out = 16, kernel = 5 } }, 'relu', { max_pool2d = { kernel = 2 } },
        { conv2d = { out = 32, kernel = 5 } }, 'relu', { max_pool2d = { kernel = 2 } },
        'flatten', { name = 'fc1', linear = { out = 128 } }, 'relu', { name = 'fc2', linear = { out = 10 } }]";

    /// Before it is enlarged, which is all that leaves the explainer.
    #[test]
    fn the_map_in_the_size_of_the_layer_is_that_of_the_reference() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
        let file = TensorFile::open(&folder.join("lenet.reference.safetensors")).unwrap();
        let of = |name: &str| file.tensor(name).unwrap().to_kind(Kind::Double);
        for (text, from) in [(LENET, "lenet.weights.safetensors"), ("file = 'lenet.pt2'", "lenet.pt2")] {
            let section = Section::parse(&folder.join("model.toml").display().to_string(), text).unwrap();
            let graph = table::read(&section, &[1, 28, 28], Some(10)).unwrap();
            let weights = weights::read(&graph, &folder.join(from), Kind::Double, Device::Cpu).unwrap();
            let model = Model::new(Arc::new(graph), weights).unwrap();
            let statistics = Statistics { mean: Tensor::from_slice(&[0.0]) };
            let scene = Scene {
                model: &model,
                x: of("x"),
                target: of("target").to_kind(Kind::Int64),
                evidence: None,
                ids: (0..32).collect(),
                noise: Noise::new(0),
                statistics: &statistics,
                chunk: 32,
                differentiable: false,
            };
            let maps = FeatureMaps { layer: Some("relu2".to_string()), upsample: Upsample::Nearest };
            let (ours, theirs) = (grad_cam(&maps, &scene).unwrap(), of("attr.grad_cam_layer"));
            assert_eq!(ours.size(), theirs.size());
            let apart = (ours - &theirs).abs().max().double_value(&[]) / theirs.abs().max().double_value(&[]);
            assert!(apart < 1e-5, "{from}: {apart:e}");
        }
    }
}
