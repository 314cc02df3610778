//! Models that `torch.export.save` wrote (`.pt2`), read into a [`Graph`] without Python.
//!
//! The archive holds the program as JSON and the weights as plain numbers; no pickle in it is opened. Weights keep the
//! names that PyTorch gives them, nodes theirs and the path of their module. What the program fixes for evaluation (batch
//! norm, dropout) is [`Mode`](super::Mode)'s to say again. How a weight starts is not in the file: it is PyTorch's default
//! for the layer that uses it, so that a model can be trained anew; parameters of no layer (tokens, positions) are drawn
//! from a normal distribution of standard deviation 0.02, and buffers other than running statistics are constants.

mod archive;
mod call;
mod layers;
mod lower;
mod makers;
mod parts;
mod pointwise;
mod products;
mod recurrent;
mod rules;
mod schema;
mod shapes;
mod storage;
mod windows;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value as Json;
use tch::{Kind, Tensor};

pub use archive::{EXPORT, FileKind, kind_of};

use super::graph::{Arg, Graph, Node, Role};
use super::init::Init;
use super::ops::Op;
use crate::error::{Error, Result};
use archive::{Archive, again};
use lower::{BATCHES, Lowering, Pending};
use schema::{Header, MAJOR, Program, TensorMeta};
use storage::{Place, Storage};

/// An opened file. Its graph is made for examples of one shape.
pub struct Exported {
    archive: Archive,
    program: Program,
    storage: Storage,
    /// The program's name of a weight to its own.
    weights: Vec<(String, String, Role)>,
    input: String,
    output: String,
}

impl Exported {
    /// Reads the program and where the weights lie.
    ///
    /// # Errors
    /// When the file is not what `torch.export.save` writes, or holds what is not read: another version of the format,
    /// pickled weights, several inputs or outputs, operations without a rule (all of them are named).
    pub fn open(path: &Path) -> Result<Self> {
        let mut archive = Archive::open(path)?;
        if !archive.has("models/model.json") && archive.has("serialized_exported_program.json") {
            let help = format!("export it again with a newer one: {EXPORT}");
            return Err(archive.fault("was written by a PyTorch before 2.8", help));
        }
        let header: Header = archive.json("models/model.json")?;
        if header.schema_version.major != MAJOR {
            let found = header.schema_version.major;
            let message = format!("is of version {found} of the format, and version {MAJOR} is read");
            return Err(archive.fault(message, format!("export it with PyTorch 2.9 to 2.11: {EXPORT}")));
        }
        let program: Program = archive.json("models/model.json")?;
        let storage = Storage::read(&mut archive)?;
        let (weights, inputs) = signature(&program.graph_module.signature.input_specs)
            .map_err(|why| archive.fault(format!("its signature {why}"), again()))?;
        let [input] = &inputs[..] else {
            let (count, names) = (inputs.len(), inputs.join(", "));
            let message = format!("has {count} inputs ({names}), and a model under explanation has one");
            return Err(archive.fault(message, format!("export a wrapper that fixes the others: {EXPORT}")));
        };
        let outputs = outputs(&program.graph_module.signature.output_specs);
        let [Some(output)] = &outputs[..] else {
            let message = format!("gives {} things, and a model under explanation gives logits alone", outputs.len());
            return Err(archive.fault(message, format!("export a wrapper that returns these: {EXPORT}")));
        };
        let (input, output) = (input.clone(), output.clone());
        let unknown: Vec<String> = program
            .graph_module
            .graph
            .nodes
            .iter()
            .filter(|node| rules::find(node.operation().0).is_none())
            .map(|node| {
                let name = node.gives().first().cloned().unwrap_or_default();
                let module = node.module();
                let within = if module.is_empty() { String::new() } else { format!(" in `{module}`") };
                format!("`{}` (node `{name}`{within})", node.operation().0)
            })
            .collect();
        if !unknown.is_empty() {
            let message = format!("uses operations that have no rule: {}", unknown.join(", "));
            return Err(archive.fault(message, without()));
        }
        Ok(Self { archive, program, storage, weights, input, output })
    }

    /// The shape of one example, as far as the file fixes it.
    pub fn input(&self) -> Vec<Option<i64>> {
        let meta = self.program.graph_module.graph.tensor_values.get(&self.input);
        meta.map(TensorMeta::lengths).unwrap_or_default().into_iter().skip(1).collect()
    }

    /// The graph for examples of shape `input`, after `preprocess` if there is one.
    ///
    /// # Errors
    /// When the file is for other shapes or for one size of batch, or an operation is used in a way that is not understood.
    pub fn graph(&mut self, input: &[i64], preprocess: Option<Op>) -> Result<Graph> {
        self.check_input(input)?;
        let graph = Graph { input: input.to_vec(), nodes: Vec::new(), weights: Vec::new(), output: 0 };
        let module = &self.program.graph_module.graph;
        let mut lowering = Lowering::new(graph, self.pending()?, module);
        lowering.reads(&self.output);
        if let Some((_, name, _)) = self
            .weights
            .iter()
            .find(|(program_name, name, _)| lowering.is_read(program_name) && self.storage.place(name).is_none())
        {
            return Err(self.missing(name));
        }
        let mut arg = Arg::Input;
        if let Some(op) = preprocess {
            let name = "preprocess".to_string();
            lowering.graph.nodes.push(Node { module: name.clone(), name, op, inputs: vec![Arg::Input] });
            arg = Arg::Node(0);
        }
        lowering.input(&self.input, arg);
        for node in &module.nodes {
            let rule = rules::find(node.operation().0);
            let lowered = rule.ok_or_else(|| "has no rule".to_string()).and_then(|rule| lowering.node(node, rule));
            lowered.map_err(|why| {
                let (name, at) = (node.gives().first().cloned().unwrap_or_default(), node.module());
                let within = if at.is_empty() { String::new() } else { format!(" in `{at}`") };
                self.archive.fault(format!("node `{name}` ({}){within} {why}", node.operation().0), without())
            })?;
        }
        let output =
            lowering.value(&self.output).map_err(|why| self.archive.fault(format!("its output {why}"), without()))?;
        let Arg::Node(at) = output.arg else {
            return Err(self.archive.fault("gives its input, or a weight, as it is", without()));
        };
        let logits = matches!(&output.shapes, [two, three] if two.len() == 2 && [two[0], three[0]] == BATCHES && two[1] == three[1]);
        if !logits {
            let shape = &output.shapes[0];
            let message =
                format!("gives {shape:?} for a batch of 2, and a model under explanation gives logits [2, classes]");
            return Err(self.archive.fault(message, format!("export a wrapper that gives these: {EXPORT}")));
        }
        let started = lowering.started;
        let mut graph = Graph { output: at, ..lowering.graph };
        for at in (0..graph.weights.len()).filter(|at| !started.contains(at)) {
            graph.weights[at].init = self.plain_start(&graph.weights[at].name, graph.weights[at].role)?;
        }
        Ok(graph)
    }

    /// All weights of a graph by name, as the file holds them.
    pub fn weights(&mut self, graph: &Graph) -> Result<BTreeMap<String, Tensor>> {
        let mut tensors = BTreeMap::new();
        for spec in &graph.weights {
            let place = self.place(&spec.name)?;
            tensors.insert(spec.name.clone(), place.tensor(&mut self.archive)?);
        }
        Ok(tensors)
    }

    /// How a tensor starts that no layer knows.
    fn plain_start(&mut self, name: &str, role: Role) -> Result<Init> {
        if role == Role::Parameter {
            return Ok(Init::Normal(0.02));
        }
        let tensor = self.place(name)?.tensor(&mut self.archive)?.f_to_kind(Kind::Double)?.f_reshape([-1])?;
        Ok(Init::Fixed(Vec::<f64>::try_from(&tensor)?.into()))
    }

    fn place(&self, name: &str) -> Result<Place> {
        self.storage.place(name).cloned().ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> Error {
        self.archive.fault(format!("the tensor `{name}` is missing"), again())
    }

    fn check_input(&self, input: &[i64]) -> Result<()> {
        let Some(meta) = self.program.graph_module.graph.tensor_values.get(&self.input) else {
            return Err(self.archive.fault("does not describe its input", again()));
        };
        if let Some(Some(batch)) = meta.lengths().first() {
            let message = format!("was exported for batches of {batch} alone");
            return Err(self.archive.fault(message, format!("let their size vary: {EXPORT}")));
        }
        let expected = self.input();
        let fits = expected.len() == input.len()
            && expected.iter().zip(input).all(|(expected, given)| expected.is_none_or(|expected| expected == *given));
        if fits {
            return Ok(());
        }
        let lengths = expected.iter().map(|length| length.map_or("any".to_string(), |length| length.to_string()));
        let expected = lengths.collect::<Vec<_>>().join(", ");
        let message = format!("expects examples of shape [{expected}], and these are {input:?}");
        Err(self.archive.fault(message, "give it examples of its shape, or export it for one of these"))
    }

    /// The weights by the program's names for them.
    fn pending(&self) -> Result<HashMap<String, Pending>> {
        let mut identities: BTreeMap<Place, (usize, String)> = BTreeMap::new();
        let mut pending = HashMap::new();
        for (program_name, name, role) in &self.weights {
            let Some(place) = self.storage.place(name) else {
                // One that nothing uses, such as the count of batches, may be left out.
                continue;
            };
            let count = identities.len();
            let (identity, first) = identities.entry(place.clone()).or_insert_with(|| (count, name.clone())).clone();
            let truths =
                self.program.graph_module.graph.tensor_values.get(program_name).is_some_and(TensorMeta::is_bool);
            let shape = place.shape.clone();
            pending.insert(program_name.clone(), Pending { name: first, shape, role: *role, truths, identity });
        }
        Ok(pending)
    }
}

/// Weights with the program's name, their own and their role, and the names of the inputs.
type Inputs = (Vec<(String, String, Role)>, Vec<String>);

fn signature(specs: &[Json]) -> std::result::Result<Inputs, String> {
    let (mut weights, mut inputs) = (Vec::new(), Vec::new());
    for spec in specs {
        let Some((tag, spec)) = spec.as_object().and_then(|object| object.iter().next()) else {
            return Err("lists an input of no kind".to_string());
        };
        let arg = spec.get("arg").cloned().unwrap_or_default();
        let (key, role) = match tag.as_str() {
            "parameter" => ("parameter_name", Role::Parameter),
            "buffer" => ("buffer_name", Role::Buffer),
            "tensor_constant" => ("tensor_constant_name", Role::Buffer),
            "user_input" => {
                match arg.get("as_tensor").and_then(schema::name) {
                    Some(name) => inputs.push(name),
                    // A default that was kept, such as None.
                    None if arg.get("as_none").is_some() => {}
                    None => return Err("takes an input that is no tensor".to_string()),
                }
                continue;
            }
            other => return Err(format!("takes an input of the kind `{other}`, which is not read")),
        };
        match (schema::name(&arg), spec.get(key).and_then(Json::as_str)) {
            (Some(program_name), Some(name)) => weights.push((program_name, name.to_string(), role)),
            _ => return Err(format!("lists a {tag} without a name")),
        }
    }
    Ok((weights, inputs))
}

/// The names of what the program gives; none where that is no tensor. Changes of buffers are for training to make.
fn outputs(specs: &[Json]) -> Vec<Option<String>> {
    let given = specs.iter().filter_map(|spec| spec.get("user_output"));
    given.map(|given| given.get("arg")?.get("as_tensor").and_then(schema::name)).collect()
}

/// Reads a file's graph for examples of shape `input`.
pub fn read(path: &Path, input: &[i64], preprocess: Option<Op>) -> Result<Graph> {
    Exported::open(path)?.graph(input, preprocess)
}

/// The remedy for what a model does and is not understood.
fn without() -> String {
    format!("write the model without it and export it again: {EXPORT}")
}

/// Why a file of another kind is not a model to be read; none if it is one.
pub fn refusal(path: &Path) -> Result<Option<Error>> {
    let (why, help) = match kind_of(path)? {
        // Which is read elsewhere.
        FileKind::Exported | FileKind::TorchScript => return Ok(None),
        FileKind::Compiled => ("is compiled code, which has no gradients", format!("export the model: {EXPORT}")),
        FileKind::Safetensors => (
            "holds weights and no model",
            format!("describe the model with `layers = [..]` and name the file as `weights`, or export it: {EXPORT}"),
        ),
        FileKind::Pickle => {
            ("is pickled, and reading a pickle can run any code that it holds", format!("export the model: {EXPORT}"))
        }
        FileKind::Other => ("is no model that is known", format!("export one: {EXPORT}")),
    };
    Ok(Some(Error::refused(format!("{} {why}", path.display()), help)))
}
