//! One node of an exported program, as a rule sees it: its arguments, read by name, and what it adds to the graph.

use super::lower::{BATCHES, Lowering, Made, Number, Value};
use super::schema::{Argument, Integer, Node as Given, TensorMeta};
use crate::model::graph::{Arg, Node, Role};
use crate::model::init::Init;
use crate::model::ops::Op;
use crate::model::ops::aten::Aten;
use crate::model::ops::batched::batched_shape;

pub use super::lower::Result;

/// One node of the program with its arguments. Defaults are those of ATen's schema.
pub struct Call<'a> {
    pub lowering: &'a mut Lowering,
    pub(super) given: &'a Given,
    /// Without the underscore of in-place operations.
    pub operation: String,
    pub overload: String,
    pub(super) name: String,
    pub(super) module: String,
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

    pub fn floats(&self, key: &str) -> Result<Option<Vec<f64>>> {
        match self.given.argument(key) {
            Some(Argument::Floats(numbers)) => Ok(Some(numbers.clone())),
            None | Some(Argument::None) => Ok(None),
            Some(other) => Err(format!("expects numbers as `{key}`, got {other:?}")),
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

    /// Whether anything reads the output of this number.
    pub fn is_read(&self, output: usize) -> bool {
        self.given.gives().get(output).is_some_and(|name| self.lowering.is_read(name))
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

/// What comes of a node that gives one tensor.
pub fn one(value: Value) -> Result<Made> {
    Ok(Made::Tensors(vec![value]))
}

/// Adds a node and gives what comes of it.
pub fn emit(call: &mut Call, op: Aten, inputs: &[&Value]) -> Result<Made> {
    one(call.emit(Op::Aten(op), inputs)?)
}
