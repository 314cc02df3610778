//! The laws of planted images.

use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use super::super::{DataFolder, Dataset, Split};
use super::*;

fn read(parameters: &str) -> (Option<Planted>, Section) {
    let section = Section::parse("suite.toml", parameters).unwrap();
    (Planted::read(&section), section)
}

fn load(parameters: &str) -> Dataset {
    let (planted, section) = read(parameters);
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    planted.unwrap().load(&DataFolder::default()).unwrap()
}

fn small(parameters: &str) -> Dataset {
    load(&format!("train = 42\ntest = 20\n{parameters}"))
}

fn all(split: &Split) -> Tensor {
    split.all_images(Kind::Float, Device::Cpu).unwrap()
}

fn masks(split: &Split) -> &Tensor {
    split.truth.as_ref().unwrap().masks.as_ref().unwrap()
}

fn mistakes(parameters: &str) -> String {
    read(parameters).1.mistakes().to_string()
}

#[test]
fn the_same_seed_gives_the_same_images_and_another_seed_others() {
    let [first, again, other] = ["seed = 1", "seed = 1", "seed = 2"].map(small);
    assert!(all(&first.train).equal(&all(&again.train)) && first.train.labels == again.train.labels);
    assert!(!all(&first.train).equal(&all(&other.train)) && first.train.labels != other.train.labels);
    assert!(!all(&first.train).narrow(0, 0, 20).equal(&all(&first.test)));
}

/// 42 images of 4 classes: 11, 11, 10, 10.
#[test]
fn classes_are_equally_frequent() {
    let mut counts = [0; 4];
    small("").train.labels.iter().for_each(|&label| counts[label as usize] += 1);
    counts.sort();
    assert_eq!(counts, [10, 10, 11, 11]);
}

/// With full contrast the carrier is black, so the image is its mask, and the mask its class's glyph.
#[test]
fn the_glyph_of_the_label_is_drawn_in_its_box() {
    let split = small("contrast = 1\ncue = 8\nclasses = 10").train;
    assert!(all(&split).squeeze_dim(1).equal(&masks(&split).to_kind(Kind::Float)));
    for image in 0..split.len() {
        let Rect { y0, x0, .. } = split.truth.as_ref().unwrap().boxes[image][0];
        let lit = masks(&split).get(image as i64).nonzero();
        let mut expected: Vec<i64> = Vec::new();
        for (y, x) in glyphs::pixels(&GLYPHS[split.labels[image] as usize], 8) {
            expected.extend([(y0 + y) as i64, (x0 + x) as i64]);
        }
        assert_eq!(Vec::<i64>::try_from(lit.reshape([-1])).unwrap(), expected);
    }
}

/// The carriers of one seed are the same however many classes there are and whatever their glyphs: the images of two
/// datasets that differ in nothing else agree wherever neither has a glyph.
#[test]
fn the_carrier_does_not_depend_on_the_class() {
    for of in ["", "of = { use = 'digits', scale = 2 }", "of = 'digits'"] {
        let [two, ten] = [2, 10].map(|classes| small(&format!("classes = {classes}\n{of}")).train);
        assert_ne!(two.labels, ten.labels);
        let glyphs = masks(&two).logical_or(masks(&ten)).unsqueeze(1);
        let carrier = |split: &Split| all(split).masked_fill(&glyphs, 0.0);
        assert!(carrier(&two).equal(&carrier(&ten)), "{of}");
    }
}

#[test]
fn test_carriers_are_test_images() {
    let digits = load_digits();
    let planted = small("of = { use = 'digits', scale = 2 }\nplace = 'corner'\ncontrast = 0.5");
    // The middle holds no glyph, and halving is exact.
    let middle = |images: Tensor| images.narrow(2, 4, 8).narrow(3, 4, 8).reshape([-1, 64]);
    let originals = middle(all(&digits.test)) * 0.5;
    for image in 0..20 {
        let distance =
            (&originals - middle(all(&planted.test)).get(image)).abs().sum_dim_intlist(1, false, Kind::Float);
        assert_eq!(distance.min().double_value(&[]), 0.0);
    }
}

fn load_digits() -> Dataset {
    let section = Section::parse("suite.toml", "use = 'digits'\nscale = 2").unwrap();
    super::super::choose(&section).unwrap().method.load(&DataFolder::default()).unwrap()
}

/// A distractor lights as many pixels as a glyph, none of them in the truth.
#[test]
fn a_distractor_is_drawn_but_not_true() {
    let split = small("contrast = 1\ndistractor = true").train;
    let lit = all(&split).sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Float);
    let true_pixels = masks(&split).sum_dim_intlist([1, 2].as_slice(), false, Kind::Float);
    assert!(lit.equal(&(&true_pixels * 2.0)) && true_pixels.equal(&true_pixels.full_like(8.0)));
}

#[test]
fn what_does_not_fit_is_a_mistake_at_its_place() {
    for (parameters, place, message, expected) in [
        ("cue = 20", "1:7", "a canvas of 16 is too small for a cue of 20 pixels", "a canvas of 20 or more"),
        (
            "size = 10\ndistractor = true",
            "1:8",
            "a canvas of 10 is too small for a cue of 4 pixels and a distractor",
            "a canvas of 11 or more",
        ),
        (
            "size = 16\nof = { use = 'digits', scale = 4 }",
            "1:8",
            "images of 32x32 do not fit on a canvas of 16",
            "32 or more",
        ),
        ("train = 90000000000", "1:9", "90000000000 images of 16x16 are too many", "at most 2147483648 pixels in all"),
    ] {
        let found = mistakes(parameters);
        for part in [place, message, expected] {
            assert!(found.contains(part), "{found}");
        }
    }
}

#[test]
fn the_mistakes_of_both_tables_are_found_in_one_reading() {
    assert!(mistakes("of = { use = 'digit' }\ncue = 5").ends_with("2 mistakes in suite.toml"));
}

/// Carriers in the data folder are measured once it is known; here they are of 1x3.
#[test]
fn carriers_from_the_data_folder_that_do_not_fit_are_an_error_of_describe() {
    let (_folder, data, _) = super::super::mnist::tests::folder();
    let (planted, section) = read("size = 2\nof = 'mnist'\ncue = 4");
    assert!(!section.has_mistakes());
    let error = planted.unwrap().describe(&data).unwrap_err().to_string();
    assert_eq!(error, "images of 1x3 do not fit on a canvas of 2: expected 3 or more");
}

/// Carriers smaller than the canvas, of three channels: the glyph is white in each of them.
#[test]
fn coloured_carriers_stay_coloured() {
    let file = tempfile::NamedTempFile::with_suffix(".safetensors").unwrap();
    let red = Tensor::from_slice(&[1.0_f32, 0.0, 0.0]).reshape([1, 3, 1, 1]).expand([5, 3, 6, 8], false).contiguous();
    let labels = Tensor::from_slice(&[0_i64, 1, 0, 1, 0]);
    Tensor::write_safetensors(&[("x", red), ("y", labels)], file.path()).unwrap();
    let data = small(&format!("of = {{ use = 'tensors', file = '{}' }}", file.path().display()));
    assert_eq!(data.train.shape(), [3, 16, 16]);
    let glyphs = masks(&data.train).unsqueeze(1).to_kind(Kind::Float);
    let image = all(&data.train);
    let others = image.narrow(1, 1, 2);
    assert!(others.equal(&glyphs.expand_as(&others)));
    // 6 x 8 red pixels at half brightness, but for those under the glyph.
    let red = (image.narrow(1, 0, 1) - &glyphs).sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Float);
    assert!(red.max().double_value(&[]) <= 24.0 && red.min().double_value(&[]) >= 20.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn glyphs_lie_in_their_boxes_and_pixels_in_range(
        cue in 1usize..4, extra in 0usize..9, classes in 2usize..11, contrast in 0.05f64..1.0, seed: u32,
        place in prop::sample::select(vec!["random", "corner", "center"]), distractor: bool,
    ) {
        let (cue, size) = (cue * 4, cue * 12 + extra);
        let split = load(&format!(
            "train = 12\ntest = 1\ncue = {cue}\nsize = {size}\nclasses = {classes}\ncontrast = {contrast}\n\
             seed = {seed}\nplace = '{place}'\ndistractor = {distractor}"
        )).train;
        let images = all(&split);
        prop_assert!(images.min().double_value(&[]) >= 0.0 && images.max().double_value(&[]) == 1.0);
        let truth = split.truth.as_ref().unwrap();
        let filled = Truth::from_boxes(truth.boxes.clone());
        let ids: Vec<usize> = (0..split.len()).collect();
        let boxes = filled.mask(&ids, size, size).unwrap();
        prop_assert_eq!(boxes.sum(Kind::Int64).int64_value(&[]), (12 * cue * cue) as i64);
        let outside = masks(&split).logical_and(&boxes.logical_not());
        prop_assert!(!bool::try_from(outside.any()).unwrap());
        prop_assert!(truth.boxes.iter().all(|boxes| boxes.len() == 1 && boxes[0].y1 <= size && boxes[0].x1 <= size));
    }
}
