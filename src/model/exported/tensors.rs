//! Rules for general operations on tensors.

use super::lower::{Call, Made, Number, Result, Value, length};
use crate::model::graph::Role;
use crate::model::init::Init;
use crate::model::ops::Op;
use crate::model::ops::aten::{Aten, Binary, Comparison, Length, Mask, PadMode, Reduction, Unary};

fn one(value: Value) -> Result<Made> {
    Ok(Made::Tensors(vec![value]))
}

fn emit(call: &mut Call, op: Aten, inputs: &[&Value]) -> Result<Made> {
    one(call.emit(Op::Aten(op), inputs)?)
}

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

pub fn unary(call: &mut Call) -> Result<Made> {
    let unary = [
        Unary::Abs,
        Unary::Cos,
        Unary::Erf,
        Unary::Exp,
        Unary::Hardsigmoid,
        Unary::Hardswish,
        Unary::Log,
        Unary::LogSigmoid,
        Unary::LogicalNot,
        Unary::Mish,
        Unary::Reciprocal,
        Unary::Rsqrt,
        Unary::Sin,
        Unary::Sqrt,
    ];
    let name = truth_name(call, "self")?;
    let by = unary.into_iter().find(|unary| unary.name() == name).ok_or("is not understood")?;
    let x = call.tensor("self")?;
    emit(call, Aten::Unary(by), &[&x])
}

/// Operations on bits are those on truths, where there are truths.
fn truth_name(call: &Call, key: &str) -> Result<String> {
    match call.operation.strip_prefix("bitwise_") {
        None => Ok(call.operation.clone()),
        Some(rest) if call.truths(key) => Ok(format!("logical_{rest}")),
        Some(_) => Err("works on bits, which is not understood".to_string()),
    }
}

pub fn binary(call: &mut Call) -> Result<Made> {
    let name = truth_name(call, "self")?;
    let all = [Binary::Maximum, Binary::Minimum, Binary::LogicalAnd, Binary::LogicalOr];
    let by = all.into_iter().find(|binary| binary.name() == name).ok_or("is not understood")?;
    let (a, b) = (call.tensor("self")?, call.tensor("other")?);
    emit(call, Aten::Binary(by), &[&a, &b])
}

fn affine(call: &mut Call, x: &Value, scale: f64, offset: f64) -> Result<Made> {
    emit(call, Aten::Affine { scale, offset }, &[x])
}

/// The second operand where it is a number.
fn scalar(call: &Call) -> Result<Option<f64>> {
    if call.is_tensor("other") { Ok(None) } else { call.float("other", None).map(Some) }
}

/// a + factor b, where factors are rare.
fn sum(call: &mut Call, a: &Value, b: &Value, factor: f64) -> Result<Made> {
    let scaled = if factor.abs() == 1.0 {
        b.clone()
    } else {
        call.emit(Op::Aten(Aten::Affine { scale: factor, offset: 0.0 }), &[b])?
    };
    if factor == -1.0 {
        return emit(call, Aten::Binary(Binary::Sub), &[a, &scaled]);
    }
    // The two branches of a residual block; else a bias of some shape.
    let op = if a.shapes == scaled.shapes { Op::Add } else { Op::Aten(Aten::Binary(Binary::Add)) };
    one(call.emit(op, &[a, &scaled])?)
}

pub fn add(call: &mut Call) -> Result<Made> {
    let (x, alpha) = (call.tensor("self")?, call.float("alpha", Some(1.0))?);
    match scalar(call)? {
        Some(other) => affine(call, &x, 1.0, alpha * other),
        None => {
            let other = call.tensor("other")?;
            sum(call, &x, &other, alpha)
        }
    }
}

pub fn sub(call: &mut Call) -> Result<Made> {
    let (x, alpha) = (call.tensor("self")?, call.float("alpha", Some(1.0))?);
    match scalar(call)? {
        Some(other) => affine(call, &x, 1.0, -alpha * other),
        None => {
            let other = call.tensor("other")?;
            sum(call, &x, &other, -alpha)
        }
    }
}

pub fn rsub(call: &mut Call) -> Result<Made> {
    let (x, alpha) = (call.tensor("self")?, call.float("alpha", Some(1.0))?);
    match scalar(call)? {
        Some(other) => affine(call, &x, -alpha, other),
        None => {
            let other = call.tensor("other")?;
            sum(call, &other, &x, -alpha)
        }
    }
}

pub fn neg(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    affine(call, &x, -1.0, 0.0)
}

pub fn mul(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    match scalar(call)? {
        Some(other) => affine(call, &x, other, 0.0),
        None => {
            let other = call.tensor("other")?;
            emit(call, Aten::Binary(Binary::Mul), &[&x, &other])
        }
    }
}

pub fn div(call: &mut Call) -> Result<Made> {
    if call.is_given("rounding_mode") {
        return Err("rounds what it divides, which is not understood".to_string());
    }
    let x = call.tensor("self")?;
    match scalar(call)? {
        Some(0.0) => Err("divides by 0".to_string()),
        Some(other) => affine(call, &x, 1.0 / other, 0.0),
        None => {
            let other = call.tensor("other")?;
            emit(call, Aten::Binary(Binary::Div), &[&x, &other])
        }
    }
}

pub fn pow(call: &mut Call) -> Result<Made> {
    if call.is_tensor("exponent") || !call.is_tensor("self") {
        return Err("has a tensor as its exponent, which is not understood".to_string());
    }
    let (x, exponent) = (call.tensor("self")?, call.float("exponent", None)?);
    emit(call, Aten::Pow { exponent }, &[&x])
}

pub fn square(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    emit(call, Aten::Pow { exponent: 2.0 }, &[&x])
}

pub fn clamp(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let (low, high) = match &call.operation[..] {
        "relu6" => (Some(0.0), Some(6.0)),
        "hardtanh" => (Some(call.float("min_val", Some(-1.0))?), Some(call.float("max_val", Some(1.0))?)),
        _ => (call.float_or_none("min")?, call.float_or_none("max")?),
    };
    emit(call, Aten::Clamp { low, high }, &[&x])
}

pub fn compare(call: &mut Call) -> Result<Made> {
    let by = match &call.operation[..] {
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "lt" => Comparison::Less,
        "le" => Comparison::LessOrEqual,
        "gt" => Comparison::Greater,
        _ => Comparison::GreaterOrEqual,
    };
    let x = call.tensor("self")?;
    let Some(with) = scalar(call)? else { return Err("compares two tensors, which is not understood".to_string()) };
    emit(call, Aten::Compare { by, with }, &[&x])
}

pub fn masked_fill(call: &mut Call) -> Result<Made> {
    if call.is_tensor("value") {
        return Err("fills with a tensor, which is not understood".to_string());
    }
    let (x, mask, value) = (call.tensor("self")?, call.tensor("mask")?, call.float("value", None)?);
    emit(call, Aten::MaskedFill { value }, &[&x, &mask])
}

pub fn choose(call: &mut Call) -> Result<Made> {
    let condition = call.tensor("condition")?;
    if !call.is_tensor("self") || !call.is_tensor("other") {
        return Err("chooses between numbers, which is not understood: make them tensors".to_string());
    }
    let (a, b) = (call.tensor("self")?, call.tensor("other")?);
    emit(call, Aten::Where, &[&condition, &a, &b])
}

pub fn softmax(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let dim = x.dim(call.int("dim", None)?)?;
    let log = call.operation == "log_softmax";
    emit(call, if log { Aten::LogSoftmax { dim } } else { Aten::Softmax { dim } }, &[&x])
}

pub fn matmul(call: &mut Call) -> Result<Made> {
    let (a, b) = (call.tensor("self")?, call.tensor(if call.is_tensor("mat2") { "mat2" } else { "other" })?);
    emit(call, Aten::Matmul, &[&a, &b])
}

pub fn addmm(call: &mut Call) -> Result<Made> {
    if call.float("beta", Some(1.0))? != 1.0 || call.float("alpha", Some(1.0))? != 1.0 {
        return Err("has factors, which are not understood".to_string());
    }
    let (bias, a, b) = (call.tensor("self")?, call.tensor("mat1")?, call.tensor("mat2")?);
    let product = call.emit(Op::Aten(Aten::Matmul), &[&a, &b])?;
    sum(call, &product, &bias, 1.0)
}

pub fn reduce(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let by = match &call.operation[..] {
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        _ => Reduction::Maximum,
    };
    let given = call.ints("dim")?.filter(|dims| !dims.is_empty());
    let dims = match given {
        Some(dims) => dims.into_iter().map(|dim| x.dim(dim)).collect::<Result<Vec<_>>>()?,
        None => (0..x.dims()).collect(),
    };
    if dims.iter().any(|dim| depends(x.length(*dim))) {
        return Err("reduces over the examples of a batch".to_string());
    }
    emit(call, Aten::Reduce { by, dims, keep: call.flag("keepdim", false)? }, &[&x])
}

fn depends([two, three]: Number) -> bool {
    two != three
}

fn shape_to(call: &mut Call, x: &Value, numbers: &[Number]) -> Result<Made> {
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

fn unsqueezed(x: &Value, dim: i64) -> Result<Vec<Number>> {
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

pub fn stack(call: &mut Call) -> Result<Made> {
    let dim = call.int("dim", Some(0))?;
    let mut parts = Vec::new();
    for part in call.tensors("tensors")?.into_iter().flatten() {
        let numbers = unsqueezed(&part, dim)?;
        if let Made::Tensors(mut shaped) = shape_to(call, &part, &numbers)? {
            parts.append(&mut shaped);
        }
    }
    join(call, &parts, dim)
}

pub fn cat(call: &mut Call) -> Result<Made> {
    let parts: Vec<Value> = call.tensors("tensors")?.into_iter().flatten().collect();
    join(call, &parts, call.int("dim", Some(0))?)
}

fn join(call: &mut Call, parts: &[Value], dim: i64) -> Result<Made> {
    let dim = parts.first().ok_or("joins nothing")?.dim(dim)?;
    if parts.iter().any(|part| depends(part.length(dim))) {
        return Err("joins along the examples of a batch".to_string());
    }
    emit(call, Aten::Cat { dim }, &parts.iter().collect::<Vec<_>>())
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

/// A part along a dimension; all of it is no node.
fn part(call: &mut Call, x: &Value, dim: i64, (start, end, step): (i64, i64, i64)) -> Result<Value> {
    let length = x.length(dim);
    if start == 0 && step == 1 && end >= length[1] {
        return Ok(x.clone());
    }
    if depends(length) {
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
    if depends(start) || depends(end) || depends(given) {
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

fn selected(call: &mut Call, x: &Value, dim: i64, index: i64) -> Result<Value> {
    let length = x.length(dim);
    if depends(length) {
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
    if lengths.len() % 2 != 0 || padded > x.dims() || (x.dims() - padded..x.dims()).any(|dim| depends(x.length(dim))) {
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
    if x.dims() <= dim || depends(x.length(dim)) {
        return Err("picks among the examples of a batch".to_string());
    }
    emit(call, Aten::Index { dim }, &[&x, indices])
}

pub fn attention(call: &mut Call) -> Result<Made> {
    let (query, key, value) = (call.tensor("query")?, call.tensor("key")?, call.tensor("value")?);
    if call.flag("enable_gqa", false)? {
        return Err("shares keys among queries, which is not understood".to_string());
    }
    let given = call.tensor_or_none("attn_mask")?;
    let mask = match (&given, call.flag("is_causal", false)?) {
        (None, false) => Mask::Nothing,
        (None, true) => Mask::Causal,
        (Some(_), _) if call.truths("attn_mask") => Mask::Seen,
        (Some(_), _) => Mask::Added,
    };
    let op = Aten::Attention { scale: call.float_or_none("scale")?, mask };
    let inputs: Vec<&Value> = [&query, &key, &value].into_iter().chain(&given).collect();
    emit(call, op, &inputs)
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
