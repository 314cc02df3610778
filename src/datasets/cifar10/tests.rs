//! Small batches by hand, and the real data where it is.

use tch::{Device, Kind};

use super::super::pictures::support::{data, files, jpeg, packed_data, png};
use super::super::split::Split;
use super::super::tests::described;
use super::batches::PIXELS;
use super::*;
use crate::config::Section;

/// Two records of each batch: batch b holds an image of the value b with label b, and one of 100 + b with label 9.
fn batches() -> Vec<(String, Vec<u8>)> {
    let record = |label: u8, value: u8| [vec![label], vec![value; PIXELS]].concat();
    let batch = |b: u8| [record(b, b), record(9, 100 + b)].concat();
    (0..6).map(|b| (format!("cifar-10-batches-bin/{}", BATCHES[usize::from(b)]), batch(b))).collect()
}

fn source(parameters: &str) -> Cifar10 {
    let section = Section::parse("suite.toml", &format!("folder = 'set'\n{parameters}")).unwrap();
    let source = Cifar10 { records: 2, ..Cifar10::read(&section) };
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    source
}

fn fault(files: &[(String, Vec<u8>)]) -> String {
    let (folder, data) = data(&files.to_vec());
    let error = source("").load(&data).err().unwrap().to_string();
    error.replace(&format!("{}/set", folder.path().display()), "SET")
}

#[test]
fn batches_by_hand_are_read_from_a_folder_and_an_archive() {
    let (_folder, data) = data(&batches());
    let (_packed_folder, packed, archive) = packed_data("tar.gz", &batches());
    for (data, count) in [(data, 6), (packed, 1)] {
        let loaded = source("").load(&data).unwrap();
        assert_eq!(loaded.train.labels, [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]);
        assert_eq!(loaded.test.labels, [5, 9]);
        let value = |split: &Split, image: usize| {
            let image = split.images(&[image], Kind::Double, Device::Cpu).unwrap() * 255.0;
            assert_eq!(image.min().double_value(&[]), image.max().double_value(&[]));
            image.max().double_value(&[])
        };
        assert_eq!((value(&loaded.train, 3), value(&loaded.train, 8), value(&loaded.test, 1)), (101.0, 4.0, 105.0));
        assert_eq!(source("").describe(&data).unwrap(), described(&loaded));
        assert_eq!(source("").files(&data).unwrap().len(), count);
    }
    assert!(archive.is_file());
}

/// Planes follow each other: red, then green, then blue, each by rows.
#[test]
fn a_record_is_three_planes() {
    let mut files = batches();
    files[0].1[1 + 1024 + 32 + 2] = 77;
    let (_folder, data) = data(&files);
    let image = source("").load(&data).unwrap().train.images(&[0], Kind::Double, Device::Cpu).unwrap() * 255.0;
    assert!((image.double_value(&[0, 1, 1, 2]) - 77.0).abs() < 1e-9);
    assert_eq!(image.double_value(&[0, 0, 1, 2]), 0.0);
}

#[test]
fn a_sample_is_balanced_and_described() {
    let (_folder, data) = data(&batches());
    let source = source("train = 6\ntest = 1");
    let loaded = source.load(&data).unwrap();
    let mut labels = loaded.train.labels.clone();
    labels.sort();
    assert_eq!(labels, [0, 1, 2, 3, 4, 9]);
    assert_eq!(source.describe(&data).unwrap(), described(&loaded));
    assert_eq!((loaded.train.len(), loaded.test.len()), (6, 1));
}

#[test]
fn faults_of_batches_name_the_file() {
    let mut short = batches();
    short[2].1.pop();
    assert_eq!(
        fault(&short),
        "SET/cifar-10-batches-bin/data_batch_3.bin is of 6145 bytes, not of 6146: 2 records of 3073"
    );
    let mut long = batches();
    long[5].1.push(0);
    assert_eq!(
        fault(&long),
        "SET/cifar-10-batches-bin/test_batch.bin is of 6147 bytes, more than the 6146 that are read"
    );
    let mut label = batches();
    label[1].1[3073] = 10;
    assert_eq!(fault(&label), "SET/cifar-10-batches-bin/data_batch_2.bin gives record 1 the label 10, expected 0 to 9");
    assert_eq!(fault(&batches()[..5]), "SET: there is no test_batch.bin beside the other batches");
}

#[test]
fn pictures_of_another_size_or_other_classes_are_refused() {
    let mut all: Vec<(String, Vec<u8>)> = ["train", "test"]
        .iter()
        .flat_map(|split| CLASSES.map(|class| (format!("{split}/{class}/0.jpg"), jpeg(32, 32, [9, 99, 199]))))
        .collect();
    let (_folder, whole) = data(&all);
    let loaded = source("").load(&whole).unwrap();
    assert_eq!(loaded.test.labels, (0..10).collect::<Vec<_>>());
    assert_eq!(source("").describe(&whole).unwrap(), described(&loaded));

    all[3].1 = png(16, 32, [0; 3]);
    assert!(fault(&all).starts_with("SET/train/cat/0.jpg is of 16x32 pixels, not of 32x32"), "{}", fault(&all));
    let others = files([("train/a/0.png", png(32, 32, [0; 3])), ("test/a/0.png", png(32, 32, [0; 3]))]);
    assert!(fault(&others).starts_with("SET: the class folders are a; expected airplane, automobile"));
}

/// The counts that the source of the data states.
#[test]
fn the_real_data_where_it_is() {
    let data = DataFolder::new(None);
    let source = Cifar10::read(&Section::parse("suite.toml", "").unwrap());
    if let Err(error) = source.files(&data) {
        println!("skipped: {error}");
        return;
    }
    let start = std::time::Instant::now();
    let all = source.describe(&data).unwrap();
    println!("described in {:?}", start.elapsed());
    assert_eq!((all.train, all.test, all.shape.clone()), (50_000, 10_000, vec![3, 32, 32]));
    let start = std::time::Instant::now();
    let loaded = source.load(&data).unwrap();
    println!("loaded in {:?}", start.elapsed());
    assert_eq!(all, described(&loaded));
    for class in 0..10 {
        let count = |split: &Split| split.labels.iter().filter(|&&label| label == class).count();
        assert_eq!((count(&loaded.train), count(&loaded.test)), (5000, 1000));
    }
    // The mean colour that users of CIFAR-10 normalise by; these are JPEGs, so to two decimals.
    let mean = loaded.train.all_images(Kind::Float, Device::Cpu).unwrap().mean_dim([0, 2, 3].as_slice(), false, None);
    for (channel, expected) in [0.4914, 0.4822, 0.4465].into_iter().enumerate() {
        assert!((mean.double_value(&[channel as i64]) - expected).abs() < 0.005, "{mean}");
    }

    let few = Cifar10::read(&Section::parse("suite.toml", "train = 100\ntest = 20").unwrap());
    let start = std::time::Instant::now();
    let sample = few.load(&data).unwrap();
    println!("120 of them loaded in {:?}", start.elapsed());
    assert_eq!(few.describe(&data).unwrap(), described(&sample));
    assert!((0..10).all(|class| sample.train.labels.iter().filter(|&&label| label == class).count() == 10));
}
