//! `explainbench explain`: one explainer on tensors from a file, for users and for checking numbers from outside.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tch::{Device, Kind, Tensor};

use crate::config::Section;
use crate::error::{Error, Result};
use crate::explainers::{self, Scene};
use crate::imputers::Statistics;
use crate::model::{Graph, Model, chunk_bytes, layers, weights};
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
    let x = file.tensor("x")?;
    if x.dim() != 4 {
        return Err(Error::new(format!("{}: `x` is {:?}; expected [B, C, H, W]", arguments.input.display(), x.size())));
    }
    let (x, target) = (x.to_kind(kind).to_device(device), file.tensor("target")?);
    let target = target.to_kind(Kind::Int64).to_device(device);
    if target.size() != x.size()[..1] {
        return Err(Error::new(format!("`target` is {:?} and `x` is {:?}", target.size(), x.size())));
    }
    let truth = match contender.chosen.method.needs_truth() {
        true => Some(file.tensor("mask")?.to_kind(Kind::Bool).to_device(device)),
        false => None,
    };
    let model = read_model(&arguments.model, arguments.weights.as_deref(), &x, device, kind)?;
    // Outside of a dataset there are no training images: the mean is that of the images given.
    let mean = x.f_mean_dim([0, 2, 3].as_slice(), false, Kind::Double)?.to_device(Device::Cpu);
    let statistics = Statistics { mean };
    let scene = Scene {
        model: &model,
        target,
        truth,
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

fn read_explainer(text: &str) -> Result<explainers::Contender> {
    let section = Section::parse("--explainer", text)?;
    let contender = explainers::read(&section);
    section.check()?;
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
        stated = section.file("weights");
        graph = layers::read(section, &x.size()[1..], None);
        section.finish();
    }
    root.check()?;
    let graph = graph.ok_or_else(|| Error::new("the model could not be read"))?;
    let file = file.map(Path::to_path_buf).or(stated);
    let file = file.ok_or_else(|| Error::new("the model has no weights: give --weights FILE"))?;
    let tensors = weights::read(&graph, &file, kind, device)?;
    Model::new(graph.into(), tensors)
}
