//! A suite with its store, as most commands need them.

use std::cell::RefCell;
use std::path::Path;

use super::Places;
use crate::datasets::DataFolder;
use crate::error::Result;
use crate::plan::{CellId, Outside, Plan, expand};
use crate::store::{FileHashes, Store};
use crate::suite::{self, Suite};

pub struct Session {
    pub suite: Suite,
    pub data: DataFolder,
    pub store: Store,
    hashes: RefCell<FileHashes>,
    fresh: Option<String>,
}

impl Session {
    /// Reads the suite first: its mistakes are answered before a store is made.
    pub fn open(
        path: &Path,
        places: &Places,
        only: &[String],
        limit: Option<usize>,
        fresh: Option<&str>,
    ) -> Result<Self> {
        let data = places.data();
        let mut suite = suite::load(path, &data)?;
        suite.keep_only(only)?;
        if let Some(limit) = limit {
            suite.limit_images(limit);
        }
        let folder = places.store()?;
        let store = Store::open(&folder)?;
        let hashes = RefCell::new(FileHashes::open(&folder));
        Ok(Self { suite, data, store, hashes, fresh: fresh.map(str::to_string) })
    }

    /// Says what the store noticed and no run has told yet.
    pub fn tell(&self) {
        self.store.noticed().iter().for_each(|text| eprintln!("{text}"));
    }

    /// The cells of the suite, as far as the finished ones let them be known.
    pub fn plan(&self) -> Result<Plan> {
        let mut hashes = self.hashes.borrow_mut();
        let plan = {
            let outside = Outside {
                data: &self.data,
                hash: RefCell::new(Box::new(|file: &Path| hashes.hash(file))),
                fresh: self.fresh.clone(),
                known: RefCell::default(),
            };
            expand(&self.suite, &outside, &|id: CellId| self.store.record(id).ok().flatten())
        };
        hashes.save();
        plan
    }
}
