//! `explainbench explain`: one explainer on tensors from a file, for users and for checking numbers from outside.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tch::{Device, Kind, Tensor};

use crate::config::Section;
use crate::datasets::Truth;
use crate::error::{Error, Result};
use crate::explainers::{self, Evidence, Scene};
use crate::imputers::Statistics;
use crate::model::{Graph, Model, chunk_bytes, table, weights};
use crate::noise::Noise;
use crate::tensor_file::{self, TensorFile};

#[derive(Args)]
pub struct Arguments {
    /// A TOML file with a `[model]` table
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// A safetensors file with the model's weights [default: the table's `weights`]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// As in a suite: 'use = "integrated-gradients", steps = 64'
    #[arg(long, value_name = "TOML")]
    explainer: String,
    /// A safetensors file with `x` [B, C, H, W] and `target` (int64 [B]), and `mask` [B, H, W] where the explainer needs it
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// The safetensors file to write, with `attribution`
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// float32 or float64
    #[arg(long, default_value = "float32")]
    dtype: String,
    /// Where tensors live: auto, cpu or cuda:N
    #[arg(long, default_value = "cpu")]
    device: String,
    /// The root of all randomness
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub fn explain(arguments: &Arguments) -> Result<ExitCode> {
    crate::native::init();
    let device = crate::native::device(&arguments.device)?;
    let kind = match arguments.dtype.as_str() {
        "float32" => Kind::Float,
        "float64" => Kind::Double,
        other => return Err(Error::new(format!("--dtype cannot be {other}: expected float32 or float64"))),
    };
    let contender = read_explainer(&arguments.explainer)?;
    let file = TensorFile::open(&arguments.input)?;
    let x = read_images(&file)?.f_to_kind(kind)?.f_to_device(device)?;
    let model = read_model(&arguments.model, arguments.weights.as_deref(), &x, device, kind)?;
    contender.chosen.method.check(&model.graph).map_err(|misfit| misfit.error("the model"))?;
    let classes = model.graph.shapes()?[model.graph.output].last().copied().unwrap_or(0);
    let target = read_target(&file, x.size()[0], classes)?.f_to_device(device)?;
    let evidence = match contender.chosen.method.needs_truth() {
        true => Some(evidence(read_mask(&file, &x)?, device)?),
        false => None,
    };
    // Outside of a dataset there are no training images: the mean is that of the images given.
    let mean = x.f_mean_dim([0, 2, 3].as_slice(), false, Kind::Double)?.to_device(Device::Cpu);
    let statistics = Statistics { mean };
    let scene = Scene {
        model: &model,
        target,
        evidence,
        ids: (0..x.size()[0] as u64).collect(),
        x,
        noise: Noise::new(arguments.seed),
        statistics: &statistics,
        chunk: model.rows_within(chunk_bytes(device)),
        differentiable: false,
    };
    let attribution = contender.chosen.method.explain(&scene)?.values;
    tensor_file::write(&arguments.output, &[("attribution", attribution)])?;
    Ok(ExitCode::SUCCESS)
}

/// What a mask says, bool [B, H, W].
fn evidence(mask: Tensor, device: Device) -> Result<Evidence> {
    let truth = Truth::from_masks(mask.shallow_clone())?;
    let applies = vec![true; truth.boxes.len()];
    Ok(Evidence { mask: mask.f_to_device(device)?, ignored: None, boxes: truth.boxes, applies, without: None })
}

fn read_images(file: &TensorFile) -> Result<Tensor> {
    let x = file.tensor("x")?;
    match x.dim() == 4 && x.numel() > 0 {
        true => Ok(x),
        false => Err(file.fault(format!("`x` is {:?}; expected [B, C, H, W], none of them 0", x.size()))),
    }
}

/// One class for each of `examples`.
fn read_target(file: &TensorFile, examples: i64, classes: i64) -> Result<Tensor> {
    let target = file.tensor("target")?;
    if target.kind() != Kind::Int64 || target.size() != [examples] {
        let found = format!("`target` is {:?} {:?}", target.kind(), target.size());
        return Err(file.fault(format!("{found}; expected int64 [{examples}], a class for each example of `x`")));
    }
    match Vec::<i64>::try_from(&target)?.into_iter().find(|class| !(0..classes).contains(class)) {
        Some(class) => Err(file.fault(format!("`target` holds {class}, and the model has {classes} classes"))),
        None => Ok(target),
    }
}

/// Where the evidence is, bool [B, H, W].
fn read_mask(file: &TensorFile, x: &Tensor) -> Result<Tensor> {
    let (mask, size) = (file.tensor("mask")?, x.size());
    let expected = [size[0], size[2], size[3]];
    match mask.size() == expected {
        true => Ok(mask.f_to_kind(Kind::Bool)?),
        false => Err(file.fault(format!("`mask` is {:?}; expected {expected:?}", mask.size()))),
    }
}

fn read_explainer(text: &str) -> Result<explainers::Contender> {
    let root = Section::parse("--explainer", &format!("explainer = {{ {text} }}"))?;
    let contender = root.section("explainer").and_then(|section| explainers::read(&section));
    root.check()?;
    contender.ok_or_else(|| Error::new("--explainer could not be read"))
}

fn read_model(path: &Path, file: Option<&Path>, x: &Tensor, device: Device, kind: Kind) -> Result<Model> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read the model", path, error))?;
    let root = Section::parse(&path.display().to_string(), &text)?;
    let section = root.section("model");
    if section.is_none() {
        root.mistake_at_header("the file has no `[model]` table", None, None);
    }
    let mut stated = None;
    let mut graph: Option<Graph> = None;
    if let Some(section) = &section {
        section.expect(&["name", "train"]);
        stated = section.file(if section.has("file") { "file" } else { "weights" });
        graph = table::read(section, &x.size()[1..], None);
        section.finish();
    }
    root.check()?;
    let graph = graph.ok_or_else(|| Error::new("the model could not be read"))?;
    let file = file.map(Path::to_path_buf).or(stated);
    let file = file.ok_or_else(|| Error::new("the model has no weights: give --weights FILE"))?;
    let tensors = weights::read(&graph, &file, kind, device)?;
    Model::new(graph.into(), tensors)
}
