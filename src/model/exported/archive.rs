//! The archive of an exported model: a zip whose members are read one at a time, each against a bound.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};

use crate::error::{Error, Result};

/// What makes a readable file.
pub const EXPORT: &str = "torch.export.save(torch.export.export(model.eval(), (x,), \
     dynamic_shapes=({0: torch.export.Dim(\"batch\")},)), \"model.pt2\")";

/// The remedy for what a new file will not have.
pub fn again() -> String {
    format!("export the model again: {EXPORT}")
}

/// A zip cannot hold more than this times its own length; weights are hardly ever compressed.
const MOST_COMPRESSED: u64 = 1100;
/// The largest program, as JSON, that is read: some hundred thousand nodes.
const MOST_TEXT: u64 = 512 << 20;

pub struct Archive {
    pub path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
    /// Members by their names without the folder that holds them all.
    members: HashMap<String, usize>,
    length: u64,
}

/// What kinds of model files there are, told by their content and not by their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `torch.export.save`
    Exported,
    TorchScript,
    /// Compiled code, which has no gradients.
    Compiled,
    Safetensors,
    /// `torch.save`
    Pickle,
    Other,
}

/// What kind of model file this is.
///
/// # Errors
/// When it cannot be read.
pub fn kind_of(path: &Path) -> Result<FileKind> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    file.take(16).read_to_end(&mut start).map_err(|error| Error::io("read", path, error))?;
    Ok(match &start[..] {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => match Archive::open(path) {
            Ok(archive) => archive.kind(),
            // Its end is missing, and with it the list of members: `torch.export` is the likeliest writer, and says more.
            Err(_) => FileKind::Exported,
        },
        [_, _, _, _, _, _, _, _, b'{', ..] => FileKind::Safetensors,
        [0x80, 2..=5, ..] => FileKind::Pickle,
        _ => FileKind::Other,
    })
}

impl Archive {
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let length = file.metadata().map_err(|error| Error::io("read", path, error))?.len();
        let damaged = |error: zip::result::ZipError| {
            let message = format!("{} is no whole archive, it may be truncated ({error})", path.display());
            Error::refused(message, again())
        };
        // Nothing precedes the archive. To look for something that does would mistake the list's second entry for its first
        // where that takes as many bytes as PyTorch's two zip64 records after the list (so it is for `resnet18.pt2`), and
        // would open the archive of examples that lies within a truncated file.
        let whole = Config { archive_offset: ArchiveOffset::Known(0) };
        let zip = ZipArchive::with_config(whole, BufReader::new(file)).map_err(damaged)?;
        // Names that are no text belong to no model.
        let members = zip.file_names().filter_map(|name| {
            let name = name.ok()?;
            let inner = name.split_once('/').map_or(&*name, |(_, inner)| inner).to_string();
            Some((inner, zip.index_for_name(&name)?))
        });
        let members = members.collect();
        Ok(Self { path: path.to_path_buf(), zip, members, length })
    }

    pub fn kind(&self) -> FileKind {
        let starts = |folder: &str| self.members.keys().any(|name| name.starts_with(folder));
        if self.has("models/model.json") {
            FileKind::Exported
        } else if self.has("constants.pkl") && starts("code/") {
            FileKind::TorchScript
        } else if starts("data/aotinductor/") {
            FileKind::Compiled
        } else if self.has("serialized_exported_program.json") {
            FileKind::Exported
        } else if self.has("data.pkl") {
            FileKind::Pickle
        } else {
            FileKind::Other
        }
    }

    pub fn has(&self, member: &str) -> bool {
        self.members.contains_key(member)
    }

    /// The content of a member.
    ///
    /// # Errors
    /// When it is missing, damaged or longer than the archive can hold.
    pub fn read(&mut self, member: &str) -> Result<Vec<u8>> {
        let path = self.path.display().to_string();
        let fault = |why: String| Error::refused(format!("{path}: its member `{member}` {why}"), again());
        let Some(place) = self.members.get(member) else {
            return Err(fault("is missing".to_string()));
        };
        let most = self.length.saturating_mul(MOST_COMPRESSED);
        let entry = self.zip.by_index(*place).map_err(|error| fault(format!("cannot be read: {error}")))?;
        let size = entry.size();
        if size > most {
            return Err(fault(format!(
                "claims to be of {size} bytes, which an archive of {} cannot hold",
                self.length
            )));
        }
        // What is read decides how much memory there is, not what the header claims. One byte more: there a zip compares
        // checksums.
        let mut bytes = Vec::new();
        entry.take(size + 1).read_to_end(&mut bytes).map_err(|error| fault(format!("cannot be read: {error}")))?;
        if bytes.len() as u64 != size {
            return Err(fault(format!("is of {} bytes instead of {size}: the archive is damaged", bytes.len())));
        }
        Ok(bytes)
    }

    /// A member that holds JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&mut self, member: &str) -> Result<T> {
        let bytes = self.read(member)?;
        let fault = |why: String| self.fault(format!("its member `{member}` {why}"), again());
        if bytes.len() as u64 > MOST_TEXT {
            return Err(fault(format!("is of {} bytes, more than a program needs", bytes.len())));
        }
        serde_json::from_slice(&bytes).map_err(|error| fault(format!("is not as `torch.export` writes it: {error}")))
    }

    /// An error that begins with the file's name, and its remedy.
    pub fn fault(&self, text: impl std::fmt::Display, help: impl Into<String>) -> Error {
        Error::refused(format!("{}: {text}", self.path.display()), help)
    }
}
