//! Rules for tensors of another shape or order of dimensions, and for the lengths that programs compute.

use super::call::{Call, Result, one};
use super::lower::{Made, Number, Value, length};
use crate::model::ops::Op;
use crate::model::ops::aten::{Aten, Length};

pub fn arithmetic(call: &mut Call, of: fn(i64, i64) -> Option<i64>) -> Result<Made> {
    let (a, b) = (call.number("a", None)?, call.number("b", None)?);
    let number = |at: usize| of(a[at], b[at]).ok_or_else(|| "comes to a number that is too large".to_string());
    Ok(Made::Number([number(0)?, number(1)?]))
}

pub fn sym_size(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let dim = x.dim(call.int("dim", None)?)?;
    Ok(Made::Number(x.length(dim)))
}

pub fn shape_to(call: &mut Call, x: &Value, numbers: &[Number]) -> Result<Made> {
    // A -1 stands for what is left.
    let mut numbers = numbers.to_vec();
    for batch in [0, 1] {
        let all: i64 = x.shapes[batch].iter().product();
        let known = numbers.iter().map(|number| number[batch]).filter(|length| *length != -1);
        let known = known.fold(1_i64, |product, length| product.saturating_mul(length));
        if known < 1 || all % known != 0 || numbers.iter().filter(|number| number[batch] == -1).count() > 1 {
            return Err(format!("cannot give {:?} another shape", x.shapes[batch]));
        }
        for number in numbers.iter_mut().filter(|number| number[batch] == -1) {
            number[batch] = all / known;
        }
    }
    let shapes = [0, 1].map(|batch| numbers.iter().map(|number| number[batch]).collect::<Vec<_>>());
    let lengths = numbers.into_iter().map(length).collect::<Result<Vec<_>>>()?;
    if lengths.iter().filter(|length| matches!(length, Length::Batch(_))).count() > 1 {
        return Err("has two lengths that depend on the number of examples".to_string());
    }
    let op = match &lengths[..] {
        [Length::Batch(1), Length::Fixed(_)] if x.leads_with_batch() => Op::Flatten,
        _ => Op::Aten(Aten::Reshape { lengths }),
    };
    let view = call.emit_view(op, x)?;
    if view.shapes == shapes { one(view) } else { Err("has lengths that do not fit each other".to_string()) }
}

pub fn reshape(call: &mut Call) -> Result<Made> {
    if call.overload == "dtype" {
        return Err("reads numbers as another type, which is not understood".to_string());
    }
    let x = call.tensor("self")?;
    let key = if call.is_given("size") { "size" } else { "shape" };
    let numbers = call.numbers(key)?.unwrap_or_default();
    shape_to(call, &x, &numbers)
}

pub fn view_as(call: &mut Call) -> Result<Made> {
    let (x, other) = (call.tensor("self")?, call.tensor("other")?);
    let numbers: Vec<Number> = (0..other.dims()).map(|dim| other.length(dim)).collect();
    shape_to(call, &x, &numbers)
}

pub fn flatten(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    if x.dims() == 0 {
        return shape_to(call, &x, &[[1, 1]]);
    }
    let (start, end) = (x.dim(call.int("start_dim", Some(0))?)?, x.dim(call.int("end_dim", Some(-1))?)?);
    let part = (start..=end).map(|dim| x.length(dim));
    let whole = part.fold([1, 1], |[two, three], [a, b]| [two * a, three * b]);
    let before = (0..start).map(|dim| x.length(dim));
    let numbers: Vec<Number> = before.chain([whole]).chain((end + 1..x.dims()).map(|dim| x.length(dim))).collect();
    shape_to(call, &x, &numbers)
}

pub fn unflatten(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let dim = x.dim(call.int("dim", None)?)?;
    let mut sizes = call.numbers("sizes")?.unwrap_or_default();
    for batch in [0, 1] {
        let known = sizes.iter().map(|size| size[batch]).filter(|length| *length != -1);
        let known = known.fold(1_i64, |product, length| product.saturating_mul(length)).max(1);
        let left = x.length(dim)[batch] / known;
        sizes.iter_mut().filter(|size| size[batch] == -1).for_each(|size| size[batch] = left);
    }
    let before = (0..dim).map(|dim| x.length(dim));
    let numbers: Vec<Number> = before.chain(sizes).chain((dim + 1..x.dims()).map(|dim| x.length(dim))).collect();
    shape_to(call, &x, &numbers)
}

pub fn squeeze(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let chosen = match call.overload.starts_with("dim") {
        true => call.ints("dim")?.unwrap_or_default().into_iter().map(|dim| x.dim(dim)).collect::<Result<Vec<_>>>()?,
        false => (0..x.dims()).collect(),
    };
    let stays = |dim: &i64| !(chosen.contains(dim) && x.length(*dim) == [1, 1]);
    let numbers: Vec<Number> = (0..x.dims()).filter(stays).map(|dim| x.length(dim)).collect();
    shape_to(call, &x, &numbers)
}

pub fn unsqueezed(x: &Value, dim: i64) -> Result<Vec<Number>> {
    let dim = if dim < 0 { dim.saturating_add(x.dims() + 1) } else { dim };
    if !(0..=x.dims()).contains(&dim) {
        return Err(format!("names dimension {dim} of {}", x.dims() + 1));
    }
    let mut numbers: Vec<Number> = (0..x.dims()).map(|dim| x.length(dim)).collect();
    numbers.insert(dim as usize, [1, 1]);
    Ok(numbers)
}

pub fn unsqueeze(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let numbers = unsqueezed(&x, call.int("dim", None)?)?;
    shape_to(call, &x, &numbers)
}

pub fn permute(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let mut dims: Vec<i64> = (0..x.dims()).collect();
    match &call.operation[..] {
        "permute" => {
            let given = call.ints("dims")?.unwrap_or_default();
            dims = given.into_iter().map(|dim| x.dim(dim)).collect::<Result<_>>()?;
        }
        "t" => dims.reverse(),
        _ => dims.swap(x.dim(call.int("dim0", None)?)? as usize, x.dim(call.int("dim1", None)?)? as usize),
    }
    one(call.emit_view(Op::Aten(Aten::Permute { dims }), &x)?)
}

fn expanded(call: &mut Call, x: &Value, numbers: Vec<Number>) -> Result<Made> {
    let lengths = numbers.into_iter().map(length).collect::<Result<Vec<_>>>()?;
    let speaks_of_batch = lengths.iter().any(|length| matches!(length, Length::Batch(_)));
    let op = Op::Aten(Aten::Expand { lengths });
    let batch = call.batch();
    let view = if speaks_of_batch { call.emit(op, &[x, &batch])? } else { call.emit(op, &[x])? };
    one(call.same_memory(view, x))
}

pub fn expand(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let mut numbers = call.numbers("size")?.unwrap_or_default();
    let new =
        (numbers.len() as i64).checked_sub(x.dims()).filter(|new| *new >= 0).ok_or("expands to fewer dimensions")?;
    for (dim, number) in numbers.iter_mut().enumerate() {
        // -1: as it is.
        if *number == [-1, -1] {
            *number = x.length(dim as i64 - new);
        }
    }
    expanded(call, &x, numbers)
}

pub fn expand_as(call: &mut Call) -> Result<Made> {
    let (x, other) = (call.tensor("self")?, call.tensor("other")?);
    let numbers = (0..other.dims()).map(|dim| other.length(dim)).collect();
    expanded(call, &x, numbers)
}
