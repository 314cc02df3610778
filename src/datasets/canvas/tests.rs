//! The laws of canvases.

use proptest::prelude::*;

use super::super::truth::Rect;
use super::*;

fn read(parameters: &str) -> (Option<Canvas>, Section) {
    let section = Section::parse("suite.toml", parameters).unwrap();
    (Canvas::read(&section), section)
}

fn small(parameters: &str) -> Dataset {
    let (canvas, section) = read(&format!("train = 30\ntest = 20\n{parameters}"));
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    let canvas = canvas.unwrap();
    let (described, data) = (canvas.describe(&DataFolder::default()).unwrap(), canvas.load(&DataFolder::default()));
    let data = data.unwrap();
    assert_eq!(described.shape, data.train.shape());
    assert_eq!((described.train, described.test, described.truth), (data.train.len(), data.test.len(), true));
    data
}

fn digits() -> Dataset {
    let section = Section::parse("suite.toml", "use = 'digits'").unwrap();
    super::super::choose(&section).unwrap().method.load(&DataFolder::default()).unwrap()
}

fn all(split: &Split) -> Tensor {
    split.all_images(Kind::Float, Device::Cpu).unwrap()
}

fn masks(split: &Split) -> &Tensor {
    split.truth.as_ref().unwrap().masks.as_ref().unwrap()
}

/// The sum of each image.
fn sums(images: &Tensor) -> Vec<f64> {
    images.flatten(1, -1).sum_dim_intlist(1, false, Kind::Double).try_into().unwrap()
}

#[test]
fn the_same_seed_gives_the_same_images_and_another_seed_others() {
    let [first, again, other] = ["seed = 1", "seed = 1", "seed = 2"].map(small);
    assert!(all(&first.train).equal(&all(&again.train)) && first.train.labels == again.train.labels);
    assert!(!all(&first.train).equal(&all(&other.train)) && first.train.labels != other.train.labels);
    assert!(!all(&first.train).narrow(0, 0, 20).equal(&all(&first.test)));
}

/// What lies in the mask is one of the digits of the label, whole: nothing covers it, and its box is the mask's.
#[test]
fn the_mask_holds_an_object_of_the_label_at_full_contrast() {
    let (digits, data) = (digits(), small(""));
    let truth = data.test.truth.as_ref().unwrap();
    let kept = all(&data.test) * masks(&data.test).unsqueeze(1);
    for image in 0..data.test.len() {
        let Rect { y0, x0, y1, x1 } = truth.boxes[image][0];
        let found =
            kept.get(image as i64).narrow(1, y0 as i64, (y1 - y0) as i64).narrow(2, x0 as i64, (x1 - x0) as i64);
        let same = |id: usize| {
            let digit = digits.test.images(&[id], Kind::Float, Device::Cpu).unwrap();
            let lit = Truth::from_masks(digit.squeeze_dim(1).gt(0.0)).unwrap().boxes[0][0];
            let digit = digit.get(0).narrow(1, lit.y0 as i64, (lit.y1 - lit.y0) as i64);
            let digit = digit.narrow(2, lit.x0 as i64, (lit.x1 - lit.x0) as i64);
            digits.test.labels[id] == data.test.labels[image] && digit.size() == found.size() && digit.equal(&found)
        };
        assert!((0..digits.test.len()).any(same), "image {image}");
    }
}

/// Halving is exact, and the objects are the same: the rest of an image is twice as bright at twice the contrast.
#[test]
fn distractors_are_dimmed_and_outside_the_truth() {
    let [dim, bright] = ["contrast = 0.25", "contrast = 0.5"].map(|contrast| small(contrast).train);
    let rest = |split: &Split| all(split) * masks(split).logical_not().unsqueeze(1);
    assert!(masks(&dim).equal(masks(&bright)) && (rest(&dim) * 2.0).equal(&rest(&bright)));
    assert!(sums(&rest(&dim)).iter().all(|&sum| sum > 0.0));
    let alone = small("distractors = 0").train;
    assert!(sums(&rest(&alone)).iter().all(|&sum| sum == 0.0));
    let several = small("distractors = 3").train;
    assert!(sums(&rest(&several)).iter().zip(sums(&rest(&bright))).all(|(three, one)| *three > one));
}

#[test]
fn distractors_are_never_of_the_class() {
    let (canvas, _) = read("distractors = 5\nsize = 24");
    let (canvas, digits) = (canvas.unwrap(), digits());
    let part = Part { objects: &digits.test, count: 100, noise: Noise::new(3), classes: 10, word: "test" };
    let targets = part.order(|_| true).unwrap();
    let labels = &digits.test.labels;
    for (&target, others) in targets.iter().zip(canvas.others(&part, &targets).unwrap()) {
        assert_eq!(others.len(), 5);
        assert!(others.iter().all(|&other| labels[other] != labels[target]));
    }
}

/// Texture stays below 0.3 and is covered by objects, not added to them.
#[test]
fn texture_lies_behind_the_objects() {
    let [black, texture] = ["background = 'black'", "background = 'texture'"].map(|text| small(text).train);
    let (black, texture) = (all(&black), all(&texture));
    let objects = black.gt(0.0);
    assert!((&black * &objects).equal(&(&texture * &objects)));
    let behind = &texture * &objects.logical_not();
    assert!(behind.max().double_value(&[]) <= TEXTURE && sums(&behind).iter().all(|&sum| sum > 1.0));
}

#[test]
fn what_does_not_fit_is_a_mistake_at_its_place() {
    for (parameters, place, message, expected) in [
        ("size = 15", "1:8", "a canvas of 15 does not hold 2 of 8x8 side by side", "a canvas of 16 or more"),
        ("distractors = 4", "1:15", "a canvas of 16 does not hold 5 of 8x8", "a canvas of 24 or more"),
        ("size = 7\ndistractors = 0", "1:8", "a canvas of 7 does not hold 1 of 8x8", "a canvas of 8 or more"),
        ("scale = [2, 1]", "1:9", "", "a list [low, high] of factors"),
        ("train = 90000000000", "1:9", "90000000000 images of 16x16 are too many", "at most 2147483648 pixels in all"),
        ("of = { use = 'digit' }\ncontrast = 2", "1:", "2 mistakes", "digits"),
    ] {
        let found = read(parameters).1.mistakes().to_string();
        for part in [place, message, expected] {
            assert!(found.contains(part), "{found}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn objects_keep_to_the_canvas_and_to_themselves(
        size in 32usize..45, low in 0.5f64..1.0, more in 0.0f64..1.0, distractors in 0usize..4, seed: u32,
    ) {
        let scale = format!("scale = [{low}, {}]", low + more);
        let data = small(&format!("size = {size}\n{scale}\ndistractors = {distractors}\nseed = {seed}"));
        let images = all(&data.train);
        prop_assert!(images.min().double_value(&[]) >= 0.0 && images.max().double_value(&[]) <= 1.0);
        for boxes in &data.train.truth.as_ref().unwrap().boxes {
            let largest = (8.0 * (low + more)).round() as usize;
            prop_assert!(boxes.len() == 1 && boxes[0].y1 <= size && boxes[0].x1 <= size);
            prop_assert!(boxes[0].y1 - boxes[0].y0 <= largest && boxes[0].x1 - boxes[0].x0 <= largest);
        }
    }
}

/// Digits 0 to 4 decide and 5 to 9 distract, as bright as those: what is lit outside of the mask is never of a class.
#[test]
fn with_kinds_half_of_the_classes_decide_and_the_others_distract() {
    let (digits, data) = (digits(), small("label = 'kind'"));
    assert_eq!(data.classes, ["0", "1", "2", "3", "4"]);
    assert!(data.train.labels.iter().chain(&data.test.labels).all(|label| *label < 5));
    let outside = all(&data.test).masked_fill(&masks(&data.test).unsqueeze(1), 0.0);
    let originals = sums(&all(&digits.test));
    for sum in sums(&outside) {
        let alike = |(original, label): (&f64, &i64)| (original - sum).abs() < 1e-4 && *label >= 5;
        assert!(originals.iter().zip(&digits.test.labels).any(alike), "{sum}");
    }
}
