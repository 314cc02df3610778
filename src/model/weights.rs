//! Weights in safetensors files under PyTorch's names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::exported::{self, Exported, FileKind};
use super::graph::{Graph, WeightSpec};
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
        _ => read_tensors(path)?,
    };
    let weights = arrange(graph, tensors)
        .map_err(|error| Error::new(format!("{} does not fit the model: {error}", path.display())))?;
    weights.iter().map(|weight| Ok(weight.f_to_device(device)?.f_to_kind(kind)?)).collect()
}

/// Puts named tensors in the order of `graph.weights`. One error names everything that is missing, left over or of
/// another shape; batch norm's `num_batches_tracked`, of which nothing depends, may be left over.
pub fn arrange(graph: &Graph, mut tensors: BTreeMap<String, Tensor>) -> Result<Vec<Tensor>> {
    let mut weights = Vec::with_capacity(graph.weights.len());
    let mut wrong = Vec::new();
    for WeightSpec { name, shape, .. } in &graph.weights {
        match tensors.remove(name) {
            None => wrong.push(format!("`{name}` {shape:?} is missing")),
            Some(tensor) if tensor.size() != *shape => {
                wrong.push(format!("`{name}` is {:?} where the model has {shape:?}", tensor.size()));
            }
            Some(tensor) => weights.push(tensor),
        }
    }
    let left_over = tensors.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked"));
    wrong.extend(left_over.map(|(name, tensor)| format!("`{name}` {:?} is not in the model", tensor.size())));
    if wrong.is_empty() { Ok(weights) } else { Err(Error::new(wrong.join("; "))) }
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
            "`fc.weight` is [2, 3] where the model has [3, 2]; `fc.bias` [3] is missing; `head.bias` [3] is not in the model"
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
