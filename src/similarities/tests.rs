use tch::{Device, Kind, Tensor};

use super::*;
use crate::noise::Noise;
use crate::stats;

/// Maps [count, side, side] of which every third number is one of few, so that there are ties.
fn maps(count: u64, side: i64, seed: u64) -> Tensor {
    let ids: Vec<u64> = (0..count).collect();
    let smooth = Noise::new(seed).normal(&ids, &[side, side], Kind::Double, Device::Cpu).unwrap();
    let coarse = smooth.round();
    let every_third = Tensor::arange(side * side, (Kind::Int64, Device::Cpu)).remainder(3).eq(0).view([side, side]);
    coarse.where_self(&every_third, &smooth)
}

fn numbers(similarity: &dyn Similarity, a: &Tensor, b: &Tensor) -> Vec<f64> {
    let side = |maps: &Tensor| Side::new(maps.shallow_clone());
    similarity.compare(&side(a), &side(b)).unwrap().try_into().unwrap()
}

fn all() -> impl Iterator<Item = (&'static str, std::sync::Arc<dyn Similarity>)> {
    ALL.iter().map(|entry| (entry.name, (entry.read)(&Section::parse("", "").unwrap()).unwrap()))
}

#[test]
fn equal_maps_have_one_and_others_less_in_any_batch_and_either_order() {
    let (a, b) = (maps(5, 13, 1), maps(5, 13, 2));
    for (name, similarity) in all() {
        assert_eq!(numbers(&*similarity, &a, &a), [1.0; 5], "{name}: exactly");
        let whole = numbers(&*similarity, &a, &b);
        assert!(whole.iter().all(|value| value.abs() < 0.4), "{name}: {whole:?}");
        let turned = numbers(&*similarity, &b, &a);
        for (image, value) in whole.iter().enumerate() {
            let alone = |maps: &Tensor| maps.narrow(0, image as i64, 1);
            let part = numbers(&*similarity, &alone(&a), &alone(&b))[0];
            assert!((value - part).abs() < 1e-12 && (value - turned[image]).abs() < 1e-12, "{name}");
        }
        // A scale changes neither ranks nor what is brought to [0, 1]; a shift does change magnitudes.
        let scaled = numbers(&*similarity, &(&a * 4.0), &b);
        assert!(whole.iter().zip(&scaled).all(|(a, b)| (a - b).abs() < 1e-12), "{name}");
    }
}

#[test]
fn a_constant_map_has_no_rank_correlation_and_a_map_with_a_nan_nothing() {
    let a = maps(3, 12, 3);
    let b = maps(3, 12, 4);
    let _ = b.get(1).fill_(0.5);
    let _ = b.get(2).get(0).get(0).fill_(f64::NAN);
    for (name, similarity) in all() {
        let values = numbers(&*similarity, &a, &b);
        let invalid: Vec<bool> = values.iter().map(|value| value.is_nan()).collect();
        assert_eq!(invalid, [false, !["ssim", "cosine"].contains(&name), true], "{name}");
    }
    // Both constant, at different levels: as pictures they are the same.
    let flat = |level: f64| Tensor::full([1, 12, 12], level, (Kind::Double, Device::Cpu));
    assert_eq!(numbers(&Ssim, &flat(0.2), &flat(0.7)), [1.0]);
    assert!(numbers(&Spearman, &flat(0.2), &flat(0.2))[0].is_nan());
    let small = maps(2, 10, 5);
    assert!(numbers(&Ssim, &small, &small).iter().all(|value| value.is_nan()), "smaller than a window");
}

#[test]
fn rank_correlation_is_that_of_the_statistics() {
    let (a, b) = (maps(4, 9, 5), maps(4, 9, 6));
    let flat = |maps: &Tensor, image: i64| Vec::<f64>::try_from(maps.get(image).reshape([-1])).unwrap();
    let signed = numbers(&Spearman, &a, &b);
    let absolute = numbers(&AbsoluteSpearman, &a, &b);
    for image in 0..4 {
        let (x, y) = (flat(&a, image), flat(&b, image));
        assert!((signed[image as usize] - stats::spearman(&x, &y)).abs() < 1e-12);
        let magnitudes = |values: &[f64]| values.iter().map(|value| value.abs()).collect::<Vec<_>>();
        let expected = stats::spearman(&magnitudes(&x), &magnitudes(&y));
        assert!((absolute[image as usize] - expected).abs() < 1e-12);
    }
}

/// Ranks of 5, 1, 1, -3: 4, 2.5, 2.5, 1, centred 1.5, 0, 0, -1.5. Ranks of 1, 2, 3, 4, centred -1.5, -.5, .5, 1.5: the sum of
/// products is -4.5, those of squares 4.5 and 5. Magnitudes 5, 1, 1, 3: 4, 1.5, 1.5, 3, centred 1.5, -1, -1, .5.
#[test]
fn ties_share_the_average_of_their_ranks() {
    let map = |values: [f64; 4]| Tensor::from_slice(&values).view([1, 2, 2]);
    let (a, b) = (map([5.0, 1.0, 1.0, -3.0]), map([1.0, 2.0, 3.0, 4.0]));
    assert!((numbers(&Spearman, &a, &b)[0] + 4.5 / 22.5_f64.sqrt()).abs() < 1e-15);
    let expected = (1.5 * -1.5 + -1.0 * -0.5 + -0.5 + 0.5 * 1.5) / (4.5_f64 * 5.0).sqrt();
    assert!((numbers(&AbsoluteSpearman, &a, &b)[0] - expected).abs() < 1e-15);
    assert_eq!(numbers(&Spearman, &b, &-&b), [-1.0]);
}

/// One window of 11 x 11 whose six right columns are 1, beside its negative. The columns weigh e^(-k^2 / 4.5) over their sum, so
/// the mean is m = 1/2 + w_0 / 2, the variance v = m (1 - m), and the covariance with the negative -v.
#[test]
fn one_window_by_hand() {
    let total: f64 = (-5..=5).map(|k: i32| (-f64::from(k * k) / 4.5).exp()).sum();
    let m = 0.5 + 0.5 / total;
    let v = m * (1.0 - m);
    let expected =
        (2.0 * m * (1.0 - m) + 1e-4) * (9e-4 - 2.0 * v) / ((m * m + (1.0 - m) * (1.0 - m) + 1e-4) * (2.0 * v + 9e-4));
    let a = Tensor::zeros([1, 11, 11], (Kind::Double, Device::Cpu));
    let _ = a.narrow(2, 5, 6).fill_(3.0);
    let value = numbers(&Ssim, &a, &-&a)[0];
    assert!((value - expected).abs() < 1e-12, "{value} {expected}");
}

/// scikit-image 0.26's `structural_similarity` of the same two maps, each brought to [0, 1], with the settings that the head of
/// `ssim.rs` names.
#[test]
fn ssim_is_that_of_scikit_image() {
    let map = |at: fn(f64, f64) -> f64| {
        let numbers: Vec<f64> = (0..13 * 14).map(|place| at(f64::from(place / 14), f64::from(place % 14))).collect();
        Tensor::from_slice(&numbers).view([1, 13, 14])
    };
    let a = map(|y, x| (0.7 * x + 0.3 * y).sin() + 0.1 * x);
    let b = map(|y, x| (0.5 * x * y / 6.0).cos() - 0.05 * y);
    let value = numbers(&Ssim, &a, &b)[0];
    assert!((value - 0.06652513592356539).abs() < 1e-12, "{value}");
}

/// Pixels 1, 2 and 3 are 0 in both maps; of the others, (2, 3), (1, 0), (0, 1) and (5, 9), the ranks are 2 1 0 3 and 2 0 1 3.
/// With n = 4 and differences 0, 1, -1, 0: 1 - 6 * 2 / (4 * 15) = 0.8.
#[test]
fn what_is_zero_in_both_maps_says_nothing() {
    let map = |values: [f64; 7]| Tensor::from_slice(&values).view([1, 1, 7]);
    let (a, b) = (map([0.0, 0.0, 0.0, 2.0, 1.0, 0.0, 5.0]), map([0.0, 0.0, 0.0, 3.0, 0.0, 1.0, 9.0]));
    assert!((numbers(&NonzeroSpearman, &a, &b)[0] - 0.8).abs() < 1e-12);
    // Without a common zero it is the plain one, whatever the signs.
    let (a, b) = (maps(3, 6, 1) + 0.25, maps(3, 6, 2) - 0.25);
    assert_eq!(numbers(&NonzeroSpearman, &a, &b), numbers(&Spearman, &a, &b));
    let nothing = map([0.0; 7]);
    assert!(numbers(&NonzeroSpearman, &nothing, &nothing)[0].is_nan());
}

#[test]
fn a_cosine_by_hand() {
    let map = |values: [f64; 2]| Tensor::from_slice(&values).view([1, 1, 2]);
    // (3, 4) and (4, 3): 24 / 25.
    assert!((numbers(&Cosine, &map([3.0, 4.0]), &map([4.0, 3.0]))[0] - 0.96).abs() < 1e-12);
    assert!((numbers(&Cosine, &map([3e-200, 4e-200]), &map([-6.0, -8.0]))[0] + 1.0).abs() < 1e-12);
    assert!(numbers(&Cosine, &map([0.0, 0.0]), &map([1.0, 0.0]))[0].is_nan());
}

/// scikit-image 0.26's `feature.hog` of two maps, each brought to [0, 1], with the settings that the head of `hog.rs` names and
/// cells of 5 x 5 pixels; SciPy's `spearmanr` of the two. scikit-image sums in single precision (its histograms are 4e-8 from
/// these), so that what nearly ties falls otherwise.
#[test]
fn hog_is_that_of_scikit_image() {
    let map = |at: fn(f64, f64) -> f64| {
        let numbers: Vec<f64> = (0..26 * 29).map(|place| at(f64::from(place / 29), f64::from(place % 29))).collect();
        Tensor::from_slice(&numbers).view([1, 26, 29])
    };
    let a = map(|y, x| (0.7 * x + 0.3 * y).sin() + 0.1 * x);
    let b = map(|y, x| (0.5 * x * y / 6.0).cos() - 0.05 * y);
    let value = numbers(&Hog { cell: Some(5) }, &a, &b)[0];
    assert!((value - 0.4526011263358344).abs() < 1e-4, "{value}");
}
