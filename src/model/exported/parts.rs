//! Rules for taking tensors apart, putting them together and picking from them.

use super::call::{Call, Result, emit, one};
use super::lower::{Made, Value, is_of_batch};
use super::shapes::{shape_to, unsqueezed};
use crate::model::graph::Role;
use crate::model::init::Init;
use crate::model::ops::Op;
use crate::model::ops::aten::{Aten, PadMode};

pub fn stack(call: &mut Call) -> Result<Made> {
    let dim = call.int("dim", Some(0))?;
    let parts: Vec<Value> = call.tensors("tensors")?.into_iter().flatten().collect();
    stacked(call, &parts, dim)
}

/// Tensors of one shape along a new dimension.
pub fn stacked(call: &mut Call, tensors: &[Value], dim: i64) -> Result<Made> {
    let mut parts = Vec::new();
    for part in tensors {
        let numbers = unsqueezed(part, dim)?;
        if let Made::Tensors(mut shaped) = shape_to(call, part, &numbers)? {
            parts.append(&mut shaped);
        }
    }
    join(call, &parts, dim)
}

pub fn cat(call: &mut Call) -> Result<Made> {
    let parts: Vec<Value> = call.tensors("tensors")?.into_iter().flatten().collect();
    join(call, &parts, call.int("dim", Some(0))?)
}

pub fn join(call: &mut Call, parts: &[Value], dim: i64) -> Result<Made> {
    let dim = parts.first().ok_or("joins nothing")?.dim(dim)?;
    if parts.iter().any(|part| is_of_batch(part.length(dim))) {
        return Err("joins along the examples of a batch".to_string());
    }
    emit(call, Aten::Cat { dim }, &parts.iter().collect::<Vec<_>>())
}

/// A part along a dimension; all of it is no node.
pub fn part(call: &mut Call, x: &Value, dim: i64, (start, end, step): (i64, i64, i64)) -> Result<Value> {
    let length = x.length(dim);
    if start == 0 && step == 1 && end >= length[1] {
        return Ok(x.clone());
    }
    if is_of_batch(length) {
        return Err("picks among the examples of a batch".to_string());
    }
    call.emit_view(Op::Aten(Aten::Slice { dim, start, end, step }), x)
}

pub fn slice(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let dim = x.dim(call.int("dim", Some(0))?)?;
    let (given, step) = (x.length(dim), call.int("step", Some(1))?);
    let (start, end) = (call.number("start", Some(0))?, call.number("end", Some(i64::MAX))?);
    if start == [0, 0] && step == 1 && (0..2).all(|batch| end[batch] >= given[batch]) {
        return one(x);
    }
    if is_of_batch(start) || is_of_batch(end) || is_of_batch(given) {
        return Err("picks among the examples of a batch".to_string());
    }
    // As Python counts: from the end where negative, and never out of it.
    let within = |place: i64| if place < 0 { place.saturating_add(given[0]) } else { place }.clamp(0, given[0]);
    let (start, end) = (within(start[0]), within(end[0]));
    one(part(call, &x, dim, (start, end.max(start), step))?)
}

pub fn narrow(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let dim = x.dim(call.int("dim", None)?)?;
    let (start, length) = (call.int("start", None)?, call.int("length", None)?);
    let end = start.checked_add(length).ok_or("ends beyond all numbers")?;
    one(part(call, &x, dim, (start, end, 1))?)
}

pub fn select(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let dim = x.dim(call.int("dim", None)?)?;
    one(selected(call, &x, dim, call.int("index", None)?)?)
}

pub fn selected(call: &mut Call, x: &Value, dim: i64, index: i64) -> Result<Value> {
    let length = x.length(dim);
    if is_of_batch(length) {
        return Err("picks one of the examples of a batch".to_string());
    }
    let index = if index < 0 { index.saturating_add(length[0]) } else { index };
    call.emit_view(Op::Aten(Aten::Select { dim, index }), x)
}

pub fn unbind(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let dim = x.dim(call.int("dim", Some(0))?)?;
    let count = call.outputs() as i64;
    if x.length(dim) != [count, count] {
        return Err("does not give what it takes apart".to_string());
    }
    let parts = (0..count).map(|index| selected(call, &x, dim, index));
    Ok(Made::Tensors(parts.collect::<Result<_>>()?))
}

/// The parts of `lengths` along a dimension, one after another.
fn parts(call: &mut Call, x: &Value, dim: i64, lengths: &[i64]) -> Result<Made> {
    let mut made = Vec::new();
    let mut start = 0_i64;
    for length in lengths {
        let end = start.checked_add(*length).ok_or("ends beyond all numbers")?;
        made.push(part(call, x, dim, (start, end, 1))?);
        start = end;
    }
    if made.len() != call.outputs() {
        return Err(format!("gives {} parts, and {} are named", made.len(), call.outputs()));
    }
    Ok(Made::Tensors(made))
}

/// Lengths of at most `each` that make up `whole`.
fn cut(whole: i64, each: i64) -> Result<Vec<i64>> {
    if each < 1 || whole / each > 10_000 {
        return Err(format!("cuts {whole} into parts of {each}"));
    }
    Ok((0..whole).step_by(each as usize).map(|start| each.min(whole - start)).collect())
}

pub fn chunk(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let dim = x.dim(call.int("dim", Some(0))?)?;
    let (whole, count) = (x.length(dim)[0], call.int("chunks", None)?.max(1));
    let lengths = cut(whole, (whole / count + i64::from(whole % count != 0)).max(1))?;
    parts(call, &x, dim, &lengths)
}

pub fn split(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let dim = x.dim(call.int("dim", Some(0))?)?;
    let lengths = match call.ints("split_sizes")? {
        Some(lengths) if lengths.iter().all(|length| *length >= 0) => lengths,
        Some(_) => return Err("has parts of negative length".to_string()),
        None => cut(x.length(dim)[0], call.int("split_size", None)?)?,
    };
    parts(call, &x, dim, &lengths)
}

pub fn pad(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let lengths = call.ints("pad")?.unwrap_or_default();
    let mode = match call.text("mode").unwrap_or("constant") {
        "constant" => PadMode::Constant,
        "reflect" => PadMode::Reflect,
        "replicate" => PadMode::Replicate,
        other => return Err(format!("pads by the mode `{other}`, which is not understood")),
    };
    let padded = (lengths.len() / 2) as i64;
    if lengths.len() % 2 != 0
        || padded > x.dims()
        || (x.dims() - padded..x.dims()).any(|dim| is_of_batch(x.length(dim)))
    {
        return Err("pads along the examples of a batch".to_string());
    }
    let value = call.float("value", Some(0.0))?;
    emit(call, Aten::Pad { lengths, mode, value }, &[&x])
}

pub fn embedding(call: &mut Call) -> Result<Made> {
    let (weight, indices) = (call.tensor("weight")?, call.tensor("indices")?);
    call.starts(&weight, Role::Parameter, Init::Normal(1.0));
    emit(call, Aten::Embedding, &[&weight, &indices])
}

pub fn index(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let indices = call.tensors("indices")?;
    let mut given = indices.iter().enumerate().filter_map(|(dim, indices)| Some((dim as i64, indices.as_ref()?)));
    let (Some((dim, indices)), None) = (given.next(), given.next()) else {
        return Err("picks by several tensors at once, which is not understood".to_string());
    };
    if x.dims() <= dim || is_of_batch(x.length(dim)) {
        return Err("picks among the examples of a batch".to_string());
    }
    emit(call, Aten::Index { dim }, &[&x, indices])
}
