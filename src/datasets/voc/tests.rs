//! Annotations by hand, whole and broken.

use tch::{Device, Kind};

use super::super::DataFolder;
use super::super::pictures::support::{ARCHIVES, Files, data, files, packed_data, png};
use super::super::tests::described;
use super::super::truth::Rect;
use super::*;
use crate::config::Section;

/// `objects`: name, difficult, [xmin, ymin, xmax, ymax].
fn xml([height, width]: [usize; 2], objects: &[(&str, u8, [i64; 4])]) -> Vec<u8> {
    let object = |(name, difficult, [x0, y0, x1, y1]): &(&str, u8, [i64; 4])| {
        format!(
            "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>\
             <xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        )
    };
    let objects: String = objects.iter().map(object).collect();
    let size = format!("<size><width>{width}</width><height>{height}</height><depth>3</depth></size>");
    format!("<annotation>{size}{objects}</annotation>").into_bytes()
}

/// Two pictures of 10x20 in train, one in val.
fn set() -> Files {
    files([
        ("VOC/ImageSets/Main/train.txt", b"one\ntwo\n".to_vec()),
        ("VOC/ImageSets/Main/val.txt", b"three\n".to_vec()),
        (
            "VOC/Annotations/one.xml",
            xml(
                [10, 20],
                &[
                    ("dog", 0, [1, 1, 4, 3]),
                    ("cat", 0, [3, 4, 6, 9]),
                    ("dog", 0, [11, 2, 20, 10]),
                    ("dog", 1, [5, 5, 6, 6]),
                    ("cat", 1, [1, 1, 2, 2]),
                ],
            ),
        ),
        ("VOC/Annotations/two.xml", xml([10, 20], &[("cat", 0, [1, 1, 20, 10])])),
        ("VOC/Annotations/three.xml", xml([10, 20], &[("dog", 0, [9, 1, 12, 10])])),
        ("VOC/JPEGImages/one.jpg", png(10, 20, [1; 3])),
        ("VOC/JPEGImages/two.jpg", png(10, 20, [2; 3])),
        ("VOC/JPEGImages/three.png", png(10, 20, [3; 3])),
    ])
}

fn source(parameters: &str) -> Arc<dyn Source> {
    let section = Section::parse("suite.toml", &format!("use = 'voc'\nfolder = 'set'\n{parameters}")).unwrap();
    let chosen = super::super::choose(&section);
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    chosen.unwrap().method
}

fn load(parameters: &str, data: &DataFolder) -> super::super::Dataset {
    let loaded = source(parameters).load(data).unwrap();
    assert_eq!(source(parameters).describe(data).unwrap(), described(&loaded));
    loaded
}

fn rect(y0: usize, x0: usize, y1: usize, x1: usize) -> Rect {
    Rect { y0, x0, y1, x1 }
}

/// Of picture one, the dogs cover 4*3 + 10*9 pixels, the cat 4*6; xmin 11, ymin 2, xmax 20, ymax 10 counted from 1 with the
/// last is rows 1 to 10, columns 10 to 20 counted half-open from 0.
#[test]
fn boxes_become_half_open_and_the_largest_class_the_label() {
    let (_folder, data) = data(&set());
    let loaded = load("", &data);
    assert_eq!(loaded.classes, ["cat", "dog"]);
    assert_eq!((&loaded.train.labels, &loaded.test.labels), (&vec![1, 0], &vec![1]));
    let truth = loaded.train.truth.as_ref().unwrap();
    assert_eq!(truth.boxes, [vec![rect(0, 0, 3, 4), rect(1, 10, 10, 20)], vec![rect(0, 0, 10, 20)]]);
    assert_eq!(truth.ignored, [vec![rect(4, 4, 6, 6)], vec![]]);
    let first = loaded.train.images(&[0], Kind::Double, Device::Cpu).unwrap() * 255.0;
    assert_eq!((first.size(), first.max().double_value(&[])), (vec![1, 3, 10, 20], 1.0));
    // Two lists, three annotations, three pictures.
    assert_eq!(source("").files(&data).unwrap().len(), 8);
}

#[test]
fn one_example_per_class_shows_its_own_boxes() {
    let (_folder, data) = data(&set());
    let train = load("per = 'class'", &data).train;
    assert_eq!(train.labels, [0, 1, 0]);
    let truth = train.truth.unwrap();
    assert_eq!(truth.boxes[0], [rect(3, 2, 9, 6)]);
    assert_eq!((&truth.ignored[0], &truth.ignored[1]), (&vec![rect(0, 0, 2, 2)], &vec![rect(4, 4, 6, 6)]));
}

/// Of the cat in both training pictures one example is left, and the one of a dog.
#[test]
fn a_limit_holds_for_each_class() {
    let (_folder, data) = data(&set());
    let mut labels = load("per = 'class'\nlimit = 1", &data).train.labels;
    labels.sort();
    assert_eq!(labels, [0, 1]);
    let chosen = |seed: usize| load(&format!("per = 'class'\nlimit = 1\nseed = {seed}"), &data).train.labels;
    assert!((1..20).any(|seed| chosen(seed) != chosen(0)));
}

#[test]
fn archives_give_what_the_folder_gives() {
    let (_folder, folder) = data(&set());
    let expected = load("size = 8", &folder);
    for kind in ARCHIVES {
        let (_packed, packed, path) = packed_data(kind, &set());
        let found = load("size = 8", &packed);
        let all = |data: &super::super::Dataset| data.train.all_images(Kind::Float, Device::Cpu).unwrap();
        assert!(all(&found).equal(&all(&expected)), "{kind}");
        assert_eq!(found.train.truth.unwrap().boxes, expected.train.truth.as_ref().unwrap().boxes);
        assert_eq!(source("").files(&packed).unwrap(), [path]);
    }
}

/// 10x20 cropped to 5x5: scaled by a half to 5x10, then columns 2 to 7 (of 5 to spare, 2 on the left). Of picture one the first
/// dog, columns 0 to 2 after scaling, is cut off; the second, rows 0.5 to 5 and columns 5 to 10, is left as rows 0 to 5 and
/// columns 3 to 5. The difficult dog, rows 2 to 3 and columns 2 to 3, becomes columns 0 to 1. The difficult cat, columns 0 to
/// 1, is cut off too.
#[test]
fn boxes_go_with_the_crop_and_are_counted_where_they_vanish() {
    let (_folder, data) = data(&set());
    let loaded = load("size = 5", &data);
    let truth = loaded.train.truth.as_ref().unwrap();
    assert_eq!((&truth.boxes[0], &truth.ignored[0]), (&vec![rect(0, 3, 5, 5)], &vec![rect(2, 0, 3, 1)]));
    assert_eq!(loaded.notes, ["boxes wholly in what is cut off the pictures: 2"]);
    // Squashed, rows halve and columns quarter: the first dog's rows 0 to 1.5 and columns 0 to 1.
    let squashed = load("size = 5\nresize = 'squash'", &data).train.truth.unwrap();
    assert_eq!(squashed.boxes[0], [rect(0, 0, 2, 1), rect(0, 2, 5, 5)]);
}

#[test]
fn every_fault_names_the_file_and_is_skipped_on_demand() {
    let one = "VOC/Annotations/one.xml";
    let boxed = |corners| xml([10, 20], &[("dog", 0, corners)]);
    for (name, bytes, expected) in [
        (
            one,
            boxed([5, 5, 21, 6]),
            "one.xml annotates dog with a box from (4, 4) to (21, 6), outside of the picture of 20 by 10",
        ),
        (
            one,
            boxed([0, 5, 9, 6]),
            "one.xml annotates dog with a box from (-1, 4) to (9, 6), outside of the picture of 20 by 10",
        ),
        (one, boxed([5, 5, 4, 6]), "one.xml annotates dog with a box from (4, 4) to (4, 6) without area"),
        (one, Vec::new(), "one.xml is empty"),
        (one, xml([10, 20], &[]), "one.xml annotates no objects"),
        (one, b"<annotation>".to_vec(), "one.xml is no whole XML: "),
        (one, b"<annotation></annotation>".to_vec(), "one.xml holds no <size> in <annotation>"),
        (one, vec![0xff], "one.xml is not UTF-8"),
        ("VOC/JPEGImages/one.jpg", png(10, 19, [0; 3]), "one.jpg is of 10x19 pixels, but 10x20 are annotated"),
        (
            "VOC/JPEGImages/one.jpg",
            b"GIF89a".to_vec(),
            "one.jpg is neither a JPEG nor a PNG: it starts with 47 49 46 38",
        ),
    ] {
        let mut broken = set();
        broken.iter_mut().find(|file| file.0 == name).unwrap().1 = bytes;
        let (_folder, data) = data(&broken);
        let error = source("").load(&data).err().expect(expected).to_string();
        assert!(error.contains(expected) && error.contains("/set/VOC/"), "{error}");
        let skipped = source("on_error = 'skip'").load(&data).unwrap();
        // Without picture one there is one training picture, of a cat.
        assert_eq!(skipped.train.len(), 1);
        assert_eq!(skipped.notes, [format!("1 broken file was skipped: {error}")]);
    }
}

#[test]
fn missing_files_are_named() {
    for (missing, expected) in [
        ("VOC/JPEGImages/two.jpg", "VOC/JPEGImages/two.jpg is not there"),
        ("VOC/Annotations/two.xml", "VOC/Annotations/two.xml is not there"),
        ("VOC/ImageSets/Main/val.txt", "VOC/ImageSets/Main/val.txt is not there"),
    ] {
        let (_folder, data) = data(&set().into_iter().filter(|file| file.0 != missing).collect());
        let error = source("").describe(&data).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn pictures_of_difficult_objects_alone_are_left_out_and_counted() {
    let mut files = set();
    files[3].1 = xml([10, 20], &[("cat", 1, [1, 1, 20, 10])]);
    let (_folder, data) = data(&files);
    let loaded = load("", &data);
    assert_eq!(loaded.train.len(), 1);
    assert_eq!(loaded.notes, ["pictures left out because no object is to be found in them: 1"]);
}
