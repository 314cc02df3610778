//! Which layer's feature maps an explainer looks at, and how it makes one picture of them.

use tch::Tensor;

use super::{Access, Attribution, Explainer, Misfit, Scene, Unit};
use crate::config::{Section, suggest};
use crate::error::Result;
use crate::model::rules::Family;
use crate::model::{Graph, Op};

/// The `layer` of a suite's table, and how its maps are brought to the size of the image.
pub struct FeatureMaps {
    /// `None`: the last convolution, see [`default_place`].
    pub layer: Option<String>,
    pub upsample: Upsample,
}

/// An explainer whose map is made of a layer's feature maps alone.
pub struct Cam {
    pub maps: FeatureMaps,
    /// The map in the size of the images, [B, 1, H, W].
    pub explain: fn(&FeatureMaps, &Scene) -> Result<Tensor>,
}

impl Explainer for Cam {
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
        self.maps.find(graph).map(drop)
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        Ok(Attribution::pixels((self.explain)(&self.maps, on)?))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsample {
    Nearest,
    Bilinear,
}

impl FeatureMaps {
    pub fn read(section: &Section) -> Self {
        let layer = section.optional_if("layer", |name: &String| !name.is_empty(), "the name of a layer");
        let words = &[("nearest", Upsample::Nearest), ("bilinear", Upsample::Bilinear)];
        Self { layer, upsample: section.choice("upsample", "bilinear", words) }
    }

    /// The place of the node that gives the feature maps, [C, h, w] per example.
    pub fn find(&self, graph: &Graph) -> Result<usize, Misfit> {
        super::see_layers(graph)?;
        let shapes = graph.shapes().map_err(|error| Misfit::of_use(error.to_string(), None))?;
        let spatial = |place: usize| shapes.get(place).is_some_and(|shape| shape.len() == 3);
        let Some(layer) = &self.layer else {
            return default_place(graph).filter(|place| spatial(*place)).ok_or_else(|| {
                let help = "narrow the explainer with `models = [..]` to convolutional networks, or name a `layer`";
                Misfit::of_use("there is no convolution of an image in".to_string(), Some(help.to_string()))
            });
        };
        let usable: Vec<&str> =
            (0..graph.nodes.len()).filter(|place| spatial(*place)).map(|place| &*graph.nodes[place].name).collect();
        let expected = Some(format!("one of: {}", usable.join(", "))).filter(|_| !usable.is_empty());
        let misfit = |message: String, help| Misfit { keys: vec!["layer"], message, expected: expected.clone(), help };
        let Some(place) = graph.find(layer) else {
            let known = graph.nodes.iter().flat_map(|node| [node.name.as_str(), node.module.as_str()]);
            let help = suggest(layer, known).map(|near| format!("did you mean `{near}`?"));
            return Err(misfit(format!("there is no layer `{layer}` in"), help));
        };
        if !spatial(place) {
            let gives = &shapes[place];
            return Err(misfit(format!("layer `{layer}` gives {gives:?} and not feature maps [C, h, w] in"), None));
        }
        Ok(place)
    }

    /// `maps`, [B, n, h, w], in the size of the images `x`, [B, C, H, W].
    pub fn enlarge(&self, maps: &Tensor, x: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = x.size4()?;
        let size = [height, width];
        Ok(match self.upsample {
            Upsample::Nearest => maps.f_upsample_nearest2d(size, None::<f64>, None::<f64>)?,
            Upsample::Bilinear => maps.f_upsample_bilinear2d(size, false, None::<f64>, None::<f64>)?,
        })
    }
}

/// The last convolution in execution order, or what follows it as long as one node alone reads it and that node is a
/// normalisation, an activation, a dropout or a sum: in a residual network the end of the block.
fn default_place(graph: &Graph) -> Option<usize> {
    let mut place = graph.nodes.iter().rposition(|node| matches!(node.op, Op::Convolution { .. }))?;
    while let [reader] = graph.readers(place)[..] {
        let op = &graph.nodes[reader].op;
        let follows = matches!(Family::of(op), Family::Activation | Family::Scaled);
        if !follows && !matches!(op, Op::Dropout { .. } | Op::Add) {
            break;
        }
        place = reader;
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::layers;

    fn graph(layers: &str) -> Graph {
        let section = Section::parse("model", &format!("layers = [{layers}]")).unwrap();
        layers::read(&section, &[1, 8, 8], None).unwrap_or_else(|| panic!("{}", section.mistakes()))
    }

    fn found(layers: &str, layer: Option<&str>) -> Result<String, Misfit> {
        let maps = FeatureMaps { layer: layer.map(String::from), upsample: Upsample::Nearest };
        let graph = graph(layers);
        maps.find(&graph).map(|place| graph.nodes[place].name.clone())
    }

    const CONV: &str = "{ conv2d = { out = 2, kernel = 3, padding = 1 } }";

    #[test]
    fn the_default_is_what_the_last_convolution_comes_to() {
        let end = "'flatten', { linear = { out = 2 } }";
        for (layers, expected) in [
            (format!("{CONV}, 'relu', {CONV}, 'relu', {{ max_pool2d = {{ kernel = 2 }} }}, 'relu', {end}"), "relu2"),
            (format!("{CONV}, {end}"), "conv1"),
            (format!("{CONV}, 'batch_norm', 'silu', {end}"), "silu1"),
            // The convolution of the shortcut is the last; both come to the block's end.
            (format!("{{ residual = {{ layers = [{CONV}], shortcut = [{CONV}] }} }}, 'relu', {end}"), "relu1"),
            // Two read it: the next convolution and the sum.
            (format!("{CONV}, {{ residual = {{ layers = ['relu'] }} }}, 'relu', {end}"), "conv1"),
        ] {
            assert_eq!(found(&layers, None).ok().as_deref(), Some(expected), "{layers}");
        }
    }

    #[test]
    fn what_cannot_be_looked_at_is_said() {
        let layers = format!("{CONV}, 'relu', 'flatten', {{ name = 'head', linear = {{ out = 2 }} }}");
        assert_eq!(found(&layers, Some("conv1")).ok().as_deref(), Some("conv1"));
        let misfit = found(&layers, Some("covn1")).unwrap_err();
        assert_eq!(misfit.help.as_deref(), Some("did you mean `conv1`?"));
        assert_eq!(misfit.expected.as_deref(), Some("one of: conv1, relu1"));
        assert!(found(&layers, Some("head")).unwrap_err().message.contains("gives [2]"));
        let misfit = found("'flatten', { linear = { out = 2 } }", None).unwrap_err();
        assert_eq!((misfit.keys, misfit.expected), (vec!["use"], None));
    }
}
