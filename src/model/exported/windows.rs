//! Rules for what looks at images through windows: convolutions, their transposes, pools; and for resizing images.

use super::call::{Call, Result, emit, one};
use super::layers::{batched, fan_in, with};
use super::lower::Made;
use crate::model::ops::aten::{Aten, Resizing};
use crate::model::ops::{Op, Window};

pub fn convolution(call: &mut Call) -> Result<Made> {
    let (x, weight, bias) = (call.tensor("input")?, call.tensor("weight")?, call.tensor_or_none("bias")?);
    batched(&x)?;
    let dimensions = if call.operation == "conv1d" { 1 } else { 2 };
    let (stride, dilation) = (lengths(call, "stride", dimensions, 1)?, lengths(call, "dilation", dimensions, 1)?);
    let padding = match call.text("padding") {
        None => lengths(call, "padding", dimensions, 0)?,
        Some("valid") => vec![0; dimensions],
        Some(_) => {
            let kernel = weight.shapes[0].iter().skip(2);
            let total = kernel.zip(&dilation).map(|(kernel, dilation)| (kernel - 1).checked_mul(*dilation));
            let total = total.collect::<Option<Vec<i64>>>().unwrap_or_default();
            if total.len() != dimensions || total.iter().any(|total| total % 2 != 0) {
                return Err("is padded by more on one side than on the other, which is not understood".to_string());
            }
            total.iter().map(|total| total / 2).collect()
        }
    };
    let groups = call.int("groups", Some(1))?;
    if !(1..=LONGEST).contains(&groups) {
        return Err(format!("has {groups} groups"));
    }
    fan_in(call, &weight, &bias);
    let op = Op::Convolution { stride, padding, dilation, groups };
    one(call.emit(op, &with(&[&x, &weight], &[bias.as_ref()]))?)
}

pub fn transposed_convolution(call: &mut Call) -> Result<Made> {
    let (x, weight, bias) = (call.tensor("input")?, call.tensor("weight")?, call.tensor_or_none("bias")?);
    batched(&x)?;
    let dimensions = dimensions(call);
    let op = Aten::ConvolutionTranspose {
        stride: lengths(call, "stride", dimensions, 1)?,
        padding: lengths(call, "padding", dimensions, 0)?,
        output_padding: lengths(call, "output_padding", dimensions, 0)?,
        dilation: lengths(call, "dilation", dimensions, 1)?,
        groups: call.int("groups", Some(1))?,
    };
    // PyTorch counts the second dimension of the weight as its inputs here too, though it is the outputs.
    fan_in(call, &weight, &bias);
    emit(call, op, &with(&[&x, &weight], &[bias.as_ref()]))
}

/// No image is made larger by more.
const LARGEST_SCALE: f64 = 1e4;

pub fn resize(call: &mut Call) -> Result<Made> {
    let x = call.tensor("input")?;
    batched(&x)?;
    if call.overload != "vec" || x.dims() != 4 {
        return Err("resizes something that is no image, or in a way that is not understood".to_string());
    }
    let by = match &call.operation[..] {
        "upsample_nearest2d" => Resizing::Nearest,
        _ => Resizing::Bilinear { align_corners: call.flag("align_corners", false)? },
    };
    let scales = match call.floats("scale_factors")?.filter(|scales| !scales.is_empty()).as_deref() {
        None => None,
        Some([down, across]) if [down, across].iter().all(|scale| **scale > 0.0 && **scale <= LARGEST_SCALE) => {
            Some([*down, *across])
        }
        Some(other) => return Err(format!("has the scales {other:?}")),
    };
    let sizes = call.ints("output_size")?.filter(|sizes| !sizes.is_empty());
    let size = match (sizes.as_deref(), scales) {
        (Some([height, width]), None) => [*height, *width],
        // As PyTorch rounds: down.
        (None, Some(scales)) => [0, 1].map(|at| (x.shapes[0][2 + at] as f64 * scales[at]).floor() as i64),
        _ => return Err("has neither a size nor scales, or both".to_string()),
    };
    emit(call, Aten::Resize { by, size, scales }, &[&x])
}

/// No length of a window may exceed this, so that no product of them overflows.
const LONGEST: i64 = 1 << 16;

/// One length for each dimension; a single one stands for all.
fn lengths(call: &Call, key: &str, dimensions: usize, default: i64) -> Result<Vec<i64>> {
    let given = call.ints(key)?.filter(|given| !given.is_empty()).unwrap_or_else(|| vec![default]);
    if given.iter().any(|length| !(0..=LONGEST).contains(length)) {
        return Err(format!("has lengths as `{key}` that are not from 0 to {LONGEST}"));
    }
    match given.len() {
        1 => Ok(vec![given[0]; dimensions]),
        count if count == dimensions => Ok(given),
        count => Err(format!("has {count} lengths as `{key}` for {dimensions} dimensions")),
    }
}

fn dimensions(call: &Call) -> usize {
    if call.operation.ends_with("1d") { 1 } else { 2 }
}

fn window(call: &Call) -> Result<Window> {
    let dimensions = dimensions(call);
    let kernel = lengths(call, "kernel_size", dimensions, 1)?;
    let given = call.ints("stride")?.is_some_and(|stride| !stride.is_empty());
    let stride = if given { lengths(call, "stride", dimensions, 1)? } else { kernel.clone() };
    let padding = lengths(call, "padding", dimensions, 0)?;
    Ok(Window { kernel, stride, padding, ceil: call.flag("ceil_mode", false)? })
}

pub fn max_pool(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    batched(&x)?;
    let op = Op::MaxPool { window: window(call)?, dilation: lengths(call, "dilation", dimensions(call), 1)? };
    one(call.emit(op, &[&x])?)
}

pub fn average_pool(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    batched(&x)?;
    if call.is_given("divisor_override") {
        return Err("divides by a number of its own, which is not understood".to_string());
    }
    let op = Op::AveragePool { window: window(call)?, count_padding: call.flag("count_include_pad", true)? };
    one(call.emit(op, &[&x])?)
}

pub fn adaptive_average_pool(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    batched(&x)?;
    let size = lengths(call, "output_size", dimensions(call), 1)?;
    one(call.emit(Op::AdaptiveAveragePool { size }, &[&x])?)
}

/// Gives the places of the largest too, which nothing that has a gradient can need.
pub fn adaptive_max_pool(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    batched(&x)?;
    let size = lengths(call, "output_size", dimensions(call), 1)?;
    one(call.emit(Op::AdaptiveMaxPool { size }, &[&x])?)
}
