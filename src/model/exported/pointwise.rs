//! Rules for operations on single numbers, and on the numbers of two tensors that meet.

use super::call::{Call, Result, emit, one};
use super::lower::{Made, Value};
use crate::model::ops::Op;
use crate::model::ops::aten::{Aten, Binary, Comparison, Unary};

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
pub fn sum(call: &mut Call, a: &Value, b: &Value, factor: f64) -> Result<Made> {
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
