//! Files by name, one after another, from a folder or from an archive of one, which is never unpacked to disk.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::Fault;
use crate::error::{Error, Result};

/// A folder, or a .tar, .tar.gz, .tar.zst or .zip; which one is told by its first bytes and not by its name.
pub struct Archive {
    pub path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Folder,
    Tar,
    Gzip,
    Zstd,
    Zip,
}

/// Reads the content of one file, up to a number of bytes; larger files are refused.
pub type Body<'a> = dyn FnMut(u64) -> Result<Vec<u8>, Fault> + 'a;

/// What is done with each file: its name, with `/` between folders, and its content for those who ask for it.
pub type Visit<'a> = dyn FnMut(&str, &mut Body) -> Result<ControlFlow<()>> + 'a;

/// A deeper folder is a loop of links or a mistake.
const DEEPEST: usize = 16;
const LONGEST_NAME: usize = 4096;

impl Archive {
    pub fn open(path: &Path) -> Result<Self> {
        let kind = if path.is_dir() { Kind::Folder } else { kind_of(path)? };
        Ok(Self { path: path.to_path_buf(), kind })
    }

    /// How errors call a file of it.
    pub fn place(&self, name: &str) -> String {
        match self.kind {
            Kind::Folder => self.path.join(name).display().to_string(),
            _ => format!("{}: {name}", self.path.display()),
        }
    }

    /// The files on disk that decide the content of some files; `names` are asked for only where each lies on its own.
    pub fn files(&self, names: impl FnOnce() -> Result<Vec<String>>) -> Result<Vec<PathBuf>> {
        match self.kind {
            Kind::Folder => Ok(names()?.iter().map(|name| self.path.join(name)).collect()),
            _ => Ok(vec![self.path.clone()]),
        }
    }

    /// What `names` say beside those files: they are not part of any content in a folder, but of that of an archive.
    pub fn naming(&self, names: impl FnOnce() -> Result<Vec<String>>) -> Result<String> {
        match self.kind {
            Kind::Folder => Ok(names()?.join("\n")),
            _ => Ok(String::new()),
        }
    }

    /// The names of all files, sorted. Hidden files are left out, here and in `visit`.
    pub fn names(&self) -> Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        self.visit(&mut |name, _| {
            if !names.insert(name.to_string()) {
                return Err(Error::new(format!("{} holds {name} twice", self.path.display())));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(names)
    }

    /// The content of one file.
    pub fn read(&self, wanted: &str, most: u64) -> Result<Result<Vec<u8>, Fault>> {
        let mut found = Err("is not there".to_string());
        self.visit(&mut |name, body| {
            if name != wanted {
                return Ok(ControlFlow::Continue(()));
            }
            found = body(most);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Shows every file, in the order in which the archive stores them, those of a folder by name.
    ///
    /// # Errors
    /// Those of `visit`, and where the archive itself cannot be read on.
    pub fn visit(&self, visit: &mut Visit) -> Result<()> {
        let open = || File::open(&self.path).map_err(|error| Error::io("open", &self.path, error));
        match self.kind {
            Kind::Folder => self.folder(visit),
            // Contents that nobody asks for are jumped over.
            Kind::Tar => self.tar(tar::Archive::new(open()?).entries_with_seek(), visit),
            Kind::Gzip => self.tar(tar::Archive::new(MultiGzDecoder::new(BufReader::new(open()?))).entries(), visit),
            Kind::Zstd => {
                let decoder = zstd::Decoder::new(open()?).map_err(|error| self.unreadable(error))?;
                self.tar(tar::Archive::new(decoder).entries(), visit)
            }
            Kind::Zip => self.zip(BufReader::new(open()?), visit),
        }
    }

    fn folder(&self, visit: &mut Visit) -> Result<()> {
        let mut files = BTreeSet::new();
        self.walk(&self.path, "", &mut files)?;
        for name in files {
            let path = self.path.join(&name);
            let mut body = |most| {
                // Before it is opened: a pipe would wait for ever.
                let about = std::fs::metadata(&path).map_err(unread)?;
                match about.is_file() {
                    true => bounded(about.len(), File::open(&path).map_err(unread)?, most),
                    false => Err("is no regular file".to_string()),
                }
            };
            if visit(&name, &mut body)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn walk(&self, folder: &Path, prefix: &str, files: &mut BTreeSet<String>) -> Result<()> {
        let io = |error| Error::io("list", folder, error);
        for entry in std::fs::read_dir(folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let raw = [prefix.as_bytes(), entry.file_name().as_encoded_bytes()].concat();
            let Some(name) = self.admitted(&raw)? else { continue };
            let path = entry.path();
            let kind = entry.file_type().map_err(io)?;
            if kind.is_dir() || (kind.is_symlink() && path.is_dir()) {
                self.walk(&path, &format!("{name}/"), files)?;
            } else {
                files.insert(name);
            }
        }
        Ok(())
    }

    fn tar<R: Read>(&self, entries: std::io::Result<tar::Entries<R>>, visit: &mut Visit) -> Result<()> {
        for entry in entries.map_err(|error| self.unreadable(error))? {
            let mut entry = entry.map_err(|error| self.unreadable(error))?;
            let kind = entry.header().entry_type();
            let link = kind.is_symlink() || kind.is_hard_link();
            if !(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() || link) {
                continue;
            }
            let Some(name) = self.admitted(&entry.path_bytes())? else { continue };
            let size = entry.size();
            let mut body = |most| match link {
                true => Err("is a link, and links in archives are not followed".to_string()),
                false => bounded(size, &mut entry, most),
            };
            if visit(&name, &mut body)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn zip(&self, file: BufReader<File>, visit: &mut Visit) -> Result<()> {
        let mut archive = zip::ZipArchive::new(file).map_err(|error| self.unreadable(error))?;
        for place in 0..archive.len() {
            let mut entry = archive.by_index(place).map_err(|error| self.unreadable(error))?;
            if entry.is_dir() {
                continue;
            }
            let name = entry.name().map_err(|error| self.unreadable(error))?.into_owned();
            let Some(name) = self.admitted(name.as_bytes())? else { continue };
            let size = entry.size();
            if visit(&name, &mut |most| bounded(size, &mut entry, most))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The name of a file in a plain form; `None` if it is hidden, as what archivers of some systems leave beside files.
    fn admitted(&self, raw: &[u8]) -> Result<Option<String>> {
        let refused = |why: &str| {
            let start = String::from_utf8_lossy(&raw[..raw.len().min(100)]).into_owned();
            Err(Error::new(format!("{}: the name {start:?} {why}", self.path.display())))
        };
        if raw.len() > LONGEST_NAME {
            return refused(&format!("goes on for {} bytes", raw.len()));
        }
        let Ok(name) = str::from_utf8(raw) else { return refused("is not UTF-8") };
        let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if name.starts_with('/') || parts.contains(&"..") {
            return refused("leads out of the archive");
        }
        if parts.len() > DEEPEST {
            return refused(&format!("lies in more than {DEEPEST} folders"));
        }
        let hidden = parts.is_empty() || parts.iter().any(|part| part.starts_with('.') || *part == "__MACOSX");
        Ok((!hidden).then(|| parts.join("/")))
    }

    fn unreadable(&self, error: impl std::fmt::Display) -> Error {
        let kind = match self.kind {
            Kind::Zip => "zip",
            _ => "tar",
        };
        Error::new(format!("{} is no whole {kind} archive: {error}", self.path.display()))
    }
}

fn kind_of(path: &Path) -> Result<Kind> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut start));
    read.map_err(|error| Error::io("read", path, error))?;
    match start.as_slice() {
        [0x1f, 0x8b, ..] => Ok(Kind::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Kind::Zstd),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Ok(Kind::Zip),
        tar if tar.get(257..262) == Some(b"ustar") => Ok(Kind::Tar),
        _ => Err(Error::new(format!(
            "{} is neither a folder nor a .tar, .tar.gz, .tar.zst or .zip: it starts with {}",
            path.display(),
            start_of(&start)
        ))),
    }
}

/// The first bytes of a file, for people.
pub fn start_of(bytes: &[u8]) -> String {
    match bytes {
        [] => "nothing, it is empty".to_string(),
        _ => bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
    }
}

/// All `size` bytes of a reader, if they are no more than `most`; never allocates more than that, whatever the header says.
fn bounded(size: u64, reader: impl Read, most: u64) -> Result<Vec<u8>, Fault> {
    if size > most {
        return Err(format!("is of {size} bytes, more than the {most} that are read"));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    // One byte further: there a zip compares checksums.
    reader.take(size + 1).read_to_end(&mut bytes).map_err(unread)?;
    match bytes.len() as u64 == size {
        true => Ok(bytes),
        false => Err(format!("is not of the {size} bytes that are promised: {} were read", bytes.len())),
    }
}

fn unread(error: std::io::Error) -> Fault {
    format!("cannot be read: {error}")
}
