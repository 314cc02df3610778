//! What lies outside of the suite and decides results: data folders, and the contents of files.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::datasets::DataFolder;
use crate::error::Result;

/// Answers what a file holds, by the hash of its content.
pub type Hash<'a> = dyn FnMut(&Path) -> Result<String> + 'a;

pub struct Outside<'a> {
    pub data: &'a DataFolder,
    /// Hashes are usually remembered by path, size, time and inode; plans without a store may read every file.
    pub hash: RefCell<Box<Hash<'a>>>,
    /// `--fresh LABEL`: a name that makes every cell a new one.
    pub fresh: Option<String>,
}

impl Outside<'_> {
    /// The contents of `files`, canonically. Names and places do not count.
    pub fn contents(&self, files: &[PathBuf]) -> Result<String> {
        let mut hash = self.hash.borrow_mut();
        let hashes = files.iter().map(|file| hash(file)).collect::<Result<Vec<String>>>()?;
        Ok(hashes.join(","))
    }
}
