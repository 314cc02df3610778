//! # Definition
//! JPEG and PNG pictures in folders named after their classes: `<split>/<class>/<file>`, or `<class>/<file>`, of which a share
//! is held out. They lie in a folder or in a .tar, .tar.gz, .tar.zst or .zip; what kind of file it is, its content tells.
//! Folders that all pictures share, and hidden files, do not count. The classes are the sorted names of the class folders, and
//! every split must have them all. Pictures turned by an EXIF entry are not turned back, and alpha channels are dropped.
//!
//! # Parameters
//! - `folder`: the folder or archive, seen from the data folder; or `file`: an archive, seen from the suite's folder.
//! - `size`: one side or [height, width]; without it all pictures must be of one size.
//! - `resize` ("crop"): "crop" (scaled until the size is just covered, then the middle), "squash" (both sides scaled to fit), or
//!   "none". Scaling is bilinear, over as many pixels as fall together where it makes smaller.
//! - `channels` (3): 3, or 1 for grey: 0.2126 red + 0.7152 green + 0.0722 blue of the stored values.
//! - `train_split` ("train"), `test_split` ("test", or "val" if that is not there): the folders of the splits; others are unread.
//! - `test` (0.2), `seed` (0): where there are no splits, the share of the pictures to hold out, and which.
//! - `limit`: at most so many pictures of each class and split, drawn by `seed` and the pictures' names.
//! - `on_error` ("stop"): what a broken file leads to: "stop", or "skip" to leave it out, count it and say so. How many images
//!   there are is then known only after loading; a plan counts the broken ones too.
//!
//! # Reference
//! Whoever made the pictures.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use super::folder::DataFolder;
use super::pictures::{Archive, Faults, Fit, Layout, OnError, Reading};
use super::split::Dataset;
use super::{Described, Source};
use crate::catalogue::Entry;
use crate::config::Section;
use crate::error::Result;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "image-folder",
    summary: "JPEG and PNG pictures in class folders, in a folder or an archive",
    reference: "whoever made the pictures",
    revision: 1,
    source: super::pictures::source!("image_folder.rs", "pictures/layout.rs"),
    read: |section| Some(Arc::new(ImageFolder::read(section)?)),
};

/// See the head of this file for what each parameter means.
struct ImageFolder {
    place: Place,
    fit: Fit,
    train_split: String,
    test_split: Option<String>,
    test: f64,
    seed: u64,
    limit: Option<usize>,
    on_error: OnError,
}

enum Place {
    /// In the data folder.
    Folder(String),
    /// An archive anywhere.
    File(PathBuf),
}

impl ImageFolder {
    fn read(section: &Section) -> Option<Self> {
        let place = match section.has("file") {
            true => section.file("file").map(Place::File),
            false => {
                section.required_if("folder", |_| true, "a folder or archive in the data folder").map(Place::Folder)
            }
        };
        let (fit, test, on_error) = (Fit::read(section), super::test_share(section), OnError::read(section));
        let train_split = section.get("train_split", "train".to_string());
        let test_split = section.optional("test_split");
        let limit = section.optional_if("limit", |&limit| limit > 0, "an integer of 1 or more");
        let seed = section.get("seed", 0);
        // Only now, so that every key was asked for.
        Some(Self { place: place?, fit, train_split, test_split, test, seed, limit, on_error })
    }

    fn archive(&self, data: &DataFolder) -> Result<Archive> {
        match &self.place {
            Place::Folder(name) => Archive::open(&data.find(&[name])?),
            Place::File(path) => Archive::open(path),
        }
    }

    fn layout(&self, archive: &Archive) -> Result<Layout> {
        let noise = Noise::new(self.seed).purpose("image-folder");
        let reading = Reading {
            train_split: &self.train_split,
            test_splits: &self.test_split.as_deref().map_or(vec!["test", "val"], |name| vec![name]),
            test: self.test,
            noise: noise.purpose("split"),
        };
        let mut layout = Layout::read(archive, &archive.names()?, &reading)?;
        if let Some(limit) = self.limit {
            layout.limit(limit, &noise.purpose("limit"));
        }
        Ok(layout)
    }
}

impl Source for ImageFolder {
    fn describe(&self, data: &DataFolder) -> Result<Described> {
        let archive = self.archive(data)?;
        self.layout(&archive)?.describe(&archive, &self.fit)
    }

    fn files(&self, data: &DataFolder) -> Result<Vec<PathBuf>> {
        let archive = self.archive(data)?;
        archive.files(|| Ok(self.layout(&archive)?.names()))
    }

    fn names(&self, data: &DataFolder) -> Result<String> {
        let archive = self.archive(data)?;
        archive.naming(|| Ok(self.layout(&archive)?.names()))
    }

    fn load(&self, data: &DataFolder) -> Result<Dataset> {
        let archive = self.archive(data)?;
        self.layout(&archive)?.load(&archive, &self.fit, Faults::new(self.on_error))
    }
}
