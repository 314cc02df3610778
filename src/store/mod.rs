//! The store: one file per finished cell, found by its id. It is the cache, the resume and the meeting point of
//! processes that share the work: a cell that is present is done, and a cell is present whole or not at all.
//!
//! ```text
//! <store>/files.json                 hashes of files outside
//! <store>/cells/ab/ab12...ef.cell    a finished cell
//! <store>/cells/ab/.ab12...ef.tmp    a cell being computed; locked by whoever computes it
//! ```

mod cell_file;
mod claim;
mod content;
mod draft;
mod evict;
mod hashes;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::plan::CellId;
use cell_file::{CellReader, Flaw};
pub use claim::{Claim, Writer};
pub use content::{Array, Content, Data};
use draft::Draft;
pub use hashes::FileHashes;

/// A folder of finished cells. Threads and processes may share it.
pub struct Store {
    cells: PathBuf,
    noticed: Mutex<Vec<String>>,
}

impl Store {
    /// Opens the store in `folder`, which is created when missing, and removes what killed runs left behind.
    ///
    /// # Errors
    /// When `folder` is not a folder, or is missing and cannot be created. A store that can only be read opens: what is
    /// finished can be reported, only [`Store::claim`] fails.
    pub fn open(folder: &Path) -> Result<Self> {
        if folder.exists() && !folder.is_dir() {
            return Err(Error::new(format!("the store {} is not a folder", folder.display())));
        }
        let store = Self { cells: folder.join("cells"), noticed: Mutex::default() };
        store.create(folder).map_err(|error| failed("create the store", folder, error))?;
        for path in store.files()? {
            if path.extension().is_some_and(|extension| extension == "tmp") {
                // A lock that can be had belonged to a run that was killed: dropping it removes the file. In a store
                // that can only be read the file stays, and does no harm.
                drop(Draft::lock(path));
            }
        }
        Ok(store)
    }

    /// Whether the cell is finished; its file is not read.
    pub fn has(&self, id: CellId) -> bool {
        self.path(id).exists()
    }

    /// Reads and verifies a cell. A damaged file is removed and told by [`Store::noticed`]; the answer is then `None`,
    /// as for a cell that was never computed.
    ///
    /// # Errors
    /// When the file exists and cannot be read, or is damaged and cannot be removed.
    pub fn get(&self, id: CellId) -> Result<Option<Content>> {
        self.read(id, |cell| cell.content())
    }

    /// Reads and verifies only the record of a cell, otherwise as [`Store::get`]: quick for cells with large arrays.
    pub fn record(&self, id: CellId) -> Result<Option<Value>> {
        self.read(id, |cell| cell.record())
    }

    /// Removes a finished cell, if it is there.
    pub fn remove(&self, id: CellId) -> Result<()> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// What the user should know, one sentence each, and has not been told by an earlier call.
    pub fn noticed(&self) -> Vec<String> {
        std::mem::take(&mut *self.noticed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A store is not for version control. The ignore file is written into a new or empty folder only: in a folder with
    /// other content it would hide that too.
    fn create(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        if fs::read_dir(folder)?.next().is_none() {
            fs::write(folder.join(".gitignore"), "*\n")?;
        }
        fs::create_dir_all(&self.cells)
    }

    /// The cells whose ids begin alike share a folder, so that no folder grows too large to list.
    fn folder(&self, id: CellId) -> PathBuf {
        self.cells.join(&id.to_string()[..2])
    }

    fn path(&self, id: CellId) -> PathBuf {
        self.folder(id).join(format!("{id}.cell"))
    }

    fn temporary(&self, id: CellId) -> PathBuf {
        self.folder(id).join(format!(".{id}.tmp"))
    }

    fn read<T>(&self, id: CellId, part: impl FnOnce(CellReader) -> Result<T, Flaw>) -> Result<Option<T>> {
        let path = self.path(id);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        match CellReader::open(&file, id).and_then(part) {
            Ok(value) => Ok(Some(value)),
            Err(Flaw::Unreadable(error)) => Err(Error::io("read", &path, error)),
            Err(Flaw::Damaged) => {
                self.discard(id, &file).map_err(|error| failed("remove the damaged file", &path, error))?;
                let sentence = format!("{} was damaged and has been removed", path.display());
                self.noticed.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
                Ok(None)
            }
        }
    }

    /// Removes the file that was seen to be damaged, under the cell's lock, so that a good one published since stays.
    fn discard(&self, id: CellId, seen: &File) -> io::Result<()> {
        let path = self.path(id);
        let held = self.draft(id)?;
        if held.is_some() && draft::is_at(seen, &path)? {
            fs::remove_file(&path)?;
        }
        Ok(())
    }

    /// All files in the folders of the cells.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in entries(&self.cells)? {
            if folder.is_dir() {
                files.extend(entries(&folder)?);
            }
        }
        Ok(files)
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    paths.map_err(|error| Error::io("list", folder, error))
}

/// A failed change of the store: the system's word, what became of earlier results, and what can be done.
fn failed(doing: &str, path: &Path, error: io::Error) -> Error {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ": make room and run again"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ": make the store writable or choose another with --store"
        }
        _ => "",
    };
    Error::new(format!("{}; nothing finished was lost{remedy}", Error::io(doing, path, error)))
}
