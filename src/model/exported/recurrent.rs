//! Rules for recurrent networks: one node for each layer, with dropout between them as nodes of their own.

use super::call::{Call, Result};
use super::layers::dropped;
use super::lower::{Made, Value};
use super::parts::{join, part, selected, stacked};
use crate::model::graph::Role;
use crate::model::init::Init;
use crate::model::ops::Op;
use crate::model::ops::aten::{Aten, Recurrent, Unit};

/// Gives the states of the last layer, the last states of all layers and, of an LSTM, their last cells. What nothing reads is
/// not made.
pub fn recurrent(call: &mut Call) -> Result<Made> {
    if call.overload != "input" {
        return Err("runs over packed sequences, which is not understood".to_string());
    }
    let units = [Unit::Lstm, Unit::Gru, Unit::Tanh, Unit::Relu];
    let unit = units.into_iter().find(|unit| unit.name() == call.operation).ok_or("is not understood")?;
    let mut x = call.tensor("input")?;
    let first: Vec<Value> = match unit {
        Unit::Lstm => call.tensors("hx")?.into_iter().flatten().collect(),
        _ => vec![call.tensor("hx")?],
    };
    let weights: Vec<Value> = call.tensors("params")?.into_iter().flatten().collect();
    let layer = Recurrent {
        unit,
        biases: call.flag("has_biases", true)?,
        both_ways: call.flag("bidirectional", false)?,
        batch_first: call.flag("batch_first", false)?,
        cells: false,
    };
    let (directions, probability) = (layer.directions(), call.float("dropout", Some(0.0))?);
    let of_layer = layer.weights() * if layer.both_ways { 2 } else { 1 };
    let layers = call.int("num_layers", None)?;
    let given = (first.len(), i64::try_from(weights.len() / of_layer), weights.len() % of_layer);
    if given != (unit.states(), Ok(layers), 0) || x.dims() != 3 || !(0.0..=1.0).contains(&probability) {
        return Err("has a projection, or other states and weights than its layers need".to_string());
    }
    if first.iter().any(|first| first.dims() != 3 || first.length(0) != [layers * directions; 2]) {
        return Err(format!("has no first states for {layers} layers"));
    }
    let hidden = first[0].shapes[0][2];
    for weight in &weights {
        // PyTorch draws all of them within 1 / sqrt(H).
        call.starts(weight, Role::Parameter, Init::FanIn(hidden));
    }
    let (mut states, mut cells) = (Vec::new(), Vec::new());
    for (number, weights) in (0..layers).zip(weights.chunks(of_layer)) {
        if number > 0 && probability > 0.0 {
            x = dropped(call, &x, probability)?;
        }
        let mut inputs = vec![x];
        for first in &first {
            inputs.push(part(call, first, 0, (number * directions, (number + 1) * directions, 1))?);
        }
        inputs.extend(weights.iter().cloned());
        let inputs: Vec<&Value> = inputs.iter().collect();
        let all = call.emit(Op::Aten(Aten::Recurrent(layer)), &inputs)?;
        if call.is_read(1) || call.is_read(2) {
            states.extend(last(call, &layer, &all, hidden)?);
        }
        if call.is_read(2) {
            let op = Op::Aten(Aten::Recurrent(Recurrent { cells: true, ..layer }));
            cells.push(call.emit(op, &inputs)?);
        }
        x = all;
    }
    let mut made = vec![x];
    if let Made::Tensors(last) = joined(&states, |states| stacked(call, states, 0))? {
        made.extend(last);
    }
    if let Made::Tensors(last) = joined(&cells, |cells| join(call, cells, 0))? {
        made.extend(last);
    }
    Ok(Made::Tensors(made))
}

/// Nothing of nothing.
fn joined(values: &[Value], join: impl FnOnce(&[Value]) -> Result<Made>) -> Result<Made> {
    if values.is_empty() { Ok(Made::Nothing) } else { join(values) }
}

/// The state `[B, H]` of each direction after its last step: forwards that is at the end, backwards at the start.
fn last(call: &mut Call, layer: &Recurrent, all: &Value, hidden: i64) -> Result<Vec<Value>> {
    let time = if layer.batch_first { 1 } else { 0 };
    let mut states = Vec::new();
    for direction in 0..layer.directions() {
        let step = if direction == 0 { -1 } else { 0 };
        let both = selected(call, all, time, step)?;
        let state = part(call, &both, 1, (direction * hidden, (direction + 1) * hidden, 1))?;
        // Not a view of what it came from: nothing changes either in place.
        states.push(call.apart(state));
    }
    Ok(states)
}
