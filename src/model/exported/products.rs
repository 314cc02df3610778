//! Rules for products of matrices and for what goes along dimensions: softmax, sums, attention.

use super::call::{Call, Result, emit};
use super::lower::{Made, Value, is_of_batch};
use super::pointwise::sum;
use crate::model::ops::Op;
use crate::model::ops::aten::{Aten, Mask, Reduction};

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
    if dims.iter().any(|dim| is_of_batch(x.length(*dim))) {
        return Err("reduces over the examples of a batch".to_string());
    }
    emit(call, Aten::Reduce { by, dims, keep: call.flag("keepdim", false)? }, &[&x])
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
