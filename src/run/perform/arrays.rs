//! Between tensors and the store's plain arrays.

use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::store::{Array, Data};

/// A contiguous copy on the CPU. Booleans become bytes.
pub fn array(tensor: &Tensor) -> Result<Array> {
    let tensor = tensor.detach().f_to_device(tch::Device::Cpu)?.f_contiguous()?;
    let shape = tensor.size().iter().map(|size| *size as usize).collect();
    let flat = tensor.f_view([-1])?;
    let data = match flat.kind() {
        Kind::Float => Data::F32(Vec::try_from(flat)?),
        Kind::Double => Data::F64(Vec::try_from(flat)?),
        Kind::Int64 => Data::I64(Vec::try_from(flat)?),
        Kind::Bool | Kind::Uint8 => Data::U8(Vec::try_from(flat.f_to_kind(Kind::Uint8)?)?),
        other => return Err(Error::new(format!("the store holds no tensors of kind {other:?}"))),
    };
    Ok(Array { shape, data })
}

pub fn tensor(array: &Array) -> Result<Tensor> {
    let shape: Vec<i64> = array.shape.iter().map(|size| *size as i64).collect();
    let flat = match &array.data {
        Data::F32(values) => Tensor::f_from_slice(values)?,
        Data::F64(values) => Tensor::f_from_slice(values)?,
        Data::I64(values) => Tensor::f_from_slice(values)?,
        Data::U8(values) => Tensor::f_from_slice(values)?,
        Data::U16(values) => Tensor::f_from_slice(&values.iter().map(|value| i64::from(*value)).collect::<Vec<_>>())?,
    };
    Ok(flat.f_view(shape.as_slice())?)
}

pub fn integers(values: &[i64]) -> Array {
    Array { shape: vec![values.len()], data: Data::I64(values.to_vec()) }
}

/// The int64 array of this name.
pub fn read_integers<'a>(content: &'a crate::store::Content, name: &str) -> Result<&'a [i64]> {
    match content.arrays.get(name).map(|array| &array.data) {
        Some(Data::I64(values)) => Ok(values),
        _ => Err(Error::new(format!("a finished cell lacks `{name}`"))),
    }
}

/// The array of this name as a tensor.
pub fn read_tensor(content: &crate::store::Content, name: &str) -> Result<Tensor> {
    tensor(content.arrays.get(name).ok_or_else(|| Error::new(format!("a finished cell lacks `{name}`")))?)
}
