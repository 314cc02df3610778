//! What lies outside of the suite and decides results: data folders, and the contents of files.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::catalogue::Chosen;
use crate::datasets::{DataFolder, Source};
use crate::error::Result;

/// Answers what a file holds, by the hash of its content.
pub type Hash<'a> = dyn FnMut(&Path) -> Result<String> + 'a;

pub struct Outside<'a> {
    pub data: &'a DataFolder,
    /// Hashes are usually remembered by path, size, time and inode; plans without a store may read every file.
    pub hash: RefCell<Box<Hash<'a>>>,
    /// `--fresh LABEL`: a name that makes every cell a new one.
    pub fresh: Option<String>,
    /// What is known already of the data of each dataset: a folder of pictures takes a while to be walked.
    pub known: RefCell<HashMap<String, String>>,
}

impl Outside<'_> {
    /// What decides the images of a source: the contents of its files, and what their names say.
    pub fn data_of(&self, source: &Chosen<dyn Source>) -> Result<String> {
        if let Some(known) = self.known.borrow().get(&source.identity) {
            return Ok(known.clone());
        }
        let contents = self.contents(&source.method.files(self.data)?)?;
        let said = format!("{contents};{}", source.method.names(self.data)?);
        self.known.borrow_mut().insert(source.identity.clone(), said.clone());
        Ok(said)
    }

    /// The contents of `files`, canonically. Names and places do not count.
    pub fn contents(&self, files: &[PathBuf]) -> Result<String> {
        let mut hash = self.hash.borrow_mut();
        let hashes = files.iter().map(|file| hash(file)).collect::<Result<Vec<String>>>()?;
        Ok(hashes.join(","))
    }
}
