//! From the nodes of an exported program to those of a [`Graph`].
//!
//! Shapes are followed for batches of two and of three examples: what is alike in both does not depend on the batch, and
//! what is two and three times the same number is so many times the batch. In-place operations run out of place, and the
//! names of what they changed stand for the new value from then on; a view of it, which they would have changed too, must
//! not be read any more.

use std::collections::{HashMap, HashSet};

use super::call::Call;
use super::schema::{Argument, Graph as Program, Integer, Node as Given, TensorMeta};
use crate::model::graph::{Arg, Graph, Role, WeightSpec};
use crate::model::init::Init;
use crate::model::ops::aten::Length;

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
    pub(super) memory: usize,
    /// Shared by all names of one and the same tensor.
    pub(super) tensor: usize,
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
    pub(super) meta: HashMap<String, TensorMeta>,
    pub(super) names: HashSet<String>,
    /// What some node, or whoever asks for the output, reads.
    read: HashSet<String>,
    memories: usize,
}

impl Lowering {
    pub fn new(graph: Graph, weights: HashMap<String, Pending>, program: &Program) -> Self {
        let arguments = program.nodes.iter().flat_map(|node| &node.inputs);
        let read = arguments.flat_map(|input| match &input.arg {
            Argument::Tensor(name) => vec![name.clone()],
            Argument::Tensors(names) => names.iter().flatten().cloned().collect(),
            _ => Vec::new(),
        });
        Self {
            graph,
            weights,
            started: HashSet::new(),
            placed: HashMap::new(),
            values: HashMap::new(),
            numbers: HashMap::new(),
            meta: program.tensor_values.clone(),
            names: HashSet::new(),
            read: read.collect(),
            memories: 0,
        }
    }

    /// Says that a name is read.
    pub fn reads(&mut self, name: &str) {
        self.read.insert(name.to_string());
    }

    pub fn is_read(&self, name: &str) -> bool {
        self.read.contains(name)
    }

    /// Binds the name of the program's input.
    pub fn input(&mut self, name: &str, arg: Arg) {
        let shapes = BATCHES.map(|batch| [&[batch], &self.graph.input[..]].concat());
        let memory = self.memory();
        self.values.insert(name.to_string(), Value { arg, shapes, memory, tensor: memory, truths: false });
    }

    pub(super) fn memory(&mut self) -> usize {
        self.memories += 1;
        self.memories
    }

    /// The value of a name; a weight joins the graph at its first use, so that weights are in execution order.
    pub fn value(&mut self, name: &str) -> Result<Value> {
        if let Some(value) = self.values.get(name) {
            return match value.memory {
                STALE => {
                    Err(format!("reads `{name}`, a view of a tensor that was changed in place after it was taken"))
                }
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

    pub(super) fn number(&self, given: &Integer) -> Result<Number> {
        match given {
            Integer::Known(known) => Ok([*known; 2]),
            Integer::Named(name) => {
                self.numbers.get(name).copied().ok_or_else(|| format!("reads `{name}`, which is not there"))
            }
        }
    }

    /// What the program says of a tensor.
    pub(super) fn is_truths(&self, name: &str) -> bool {
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

/// Whether a length depends on the number of examples.
pub fn is_of_batch([two, three]: Number) -> bool {
    two != three
}

/// A length by its values for two batches.
pub fn length(number: Number) -> Result<Length> {
    match number {
        [two, three] if two == three => Ok(Length::Fixed(two)),
        [two, three] if two % 2 == 0 && three % 3 == 0 && two / 2 == three / 3 => Ok(Length::Batch(two / 2)),
        _ => Err("has a length that is no multiple of the number of examples".to_string()),
    }
}
