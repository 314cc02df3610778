//! # Definition
//! Images of one's own, from a safetensors file: `x` [N, C, H, W] in [0, 1] or as bytes, `y` [N] and, where it is known,
//! `mask` [N, H, W].
//!
//! # Parameters
//! - `file`: the file, from the suite's folder.
//! - `test_file`: a second one with the test images; without it a share `test` (0.2) of the first is held out, by `seed` (0).
//! - `classes`: how many classes there are, where the labels do not show it.
//!
//! # Reference
//! Whoever made the file.

use std::path::PathBuf;
use std::sync::Arc;

use tch::{Kind, Tensor};

use super::folder::DataFolder;
use super::split::{Dataset, Split, held_out};
use super::truth::Truth;
use super::{Described, Source};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::noise::Noise;
use crate::tensor_file::TensorFile;

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "tensors",
    summary: "images of your own, from a safetensors file",
    reference: "whoever made the file",
    revision: 1,
    source: concat!(include_str!("tensors.rs"), include_str!("../tensor_file.rs")),
    read: |section| {
        let file = section.required_file("file");
        let test = if section.has("test_file") {
            section.file("test_file").map(Test::File)
        } else {
            Some(Test::Share { share: super::test_share(section), seed: section.get("seed", 0) })
        };
        let classes = section.optional("classes");
        Some(Arc::new(Tensors { file: file?, test: test?, classes }))
    },
};

/// `x` is u8, or float in [0, 1]; `y` holds whole numbers from 0; `mask` is not 0 where the evidence for the class is.
///
/// Parameters: `file`, seen from the folder of the suite; `test_file`, or the share `test` of the images that is held out, drawn by `seed`; `classes`,
/// the names of the classes (default: the numbers from 0 to the largest label).
struct Tensors {
    file: PathBuf,
    test: Test,
    classes: Option<Vec<String>>,
}

enum Test {
    File(PathBuf),
    Share { share: f64, seed: u64 },
}

impl Source for Tensors {
    fn describe(&self, _data: &DataFolder) -> Result<Described> {
        let file = TensorFile::open(&self.file)?;
        let (count, shape) = images_shape(&file)?;
        let mut all_labels = labels(&file)?;
        let (train, test) = match &self.test {
            Test::Share { share, .. } => {
                let test = held_out(count, *share)?;
                (count - test, test)
            }
            Test::File(path) => {
                let other = TensorFile::open(path)?;
                check_alike(&file, &other)?;
                all_labels.extend(labels(&other)?);
                (count, images_shape(&other)?.0)
            }
        };
        let classes = self.class_names(&file, &all_labels)?;
        Ok(Described { shape: shape.to_vec(), classes, train, test, truth: file.shape("mask").is_some() })
    }

    fn files(&self, _data: &DataFolder) -> Result<Vec<PathBuf>> {
        let test = match &self.test {
            Test::File(path) => Some(path),
            Test::Share { .. } => None,
        };
        Ok(std::iter::once(&self.file).chain(test).cloned().collect())
    }

    fn load(&self, _data: &DataFolder) -> Result<Dataset> {
        let file = TensorFile::open(&self.file)?;
        let all = split(&file)?;
        match &self.test {
            Test::Share { share, seed } => {
                let classes = self.class_names(&file, &all.labels)?;
                Dataset::hold_out(classes, all, *share, &Noise::new(*seed).purpose("tensors/split"))
            }
            Test::File(path) => {
                let other = TensorFile::open(path)?;
                check_alike(&file, &other)?;
                let test = split(&other)?;
                let classes = self.class_names(&file, &[&all.labels[..], &test.labels].concat())?;
                Ok(Dataset { classes, train: all, test, notes: Vec::new() })
            }
        }
    }
}

impl Tensors {
    fn class_names(&self, file: &TensorFile, labels: &[i64]) -> Result<Vec<String>> {
        let count = labels.iter().max().map_or(0, |&last| last + 1);
        match &self.classes {
            Some(names) if (names.len() as i64) < count => {
                Err(file.fault(format!("label {} has no name among the {} of `classes`", count - 1, names.len())))
            }
            Some(names) => Ok(names.clone()),
            None if count > labels.len() as i64 => {
                Err(file.fault(format!("label {} is larger than the number of images: name the `classes`", count - 1)))
            }
            None => Ok((0..count).map(|label| label.to_string()).collect()),
        }
    }
}

/// The number of images and [C, H, W].
fn images_shape(file: &TensorFile) -> Result<(usize, [i64; 3])> {
    match file.shape("x").as_deref() {
        Some(shape @ &[count, channels, height, width]) if !shape.contains(&0) => {
            Ok((count, [channels, height, width].map(|size| size as i64)))
        }
        Some(shape) => Err(file.fault(format!("x has the shape {shape:?}, expected images [N, C, H, W]"))),
        None => Err(file.fault("holds no tensor `x` of images [N, C, H, W]")),
    }
}

fn check_alike(train: &TensorFile, test: &TensorFile) -> Result<()> {
    let (expected, found) = (images_shape(train)?.1, images_shape(test)?.1);
    if expected != found {
        return Err(test.fault(format!("images of {found:?}, but of {expected:?} in {}", train.path.display())));
    }
    if train.shape("mask").is_some() != test.shape("mask").is_some() {
        return Err(test.fault(format!("only one of it and {} holds `mask`", train.path.display())));
    }
    Ok(())
}

/// `y`, one label from 0 for each image.
fn labels(file: &TensorFile) -> Result<Vec<i64>> {
    let (count, _) = images_shape(file)?;
    let y = file.tensor("y")?;
    if y.size() != [count as i64] || y.is_floating_point() {
        let (shape, kind) = (y.size(), y.kind());
        return Err(file.fault(format!("y has the shape {shape:?} and type {kind:?}, expected {count} whole numbers")));
    }
    let labels = Vec::<i64>::try_from(y.f_to_kind(Kind::Int64)?)?;
    match labels.iter().position(|&label| label < 0) {
        Some(at) => Err(file.fault(format!("y[{at}] is {}, expected labels from 0", labels[at]))),
        None => Ok(labels),
    }
}

fn split(file: &TensorFile) -> Result<Split> {
    let (count, [_, height, width]) = images_shape(file)?;
    let labels = labels(file)?;
    let masks = match file.shape("mask") {
        Some(shape) if shape.iter().map(|&size| size as i64).ne([count as i64, height, width]) => {
            return Err(file.fault(format!("mask has the shape {shape:?}, expected [{count}, {height}, {width}]")));
        }
        Some(_) => Some(file.tensor("mask")?.f_ne(0)?),
        None => None,
    };
    Ok(Split::new(pixels(file)?, labels, masks.map(Truth::from_masks).transpose()?))
}

/// `x` as bytes or floats; of halves a float copy, as the CPU computes with.
fn pixels(file: &TensorFile) -> Result<Tensor> {
    let x = file.tensor("x")?;
    let x = match x.kind() {
        Kind::Uint8 => return Ok(x),
        Kind::Float | Kind::Double => x,
        Kind::Half | Kind::BFloat16 => x.f_to_kind(Kind::Float)?,
        kind => return Err(file.fault(format!("x is of type {kind:?}, expected u8 or float"))),
    };
    let (low, high) = (x.f_min()?.f_double_value(&[])?, x.f_max()?.f_double_value(&[])?);
    // A NaN anywhere makes both NaN.
    if low >= 0.0 && high <= 1.0 {
        return Ok(x);
    }
    let found = if low.is_nan() { "NaN".into() } else { format!("values from {low} to {high}") };
    Err(file.fault(format!("x holds {found}, expected pixels in [0, 1] (or u8 from 0 to 255)")))
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn x() -> Tensor {
        Tensor::arange(60, (Kind::Float, Device::Cpu)).reshape([5, 1, 3, 4]) / 59
    }

    fn y() -> Tensor {
        Tensor::from_slice(&[0_i64, 1, 2, 1, 0])
    }

    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, tensors: &[(&str, Tensor)]) -> PathBuf {
            let path = self.0.path().join(name);
            Tensor::write_safetensors(tensors, &path).unwrap();
            path
        }

        fn fault(&self, source: &Tensors) -> String {
            let error = source.load(&DataFolder::default()).err().unwrap().to_string();
            error.replace(&format!("{}/", self.0.path().display()), "")
        }
    }

    fn source(file: PathBuf, test: Test) -> Tensors {
        Tensors { file, test, classes: None }
    }

    fn share() -> Test {
        Test::Share { share: 0.4, seed: 0 }
    }

    fn agrees(source: &Tensors) -> Dataset {
        let described = source.describe(&DataFolder::default()).unwrap();
        let loaded = source.load(&DataFolder::default()).unwrap();
        assert_eq!(super::super::tests::described(&loaded), described);
        loaded
    }

    #[test]
    fn one_file_is_divided_and_keeps_pixels_labels_and_masks_together() {
        let files = Files::new();
        // The mask of image i is its one pixel number i.
        let mask = Tensor::eye(12, (Kind::Uint8, Device::Cpu)).narrow(0, 0, 5).reshape([5, 3, 4]);
        let data = agrees(&source(files.write("a", &[("x", x()), ("y", y()), ("mask", mask)]), share()));
        assert_eq!((data.train.len(), data.test.len(), data.classes.len()), (3, 2, 3));
        for split in [&data.train, &data.test] {
            for at in 0..split.len() {
                let first = split.images(&[at], Kind::Float, Device::Cpu).unwrap().double_value(&[0, 0, 0, 0]);
                let image = (first * 59.0 / 12.0).round() as usize;
                assert_eq!(split.labels[at], [0, 1, 2, 1, 0][image]);
                let truth = split.truth.as_ref().unwrap();
                let (y0, x0) = (image / 4, image % 4);
                assert_eq!(truth.boxes[at], [super::super::Rect { y0, x0, y1: y0 + 1, x1: x0 + 1 }]);
            }
        }
    }

    #[test]
    fn bytes_and_a_test_file_are_taken_as_they_are() {
        let files = Files::new();
        let bytes = (x() * 255).round().to_kind(Kind::Uint8);
        let file = files.write("a", &[("x", bytes.shallow_clone()), ("y", y().to_kind(Kind::Int))]);
        let test = files.write("b", &[("x", bytes.narrow(0, 0, 2)), ("y", y().narrow(0, 0, 2))]);
        let data = agrees(&source(file, Test::File(test)));
        assert_eq!((&data.train.labels, &data.test.labels), (&vec![0, 1, 2, 1, 0], &vec![0, 1]));
        assert_eq!(data.test.images(&[1], Kind::Float, Device::Cpu).unwrap().size(), [1, 1, 3, 4]);
    }

    #[test]
    fn every_fault_is_named() {
        let files = Files::new();
        let fault = |tensors: &[(&str, Tensor)]| files.fault(&source(files.write("a", tensors), share()));
        assert_eq!(fault(&[("y", y())]), "a: holds no tensor `x` of images [N, C, H, W]");
        assert_eq!(
            fault(&[("x", x().reshape([5, 12])), ("y", y())]),
            "a: x has the shape [5, 12], expected images [N, C, H, W]"
        );
        assert_eq!(
            fault(&[("x", x() * 2 - 1), ("y", y())]),
            "a: x holds values from -1 to 1, expected pixels in [0, 1] (or u8 from 0 to 255)"
        );
        let holed = x();
        let _ = holed.reshape([-1]).narrow(0, 7, 1).fill_(f64::NAN);
        assert!(fault(&[("x", holed), ("y", y())]).starts_with("a: x holds NaN, expected"));
        assert_eq!(fault(&[("x", x().to_kind(Kind::Int)), ("y", y())]), "a: x is of type Int, expected u8 or float");
        assert_eq!(fault(&[("x", x()), ("z", y())]), "a: holds no tensor `y`, only: x, z");
        assert_eq!(
            fault(&[("x", x()), ("y", y().narrow(0, 0, 4))]),
            "a: y has the shape [4] and type Int64, expected 5 whole numbers"
        );
        assert_eq!(fault(&[("x", x()), ("y", y() - 1)]), "a: y[0] is -1, expected labels from 0");
        assert_eq!(
            fault(&[("x", x()), ("y", y() * 4)]),
            "a: label 8 is larger than the number of images: name the `classes`"
        );
        assert_eq!(
            fault(&[("x", x()), ("y", y()), ("mask", x())]),
            "a: mask has the shape [5, 1, 3, 4], expected [5, 3, 4]"
        );
    }

    #[test]
    fn what_two_files_or_names_do_not_share_is_named() {
        let files = Files::new();
        let file = files.write("a", &[("x", x()), ("y", y())]);
        let turned = files.write("b", &[("x", x().transpose(2, 3).contiguous()), ("y", y())]);
        assert_eq!(
            files.fault(&source(file.clone(), Test::File(turned))),
            "b: images of [1, 4, 3], but of [1, 3, 4] in a"
        );
        let masked = files.write("c", &[("x", x()), ("y", y()), ("mask", x().squeeze_dim(1))]);
        assert_eq!(files.fault(&source(file.clone(), Test::File(masked))), "c: only one of it and a holds `mask`");
        let named = Tensors { file, test: share(), classes: Some(vec!["cat".into(), "dog".into()]) };
        assert_eq!(files.fault(&named), "a: label 2 has no name among the 2 of `classes`");
    }
}
