//! Pictures in folders and archives, whole and broken.

use tch::{Device, Kind};

use super::super::pictures::support::{ARCHIVES, Files, data, files, jpeg, packed, packed_data, png, png_that_claims};
use super::super::split::Split;
use super::super::tests::described;
use super::*;

fn source(parameters: &str) -> ImageFolder {
    let section = Section::parse("suite.toml", &format!("folder = 'set'\n{parameters}")).unwrap();
    let source = ImageFolder::read(&section);
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    source.unwrap()
}

fn fault(parameters: &str, files: &Files) -> String {
    let (folder, data) = data(files);
    let error = source(parameters).load(&data).err().expect("an error").to_string();
    error.replace(&format!("{}/set", folder.path().display()), "SET")
}

/// Grey values tell the pictures apart: 10, 11, .. in the order of their names.
fn pictures() -> Files {
    let names = ["test/cat/a", "test/dog/b", "train/cat/c", "train/cat/d", "train/dog/e"];
    names.iter().zip(10..).map(|(name, grey)| (format!("ds/{name}.png"), png(4, 6, [grey; 3]))).collect()
}

fn greys(split: &Split) -> Vec<i64> {
    let images = split.all_images(Kind::Double, Device::Cpu).unwrap() * 255.0;
    assert!(images.amin([1, 2, 3], false).allclose(&images.amax([1, 2, 3], false), 0.0, 1e-9, false));
    images.amax([1, 2, 3], false).round().to_kind(Kind::Int64).try_into().unwrap()
}

#[test]
fn a_folder_and_every_kind_of_archive_give_the_same() {
    let clutter =
        files([("ds/README.txt", vec![1]), ("ds/train/cat/.DS_Store", vec![2]), ("__MACOSX/ds/x/y/z.png", vec![])]);
    let files = [pictures(), clutter].concat();
    let (_folder, folder) = data(&files);
    let mut all = vec![folder];
    let archives: Vec<_> = ARCHIVES.iter().map(|kind| packed_data(kind, &files)).collect();
    all.extend(archives.iter().map(|(_, data, _)| data.clone()));
    for (at, data) in all.iter().enumerate() {
        let (source, loaded) = (source(""), source("").load(data).unwrap());
        assert_eq!(loaded.classes, ["cat", "dog"]);
        assert_eq!((greys(&loaded.train), greys(&loaded.test)), (vec![12, 13, 14], vec![10, 11]));
        assert_eq!((&loaded.train.labels, &loaded.test.labels), (&vec![0, 0, 1], &vec![0, 1]));
        assert_eq!(source.describe(data).unwrap(), described(&loaded));
        assert_eq!(source.describe(data).unwrap().shape, [3, 4, 6]);
        // Names are content where the pictures lie in a folder, and in it where they lie in an archive.
        let (count, named) = if at == 0 { (5, true) } else { (1, false) };
        assert_eq!(source.files(data).unwrap().len(), count);
        assert_eq!(source.names(data).unwrap().contains("train/dog/e.png"), named);
        assert!(loaded.notes.is_empty());
    }
}

#[test]
fn an_archive_may_be_named_from_the_suite() {
    let (folder, _, _) = packed_data("zip", &pictures());
    let suite = folder.path().join("suite.toml").display().to_string();
    let section = Section::parse(&suite, "file = 'set'\nchannels = 1").unwrap();
    let loaded = ImageFolder::read(&section).unwrap().load(&DataFolder::default()).unwrap();
    assert_eq!((loaded.train.shape(), greys(&loaded.train)), (vec![1, 4, 6], vec![12, 13, 14]));
}

#[test]
fn without_splits_a_share_is_held_out_by_seed() {
    let names: Vec<String> = (0..20).map(|at| format!("{}/{at:02}.png", if at < 10 { "a" } else { "b" })).collect();
    let files: Files = names.into_iter().zip(0..).map(|(name, grey)| (name, png(2, 2, [grey; 3]))).collect();
    let (_folder, data) = data(&files);
    let load = |parameters: &str| {
        let loaded = source(parameters).load(&data).unwrap();
        assert_eq!(source(parameters).describe(&data).unwrap(), described(&loaded));
        (greys(&loaded.train), greys(&loaded.test))
    };
    let (train, test) = load("test = 0.25");
    assert_eq!((train.len(), test.len()), (15, 5));
    let mut all = [train, test.clone()].concat();
    all.sort();
    assert_eq!(all, (0..20).collect::<Vec<_>>());
    assert_ne!(load("test = 0.25\nseed = 1").1, test);
    // At most so many of each class and split.
    let (train, test) = load("test = 0.25\nlimit = 1");
    assert_eq!((train.len(), test.len()), (2, 2));
}

/// The mean of the stored values by the stated weights: 0.2126 * 100 + 0.7152 * 50 + 0.0722 * 200 = 71.46.
#[test]
fn grey_is_weighed_as_stated() {
    let one = |name: &str| (name.to_string(), png(2, 2, [100, 50, 200]));
    let (_folder, data) = data(&vec![one("train/a/0.png"), one("test/a/0.png")]);
    assert_eq!(greys(&source("channels = 1").load(&data).unwrap().test), [71]);
}

#[test]
fn every_fault_names_the_file() {
    let with = |name: &str, bytes: Vec<u8>| {
        let mut files = pictures();
        files.iter_mut().find(|file| file.0.ends_with(name)).unwrap().1 = bytes;
        files
    };
    let long = jpeg(4, 6, [1, 2, 3]);
    for (bytes, expected) in [
        (long[..long.len() - 2].to_vec(), "SET/ds/train/cat/d.png is cut short: a JPEG without its end"),
        (b"hello".to_vec(), "SET/ds/train/cat/d.png is neither a JPEG nor a PNG: it starts with 68 65 6c 6c"),
        (Vec::new(), "SET/ds/train/cat/d.png is neither a JPEG nor a PNG: it starts with nothing, it is empty"),
        (png_that_claims(60_000, 70_000), "SET/ds/train/cat/d.png claims 60000x70000 pixels, expected 1 to 67108864"),
        (
            png(4, 5, [0; 3]),
            "SET/ds/train/cat/d.png is of 4x5 pixels, not of 4x6: name the `size` that all are brought to",
        ),
    ] {
        let files = with("train/cat/d.png", bytes);
        assert_eq!(fault("", &files), expected);
        // In an archive the place names both.
        let (_folder, data, path) = packed_data("tar.zst", &files);
        let error = source("").load(&data).err().unwrap().to_string();
        assert_eq!(error, expected.replace("SET/", &format!("{}: ", path.display())));
        // Left out and counted.
        let skipped = source("on_error = 'skip'").load(&data).unwrap();
        assert_eq!((greys(&skipped.train), skipped.train.labels), (vec![12, 14], vec![0, 1]));
        assert_eq!(skipped.notes, [format!("1 broken file was skipped: {error}")]);
    }
}

#[test]
fn folders_that_make_no_dataset_are_refused() {
    let picture = || png(2, 2, [0; 3]);
    for (files, expected) in [
        (
            files([("a.png", picture()), ("b.png", picture())]),
            "SET: a.png lies in no class folder: expected <class>/<file>",
        ),
        (
            files([("train/a/0.png", picture()), ("test/b/0.png", picture())]),
            "SET: class a is in the training split alone",
        ),
        (
            files([("train/a/0.png", picture()), ("exam/a/0.png", picture())]),
            "SET: there is no split `test` or `val` among exam, train",
        ),
        (
            files([("train/a/0.png", picture()), ("test/a/0.png", picture()), ("train/1.JPG", picture())]),
            "SET: train/1.JPG lies in no class folder, beside others that do",
        ),
        (
            files([("x/train/a/0.png", picture()), ("y/test/a/0.png", picture())]),
            "SET: x/train/a/0.png lies too deep: expected <split>/<class>/<file>",
        ),
        (
            files([("a/0.png", picture()), ("b/0.png", picture())]),
            "a test share of 0.2 of 2 images leaves one of the two splits empty",
        ),
    ] {
        assert_eq!(fault("", &files), expected);
    }
}

#[test]
fn broken_archives_are_refused() {
    let fault = |bytes: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set");
        std::fs::write(&path, bytes).unwrap();
        let error = source("on_error = 'skip'").load(&DataFolder { path: Some(folder.path().into()) }).err();
        error.expect("an error").to_string().replace(&path.display().to_string(), "SET")
    };
    assert_eq!(
        fault(b"what is this"),
        "SET is neither a folder nor a .tar, .tar.gz, .tar.zst or .zip: it starts with 77 68 61 74"
    );
    for kind in ["tar.gz", "tar.zst", "zip"] {
        let whole = packed(kind, &pictures());
        let cut = fault(&whole[..whole.len() / 2]);
        assert!(cut.starts_with("SET is no whole "), "{kind}: {cut}");
    }
    let mut twice = pictures();
    twice.push(twice[0].clone());
    assert_eq!(fault(&packed("tar", &twice)), "SET holds ds/test/cat/a.png twice");
    // The library that writes archives refuses such names, so one is put in place of another, with its checksum.
    let mut outside = packed("tar", &files([("aaXc/x.png", Vec::new())]));
    outside[..4].copy_from_slice(b"../c");
    let sum: u32 = (0..512).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(outside[at]) }).sum();
    outside[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_eq!(fault(&outside), "SET: the name \"../c/x.png\" leads out of the archive");
}

#[test]
fn a_missing_place_is_a_mistake_and_no_other_key_is() {
    let section = Section::parse("suite.toml", "use = 'image-folder'\nsize = 8").unwrap();
    assert!(super::super::choose(&section).is_none());
    assert_eq!(section.mistakes().len(), 1, "{}", section.mistakes());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

    /// Whatever is damaged, the answer is a dataset or an error.
    #[test]
    fn no_damage_makes_it_panic(kind in 0usize..4, at in 0.0f64..1.0, byte: u8, cut in 0.5f64..1.0) {
        let mut bytes = packed(ARCHIVES[kind], &pictures());
        let place = (at * bytes.len() as f64) as usize;
        bytes[place] ^= byte;
        bytes.truncate((cut * 1.1 * bytes.len() as f64) as usize);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("set"), bytes).unwrap();
        let _ = source("on_error = 'skip'").load(&DataFolder { path: Some(folder.path().into()) });
    }
}
