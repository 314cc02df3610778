//! # Definition
//! Attributions made elsewhere, read from a safetensors file: a tensor [N, C, H, W] (per element), [N, 1, H, W] or
//! [N, H, W] (per pixel). Row i belongs to example i of the split, or, where the file has an int64 tensor `ids` [N], to
//! example `ids[i]`.
//!
//! # Parameters
//! - `file`: path of the safetensors file.
//! - `tensor` ("attribution"): the tensor's name.
//!
//! # Cost
//! None.
//!
//! # Reference
//! The method that made the file.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use tch::Tensor;

use super::{Access, Attribution, Explainer, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::tensor_file::TensorFile;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "precomputed",
    summary: "attributions made elsewhere, from a safetensors file",
    reference: "the method that made the file",
    revision: 1,
    source: include_str!("precomputed.rs"),
    read: |section| {
        let file = section.required_file("file");
        let tensor = section.get("tensor", "attribution".to_string());
        Some(Arc::new(Precomputed { file: file?, tensor }))
    },
};

pub struct Precomputed {
    pub file: PathBuf,
    pub tensor: String,
}

impl Explainer for Precomputed {
    fn access(&self) -> Access {
        Access::Outputs
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.file.clone()]
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let file = TensorFile::open(&self.file)?;
        let stored = file.tensor(&self.tensor)?;
        let size = on.x.size();
        let (unit, stored) = match stored.size().as_slice() {
            [_, c, h, w] if [*c, *h, *w] == size[1..] => (Unit::Element, stored),
            [_, 1, h, w] if [*h, *w] == size[2..] => (Unit::Pixel, stored),
            [_, h, w] if [*h, *w] == size[2..] => (Unit::Pixel, stored.f_unsqueeze(1)?),
            other => {
                let wanted =
                    format!("expected [N, {}, {}, {}] or [N, {}, {}]", size[1], size[2], size[3], size[2], size[3]);
                return Err(file.fault(format!("`{}` is {other:?}; {wanted}", self.tensor)));
            }
        };
        let rows = rows_of(on, &file, stored.size()[0])?;
        let values = stored.f_index_select(0, &Tensor::from_slice(&rows))?;
        let values = values.f_to_kind(on.x.kind())?.f_to_device(on.x.device())?;
        Ok(Attribution { values, unit })
    }
}

/// The stored row of each example of the scene.
fn rows_of(on: &Scene, file: &TensorFile, stored: i64) -> Result<Vec<i64>> {
    let index = |id: &u64| (id & u64::from(u32::MAX)) as i64;
    let rows: HashMap<i64, i64> = if file.shape("ids").is_some() {
        let ids =
            Vec::<i64>::try_from(file.tensor("ids")?).map_err(|_| file.fault("`ids` is not an int64 tensor [N]"))?;
        ids.into_iter().zip(0..stored).collect()
    } else {
        (0..stored).map(|row| (row, row)).collect()
    };
    let row = |id: &u64| {
        rows.get(&index(id)).copied().ok_or_else(|| file.fault(format!("no attribution of example {}", index(id))))
    };
    on.ids.iter().map(row).collect()
}
