//! Rules for layers: what they compute is an [`Op`] of the layer list too, and their weights start as PyTorch draws them.

use super::call::{Call, Result, one};
use super::lower::{Made, Value};
use crate::model::graph::Role;
use crate::model::init::Init;
use crate::model::ops::Op;
use crate::model::ops::aten::Aten;

/// Operations whose first dimension must be the examples.
pub fn batched(x: &Value) -> Result<()> {
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
pub fn fan_in(call: &mut Call, weight: &Value, bias: &Option<Value>) {
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
pub fn with<'a>(tensors: &[&'a Value], optional: &[Option<&'a Value>]) -> Vec<&'a Value> {
    tensors.iter().copied().chain(optional.iter().flatten().copied()).collect()
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
    one(dropped(call, &x, probability)?)
}

pub fn dropped(call: &mut Call, x: &Value, probability: f64) -> Result<Value> {
    let op = Op::Dropout { probability };
    if x.leads_with_batch() {
        return call.emit_view(op, x);
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
    let first = call.emit_view(Op::Aten(Aten::Permute { dims: swap.clone() }), x)?;
    let dropped = call.emit_view(op, &first)?;
    call.emit_view(Op::Aten(Aten::Permute { dims: swap }), &dropped)
}
