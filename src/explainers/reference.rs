//! The input that path and difference methods start from.

use std::path::PathBuf;
use std::sync::Arc;

use tch::Tensor;

use super::Scene;
use crate::config::Section;
use crate::error::{Error, Result};
use crate::imputers::Imputer;
use crate::tensor_file::TensorFile;

pub enum Reference {
    /// What an imputer makes of the whole image.
    Imputed(Arc<dyn Imputer>),
    /// The tensor `reference` [C, H, W] of a safetensors file, for all images.
    File(PathBuf),
}

impl Reference {
    /// Reads `reference = "black"`, `{ use = "blur", sigma = 2.0 }` or `"file.safetensors"`.
    pub fn read(section: &Section) -> Option<Self> {
        let is_file = |word: &String| word.ends_with(".safetensors");
        if section.peek::<String>("reference").as_ref().is_some_and(is_file) {
            return Some(Self::File(section.file("reference")?));
        }
        let imputer = crate::catalogue::choose_word(section, "reference", "black", "reference", crate::imputers::ALL)?;
        Some(Self::Imputed(imputer.method))
    }

    /// The files of outside that decide it.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::File(path) => vec![path.clone()],
            Self::Imputed(_) => Vec::new(),
        }
    }

    /// The reference of each example. Shape of `on.x`.
    pub fn at(&self, on: &Scene) -> Result<Tensor> {
        match self {
            Self::Imputed(imputer) => imputer.reference(&on.x, &on.surroundings()),
            Self::File(path) => {
                let reference = TensorFile::open(path)?.tensor("reference")?;
                if reference.size() != on.x.size()[1..] {
                    return Err(Error::new(format!(
                        "{}: `reference` is {:?} and an input is {:?}",
                        path.display(),
                        reference.size(),
                        &on.x.size()[1..]
                    )));
                }
                let reference = reference.to_kind(on.x.kind()).to_device(on.x.device());
                Ok(reference.f_expand_as(&on.x)?.f_contiguous()?)
            }
        }
    }
}
