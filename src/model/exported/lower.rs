//! From the nodes of an exported program to those of a [`Graph`].
//!
//! Shapes are followed for batches of two and of three examples: what is alike in both does not depend on the batch, and
//! what is two and three times the same number is so many times the batch. In-place operations run out of place, and the
//! names of what they changed stand for the new value from then on; a view of it, which they would have changed too, must
//! not be read any more.

use std::collections::{HashMap, HashSet};

use super::archive::EXPORT;
use super::schema::{Argument, Integer, Node as Given, TensorMeta};
use crate::model::graph::{Arg, Graph, Node, Role, WeightSpec};
use crate::model::init::Init;
use crate::model::ops::Op;
use crate::model::ops::aten::Length;
use crate::model::ops::batched::batched_shape;

/// For batches of two and of three examples.
pub const BATCHES: [i64; 2] = [2, 3];

pub type Result<T> = std::result::Result<T, String>;

/// A tensor on its way through the program.
#[derive(Clone, Debug)]
pub struct Value {
    pub arg: Arg,
    /// With the batch, for each of [`BATCHES`].
    pub shapes: [Vec<i64>; 2],
    /// Shared by all that may be views of the same memory.
    memory: usize,
    /// Shared by all names of one and the same tensor.
    tensor: usize,
    /// Whether its elements are truths, by the program.
    pub truths: bool,
}

/// A number of the program, for each of [`BATCHES`].
pub type Number = [i64; 2];

/// A weight of the program before its first use.
pub struct Pending {
    /// As PyTorch names it.
    pub name: String,
    pub shape: Vec<i64>,
    pub role: Role,
    pub truths: bool,
    /// The same for tied weights.
    pub identity: usize,
}

pub struct Lowering {
    pub graph: Graph,
    pub weights: HashMap<String, Pending>,
    /// Which of the graph's weights have a start of their own by the layer that uses them.
    pub started: HashSet<usize>,
    placed: HashMap<usize, usize>,
    values: HashMap<String, Value>,
    numbers: HashMap<String, Number>,
    meta: HashMap<String, TensorMeta>,
    names: HashSet<String>,
    memories: usize,
}

impl Lowering {
    pub fn new(graph: Graph, weights: HashMap<String, Pending>, meta: HashMap<String, TensorMeta>) -> Self {
        Self {
            graph,
            weights,
            started: HashSet::new(),
            placed: HashMap::new(),
            values: HashMap::new(),
            numbers: HashMap::new(),
            meta,
            names: HashSet::new(),
            memories: 0,
        }
    }

    /// Binds the name of the program's input.
    pub fn input(&mut self, name: &str, arg: Arg) {
        let shapes = BATCHES.map(|batch| [&[batch], &self.graph.input[..]].concat());
        let memory = self.memory();
        self.values.insert(name.to_string(), Value { arg, shapes, memory, tensor: memory, truths: false });
    }

    fn memory(&mut self) -> usize {
        self.memories += 1;
        self.memories
    }

    /// The value of a name; a weight joins the graph at its first use, so that weights are in execution order.
    pub fn value(&mut self, name: &str) -> Result<Value> {
        if let Some(value) = self.values.get(name) {
            return match value.memory {
                STALE => Err(format!(
                    "reads `{name}`, a view of a tensor that was changed in place after it was taken: \
                     write the change out of place in the model and export it again with {EXPORT}"
                )),
                _ => Ok(value.clone()),
            };
        }
        let Some(pending) = self.weights.get(name) else {
            return Err(format!("reads `{name}`, which is not there"));
        };
        let at = match self.placed.get(&pending.identity) {
            Some(at) => *at,
            None => {
                let spec = WeightSpec {
                    name: pending.name.clone(),
                    shape: pending.shape.clone(),
                    role: pending.role,
                    init: Init::Zeros,
                };
                self.graph.weights.push(spec);
                self.placed.insert(pending.identity, self.graph.weights.len() - 1);
                self.graph.weights.len() - 1
            }
        };
        let (shape, truths) = (pending.shape.clone(), pending.truths);
        let memory = self.memory();
        let value = Value { arg: Arg::Weight(at), shapes: [shape.clone(), shape], memory, tensor: memory, truths };
        self.values.insert(name.to_string(), value.clone());
        Ok(value)
    }

    fn number(&self, given: &Integer) -> Result<Number> {
        match given {
            Integer::Known(known) => Ok([*known; 2]),
            Integer::Named(name) => {
                self.numbers.get(name).copied().ok_or_else(|| format!("reads `{name}`, which is not there"))
            }
        }
    }

    /// What the program says of a tensor.
    fn is_truths(&self, name: &str) -> bool {
        self.meta.get(name).is_some_and(TensorMeta::is_bool)
    }

    /// Lowers one node by the rule for its operation.
    pub fn node(&mut self, given: &Given, rule: super::rules::Rule) -> Result<()> {
        let gives = given.gives();
        let (operation, overload) = given.operation();
        let (operation, in_place) = match operation.strip_suffix('_') {
            Some(operation) if !operation.starts_with('_') => (operation.to_string(), true),
            _ => (operation.to_string(), false),
        };
        let module = given.module();
        let name = gives.first().cloned().unwrap_or_default();
        let overload = overload.to_string();
        let before = self.graph.nodes.len();
        let made = rule(&mut Call { lowering: self, given, operation, overload, name: name.clone(), module })?;
        if let Made::Number(number) = made {
            self.numbers.insert(name, number);
            return Ok(());
        }
        let Made::Tensors(mut values) = made else { return Ok(()) };
        // Where several nodes were needed, the last is the one that goes by the program's name.
        if let ([value], true) = (&values[..], self.graph.nodes.len() > before)
            && value.arg == Arg::Node(self.graph.nodes.len() - 1)
            && !name.is_empty()
        {
            let last = self.graph.nodes.len() - 1;
            self.rename(last, &name)?;
        }
        if in_place {
            let Some(Argument::Tensor(changed)) = given.inputs.first().map(|input| &input.arg) else {
                return Err("changes something that is no tensor in place".to_string());
            };
            let old = self.value(changed)?;
            if let Arg::Weight(_) | Arg::Input = old.arg {
                return Err(format!("changes `{changed}`, a weight or the input, in place"));
            }
            let Some(new) = values.first_mut() else { return Err("gives nothing".to_string()) };
            if new.shapes != old.shapes {
                return Err("changes the shape of a tensor in place".to_string());
            }
            // Without a change there is nothing that a view could miss.
            if new.arg != old.arg {
                let fresh = self.memory();
                (new.memory, new.tensor) = (fresh, fresh);
                for value in self.values.values_mut().filter(|value| value.memory == old.memory) {
                    if value.tensor == old.tensor {
                        *value = new.clone();
                    } else {
                        value.memory = STALE;
                    }
                }
            }
        }
        for (name, mut value) in gives.into_iter().zip(values) {
            value.truths = self.is_truths(&name);
            if !name.is_empty() {
                self.values.insert(name, value);
            }
        }
        Ok(())
    }

    fn rename(&mut self, node: usize, name: &str) -> Result<()> {
        let node = &mut self.graph.nodes[node];
        self.names.remove(&node.name);
        node.name = name.to_string();
        if self.names.insert(name.to_string()) { Ok(()) } else { Err(format!("two nodes are called `{name}`")) }
    }
}

/// The memory of what must not be read any more.
const STALE: usize = 0;

/// What comes of a node.
pub enum Made {
    Tensors(Vec<Value>),
    Number(Number),
    /// A check of the program's, of which nothing depends.
    Nothing,
}

/// One node of the program with its arguments. Defaults are those of ATen's schema.
pub struct Call<'a> {
    pub lowering: &'a mut Lowering,
    given: &'a Given,
    /// Without the underscore of in-place operations.
    pub operation: String,
    pub overload: String,
    name: String,
    module: String,
}

impl Call<'_> {
    pub fn tensor(&mut self, key: &str) -> Result<Value> {
        self.tensor_or_none(key)?.ok_or_else(|| format!("lacks its argument `{key}`"))
    }

    pub fn tensor_or_none(&mut self, key: &str) -> Result<Option<Value>> {
        match self.given.argument(key) {
            None | Some(Argument::None) => Ok(None),
            Some(Argument::Tensor(name)) => self.lowering.value(name).map(Some),
            Some(other) => Err(format!("expects a tensor as `{key}`, got {other:?}")),
        }
    }

    pub fn is_tensor(&self, key: &str) -> bool {
        matches!(self.given.argument(key), Some(Argument::Tensor(_)))
    }

    /// Whether a tensor holds truths.
    pub fn truths(&self, key: &str) -> bool {
        match self.given.argument(key) {
            Some(Argument::Tensor(name)) => self.lowering.is_truths(name),
            _ => false,
        }
    }

    /// Whether a tensor holds fractions, by the program.
    pub fn is_float(&self, key: &str) -> bool {
        match self.given.argument(key) {
            Some(Argument::Tensor(name)) => self.lowering.meta.get(name).is_some_and(TensorMeta::is_float),
            _ => false,
        }
    }

    pub fn gives_float(&self) -> bool {
        self.lowering.meta.get(&self.name).is_none_or(TensorMeta::is_float)
    }

    pub fn tensors(&mut self, key: &str) -> Result<Vec<Option<Value>>> {
        match self.given.argument(key) {
            Some(Argument::Tensors(names)) => {
                names.iter().map(|name| name.as_ref().map(|name| self.lowering.value(name)).transpose()).collect()
            }
            other => Err(format!("expects tensors as `{key}`, got {other:?}")),
        }
    }

    pub fn number(&self, key: &str, default: Option<i64>) -> Result<Number> {
        match (self.given.argument(key), default) {
            (Some(Argument::Integer(number)), _) => self.lowering.number(number),
            (None | Some(Argument::None), Some(default)) => Ok([default; 2]),
            (other, _) => Err(format!("expects an integer as `{key}`, got {other:?}")),
        }
    }

    /// A number that does not depend on the batch.
    pub fn int(&self, key: &str, default: Option<i64>) -> Result<i64> {
        let [two, three] = self.number(key, default)?;
        if two == three { Ok(two) } else { Err(format!("has a `{key}` that depends on the number of examples")) }
    }

    pub fn numbers(&self, key: &str) -> Result<Option<Vec<Number>>> {
        match self.given.argument(key) {
            Some(Argument::Integers(all)) => {
                all.iter().map(|one| self.lowering.number(one)).collect::<Result<_>>().map(Some)
            }
            Some(Argument::Integer(one)) => Ok(Some(vec![self.lowering.number(one)?])),
            None | Some(Argument::None) => Ok(None),
            Some(other) => Err(format!("expects integers as `{key}`, got {other:?}")),
        }
    }

    pub fn ints(&self, key: &str) -> Result<Option<Vec<i64>>> {
        let Some(numbers) = self.numbers(key)? else { return Ok(None) };
        let fixed = numbers.iter().map(|[two, three]| (two == three).then_some(*two)).collect::<Option<_>>();
        fixed.map(Some).ok_or_else(|| format!("has a `{key}` that depends on the number of examples"))
    }

    pub fn float(&self, key: &str, default: Option<f64>) -> Result<f64> {
        self.float_or_none(key)?.or(default).ok_or_else(|| format!("lacks its argument `{key}`"))
    }

    pub fn float_or_none(&self, key: &str) -> Result<Option<f64>> {
        match self.given.argument(key) {
            Some(Argument::Float(number)) => Ok(Some(*number)),
            Some(Argument::Integer(Integer::Known(number))) => Ok(Some(*number as f64)),
            Some(Argument::Bool(truth)) => Ok(Some(f64::from(u8::from(*truth)))),
            None | Some(Argument::None) => Ok(None),
            Some(other) => Err(format!("expects a number as `{key}`, got {other:?}")),
        }
    }

    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.given.argument(key) {
            Some(Argument::Bool(flag)) => Ok(*flag),
            None | Some(Argument::None) => Ok(default),
            Some(other) => Err(format!("expects true or false as `{key}`, got {other:?}")),
        }
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        match self.given.argument(key) {
            Some(Argument::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn is_given(&self, key: &str) -> bool {
        !matches!(self.given.argument(key), None | Some(Argument::None))
    }

    /// The type of numbers that is asked for.
    pub fn kind(&self, key: &str) -> Option<u64> {
        match self.given.argument(key) {
            Some(Argument::Kind(kind)) => Some(*kind),
            _ => None,
        }
    }

    /// How many tensors or numbers the node gives.
    pub fn outputs(&self) -> usize {
        self.given.gives().len()
    }

    /// Says how a weight starts, once; the first layer that uses a tied weight decides.
    pub fn starts(&mut self, weight: &Value, role: Role, init: Init) {
        if let Arg::Weight(at) = weight.arg
            && self.lowering.started.insert(at)
            && let Some(spec) = self.lowering.graph.weights.get_mut(at)
        {
            spec.init = init;
            spec.role = role;
        }
    }

    /// Adds a node to the graph.
    pub fn emit(&mut self, op: Op, inputs: &[&Value]) -> Result<Value> {
        let shape = |batch: usize| {
            let shapes: Vec<&[i64]> = inputs.iter().map(|value| &value.shapes[batch][..]).collect();
            batched_shape(&op, &shapes)
        };
        let shapes = [shape(0)?, shape(1)?];
        // Renamed where it turns out to be the last.
        let name = format!("{}.{}.{}", self.name, op.name(), self.lowering.graph.nodes.len());
        self.lowering.names.insert(name.clone());
        let inputs = inputs.iter().map(|value| value.arg).collect();
        self.lowering.graph.nodes.push(Node { name, module: self.module.clone(), op, inputs });
        let arg = Arg::Node(self.lowering.graph.nodes.len() - 1);
        let memory = self.lowering.memory();
        Ok(Value { arg, shapes, memory, tensor: memory, truths: false })
    }

    /// The same for an operation whose result may be a view of its input.
    pub fn emit_view(&mut self, op: Op, of: &Value) -> Result<Value> {
        Ok(Value { memory: of.memory, ..self.emit(op, &[of])? })
    }

    /// Whether a weight's name ends so.
    pub fn is_named(&self, weight: &Value, end: &str) -> bool {
        match weight.arg {
            Arg::Weight(at) => self.lowering.graph.weights.get(at).is_some_and(|spec| spec.name.ends_with(end)),
            _ => false,
        }
    }

    /// The value as one that is a view of nothing.
    pub fn apart(&mut self, value: Value) -> Value {
        let memory = self.lowering.memory();
        Value { memory, tensor: memory, ..value }
    }

    /// The value as what may be a view of itself, or a copy.
    pub fn perhaps_apart(&mut self, value: Value) -> Value {
        Value { tensor: self.lowering.memory(), ..value }
    }

    /// The value as a view of another.
    pub fn same_memory(&self, value: Value, of: &Value) -> Value {
        Value { memory: of.memory, ..value }
    }

    /// The network's input, which tells how many examples there are.
    pub fn batch(&mut self) -> Value {
        let shapes = BATCHES.map(|batch| [&[batch], &self.lowering.graph.input[..]].concat());
        let memory = self.lowering.memory();
        Value { arg: Arg::Input, shapes, memory, tensor: memory, truths: false }
    }
}

impl Value {
    /// The number of dimensions.
    pub fn dims(&self) -> i64 {
        self.shapes[0].len() as i64
    }

    /// A dimension counted from 0, where it may have been from the end.
    pub fn dim(&self, given: i64) -> Result<i64> {
        let dim = if given < 0 { given.saturating_add(self.dims()) } else { given };
        if (0..self.dims()).contains(&dim) {
            Ok(dim)
        } else {
            Err(format!("names dimension {given} of {}", self.dims()))
        }
    }

    /// The length of a dimension for each batch.
    pub fn length(&self, dim: i64) -> Number {
        [0, 1].map(|batch| self.shapes[batch].get(dim as usize).copied().unwrap_or(0))
    }

    /// Whether the examples are its first dimension.
    pub fn leads_with_batch(&self) -> bool {
        self.dims() > 0 && self.length(0) == BATCHES
    }
}

/// A length by its values for two batches.
pub fn length(number: Number) -> Result<Length> {
    match number {
        [two, three] if two == three => Ok(Length::Fixed(two)),
        [two, three] if two % 2 == 0 && three % 3 == 0 && two / 2 == three / 3 => Ok(Length::Batch(two / 2)),
        _ => Err("has a length that is no multiple of the number of examples".to_string()),
    }
}
