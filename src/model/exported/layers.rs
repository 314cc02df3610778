//! Rules for layers: what they compute is an [`Op`] of the layer list too, and their weights start as PyTorch draws them.

use super::lower::{Call, Made, Result, Value};
use crate::model::graph::Role;
use crate::model::init::Init;
use crate::model::ops::aten::Aten;
use crate::model::ops::{Op, Window};

fn one(value: Value) -> Result<Made> {
    Ok(Made::Tensors(vec![value]))
}

/// Operations whose first dimension must be the examples.
fn batched(x: &Value) -> Result<()> {
    if x.leads_with_batch() {
        Ok(())
    } else {
        Err(format!("expects examples first, got {:?} for a batch of 2", x.shapes[0]))
    }
}

fn plain(call: &mut Call, op: Op) -> Result<Made> {
    let key = if call.is_tensor("self") { "self" } else { "input" };
    let x = call.tensor(key)?;
    one(call.emit(op, &[&x])?)
}

pub fn relu(call: &mut Call) -> Result<Made> {
    plain(call, Op::Relu)
}

pub fn sigmoid(call: &mut Call) -> Result<Made> {
    plain(call, Op::Sigmoid)
}

pub fn silu(call: &mut Call) -> Result<Made> {
    plain(call, Op::Silu)
}

pub fn tanh(call: &mut Call) -> Result<Made> {
    plain(call, Op::Tanh)
}

pub fn leaky_relu(call: &mut Call) -> Result<Made> {
    let slope = call.float("negative_slope", Some(0.01))?;
    plain(call, Op::LeakyRelu { slope })
}

pub fn elu(call: &mut Call) -> Result<Made> {
    if call.float("scale", Some(1.0))? != 1.0 || call.float("input_scale", Some(1.0))? != 1.0 {
        return Err("has a scale, which is not understood".to_string());
    }
    let alpha = call.float("alpha", Some(1.0))?;
    plain(call, Op::Elu { alpha })
}

/// Klambauer et al., "Self-normalizing neural networks", 2017.
pub fn selu(call: &mut Call) -> Result<Made> {
    let x = call.tensor("self")?;
    let elu = call.emit(Op::Elu { alpha: 1.673_263_242_354_377_2 }, &[&x])?;
    one(call.emit(Op::Aten(Aten::Affine { scale: 1.050_700_987_355_480_5, offset: 0.0 }), &[&elu])?)
}

pub fn gelu(call: &mut Call) -> Result<Made> {
    let tanh = call.text("approximate") == Some("tanh");
    plain(call, Op::Gelu { tanh })
}

pub fn softplus(call: &mut Call) -> Result<Made> {
    if call.float("threshold", Some(20.0))? != 20.0 {
        return Err("has another threshold than 20, which is not understood".to_string());
    }
    let beta = call.float("beta", Some(1.0))?;
    plain(call, Op::Softplus { beta })
}

pub fn prelu(call: &mut Call) -> Result<Made> {
    let (x, slope) = (call.tensor("self")?, call.tensor("weight")?);
    call.starts(&slope, Role::Parameter, Init::Constant(0.25));
    one(call.emit(Op::Aten(Aten::Prelu), &[&x, &slope])?)
}

/// The weight `[out, in, ..]` and the bias of a linear or convolution layer.
fn fan_in(call: &mut Call, weight: &Value, bias: &Option<Value>) {
    let inputs: i64 = weight.shapes[0].iter().skip(1).product();
    // Attention's packed projection is drawn after Glorot and Bengio, "Understanding the difficulty of training deep
    // feedforward neural networks", 2010; neither it nor the projection after it starts with biases.
    let packed = weight.shapes[0].first() == Some(&(3 * inputs)) && call.is_named(weight, "in_proj_weight");
    let output = call.is_named(weight, "out_proj.weight");
    let outputs = weight.shapes[0].first().copied().unwrap_or(1);
    let init = if packed { Init::Uniform((6.0 / (inputs + outputs) as f64).sqrt()) } else { Init::FanIn(inputs) };
    call.starts(weight, Role::Parameter, init);
    if let Some(bias) = bias {
        call.starts(bias, Role::Parameter, if packed || output { Init::Zeros } else { Init::FanIn(inputs) });
    }
}

pub fn linear(call: &mut Call) -> Result<Made> {
    let (x, weight, bias) = (call.tensor("input")?, call.tensor("weight")?, call.tensor_or_none("bias")?);
    fan_in(call, &weight, &bias);
    one(call.emit(Op::Linear, &with(&[&x, &weight], &[bias.as_ref()]))?)
}

/// All tensors that there are.
fn with<'a>(tensors: &[&'a Value], optional: &[Option<&'a Value>]) -> Vec<&'a Value> {
    tensors.iter().copied().chain(optional.iter().flatten().copied()).collect()
}

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

pub fn batch_norm(call: &mut Call) -> Result<Made> {
    let (x, weight, bias) = (call.tensor("input")?, call.tensor_or_none("weight")?, call.tensor_or_none("bias")?);
    batched(&x)?;
    let (Some(mean), Some(variance)) = (call.tensor_or_none("running_mean")?, call.tensor_or_none("running_var")?)
    else {
        return Err("keeps no running statistics: in such a network examples depend on each other".to_string());
    };
    if weight.is_some() != bias.is_some() {
        return Err("has a weight or a bias alone, which is not understood".to_string());
    }
    scale_and_offset(call, &weight, &bias);
    call.starts(&mean, Role::Buffer, Init::Zeros);
    call.starts(&variance, Role::Buffer, Init::Ones);
    let op = Op::BatchNorm { momentum: call.float("momentum", Some(0.1))?, epsilon: call.float("eps", Some(1e-5))? };
    one(call.emit(op, &[&with(&[&x], &[weight.as_ref(), bias.as_ref()])[..], &[&mean, &variance]].concat())?)
}

fn scale_and_offset(call: &mut Call, weight: &Option<Value>, bias: &Option<Value>) {
    for (part, init) in [(weight, Init::Ones), (bias, Init::Zeros)] {
        if let Some(part) = part {
            call.starts(part, Role::Parameter, init);
        }
    }
}

pub fn layer_norm(call: &mut Call) -> Result<Made> {
    let (x, weight, bias) = (call.tensor("input")?, call.tensor_or_none("weight")?, call.tensor_or_none("bias")?);
    if weight.is_none() && bias.is_some() {
        return Err("has a bias without a weight, which is not understood".to_string());
    }
    scale_and_offset(call, &weight, &bias);
    let shape = call.ints("normalized_shape")?.unwrap_or_default();
    let op = Op::LayerNorm { shape, epsilon: call.float("eps", Some(1e-5))? };
    one(call.emit(op, &with(&[&x], &[weight.as_ref(), bias.as_ref()]))?)
}

pub fn group_norm(call: &mut Call) -> Result<Made> {
    let (x, weight, bias) = (call.tensor("input")?, call.tensor_or_none("weight")?, call.tensor_or_none("bias")?);
    scale_and_offset(call, &weight, &bias);
    let op = Aten::GroupNorm { groups: call.int("num_groups", None)?, epsilon: call.float("eps", Some(1e-5))? };
    one(call.emit(Op::Aten(op), &with(&[&x], &[weight.as_ref(), bias.as_ref()]))?)
}

pub fn instance_norm(call: &mut Call) -> Result<Made> {
    let (x, weight, bias) = (call.tensor("input")?, call.tensor_or_none("weight")?, call.tensor_or_none("bias")?);
    if call.tensor_or_none("running_mean")?.is_some() {
        return Err("keeps running statistics, which is not understood".to_string());
    }
    scale_and_offset(call, &weight, &bias);
    let op = Aten::InstanceNorm { epsilon: call.float("eps", Some(1e-5))? };
    one(call.emit(Op::Aten(op), &with(&[&x], &[weight.as_ref(), bias.as_ref()]))?)
}

/// Draws for each example, so these come first while it does.
pub fn dropout(call: &mut Call) -> Result<Made> {
    // In place, it calls its input otherwise.
    let x = call.tensor(if call.is_tensor("self") { "self" } else { "input" })?;
    let probability = call.float("p", Some(0.5))?;
    if !(0.0..=1.0).contains(&probability) {
        return Err(format!("drops with probability {probability}"));
    }
    let op = Op::Dropout { probability };
    if x.leads_with_batch() {
        return one(call.emit_view(op, &x)?);
    }
    let Some(at) = (0..x.dims()).find(|dim| x.length(*dim) == super::BATCHES) else {
        return Err("drops what does not belong to single examples".to_string());
    };
    let swap: Vec<i64> = (0..x.dims())
        .map(|dim| {
            if dim == 0 {
                at
            } else if dim == at {
                0
            } else {
                dim
            }
        })
        .collect();
    let first = call.emit_view(Op::Aten(Aten::Permute { dims: swap.clone() }), &x)?;
    let dropped = call.emit_view(op, &first)?;
    one(call.emit_view(Op::Aten(Aten::Permute { dims: swap }), &dropped)?)
}
