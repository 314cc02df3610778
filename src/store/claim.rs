//! Who computes a cell: the one that holds its temporary file.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::draft::{Draft, sync_folder_of};
use super::{Content, Store, cell_file, failed};
use crate::error::Result;
use crate::plan::CellId;

/// The answer to who computes a cell.
pub enum Claim {
    /// Its result is in the store.
    Done,
    /// Another thread or process computes it.
    Busy,
    Yours(Writer),
}

/// The right, held by no one else, to compute a cell and publish its result. Dropped unpublished, it gives the cell free.
pub struct Writer {
    id: CellId,
    draft: Draft,
    target: PathBuf,
}

impl Store {
    /// Claims a cell for computing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn claim(&self, id: CellId) -> Result<Claim> {
        if self.has(id) {
            return Ok(Claim::Done);
        }
        let target = self.path(id);
        let Some(draft) = self.draft(id).map_err(|error| failed("write", &target, error))? else {
            return Ok(Claim::Busy);
        };
        // It may have been published between our first look and our lock.
        if self.has(id) {
            return Ok(Claim::Done);
        }
        Ok(Claim::Yours(Writer { id, draft, target }))
    }

    /// The lock on a cell; `None` while another holds it.
    pub(super) fn draft(&self, id: CellId) -> io::Result<Option<Draft>> {
        let folder = self.folder(id);
        match fs::create_dir(&folder) {
            Ok(()) => sync_folder_of(&folder)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        Draft::lock(self.temporary(id))
    }
}

impl Writer {
    /// Makes the result visible to all, whole and at once, and returns its size in bytes.
    ///
    /// # Errors
    /// When the content cannot be stored (see [`Content`]) or cannot be written, as on a full disk. Nothing of it is
    /// left behind then.
    pub fn publish(self, content: &Content) -> Result<u64> {
        let [header, record, arrays] = cell_file::encode(self.id, content)?;
        self.draft
            .publish(&self.target, &[&header, &record, &arrays])
            .map_err(|error| failed("write", &self.target, error))
    }
}
