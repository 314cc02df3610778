//! The parts of an exported program that a graph is made of, as `torch.export` writes them (PyTorch's `schema.py`,
//! version 8). Arguments that equal their default are left out of the file.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

/// The version of the format that is understood; another minor one only adds to it.
pub const MAJOR: u64 = 8;

#[derive(Deserialize)]
pub struct Version {
    pub major: u64,
}

/// Read first, so that another version is named as such and not as broken.
#[derive(Deserialize)]
pub struct Header {
    pub schema_version: Version,
}

#[derive(Deserialize)]
pub struct Program {
    pub graph_module: GraphModule,
}

#[derive(Deserialize)]
pub struct GraphModule {
    pub graph: Graph,
    pub signature: Signature,
}

#[derive(Deserialize)]
pub struct Graph {
    pub nodes: Vec<Node>,
    #[serde(default)]
    pub tensor_values: HashMap<String, TensorMeta>,
}

#[derive(Deserialize)]
pub struct Node {
    pub target: String,
    pub inputs: Vec<NamedArgument>,
    pub outputs: Vec<Argument>,
    #[serde(default)]
    pub metadata: HashMap<String, Value>,
}

#[derive(Deserialize)]
pub struct NamedArgument {
    pub name: String,
    pub arg: Argument,
}

#[derive(Deserialize)]
pub struct Signature {
    pub input_specs: Vec<Value>,
    pub output_specs: Vec<Value>,
}

#[derive(Clone, Deserialize)]
pub struct TensorMeta {
    pub dtype: u64,
    pub sizes: Vec<Value>,
    #[serde(default)]
    pub strides: Vec<Value>,
    #[serde(default)]
    pub storage_offset: Value,
}

/// Where weights lie in the archive, by their names.
#[derive(Deserialize)]
pub struct Payload {
    pub config: HashMap<String, Stored>,
}

#[derive(Deserialize)]
pub struct Stored {
    pub path_name: String,
    #[serde(default)]
    pub use_pickle: bool,
    pub tensor_meta: Option<TensorMeta>,
}

/// What a node is given.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Value")]
pub enum Argument {
    None,
    Bool(bool),
    Float(f64),
    Integer(Integer),
    Integers(Vec<Integer>),
    Floats(Vec<f64>),
    Text(String),
    Tensor(String),
    Tensors(Vec<Option<String>>),
    /// A type of numbers, by its code.
    Kind(u64),
    /// What no operation that is known takes, by its tag.
    Other(String),
}

/// A number, or the name of one that depends on the batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Integer {
    Known(i64),
    Named(String),
}

impl From<Value> for Argument {
    fn from(value: Value) -> Self {
        let Some((tag, given)) = value.as_object().and_then(|object| object.iter().next()) else {
            return Self::Other("nothing".to_string());
        };
        read(tag, given).unwrap_or_else(|| Self::Other(tag.clone()))
    }
}

fn read(tag: &str, given: &Value) -> Option<Argument> {
    Some(match tag {
        "as_none" => Argument::None,
        "as_bool" => Argument::Bool(given.as_bool()?),
        "as_float" => Argument::Float(float(given)?),
        "as_int" => Argument::Integer(Integer::Known(given.as_i64()?)),
        "as_sym_int" => Argument::Integer(integer(given)?),
        "as_ints" => {
            let known = given.as_array()?.iter().map(|number| number.as_i64().map(Integer::Known));
            Argument::Integers(known.collect::<Option<_>>()?)
        }
        "as_sym_ints" => Argument::Integers(given.as_array()?.iter().map(integer).collect::<Option<_>>()?),
        "as_floats" => Argument::Floats(given.as_array()?.iter().map(float).collect::<Option<_>>()?),
        "as_string" => Argument::Text(given.as_str()?.to_string()),
        "as_tensor" => Argument::Tensor(name(given)?),
        "as_tensors" => {
            Argument::Tensors(given.as_array()?.iter().map(|one| name(one).map(Some)).collect::<Option<_>>()?)
        }
        "as_optional_tensors" => Argument::Tensors(given.as_array()?.iter().map(optional).collect::<Option<_>>()?),
        "as_scalar_type" => Argument::Kind(given.as_u64()?),
        _ => return None,
    })
}

/// Infinities and NaN come as strings.
fn float(given: &Value) -> Option<f64> {
    match given.as_str() {
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some("NaN") => Some(f64::NAN),
        _ => given.as_f64(),
    }
}

fn integer(given: &Value) -> Option<Integer> {
    match given.get("as_int") {
        Some(known) => known.as_i64().map(Integer::Known),
        None => given.get("as_name")?.as_str().map(|name| Integer::Named(name.to_string())),
    }
}

pub fn name(given: &Value) -> Option<String> {
    given.get("name")?.as_str().map(str::to_string)
}

fn optional(given: &Value) -> Option<Option<String>> {
    match given.get("as_tensor") {
        Some(tensor) => name(tensor).map(Some),
        None => given.get("as_none").map(|_| None),
    }
}

impl TensorMeta {
    /// The sizes, each a number or none where it is not fixed.
    pub fn lengths(&self) -> Vec<Option<i64>> {
        self.sizes.iter().map(|size| size.get("as_int").and_then(Value::as_i64)).collect()
    }

    pub fn is_bool(&self) -> bool {
        self.dtype == 12
    }

    pub fn is_float(&self) -> bool {
        matches!(self.dtype, 6..=8 | 13)
    }
}

impl Node {
    /// The operation without its library and overload, and that overload: `conv2d`, `default`.
    pub fn operation(&self) -> (&str, &str) {
        let name = self.target.strip_prefix("torch.ops.aten.").unwrap_or(&self.target);
        if name.starts_with("torch.ops.") || name.starts_with("_operator.") {
            return (name, "");
        }
        name.split_once('.').unwrap_or((name, ""))
    }

    /// The dotted path of the innermost module that it belongs to; empty for the model itself.
    pub fn module(&self) -> String {
        // "L__self__conv1,conv1,torch.nn.modules.conv.Conv2d;.." from the outermost on; other entries hold no path.
        let stack = self.metadata.get("nn_module_stack").and_then(Value::as_str).unwrap_or_default();
        let innermost = stack.rsplit(';').next().unwrap_or_default();
        let path = innermost.split(',').nth(1).unwrap_or_default();
        if path.starts_with('_') { String::new() } else { path.to_string() }
    }

    /// The names of the tensors and numbers that it gives.
    pub fn gives(&self) -> Vec<String> {
        let mut names = Vec::new();
        for output in &self.outputs {
            match output {
                Argument::Tensor(name) | Argument::Integer(Integer::Named(name)) => names.push(name.clone()),
                Argument::Tensors(all) => names.extend(all.iter().flatten().cloned()),
                _ => names.push(String::new()),
            }
        }
        names
    }

    pub fn argument(&self, name: &str) -> Option<&Argument> {
        self.inputs.iter().find(|input| input.name == name).map(|input| &input.arg)
    }
}
