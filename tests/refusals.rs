//! What is said of files that are no models to be read: each message names the file and what is wrong with it, and the remedy
//! stands apart from it, with the line that exports a model where that helps.

use std::fs;
use std::path::{Path, PathBuf};

use explainbench::error::Error;
use explainbench::model::exported::{self, EXPORT, Exported};
use explainbench::model::weights;
use serde_json::{Value, json};
use tch::{Device, Kind};

use crate::exported::fixture;
use crate::mutation::{archive, members};

/// What reading a file as a suite does answers: its kind, its graph for examples of shape `[1, 8, 8]`, its weights.
fn refused(path: &Path) -> (String, String) {
    let read = || -> Result<(), Error> {
        if let Some(refusal) = exported::refusal(path)? {
            return Err(refusal);
        }
        let graph = Exported::open(path)?.graph(&[1, 8, 8], None)?;
        weights::read(&graph, path, Kind::Float, Device::Cpu).map(|_| ())
    };
    let error = read().expect_err("it is read");
    let (message, help) = error.parts();
    assert!(message.contains(path.to_str().unwrap()), "{message} does not name the file");
    assert!(!message.contains(EXPORT), "{message} says the remedy");
    let help = help.unwrap_or_else(|| panic!("no remedy for: {message}"));
    (message, help)
}

/// A file in a folder of its own, which goes with it.
struct File(tempfile::TempDir);

impl File {
    fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("given.pt2"), bytes).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("given.pt2")
    }

    fn refused(&self) -> (String, String) {
        refused(&self.path())
    }
}

fn digits() -> Vec<u8> {
    fs::read(fixture("digits.pt2")).unwrap()
}

/// The model of digits with a document of its archive changed.
fn changed(member: &str, change: impl FnOnce(&mut Value)) -> File {
    let mut members = members(&digits());
    let (_, content) = members.iter_mut().find(|(name, _)| name.ends_with(member)).unwrap();
    let mut document = serde_json::from_slice(content).unwrap();
    change(&mut document);
    *content = serde_json::to_vec(&document).unwrap();
    File::of(&archive(&members))
}

const WEIGHTS: &str = "data/weights/model_weights_config.json";

#[test]
fn the_file_that_the_cases_change_is_a_model() {
    let file = changed("models/model.json", |_| {});
    assert!(exported::read(&file.path(), &[1, 8, 8], None).is_ok());
}

#[test]
fn a_truncated_archive() {
    let bytes = digits();
    for length in [20, bytes.len() / 2, bytes.len() - 1] {
        let (message, help) = File::of(&bytes[..length]).refused();
        assert!(message.contains("is no whole archive, it may be truncated"), "{length}: {message}");
        assert!(help.contains(EXPORT), "{help}");
    }
}

/// What is left of the file ends in the archive of examples that lies within it, whose list of members is whole.
#[test]
fn a_truncated_archive_with_another_one_inside() {
    let bytes = fs::read(fixture("original.pt2")).unwrap();
    let end = b"PK\x05\x06";
    let ends: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(end)).collect();
    assert_eq!(ends.len(), 2);
    for length in [ends[0] + 22, ends[1]] {
        let (message, _) = File::of(&bytes[..length]).refused();
        assert!(message.contains("is no whole archive, it may be truncated"), "{length}: {message}");
    }
}

#[test]
fn another_version_of_the_format() {
    let file = changed("models/model.json", |program| program["schema_version"] = json!({ "major": 9, "minor": 1 }));
    let (message, help) = file.refused();
    assert!(message.ends_with("is of version 9 of the format, and version 8 is read"), "{message}");
    assert!(help.starts_with("export it with PyTorch 2.9 to 2.11: ") && help.ends_with(EXPORT), "{help}");
}

#[test]
fn a_file_of_an_older_pytorch() {
    let file = File::of(&archive(&vec![("serialized_exported_program.json".to_string(), b"{}".to_vec())]));
    let (message, help) = file.refused();
    assert!(message.ends_with("was written by a PyTorch before 2.8"), "{message}");
    assert!(help.contains(EXPORT), "{help}");
}

#[test]
fn a_member_that_is_missing() {
    for (member, name) in [("data/weights/weight_0", "`data/weights/weight_0`"), (WEIGHTS, WEIGHTS)] {
        let mut members = members(&digits());
        let before = members.len();
        members.retain(|(name, _)| !name.ends_with(member));
        assert_eq!(members.len(), before - 1);
        let (message, help) = File::of(&archive(&members)).refused();
        assert!(message.contains("missing") && message.contains(name), "{message}");
        assert!(help.contains(EXPORT), "{help}");
    }
}

#[test]
fn a_weight_that_is_not_listed() {
    let file = changed(WEIGHTS, |list| {
        list["config"].as_object_mut().unwrap().remove("4.bias").unwrap();
    });
    let (message, help) = file.refused();
    assert!(message.ends_with("the tensor `4.bias` is missing"), "{message}");
    assert!(help.contains(EXPORT), "{help}");
}

/// Sizes are checked against what the file holds before any memory is asked for.
#[test]
fn absurd_sizes() {
    let size =
        |sizes: Value| changed(WEIGHTS, |list| list["config"]["4.bias"]["tensor_meta"]["sizes"] = sizes).refused().0;
    let huge = json!([{ "as_int": 1_i64 << 40 }]);
    assert!(size(huge).ends_with("the tensor `4.bias` is said to be [1099511627776], 2^31 numbers or more"));
    // Within bounds, but not there: 4 GB that the member does not hold.
    let (large, name) = (json!([{ "as_int": 1_i64 << 30 }]), "too few for a tensor [1073741824]");
    let message = changed(WEIGHTS, |list| list["config"]["4.bias"]["tensor_meta"]["sizes"] = large);
    let path = message.path();
    let error = Exported::open(&path).and_then(|mut file| {
        let graph = file.graph(&[1, 8, 8], None)?;
        file.weights(&graph)
    });
    assert!(error.unwrap_err().to_string().contains(name));
    assert!(size(json!([{ "as_int": -1 }])).contains("has sizes or strides that are no numbers"));
    assert!(size(json!([{ "as_int": 5 }, { "as_int": 2 }])).contains("is not described consistently"));
    // A layer that would make more than any memory holds.
    let file = changed("models/model.json", |program| {
        let nodes = program["graph_module"]["graph"]["nodes"].as_array_mut().unwrap();
        let node = nodes.iter_mut().find(|node| node["target"] == "torch.ops.aten.conv2d.default").unwrap();
        let inputs = node["inputs"].as_array_mut().unwrap();
        inputs.push(json!({ "name": "padding", "arg": { "as_ints": [60_000, 60_000] }, "kind": 1 }));
    });
    let (message, help) = file.refused();
    assert!(message.contains("conv2d") && message.contains("fewer than 2^31 numbers"), "{message}");
    assert!(help.contains(EXPORT), "{help}");
}

/// A header may claim any length: what is read decides.
#[test]
fn a_member_that_claims_to_be_large() {
    let mut bytes = digits();
    // In the list of members, at the file's end, 46 bytes precede a name, of which those from 24 on are the length.
    let name = b"digits/data/weights/weight_0";
    let at = (0..bytes.len()).rev().find(|at| bytes[*at..].starts_with(name)).unwrap() - 46 + 24;
    bytes[at..at + 4].copy_from_slice(&0xf000_0000_u32.to_le_bytes());
    let (message, _) = File::of(&bytes).refused();
    assert!(message.contains("weight_0") && message.contains("4026531840 bytes"), "{message}");
}

#[test]
fn pickled_weights() {
    let file = changed(WEIGHTS, |list| list["config"]["4.bias"]["use_pickle"] = json!(true));
    let (message, help) = file.refused();
    assert!(message.ends_with("the tensor `4.bias` is pickled, and reading a pickle can run any code that it holds"));
    assert!(help.starts_with("export the model with plain tensors as weights: ") && help.contains(EXPORT), "{help}");
    for bytes in [fs::read(fixture("pickled.pt")).unwrap(), b"\x80\x02}q\x00.".to_vec()] {
        let (message, help) = File::of(&bytes).refused();
        assert!(message.ends_with("is pickled, and reading a pickle can run any code that it holds"), "{message}");
        assert!(help.contains(EXPORT), "{help}");
    }
}

#[test]
fn views_of_what_is_changed_in_place() {
    let (message, help) = refused(&fixture("aliased.pt2"));
    assert!(message.contains("reads `slice_2`, a view of a tensor that was changed in place"), "{message}");
    assert!(help.starts_with("write the model without it and export it again: "), "{help}");
}

#[test]
fn operations_without_a_rule() {
    let (message, help) = refused(&fixture("unsupported.pt2"));
    assert!(message.contains("`cumsum` (node `cumsum` in `sums`), `sort` (node `getitem`)"), "{message}");
    assert!(help.contains(EXPORT), "{help}");
}

#[test]
fn files_that_are_no_models() {
    let compiled = vec![("m/data/aotinductor/model/a.so".to_string(), vec![0])];
    let other = vec![("readme.txt".to_string(), b"hello".to_vec())];
    for (bytes, said) in [
        (b"".to_vec(), "is no model that is known"),
        (b"\x89PNG\r\n\x1a\n....".to_vec(), "is no model that is known"),
        (archive(&other), "is no model that is known"),
        (archive(&compiled), "is compiled code, which has no gradients"),
        (fs::read(fixture("resnet.safetensors")).unwrap(), "holds weights and no model"),
    ] {
        let (message, help) = File::of(&bytes).refused();
        assert!(message.ends_with(said), "{message}");
        assert!(help.contains(EXPORT), "{help}");
    }
}
