//! Weights in safetensors files under PyTorch's names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::exported::{self, Exported, FileKind};
use super::graph::{Graph, WeightSpec};
use crate::config::suggest;
use crate::error::{Error, Result};

/// Reads a file of tensors by name.
pub fn read_tensors(path: &Path) -> Result<BTreeMap<String, Tensor>> {
    refuse_pickle(path)?;
    let tensors = Tensor::read_safetensors(path);
    Ok(tensors.map_err(|error| Error::new(format!("cannot read {}: {error}", path.display())))?.into_iter().collect())
}

/// Reads a graph's weights from a safetensors file, see [`arrange`], or from the exported model that it was read from.
pub fn read(graph: &Graph, path: &Path, kind: Kind, device: Device) -> Result<Vec<Tensor>> {
    let tensors = match exported::kind_of(path)? {
        FileKind::Exported => Exported::open(path)?.weights(graph)?,
        // They stay inside.
        FileKind::TorchScript if graph.is_opaque() => BTreeMap::new(),
        _ => read_tensors(path)?,
    };
    let weights = arrange(graph, tensors)
        .map_err(|error| Error::new(format!("{} does not fit the model: {error}", path.display())))?;
    weights.iter().map(|weight| Ok(weight.f_to_device(device)?.f_to_kind(kind)?)).collect()
}

/// Puts named tensors in the order of `graph.weights`. One error names everything that is missing, of another shape or left
/// over, layer by layer; batch norm's `num_batches_tracked`, of which nothing depends, may be left over.
pub fn arrange(graph: &Graph, mut tensors: BTreeMap<String, Tensor>) -> Result<Vec<Tensor>> {
    let found: Vec<Option<Tensor>> = graph.weights.iter().map(|spec| tensors.remove(&spec.name)).collect();
    tensors.retain(|name, _| !name.ends_with("num_batches_tracked"));
    let mut wrong: Vec<(String, Vec<String>)> = Vec::new();
    for (at, (WeightSpec { name, shape, .. }, found)) in graph.weights.iter().zip(&found).enumerate() {
        let said = match found {
            Some(tensor) if tensor.size() == *shape => continue,
            Some(tensor) => format!("`{name}` is {:?} where the model has {shape:?}", tensor.size()),
            None => match near(name, shape, &tensors) {
                Some(near) => format!("`{name}` {shape:?} is missing (is it `{near}`?)"),
                None => format!("`{name}` {shape:?} is missing"),
            },
        };
        let layer = graph.first_reader(at).map_or_else(
            || "no layer".to_string(),
            |node| {
                format!(
                    "layer `{}` ({})",
                    if node.module.is_empty() { &node.name } else { &node.module },
                    node.op.name()
                )
            },
        );
        match wrong.last_mut().filter(|(last, _)| *last == layer) {
            Some((_, of_layer)) => of_layer.push(said),
            None => wrong.push((layer, vec![said])),
        }
    }
    if !tensors.is_empty() {
        let left_over = tensors.iter().map(|(name, tensor)| format!("`{name}` {:?}", tensor.size()));
        wrong.push(("not in the model".to_string(), left_over.collect()));
    }
    if wrong.is_empty() {
        return Ok(found.into_iter().flatten().collect());
    }
    let parts = wrong.into_iter().map(|(layer, said)| format!("{layer}: {}", said.join(", ")));
    Err(Error::new(parts.collect::<Vec<_>>().join("; ")))
}

/// The name, among those that no layer claims, that a missing tensor may go by: the same below some prefix, such as `module.`
/// that a wrapper puts there, or else the nearest; of one shape.
fn near(name: &str, shape: &[i64], tensors: &BTreeMap<String, Tensor>) -> Option<String> {
    let alike = || tensors.iter().filter(|(_, tensor)| tensor.size() == shape).map(|(name, _)| name.as_str());
    let below = alike().find(|other| other.strip_suffix(name).is_some_and(|prefix| prefix.ends_with('.')));
    below.map(String::from).or_else(|| suggest(name, alike()))
}

/// Writes weights in the order of `graph.weights`.
pub fn write(graph: &Graph, weights: &[Tensor], path: &Path) -> Result<()> {
    let named = graph
        .weights
        .iter()
        .zip(weights)
        .map(|(spec, weight)| Ok((&spec.name, weight.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?)));
    Tensor::write_safetensors(&named.collect::<Result<Vec<_>>>()?, path)
        .map_err(|error| Error::new(format!("cannot write {}: {error}", path.display())))
}

/// `torch.save` writes a zip that holds `data.pkl`, and long ago a bare pickle. Reading either can run any code.
fn refuse_pickle(path: &Path) -> Result<()> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    file.take(4096).read_to_end(&mut start).map_err(|error| Error::io("read", path, error))?;
    let zip = start.starts_with(b"PK\x03\x04") && start.windows(8).any(|bytes| bytes == b"data.pkl");
    let bare = start.first() == Some(&0x80) && matches!(start.get(1), Some(2..=5));
    // A safetensors file starts with the length of its header, whose first byte is `{`.
    if zip || (bare && start.get(8) != Some(&b'{')) {
        return Err(Error::new(format!(
            "{} is pickled, and reading a pickle can run any code that it holds; \
             write it as safetensors: safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")",
            path.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::graph;

    fn batch_norm_graph() -> Graph {
        graph("layers = [{ name = \"bn\", batch_norm = {} }, { name = \"fc\", linear = { out = 3 } }]", &[2], 3)
    }

    fn tensors(shapes: &[(&str, &[i64])]) -> BTreeMap<String, Tensor> {
        let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        shapes.iter().map(|(name, shape)| (name.to_string(), zeros(shape))).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let graph = batch_norm_graph();
        let noise = crate::noise::Noise::new(0);
        let draw = |spec: &WeightSpec| spec.draw(&noise, Kind::Float, Device::Cpu);
        let weights: Vec<Tensor> = graph.weights.iter().map(draw).collect::<Result<_>>().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        write(&graph, &weights, &path).unwrap();
        assert_eq!(read(&graph, &path, Kind::Float, Device::Cpu).unwrap(), weights);
    }

    #[test]
    fn one_error_names_all_that_does_not_fit() {
        let given = tensors(&[
            ("bn.weight", &[2]),
            ("bn.bias", &[2]),
            ("bn.running_mean", &[2]),
            ("bn.running_var", &[2]),
            ("bn.num_batches_tracked", &[]),
            ("fc.weight", &[2, 3]),
            ("head.bias", &[3]),
        ]);
        let error = arrange(&batch_norm_graph(), given).unwrap_err().to_string();
        assert_eq!(
            error,
            "layer `fc` (linear): `fc.weight` is [2, 3] where the model has [3, 2], `fc.bias` [3] is missing; \
             not in the model: `head.bias` [3]"
        );
    }

    #[test]
    fn a_missing_tensor_is_looked_for_under_other_names() {
        let given = tensors(&[
            ("module.bn.weight", &[2]),
            ("bn.bais", &[2]),
            ("bn.running_mean", &[2]),
            ("bn.running_var", &[2]),
            // Of another shape, however near its name is.
            ("fc.wieght", &[2, 3]),
            ("fc.bias", &[3]),
        ]);
        let error = arrange(&batch_norm_graph(), given).unwrap_err().to_string();
        assert_eq!(
            error,
            "layer `bn` (batch_norm): `bn.weight` [2] is missing (is it `module.bn.weight`?), \
             `bn.bias` [2] is missing (is it `bn.bais`?); layer `fc` (linear): `fc.weight` [3, 2] is missing; \
             not in the model: `bn.bais` [2], `fc.wieght` [2, 3], `module.bn.weight` [2]"
        );
    }

    #[test]
    fn pickles_are_refused_and_other_files_are_not_taken_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.pt");
        let said = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_tensors(&path).unwrap_err().to_string()
        };
        assert!(said(b"PK\x03\x04\0\0\0\0model/data.pkl\0").contains("is pickled"));
        assert!(said(b"\x80\x02}q\0.").contains("is pickled"));
        assert!(said(b"\x80\x02\0\0\0\0\0\0{\"a\"").contains("cannot read"));
        assert!(read_tensors(Path::new("absent.safetensors")).unwrap_err().to_string().contains("cannot open"));
    }
}
