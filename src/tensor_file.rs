//! Named tensors of a safetensors file, read one by one: its header says where each lies.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Metadata, TensorInfo, TensorView};
use tch::Tensor;

use crate::error::{Error, Result};

/// An opened safetensors file.
pub struct TensorFile {
    pub path: PathBuf,
    file: File,
    header: Metadata,
    /// Where the tensors' bytes begin.
    start: u64,
}

impl TensorFile {
    /// Reads the header, and checks that every tensor it names lies within the file.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let end = file.metadata().map_err(|error| Error::io("read", path, error))?.len();
        let unlike = || Error::new(format!("{} is not a safetensors file, or is damaged", path.display()));
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| unlike())?;
        let start = u64::from_le_bytes(length).checked_add(8).filter(|&start| start <= end).ok_or_else(unlike)?;
        let mut text = vec![0; (start - 8) as usize];
        file.read_exact(&mut text).map_err(|error| Error::io("read", path, error))?;
        let header: Metadata = serde_json::from_slice(&text).map_err(|_| unlike())?;
        if let Some((name, _)) = header.tensors().into_iter().find(|(_, info)| !fits(info, end - start)) {
            return Err(Error::new(format!("{}: tensor `{name}` does not fit in the file: truncated", path.display())));
        }
        Ok(Self { path: path.to_path_buf(), file, header, start })
    }

    /// The shape of a tensor, if the file holds it.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.header.tensors().get(name)?.shape.clone())
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let tensors = self.header.tensors();
        let Some(info) = tensors.get(name) else {
            let mut names: Vec<String> = tensors.into_keys().collect();
            names.sort();
            return Err(self.fault(format!("holds no tensor `{name}`, only: {}", names.join(", "))));
        };
        let (from, to) = info.data_offsets;
        let mut bytes = vec![0; to - from];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.start + from as u64))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| Error::io("read", &self.path, error))?;
        let view = TensorView::new(info.dtype, info.shape.clone(), &bytes);
        let view = view.map_err(|error| self.fault(format!("tensor `{name}`: {error}")))?;
        Ok(Tensor::try_from(view)?)
    }

    /// An error that begins with the file's name.
    pub fn fault(&self, text: impl std::fmt::Display) -> Error {
        Error::new(format!("{}: {text}", self.path.display()))
    }
}

/// Writes named tensors, whole or not at all.
pub fn write(path: &Path, tensors: &[(&str, Tensor)]) -> Result<()> {
    let mut contiguous = Vec::new();
    for (name, tensor) in tensors {
        contiguous.push((*name, tensor.f_detach()?.f_to_device(tch::Device::Cpu)?.f_contiguous()?));
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".part");
    let temporary = PathBuf::from(temporary);
    Tensor::write_safetensors(&contiguous, &temporary)
        .map_err(|error| Error::new(format!("cannot write {}: {error}", temporary.display())))?;
    std::fs::rename(&temporary, path).map_err(|error| Error::io("write", path, error))
}

/// Whether a tensor's bytes are as many as its shape and type make, and lie within the `length` bytes there are.
fn fits(info: &TensorInfo, length: u64) -> bool {
    let (from, to) = info.data_offsets;
    let bytes = info.shape.iter().try_fold(info.dtype.size(), |product, &size| product.checked_mul(size));
    to as u64 <= length && bytes.is_some_and(|bytes| to.checked_sub(from) == Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> (tempfile::NamedTempFile, Result<TensorFile>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let opened = TensorFile::open(file.path());
        (file, opened)
    }

    /// One tensor `a` of two u8 numbers, with the offsets and the shape given.
    fn with_header(offsets: &str, shape: &str) -> Vec<u8> {
        let header = format!(r#"{{"a":{{"dtype":"U8","shape":{shape},"data_offsets":{offsets}}}}}"#);
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[7, 9]].concat()
    }

    #[test]
    fn a_file_by_hand() {
        let (_file, opened) = written(&with_header("[0,2]", "[2]"));
        let opened = opened.unwrap();
        assert_eq!(opened.shape("a"), Some(vec![2]));
        assert_eq!(Vec::<u8>::try_from(opened.tensor("a").unwrap()).unwrap(), [7, 9]);
        assert!(opened.tensor("b").unwrap_err().to_string().ends_with("holds no tensor `b`, only: a"));
    }

    #[test]
    fn damage_is_noticed_before_memory_is_taken() {
        for bytes in [&b"short"[..], &[255; 8], &[&2u64.to_le_bytes()[..], b"[]"].concat()] {
            let (_file, opened) = written(bytes);
            assert!(opened.err().unwrap().to_string().ends_with("is not a safetensors file, or is damaged"));
        }
        let huge = u64::MAX.to_string();
        for (offsets, shape) in [
            ("[0,3]".to_string(), "[3]".to_string()),
            ("[2,0]".into(), "[2]".into()),
            ("[0,2]".into(), "[3]".into()),
            (format!("[0,{huge}]"), format!("[{huge}]")),
            ("[0,2]".into(), format!("[{huge},2]")),
        ] {
            let (_file, opened) = written(&with_header(&offsets, &shape));
            let error = opened.err().unwrap().to_string();
            assert!(error.ends_with("tensor `a` does not fit in the file: truncated"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(header in r#"\{"a":\{"dtype":"(U8|F64|X)","shape":\[[0-9,]{0,30}\],"data_offsets":\[[0-9]{1,20},[0-9]{1,20}\]\}\}"#, rest: Vec<u8>) {
            let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &rest].concat();
            for bytes in [&bytes[..], &rest] {
                let (_file, opened) = written(bytes);
                let _ = opened.and_then(|file| file.tensor("a"));
            }
        }
    }
}
