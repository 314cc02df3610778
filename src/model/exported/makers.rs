//! Rules for tensors that are made from nothing, kept as they are, or told in another type of numbers.

use super::call::{Call, Result, emit, one};
use super::lower::{Made, Number, length};
use crate::model::ops::Op;
use crate::model::ops::aten::{Aten, Comparison};

/// What changes nothing but how numbers lie in memory.
pub fn identity(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    // A copy is no view of what it was copied from.
    one(if call.operation == "clone" { call.apart(x) } else { call.perhaps_apart(x) })
}

pub fn detach(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    one(call.emit_view(Op::Aten(Aten::Detach), &x)?)
}

/// zeros, ones, full and those like another tensor.
pub fn full(call: &mut Call) -> Result<Made> {
    let value = match &call.operation[..] {
        "zeros" | "zeros_like" => 0.0,
        "ones" | "ones_like" => 1.0,
        _ => call.float("fill_value", None)?,
    };
    let numbers: Vec<Number> = match call.operation.ends_with("_like") {
        true => {
            let like = call.tensor("self")?;
            (0..like.dims()).map(|dim| like.length(dim)).collect()
        }
        false => call.numbers("size")?.unwrap_or_default(),
    };
    if numbers.iter().flatten().any(|length| *length < 0) {
        return Err("has a negative length".to_string());
    }
    let lengths = numbers.into_iter().map(length).collect::<Result<Vec<_>>>()?;
    let batch = call.batch();
    emit(call, Aten::Full { lengths, value }, &[&batch])
}

/// Another type of numbers, where that changes anything: all fractions of a model are of one kind.
pub fn to(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let (from, to) = (call.is_float("self"), call.gives_float());
    match (from, to) {
        (true, true) => one(call.perhaps_apart(x)),
        (false, true) => emit(call, Aten::ToFloat, &[&x]),
        (true, false) if call.kind("dtype") == Some(12) => {
            emit(call, Aten::Compare { by: Comparison::NotEqual, with: 0.0 }, &[&x])
        }
        (true, false) => emit(call, Aten::ToInteger, &[&x]),
        // Whole numbers stay whole, and truths count as 0 and 1.
        (false, false) if call.kind("dtype") == Some(12) => {
            emit(call, Aten::Compare { by: Comparison::NotEqual, with: 0.0 }, &[&x])
        }
        (false, false) => one(call.perhaps_apart(x)),
    }
}
