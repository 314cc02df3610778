//! Keeping the store within a size: what can be computed again goes, oldest first.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::{Store, failed};
use crate::error::{Error, Result};
use crate::plan::CellId;

struct Stored {
    written: SystemTime,
    id: CellId,
    bytes: u64,
}

impl Store {
    /// The size of all finished cells, in bytes.
    pub fn bytes(&self) -> Result<u64> {
        Ok(self.stored()?.iter().map(|cell| cell.bytes).sum())
    }

    /// Removes cells that `may_go`, the longest finished first, until those left take at most `limit` bytes or none may
    /// go. A cell that someone holds stays. Returns the number of bytes freed.
    pub fn evict(&self, limit: u64, may_go: &dyn Fn(CellId) -> bool) -> Result<u64> {
        let mut cells = self.stored()?;
        cells.sort_unstable_by_key(|cell| (cell.written, cell.id));
        let total: u64 = cells.iter().map(|cell| cell.bytes).sum();
        let mut freed = 0;
        for cell in cells {
            if total - freed <= limit {
                break;
            }
            if !may_go(cell.id) {
                continue;
            }
            let held = self.draft(cell.id).map_err(|error| failed("remove", &self.path(cell.id), error))?;
            if held.is_some() {
                self.remove(cell.id)?;
                freed += cell.bytes;
            }
        }
        Ok(freed)
    }

    fn stored(&self) -> Result<Vec<Stored>> {
        let mut cells = Vec::new();
        for path in self.files()? {
            let Some(id) = cell_of(&path) else { continue };
            // Another run may remove cells meanwhile.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let written = metadata.modified().map_err(|error| Error::io("read the age of", &path, error))?;
            cells.push(Stored { written, id, bytes: metadata.len() });
        }
        Ok(cells)
    }
}

fn cell_of(path: &Path) -> Option<CellId> {
    path.file_name()?.to_str()?.strip_suffix(".cell")?.parse().ok()
}
