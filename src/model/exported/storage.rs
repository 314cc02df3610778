//! Weights as the archive holds them: whole storages of little-endian numbers, of which a tensor is a strided part.

use std::collections::BTreeMap;

use serde_json::Value;
use tch::{Kind, Tensor};

use super::archive::{Archive, EXPORT, again};
use super::schema::{Payload, Stored, TensorMeta};
use crate::error::Result;
use crate::model::ops::batched::{MOST_NUMBERS, numbers};

/// Where the tensors of the archive lie, weights and constants alike.
pub struct Storage {
    stored: BTreeMap<String, Place>,
}

/// The part of a storage that is a tensor. Two weights of one place are tied: one tensor under two names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    member: String,
    dtype: u64,
    pub shape: Vec<i64>,
    strides: Vec<i64>,
    offset: i64,
}

impl Storage {
    pub fn read(archive: &mut Archive) -> Result<Self> {
        if archive.has("byteorder") && archive.read("byteorder")? != b"little" {
            return Err(archive.fault("its weights are not little-endian", "export the model on another machine"));
        }
        let mut stored = BTreeMap::new();
        for folder in ["weights", "constants"] {
            let config = format!("data/{folder}/model_{folder}_config.json");
            // A model without constants may leave the list out.
            if folder == "constants" && !archive.has(&config) {
                continue;
            }
            let payload: Payload = archive.json(&config)?;
            for (name, tensor) in payload.config {
                stored.insert(name.clone(), place(archive, folder, &name, &tensor)?);
            }
        }
        Ok(Self { stored })
    }

    pub fn place(&self, name: &str) -> Option<&Place> {
        self.stored.get(name)
    }
}

fn place(archive: &Archive, folder: &str, name: &str, stored: &Stored) -> Result<Place> {
    if stored.use_pickle {
        return Err(archive.fault(
            format!("the tensor `{name}` is pickled, and reading a pickle can run any code that it holds"),
            format!("export the model with plain tensors as weights: {EXPORT}"),
        ));
    }
    let fault = |why: &str| archive.fault(format!("the tensor `{name}` {why}"), again());
    let Some(meta) = &stored.tensor_meta else { return Err(fault("has no description")) };
    let integers = |given: &[Value]| -> Option<Vec<i64>> {
        given.iter().map(|given| given.get("as_int")?.as_i64().filter(|length| *length >= 0)).collect()
    };
    let (Some(shape), Some(strides)) = (integers(&meta.sizes), integers(&meta.strides)) else {
        return Err(fault("has sizes or strides that are no numbers"));
    };
    let offset = meta.storage_offset.get("as_int").and_then(Value::as_i64).unwrap_or(0);
    if shape.len() != strides.len() || offset < 0 {
        return Err(fault("is not described consistently"));
    }
    if numbers(&shape) >= MOST_NUMBERS {
        return Err(fault(&format!("is said to be {shape:?}, 2^31 numbers or more")));
    }
    if stored.path_name.contains('/') {
        return Err(fault("lies outside the folder of weights"));
    }
    let member = format!("data/{folder}/{}", stored.path_name);
    if !archive.has(&member) {
        return Err(fault(&format!("is missing: the archive has no member `{member}`")));
    }
    if kind(meta).is_none() {
        return Err(archive.fault(
            format!("the tensor `{name}` is of a type of numbers, {}, that is not read", meta.dtype),
            format!("convert the model with .float() and export it again: {EXPORT}"),
        ));
    }
    Ok(Place { member, dtype: meta.dtype, shape, strides, offset })
}

/// The type of numbers by its code in the format.
fn kind(meta: &TensorMeta) -> Option<Kind> {
    kind_of(meta.dtype)
}

fn kind_of(dtype: u64) -> Option<Kind> {
    Some(match dtype {
        1 => Kind::Uint8,
        2 => Kind::Int8,
        3 => Kind::Int16,
        4 => Kind::Int,
        5 => Kind::Int64,
        6 => Kind::Half,
        7 => Kind::Float,
        8 => Kind::Double,
        12 => Kind::Bool,
        13 => Kind::BFloat16,
        _ => return None,
    })
}

impl Place {
    /// The tensor, in memory of its own.
    pub fn tensor(&self, archive: &mut Archive) -> Result<Tensor> {
        let bytes = archive.read(&self.member)?;
        let member = &self.member;
        let Some(kind) = kind_of(self.dtype) else {
            return Err(archive.fault(format!("`{member}` is of no known type"), again()));
        };
        let width = kind.elt_size_in_bytes();
        let held = (bytes.len() / width) as i64;
        // The place after the last number of the part.
        let end = self.shape.iter().zip(&self.strides).try_fold(self.offset, |end, (length, stride)| {
            length.checked_sub(1)?.checked_mul(*stride)?.checked_add(end)
        });
        let empty = numbers(&self.shape) == 0;
        if !empty && end.is_none_or(|end| end >= held) {
            let shape = &self.shape;
            let message = format!("`{member}` holds {held} numbers, too few for a tensor {shape:?}");
            return Err(archive.fault(message, again()));
        }
        let whole = Tensor::f_from_data_size(&bytes[..held as usize * width], &[held], kind)?;
        // A copy: what is on the heap now goes with the bytes.
        Ok(whole.f_as_strided(&self.shape, &self.strides, self.offset)?.f_contiguous()?.f_detach_copy()?)
    }
}
