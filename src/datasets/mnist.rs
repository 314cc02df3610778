//! # Definition
//! MNIST: handwritten digits, 28x28, in 10 classes, from its four IDX files, gzipped or not.
//!
//! # Parameters
//! - `folder`: where the files lie in the data folder (`mnist`, `MNIST/raw` or `mnist10k`, whichever is there).
//! - `classes`: which ones to take, such as ["1", "7"]; without it all.
//! - `train`, `test`: how many images to take of each split; without them all.
//! - `seed` (0): which ones these are.
//!
//! # Reference
//! LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proc. IEEE, 1998.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tch::{Kind, Tensor};

use super::folder::DataFolder;
use super::idx::Idx;
use super::split::{Dataset, Split};
use super::subset::Subset;
use super::{Described, Source};
use crate::catalogue::Entry;
use crate::config::Section;
use crate::error::{Error, Result};

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "mnist",
    summary: "handwritten digits, 28x28 (IDX files in the data folder)",
    reference: "LeCun et al. 1998",
    revision: 1,
    source: concat!(include_str!("mnist.rs"), include_str!("idx.rs"), include_str!("subset.rs")),
    read: |section| {
        let classes = (0..10).map(|digit| digit.to_string()).collect();
        Some(Arc::new(IdxFolder::read(section, &["mnist", "MNIST/raw", "mnist10k"], classes)))
    },
};

const TRAIN: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
const TEST: [&str; 2] = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// A dataset of four IDX files with the official names, plain or with `.gz`.
pub(super) struct IdxFolder {
    /// Where in the data folder to look: the first that exists is taken.
    candidates: Vec<String>,
    classes: Vec<String>,
    subset: Subset,
}

impl IdxFolder {
    /// Parameters: `folder`, its place in the data folder; without it the usual `candidates` are tried. Those of a subset.
    pub fn read(section: &Section, candidates: &[&str], classes: Vec<String>) -> Self {
        let folder: Option<String> = section.optional("folder");
        let candidates = folder.map_or_else(|| candidates.iter().map(|&name| name.into()).collect(), |name| vec![name]);
        let subset = Subset::read(section, &classes, [Some("train"), Some("test")], section.get("seed", 0));
        Self { candidates, classes, subset }
    }

    fn path(&self, data: &DataFolder) -> Result<PathBuf> {
        data.find(&self.candidates.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl Source for IdxFolder {
    fn describe(&self, data: &DataFolder) -> Result<Described> {
        let folder = self.path(data)?;
        let (train, _) = open(&folder, TRAIN)?;
        let (test, _) = open(&folder, TEST)?;
        if train.sizes[1..] != test.sizes[1..] {
            let shown = |idx: &Idx| format!("{} is of {}x{} pixels", idx.path.display(), idx.sizes[1], idx.sizes[2]);
            return Err(Error::new(format!("the images differ in size: {}, {}", shown(&train), shown(&test))));
        }
        let count = |split: usize, images: &Idx, names: [&str; 2]| {
            let there = match self.subset.by_class() {
                false => images.sizes[0],
                true => {
                    let labels = open(&folder, names)?.1.read()?;
                    self.subset.there(&labels.into_iter().map(i64::from).collect::<Vec<_>>())
                }
            };
            self.subset.count(split, there)
        };
        Ok(Described {
            shape: vec![1, train.sizes[1] as i64, train.sizes[2] as i64],
            classes: self.subset.names(&self.classes),
            train: count(0, &train, TRAIN)?,
            test: count(1, &test, TEST)?,
            truth: false,
        })
    }

    fn files(&self, data: &DataFolder) -> Result<Vec<PathBuf>> {
        let folder = self.path(data)?;
        [TRAIN, TEST].as_flattened().iter().map(|name| locate(&folder, name)).collect()
    }

    fn load(&self, data: &DataFolder) -> Result<Dataset> {
        self.describe(data)?;
        let folder = self.path(data)?;
        let split = |names| {
            let (images, labels) = open(&folder, names)?;
            split(images, labels, self.classes.len())
        };
        let (train, test) = (split(TRAIN)?, split(TEST)?);
        self.subset.of(Dataset { classes: self.classes.clone(), train, test, notes: Vec::new() })
    }
}

fn locate(folder: &Path, name: &str) -> Result<PathBuf> {
    let candidates = [folder.join(name), folder.join(format!("{name}.gz"))];
    let found = candidates.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| Error::new(format!("{} holds neither {name} nor {name}.gz", folder.display())))
}

/// The headers of the images and of the labels, which must be as many.
fn open(folder: &Path, [images, labels]: [&str; 2]) -> Result<(Idx, Idx)> {
    let (images, labels) = (Idx::open(&locate(folder, images)?, 3)?, Idx::open(&locate(folder, labels)?, 1)?);
    if images.sizes[0] != labels.sizes[0] {
        return Err(Error::new(format!(
            "{} holds {} images but {} holds {} labels",
            images.path.display(),
            images.sizes[0],
            labels.path.display(),
            labels.sizes[0]
        )));
    }
    if images.sizes.contains(&0) {
        return Err(Error::new(format!("{} holds no images", images.path.display())));
    }
    Ok((images, labels))
}

fn split(images: Idx, labels: Idx, classes: usize) -> Result<Split> {
    let shape = [images.sizes[0] as i64, 1, images.sizes[1] as i64, images.sizes[2] as i64];
    let path = labels.path.clone();
    let labels = labels.read()?;
    if let Some(at) = labels.iter().position(|&label| usize::from(label) >= classes) {
        let (path, label, last) = (path.display(), labels[at], classes - 1);
        return Err(Error::new(format!("{path}: label {label} of image {at} is not one of 0 to {last}")));
    }
    let stored = Tensor::f_from_data_size(&images.read()?, &shape, Kind::Uint8)?;
    Ok(Split::new(stored, labels.into_iter().map(i64::from).collect(), None))
}

#[cfg(test)]
pub(super) mod tests {
    use tch::Device;

    use super::super::idx::tests::{IMAGES, LABELS, gzip};
    use super::*;

    /// A folder of two training and two test images of 1x3.
    pub fn folder() -> (tempfile::TempDir, DataFolder, IdxFolder) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        std::fs::create_dir(folder.path().join("mnist")).unwrap();
        write("mnist/train-images-idx3-ubyte.gz", &gzip(&IMAGES));
        write("mnist/train-labels-idx1-ubyte", &LABELS);
        write("mnist/t10k-images-idx3-ubyte", &IMAGES);
        write("mnist/t10k-labels-idx1-ubyte.gz", &gzip(&LABELS));
        let data = DataFolder { path: Some(folder.path().into()) };
        let classes = (0..10).map(|digit| digit.to_string()).collect();
        (folder, data, IdxFolder::read(&Section::parse("a.toml", "folder = 'mnist'").unwrap(), &[], classes))
    }

    fn fault_with(name: &str, bytes: &[u8]) -> String {
        let (folder, data, source) = folder();
        let path = folder.path().join("mnist").join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = source.load(&data).err().unwrap().to_string();
        error.replace(&format!("{}/mnist/", folder.path().display()), "")
    }

    #[test]
    fn four_files_by_hand() {
        let (_folder, data, source) = folder();
        let described = source.describe(&data).unwrap();
        assert_eq!((described.shape, described.train, described.test), (vec![1, 1, 3], 2, 2));
        let dataset = source.load(&data).unwrap();
        assert_eq!(dataset.train.labels, [7, 1]);
        let last = dataset.train.images(&[1], Kind::Double, Device::Cpu).unwrap();
        assert_eq!(Vec::<f64>::try_from(last.reshape([-1])).unwrap(), [40.0 / 255.0, 50.0 / 255.0, 1.0]);
        assert_eq!(source.files(&data).unwrap().len(), 4);
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        let three = [0, 0, 8, 1, 0, 0, 0, 3, 7, 1, 2];
        assert_eq!(
            fault_with("train-labels-idx1-ubyte", &three),
            "train-images-idx3-ubyte.gz holds 2 images but train-labels-idx1-ubyte holds 3 labels"
        );
        let mut label = LABELS;
        label[9] = 12;
        assert_eq!(
            fault_with("train-labels-idx1-ubyte", &label),
            "train-labels-idx1-ubyte: label 12 of image 1 is not one of 0 to 9"
        );
        let mut turned = IMAGES;
        turned[8..16].rotate_left(4);
        assert_eq!(
            fault_with("t10k-images-idx3-ubyte", &turned),
            "the images differ in size: train-images-idx3-ubyte.gz is of 1x3 pixels, t10k-images-idx3-ubyte is of 3x1 pixels"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let (folder, data, source) = folder();
        std::fs::remove_file(folder.path().join("mnist/t10k-labels-idx1-ubyte.gz")).unwrap();
        let error = source.load(&data).err().unwrap().to_string();
        assert!(error.ends_with("mnist holds neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz"), "{error}");
    }
}
