//! Annotations by hand, whole and broken.

use super::super::pictures::support::{Files, data, files, packed_data, png};
use super::super::tests::described;
use super::super::truth::Rect;
use super::*;
use crate::config::Section;

const CATEGORIES: &str = r#"[{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}]"#;
const TRAIN: &str = r#"[
    {"id": 1, "image_id": 7, "category_id": 18, "bbox": [1.5, 2.0, 3.25, 4.0], "iscrowd": 0},
    {"id": 2, "image_id": 7, "category_id": 18, "bbox": [0, 0, 20, 10], "iscrowd": 1},
    {"id": 3, "image_id": 8, "category_id": 3, "bbox": [10, 5, 10.4, 5]}
]"#;

fn json(images: &[(u64, &str)], annotations: &str, categories: &str) -> Vec<u8> {
    let image =
        |(id, name): &(u64, &str)| format!(r#"{{"id": {id}, "file_name": "{name}", "width": 20, "height": 10}}"#);
    let images: Vec<String> = images.iter().map(image).collect();
    let images = images.join(",");
    format!(r#"{{"info": {{}}, "images": [{images}], "annotations": {annotations}, "categories": {categories}}}"#)
        .into()
}

/// Three training pictures of 10x20, one without objects, and one to be judged by.
fn set(train: &str) -> Files {
    let test = r#"[{"id": 9, "image_id": 1, "category_id": 3, "bbox": [0, 0, 1, 1]}]"#;
    files([
        ("annotations/instances_train2017.json", json(&[(7, "b.jpg"), (8, "a.jpg"), (6, "c.jpg")], train, CATEGORIES)),
        ("annotations/instances_val2017.json", json(&[(1, "v.jpg")], test, CATEGORIES)),
        ("train2017/a.jpg", png(10, 20, [1; 3])),
        ("train2017/b.jpg", png(10, 20, [2; 3])),
        ("train2017/c.jpg", png(10, 20, [3; 3])),
        ("val2017/v.jpg", png(10, 20, [4; 3])),
    ])
}

fn source(parameters: &str) -> Arc<dyn Source> {
    let section = Section::parse("suite.toml", &format!("use = 'coco'\nfolder = 'set'\n{parameters}")).unwrap();
    let chosen = super::super::choose(&section);
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    chosen.unwrap().method
}

/// Categories in the order of their ids: car is 0, dog is 1. The box from (1.5, 2) to (4.75, 6) touches columns 1 to 5; that to
/// 20.4 overhangs by less than a pixel and is cut.
#[test]
fn boxes_are_rounded_outward_and_crowds_ignored() {
    let (_folder, folder) = data(&set(TRAIN));
    let (_packed, packed, _) = packed_data("zip", &set(TRAIN));
    for data in [folder, packed] {
        let loaded = source("").load(&data).unwrap();
        assert_eq!(source("").describe(&data).unwrap(), described(&loaded));
        assert_eq!((loaded.classes, loaded.train.labels), (vec!["car".to_string(), "dog".to_string()], vec![0, 1]));
        let truth = loaded.train.truth.unwrap();
        assert_eq!(truth.boxes[0], [Rect { y0: 5, x0: 10, y1: 10, x1: 20 }]);
        assert_eq!(truth.boxes[1], [Rect { y0: 2, x0: 1, y1: 6, x1: 5 }]);
        assert_eq!(truth.ignored[1], [Rect { y0: 0, x0: 0, y1: 10, x1: 20 }]);
        assert_eq!(loaded.notes, ["pictures left out because no object is to be found in them: 1"]);
    }
}

#[test]
fn every_fault_names_the_file_and_those_of_a_picture_are_skipped_on_demand() {
    for (from, to, expected, skipped) in [
        (
            "[10, 5, 10.4, 5]",
            "[10, 5, 11, 5]",
            "has in annotation 3 a box from (10, 5) to (21, 10), outside of the picture of 20 by 10",
            true,
        ),
        ("[10, 5, 10.4, 5]", "[10, 5, 0, 5]", "has in annotation 3 a box from (10, 5) to (10, 10) without area", true),
        (
            "\"category_id\": 3",
            "\"category_id\": 4",
            "says in annotation 3 that it is of category 4, which is not listed",
            true,
        ),
        (
            "\"image_id\": 8",
            "\"image_id\": 9",
            "says in annotation 3 that it is of image 9, which is not listed",
            false,
        ),
        ("[10, 5, 10.4, 5]", "[10, 5]", "is not of the form of COCO: invalid length 2", false),
    ] {
        assert!(TRAIN.contains(from));
        let (_folder, data) = data(&set(&TRAIN.replace(from, to)));
        let error = source("").load(&data).err().expect(expected).to_string();
        assert!(error.contains(&format!("set/annotations/instances_train2017.json {expected}")), "{error}");
        match source("on_error = 'skip'").load(&data) {
            Ok(loaded) => {
                assert!(skipped && loaded.train.labels == [1]);
                assert!(loaded.notes.contains(&format!("1 broken file was skipped: {error}")), "{:?}", loaded.notes);
            }
            Err(again) => assert!(!skipped && again.to_string() == error),
        }
    }
}

#[test]
fn missing_pictures_and_other_categories_are_named() {
    let (_folder, lacking) = data(&set(TRAIN).into_iter().filter(|file| file.0 != "train2017/b.jpg").collect());
    let error = source("").describe(&lacking).unwrap_err().to_string();
    assert!(error.ends_with("set/train2017/b.jpg is not there"), "{error}");
    let mut files = set(TRAIN);
    files[1].1 = json(&[(1, "v.jpg")], "[]", r#"[{"id": 3, "name": "car"}]"#);
    let (_folder, other) = data(&files);
    let error = source("").describe(&other).unwrap_err().to_string();
    assert!(error.ends_with("instances_val2017.json differ in their categories"), "{error}");
}
