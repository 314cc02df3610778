use std::collections::BTreeSet;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::*;
use crate::datasets::{Split, Truth};

/// 900 training and 40 test images [2, 4, 5] of 3 classes, every element of an image another number, the second channel
/// brighter by a half; with boxes.
fn data(bytes: bool) -> Dataset {
    let split = |count: i64, seed: u64| {
        let ids: Vec<u64> = (0..count as u64).collect();
        let dark = Noise::new(seed).uniform(&ids, &[1, 4, 5], Kind::Float, Device::Cpu).unwrap() * 0.5;
        let images = Tensor::cat(&[&dark, &(&dark + 0.5)], 1);
        let images = if bytes { (images * 255.0).to_kind(Kind::Uint8) } else { images };
        let truth = Truth::from_boxes(vec![Vec::new(); count as usize]);
        let labels = (0..count).map(|place| place % 3).collect();
        Split::new(images.shallow_clone(), labels, Some(truth)).with_plain(images)
    };
    let classes = ["a", "b", "c"].map(String::from).to_vec();
    Dataset { classes, train: split(900, 1), test: split(40, 2), notes: Vec::new() }
}

fn read(text: &str) -> Arc<dyn Transform> {
    let section = Section::parse("suite.toml", text).unwrap();
    let chosen = choose(&section, "transform");
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    chosen.unwrap().method
}

fn applied(text: &str, seed: u64) -> Dataset {
    read(&format!("transform = {text}")).apply(data(false), &Noise::new(seed)).unwrap()
}

fn images(split: &Split) -> Tensor {
    split.all_images(Kind::Double, Device::Cpu).unwrap()
}

fn changed(data: &Dataset) -> f64 {
    let kept = data.train.labels.iter().enumerate().filter(|(place, label)| *place as i64 % 3 == **label).count();
    1.0 - kept as f64 / 900.0
}

#[test]
fn every_transform_repeats_itself_keeps_shapes_and_leaves_test_labels_true() {
    for entry in ALL {
        let transform = (entry.read)(&Section::parse("", "").unwrap()).unwrap();
        for bytes in [false, true] {
            let stated = data(bytes);
            let apply = |seed| transform.apply(data(bytes), &Noise::new(seed)).unwrap();
            let (one, again, other) = (apply(1), apply(1), apply(2));
            for (split, stated) in [(&one.train, &stated.train), (&one.test, &stated.test)] {
                assert_eq!((split.len(), split.shape()), (stated.len(), stated.shape()), "{}", entry.name);
                let x = images(split);
                assert!(x.min().double_value(&[]) >= 0.0 && x.max().double_value(&[]) <= 1.0, "{}", entry.name);
                assert_eq!(split.truth.is_some(), transform.keeps_places(), "{}", entry.name);
                let plain = split.plain_images(&[0], Kind::Float, Device::Cpu).unwrap();
                assert_eq!(plain.is_some(), transform.keeps_places(), "{}", entry.name);
                let same = images(split) == images(stated);
                assert_eq!(same, transform.keeps_places(), "{}: pixels change where places do", entry.name);
            }
            assert_eq!(one.test.labels, stated.test.labels, "{}", entry.name);
            assert!(one.train.labels.iter().all(|label| (0..3).contains(label)), "{}", entry.name);
            assert_eq!(images(&one.train), images(&again.train), "{}", entry.name);
            assert_eq!(one.train.labels, again.train.labels, "{}", entry.name);
            let differs = one.train.labels != other.train.labels || images(&one.train) != images(&other.train);
            assert_eq!(differs, entry.name != "none", "{}: another seed", entry.name);
        }
    }
}

#[test]
fn nothing_and_none_are_no_transform() {
    for text in ["", "transform = 'none'", "transform = { use = 'none' }"] {
        let section = Section::parse("suite.toml", text).unwrap();
        assert!(choose(&section, "transform").is_none() && !section.has_mistakes(), "{text}");
    }
}

#[test]
fn permuted_labels_keep_their_counts_and_random_ones_do_not() {
    let counts =
        |data: &Dataset| [0, 1, 2].map(|class| data.train.labels.iter().filter(|label| **label == class).count());
    let permuted = applied("'permuted-labels'", 3);
    assert_eq!(counts(&permuted), [300, 300, 300]);
    let random = applied("'random-labels'", 3);
    assert_ne!(counts(&random), [300, 300, 300]);
    // Two labels in three change; the standard deviation over draws is 0.016.
    for data in [permuted, random] {
        assert!((changed(&data) - 2.0 / 3.0).abs() < 0.06, "{}", changed(&data));
    }
}

#[test]
fn corruption_grows_with_p_up_to_random_labels() {
    let of = |p: f64| applied(&format!("{{ use = 'corrupted-labels', p = {p:?} }}"), 5);
    let (none, some, all) = (of(0.0), of(0.3), of(1.0));
    assert_eq!(changed(&none), 0.0);
    assert!((changed(&some) - 0.2).abs() < 0.05, "{}", changed(&some));
    assert_eq!(all.train.labels, applied("'random-labels'", 5).train.labels);
    // What the smaller share replaced, the larger one replaced by the same class.
    let stated = data(false).train.labels;
    let mixed = some.train.labels.iter().zip(&all.train.labels).zip(&stated);
    assert!(mixed.into_iter().all(|((some, all), stated)| some == all || some == stated));
}

/// Where each pixel of an image came from, by the first channel; the numbers of an image are all different.
fn origins(before: &Tensor, after: &Tensor, channel: i64) -> Vec<i64> {
    let flat = |x: &Tensor| Vec::<f64>::try_from(x.get(channel).reshape([-1])).unwrap();
    let before = flat(before);
    flat(after).iter().map(|value| before.iter().position(|old| old == value).unwrap() as i64).collect()
}

#[test]
fn pixels_move_in_one_order_or_in_one_for_each_image_and_channels_stay_together() {
    let stated = data(false);
    for (text, expected) in [("'shuffled-pixels'", 1), ("'random-pixels'", 80)] {
        let moved = applied(text, 7);
        let mut orders = BTreeSet::new();
        for (before, after) in [(&stated.train, &moved.train), (&stated.test, &moved.test)] {
            let (before, after) = (images(before), images(after));
            for image in 0..40 {
                let order = origins(&before.get(image), &after.get(image), 0);
                assert_eq!(order, origins(&before.get(image), &after.get(image), 1), "{text}: channels");
                assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 20, "{text}: every pixel once");
                orders.insert(order);
            }
        }
        assert_eq!(orders.len(), expected, "{text}");
        assert_eq!(moved.train.labels, stated.train.labels);
    }
}

#[test]
fn gaussian_pixels_have_the_moments_of_each_channel() {
    // Uniform on [0, 1/2] and [1/2, 1]: means 1/4 and 3/4, variance 1/48. Clamping cuts 4 % off one side of each: it moves the
    // means inwards by .0034 and leaves .85 of the variance or more.
    let drawn = images(&applied("'gaussian-pixels'", 9).train);
    for (channel, mean) in [(0, 0.25), (1, 0.75)] {
        let x = drawn.select(1, channel);
        let apart = x.mean(Kind::Double).double_value(&[]) - mean;
        assert!(apart.abs() < 0.008, "mean of channel {channel} is {apart} apart");
        let variance = x.var(false).double_value(&[]);
        assert!((0.85 / 48.0..1.02 / 48.0).contains(&variance), "variance {variance}");
    }
}
