//! # Definition
//! CIFAR-10: small photographs, 32x32 in colour, in 10 classes, 50,000 to learn from and 10,000 to be judged by. Read from the
//! official binary batches (six files of 10,000 records: a label, then the red, green and blue planes), in a folder or
//! archive, or from JPEG or PNG pictures in `train/<class>/` and `test/<class>/`.
//!
//! # Parameters
//! - `folder`: the folder or archive in the data folder (`cifar-10-batches-bin`, `cifar-10-binary.tar.gz`, the same in
//!   `cifar10`, `cifar10/cifar10-imagefolder.tar.zst` or `cifar10`, the first that is there).
//! - `train`, `test`: how many images to take of each split, as many of each class as of any other; without them all.
//! - `seed` (0): which ones these are.
//! - `on_error` ("stop"): what a broken picture leads to: "stop", or "skip" to leave it out, count it and say so.
//!
//! # Reference
//! Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

mod batches;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use self::batches::{BATCHES, SIDE};
use super::folder::DataFolder;
use super::pictures::{Archive, Faults, Fit, Layout, OnError, Reading, Resize};
use super::split::Dataset;
use super::{Described, Source};
use crate::catalogue::Entry;
use crate::config::Section;
use crate::error::{Error, Result};
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "cifar10",
    summary: "small photographs, 32x32 in colour (files in the data folder)",
    reference: "Krizhevsky 2009",
    revision: 1,
    source: super::pictures::source!("cifar10.rs", "cifar10/batches.rs", "pictures/layout.rs"),
    read: |section| Some(Arc::new(Cifar10::read(section))),
};

/// See the head of this file for what each parameter means.
struct Cifar10 {
    candidates: Vec<String>,
    /// Of the training and of the test split.
    counts: [Option<usize>; 2],
    seed: u64,
    on_error: OnError,
    /// How many images a binary batch holds.
    records: usize,
}

/// The form in which the images are there.
enum Form {
    /// Names of the batches: five of the training split, then that of the test split.
    Batches([String; 6]),
    Pictures(Layout),
}

const CANDIDATES: [&str; 6] = [
    "cifar-10-batches-bin",
    "cifar-10-binary.tar.gz",
    "cifar10/cifar-10-batches-bin",
    "cifar10/cifar-10-binary.tar.gz",
    "cifar10/cifar10-imagefolder.tar.zst",
    "cifar10",
];
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const FIT: Fit = Fit { size: Some([SIDE, SIDE]), resize: Resize::None, channels: 3 };

impl Cifar10 {
    fn read(section: &Section) -> Self {
        let folder: Option<String> = section.optional("folder");
        let count = |key| section.optional_if(key, |&count| count > 0, "an integer of 1 or more");
        Self {
            candidates: folder.map_or_else(|| CANDIDATES.map(String::from).to_vec(), |name| vec![name]),
            counts: ["train", "test"].map(count),
            seed: section.get("seed", 0),
            on_error: OnError::read(section),
            records: 10_000,
        }
    }

    fn noise(&self) -> Noise {
        Noise::new(self.seed).purpose("cifar10")
    }

    fn archive(&self, data: &DataFolder) -> Result<Archive> {
        Archive::open(&data.find(&self.candidates.iter().map(String::as_str).collect::<Vec<_>>())?)
    }

    fn form(&self, archive: &Archive) -> Result<Form> {
        let names = archive.names()?;
        let batch = |wanted: &str| names.iter().find(|name| name.rsplit('/').next() == Some(wanted)).cloned();
        if !BATCHES.iter().any(|name| batch(name).is_some()) {
            // Without split folders, as many are held out as the official test split has.
            let reading =
                Reading { train_split: "train", test_splits: &["test"], test: 1.0 / 6.0, noise: self.noise() };
            let mut layout = Layout::read(archive, &names, &reading)?;
            if layout.classes != CLASSES {
                let found = layout.classes.join(", ");
                return Err(fault(archive, &format!("the class folders are {found}; expected {}", CLASSES.join(", "))));
            }
            layout.sample(self.counts, &self.noise());
            return Ok(Form::Pictures(layout));
        }
        if let Some(missing) = BATCHES.iter().find(|name| batch(name).is_none()) {
            return Err(fault(archive, &format!("there is no {missing} beside the other batches")));
        }
        Ok(Form::Batches(BATCHES.map(|name| batch(name).unwrap_or_default())))
    }
}

fn fault(archive: &Archive, text: &str) -> Error {
    Error::new(format!("{}: {text}", archive.path.display()))
}

impl Source for Cifar10 {
    fn describe(&self, data: &DataFolder) -> Result<Described> {
        let archive = self.archive(data)?;
        if let Form::Pictures(layout) = self.form(&archive)? {
            return layout.describe(&archive, &FIT);
        }
        let count = |half: usize, all: usize| self.counts[half].map_or(all, |count| count.min(all));
        Ok(Described {
            shape: [3, SIDE, SIDE].map(|side| side as i64).to_vec(),
            classes: CLASSES.map(String::from).to_vec(),
            train: count(0, (BATCHES.len() - 1) * self.records),
            test: count(1, self.records),
            truth: false,
        })
    }

    fn files(&self, data: &DataFolder) -> Result<Vec<PathBuf>> {
        let archive = self.archive(data)?;
        archive.files(|| match self.form(&archive)? {
            Form::Batches(names) => Ok(names.to_vec()),
            Form::Pictures(layout) => Ok(layout.names()),
        })
    }

    fn names(&self, data: &DataFolder) -> Result<String> {
        let archive = self.archive(data)?;
        archive.naming(|| match self.form(&archive)? {
            // The names of the batches are always the same.
            Form::Batches(_) => Ok(Vec::new()),
            Form::Pictures(layout) => Ok(layout.names()),
        })
    }

    fn load(&self, data: &DataFolder) -> Result<Dataset> {
        let archive = self.archive(data)?;
        match self.form(&archive)? {
            Form::Batches(names) => {
                let [train, test] = batches::load(&archive, &names, self.records, self.counts, &self.noise())?;
                Ok(Dataset { classes: CLASSES.map(String::from).to_vec(), train, test, notes: Vec::new() })
            }
            Form::Pictures(layout) => layout.load(&archive, &FIT, Faults::new(self.on_error)),
        }
    }
}
