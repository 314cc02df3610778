use proptest::prelude::*;

use super::*;

const CPU: Device = Device::Cpu;

fn doubles(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

/// The largest gap between the draws' distribution and the one they should have (Kolmogorov and Smirnov).
fn largest_gap(mut draws: Vec<f64>, distribution: impl Fn(f64) -> f64) -> f64 {
    draws.sort_by(f64::total_cmp);
    let count = draws.len() as f64;
    let gap = |(at, draw): (usize, &f64)| {
        let expected = distribution(*draw);
        (expected - at as f64 / count).max((at + 1) as f64 / count - expected)
    };
    draws.iter().enumerate().map(gap).fold(0.0, f64::max)
}

fn correlation(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.flatten(0, -1), b.flatten(0, -1));
    let (a, b) = (&a - a.mean(None), &b - b.mean(None));
    ((&a * &b).sum(None) / (a.square().sum(None) * b.square().sum(None)).sqrt()).double_value(&[])
}

/// First outputs of the published generator for the seed 1234567.
#[test]
fn the_hash_is_splitmix64() {
    let noise = Noise { key: 1_234_567 };
    let found: Vec<u64> = (1..=3).map(|counter| noise.uniform_u64(counter)).collect();
    assert_eq!(found, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
}

/// With a million draws the largest gap exceeds 0.002 with a probability of about 2 exp(-8) = 0.0007.
#[test]
fn uniform_draws_are_uniform() {
    let ids: Vec<u64> = (0..1000).collect();
    for kind in [Kind::Float, Kind::Double] {
        let draws = doubles(&Noise::new(1).uniform(&ids, &[1000], kind, CPU).unwrap());
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        assert!(largest_gap(draws, |x| x) < 0.002);
    }
}

#[test]
fn normal_draws_are_normal() {
    use statrs::distribution::{ContinuousCDF, Normal};
    let standard = Normal::standard();
    let ids: Vec<u64> = (0..1000).collect();
    for kind in [Kind::Float, Kind::Double] {
        let draws = doubles(&Noise::new(1).normal(&ids, &[1000], kind, CPU).unwrap());
        let moment = |power: i32| draws.iter().map(|draw| draw.powi(power)).sum::<f64>() / 1e6;
        // Standard deviations of the mean of z^k: sqrt(1, 2, 15, 96) / 1000.
        assert!(moment(1).abs() < 0.004 && (moment(2) - 1.0).abs() < 0.006);
        assert!(moment(3).abs() < 0.016 && (moment(4) - 3.0).abs() < 0.04);
        assert!(largest_gap(draws, |x| standard.cdf(x)) < 0.002);
    }
}

/// Of 10^5 independent pairs the correlation's standard deviation is 0.003.
#[test]
fn keys_examples_and_elements_are_independent() {
    let ids: Vec<u64> = (0..101).collect();
    let noise = Noise::new(1);
    let normal = |noise: Noise| noise.normal(&ids, &[1000], Kind::Double, CPU).unwrap();
    let one = normal(noise);
    for other in [noise.index(0), noise.index(1), noise.purpose("a"), noise.purpose("b"), Noise::new(2), Noise::new(0)]
    {
        assert!(correlation(&one, &normal(other)).abs() < 0.015, "{other:?}");
    }
    assert!(correlation(&one.narrow(0, 0, 100), &one.narrow(0, 1, 100)).abs() < 0.015);
    // Neighbours, and the two of a pair.
    assert!(correlation(&one.narrow(1, 0, 999), &one.narrow(1, 1, 999)).abs() < 0.015);
    assert!(correlation(&one.narrow(1, 0, 500), &one.narrow(1, 500, 500)).abs() < 0.015);
    assert!(correlation(&one.narrow(1, 0, 500).square(), &one.narrow(1, 500, 500).square()).abs() < 0.015);
}

#[test]
fn words_numbers_and_their_order_make_different_keys() {
    let noise = Noise::new(0);
    let keys = [
        noise,
        noise.purpose(""),
        noise.purpose("a"),
        noise.purpose("ab"),
        noise.purpose("a").purpose("b"),
        noise.purpose("b").purpose("a"),
        noise.index(0),
        noise.index(u64::from(b'a')),
        noise.index(1).index(2),
        noise.index(2).index(1),
        noise.purpose("a").index(1),
        noise.index(1).purpose("a"),
    ];
    for (at, key) in keys.iter().enumerate() {
        assert!(!keys[..at].contains(key), "number {at} occurs before");
    }
}

#[test]
fn float_and_double_are_the_same_draws() {
    let noise = Noise::new(4);
    let gap = |float: Tensor, double: Tensor| (float.to_kind(Kind::Double) - double).abs().max().double_value(&[]);
    let draw =
        |kind| (noise.normal(&[1, 2], &[999], kind, CPU).unwrap(), noise.uniform(&[1, 2], &[999], kind, CPU).unwrap());
    let (float, double) = (draw(Kind::Float), draw(Kind::Double));
    assert!(gap(float.0, double.0) < 1e-5);
    assert!(gap(float.1, double.1) < 2f64.powi(-24));
}

#[test]
fn both_ways_to_hash_give_the_same_numbers() {
    let streams: Vec<u64> = (0..50).map(|counter| Noise::new(3).uniform_u64(counter)).chain([0, 1, u64::MAX]).collect();
    for shift in [0, 8] {
        let host = Tensor::from_slice(&host(&streams, 501, |half| i64::from(half >> shift)));
        let device = device_words(&streams, 501, shift, CPU).unwrap();
        assert_eq!(host.view([53, 2, 501]), device);
    }
}

#[test]
fn a_permutation_holds_every_number_once_and_all_orders_occur() {
    let mut counts = std::collections::BTreeMap::new();
    for draw in 0..6000 {
        *counts.entry(Noise::new(0).index(draw).permutation(3)).or_insert(0) += 1;
    }
    // Six orders, each expected 1000 times with a standard deviation of 29.
    assert!(counts.len() == 6 && counts.values().all(|count| (870..1130).contains(count)), "{counts:?}");
    let mut order = Noise::new(0).permutation(1000);
    order.sort_unstable();
    assert!(order.into_iter().eq(0..1000));
}

#[test]
fn nothing_is_drawn_of_nothing() {
    let noise = Noise::new(0);
    assert_eq!(noise.normal(&[], &[3, 2], Kind::Float, CPU).unwrap().size(), [0, 3, 2]);
    assert_eq!(noise.uniform(&[1, 2], &[0], Kind::Float, CPU).unwrap().size(), [2, 0]);
    assert_eq!(noise.uniform(&[1, 2], &[], Kind::Float, CPU).unwrap().size(), [2]);
    assert!(noise.permutation(0).is_empty());
}

/// Large enough for vector instructions with remainders of all lengths, and for libtorch's threads.
#[test]
fn images_draw_alike_in_every_batch() {
    let ids: Vec<u64> = (0..9).collect();
    for shape in [vec![1, 28, 28], vec![3, 64, 64], vec![70_001], vec![27], vec![38], vec![61]] {
        let noise = Noise::new(8);
        let whole = noise.normal(&ids, &shape, Kind::Float, CPU).unwrap();
        for at in [0, 1, 8] {
            assert_eq!(noise.normal(&[at as u64], &shape, Kind::Float, CPU).unwrap(), whole.narrow(0, at, 1));
            let three = noise.normal(&[at as u64, 3, 4], &shape, Kind::Float, CPU).unwrap();
            assert_eq!(three.narrow(0, 0, 1), whole.narrow(0, at, 1));
        }
    }
}

proptest! {
    /// What one example draws does not depend, to the bit, on which others are drawn with it.
    #[test]
    fn a_batch_draws_what_its_examples_draw(
        seed: u64, ids in prop::collection::vec(any::<u64>(), 1..6), shape in prop::collection::vec(1_i64..7, 0..4),
    ) {
        let noise = Noise::new(seed);
        let normal = noise.normal(&ids, &shape, Kind::Float, CPU).unwrap();
        let uniform = noise.uniform(&ids, &shape, Kind::Float, CPU).unwrap();
        for (at, id) in ids.iter().enumerate() {
            let one = |all: &Tensor| all.narrow(0, at as i64, 1);
            prop_assert_eq!(noise.normal(&[*id], &shape, Kind::Float, CPU).unwrap(), one(&normal));
            prop_assert_eq!(noise.uniform(&[*id], &shape, Kind::Float, CPU).unwrap(), one(&uniform));
        }
    }

    #[test]
    fn numbers_stay_below_their_bound(seed: u64, counter: u64, n in 1_u64..) {
        prop_assert!(Noise::new(seed).below(counter, n) < n);
    }
}

#[test]
fn several_draws_in_one_go_are_the_single_draws() {
    let noise = Noise::new(3).purpose("smoothgrad");
    let ids = [4, 9];
    let together = noise.normal_draws(&ids, 2..5, &[3, 5], Kind::Double, Device::Cpu).unwrap();
    assert_eq!(together.size(), [2, 3, 3, 5]);
    for draw in 2..5 {
        let single = noise.index(draw).normal(&ids, &[3, 5], Kind::Double, Device::Cpu).unwrap();
        assert_eq!(together.select(1, draw as i64 - 2), single);
    }
}
