//! The laws of mosaics.

use std::collections::BTreeSet;

use super::*;

fn read(parameters: &str) -> (Option<Grid>, Section) {
    let section = Section::parse("suite.toml", parameters).unwrap();
    (Grid::read(&section), section)
}

fn small(parameters: &str) -> Dataset {
    let (grid, section) = read(&format!("train = 42\ntest = 25\n{parameters}"));
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    let grid = grid.unwrap();
    let (described, data) = (grid.describe(&DataFolder::default()).unwrap(), grid.load(&DataFolder::default()));
    let data = data.unwrap();
    assert_eq!(described.shape, data.train.shape());
    assert_eq!((described.train, described.test, described.truth), (data.train.len(), data.test.len(), true));
    data
}

fn all(split: &Split) -> Tensor {
    split.all_images(Kind::Float, Device::Cpu).unwrap()
}

fn window(image: &Tensor, area: &Rect) -> Tensor {
    let (height, width) = (area.y1 - area.y0, area.x1 - area.x0);
    image.narrow(1, area.y0 as i64, height as i64).narrow(2, area.x0 as i64, width as i64)
}

/// The labels of the digits that are exactly this picture.
fn labels_of(picture: &Tensor, digits: &Split) -> BTreeSet<i64> {
    let images = all(digits);
    let apart = (images - picture.unsqueeze(0)).abs().flatten(1, -1).sum_dim_intlist(1, false, Kind::Float);
    let apart: Vec<f32> = apart.try_into().unwrap();
    apart.iter().zip(&digits.labels).filter(|(apart, _)| **apart == 0.0).map(|(_, label)| *label).collect()
}

fn digits() -> Dataset {
    let section = Section::parse("suite.toml", "use = 'digits'").unwrap();
    super::super::choose(&section).unwrap().method.load(&DataFolder::default()).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_images_and_another_seed_others() {
    let [first, again, other] = ["seed = 1", "seed = 1", "seed = 2"].map(small);
    assert!(all(&first.test).equal(&all(&again.test)) && first.test.labels == again.test.labels);
    assert!(!all(&first.test).equal(&all(&other.test)) && first.test.labels != other.test.labels);
}

/// 42 images of 10 classes: 8 classes of 4 and 2 of 5.
#[test]
fn classes_are_equally_frequent() {
    let mut counts = [0; 10];
    small("").train.labels.iter().for_each(|&label| counts[label as usize] += 1);
    counts.sort();
    assert_eq!(counts, [4, 4, 4, 4, 4, 4, 4, 4, 5, 5]);
}

#[test]
fn a_training_image_has_one_tile_of_its_class_and_black_elsewhere() {
    let (split, digits) = (small("").train, digits().train);
    assert_eq!(split.shape(), [1, 16, 16]);
    let mut places = BTreeSet::new();
    for image in 0..split.len() {
        let area = split.truth.as_ref().unwrap().boxes[image][0];
        let picture = all(&split).get(image as i64);
        let tile = window(&picture, &area);
        assert!(labels_of(&tile, &digits).contains(&split.labels[image]));
        assert_eq!(picture.sum(Kind::Double), tile.sum(Kind::Double));
        places.insert((area.y0, area.x0));
    }
    assert_eq!(places, [(0, 0), (0, 8), (8, 0), (8, 8)].into());
}

#[test]
fn a_test_image_has_different_classes_and_its_box_is_the_tile_of_its_label() {
    for tiles in [2, 3] {
        let (split, digits) = (small(&format!("tiles = {tiles}")).test, digits().test);
        let mut places = BTreeSet::new();
        for image in 0..split.len() {
            let area = split.truth.as_ref().unwrap().boxes[image][0];
            let picture = all(&split).get(image as i64);
            let mut classes = BTreeSet::new();
            for tile in 0..tiles * tiles {
                let (y0, x0) = (tile / tiles * 8, tile % tiles * 8);
                let place = Rect { y0, x0, y1: y0 + 8, x1: x0 + 8 };
                let labels = labels_of(&window(&picture, &place), &digits);
                let label = *labels.first().expect("a test digit");
                assert_eq!(label == split.labels[image], place == area);
                classes.insert(label);
            }
            assert_eq!(classes.len(), tiles * tiles);
            places.insert((area.y0, area.x0));
        }
        // 25 draws miss one of 9 tiles often; every image in one tile would be a mistake.
        assert!(places.len() >= tiles * tiles - 3, "{places:?}");
    }
}

/// Tiles of 6 x 8 pixels: a row of the mosaic is wider than high, and the second tile begins to the right.
#[test]
fn tiles_keep_their_own_height_and_width() {
    let file = tempfile::NamedTempFile::with_suffix(".safetensors").unwrap();
    let labels: Vec<i64> = (0..40).map(|image| image % 4).collect();
    let grey = Tensor::from_slice(&labels).to_kind(Kind::Float) / 4.0 + 0.25;
    let x = grey.reshape([40, 1, 1, 1]).expand([40, 3, 6, 8], false).contiguous();
    Tensor::write_safetensors(&[("x", x), ("y", Tensor::from_slice(&labels))], file.path()).unwrap();
    let split = small(&format!("of = {{ use = 'tensors', file = '{}', test = 0.5 }}", file.path().display())).test;
    assert_eq!(split.shape(), [3, 12, 16]);
    for image in 0..split.len() {
        let area = split.truth.as_ref().unwrap().boxes[image][0];
        assert_eq!((area.y1 - area.y0, area.x1 - area.x0), (6, 8));
        let expected = split.labels[image] as f64 / 4.0 + 0.25;
        let tile = window(&all(&split).get(image as i64), &area);
        assert_eq!((tile.min().double_value(&[]), tile.max().double_value(&[])), (expected, expected));
    }
}

#[test]
fn more_tiles_than_classes_are_a_mistake_at_their_place() {
    let found = read("seed = 1\ntiles = 4").1.mistakes().to_string();
    for part in ["2:9", "16 tiles of different classes, and there are 10 classes", "3 or less, or data of 16 classes"] {
        assert!(found.contains(part), "{found}");
    }
}
