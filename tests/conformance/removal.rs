//! Removal metrics: on models that are linear in the pixels the best order is known exactly, and so is what was removed.

use std::sync::Arc;

use explainbench::explainers::{Channels, Map, Sign};
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use super::*;

/// Every removal metric with its headline, and whether more of it is better.
const HEADLINES: [(&str, &str, bool); 4] = [
    ("deletion", "auc", false),
    ("insertion", "auc", true),
    ("pixel-flipping", "aopc", true),
    ("symmetric-relevance-gain", "area", true),
];

/// Flatten and one linear layer with these weights, [K, C * H * W], and biases.
fn linear(shape: [i64; 3], weights: Tensor, biases: &[f64]) -> Model {
    let text = format!("layers = [\"flatten\", {{ linear = {{ out = {} }} }}]", biases.len());
    let section = Section::parse("model", &text).unwrap();
    let graph = layers::read(&section, &shape, Some(biases.len() as i64)).unwrap();
    Model::new(Arc::new(graph), vec![weights, Tensor::from_slice(biases)]).unwrap()
}

/// Random weights for the images of `scene`, and the weights of each class, [3, 2, SIDE, SIDE].
fn random_linear() -> (Model, Tensor) {
    let weights = Noise::new(9).normal(&[0, 1, 2], &[2 * SIDE * SIDE], Kind::Double, Device::Cpu).unwrap();
    (linear([2, SIDE, SIDE], weights.shallow_clone(), &[0.1, -0.2, 0.3]), weights.view([3, 2, SIDE, SIDE]))
}

/// A model whose first logit, of an image of ones over black, is the sum of 2^i over the elements i that are there.
fn revealing(shape: [i64; 3]) -> Model {
    let elements: i64 = shape.iter().product();
    assert!(elements < 50, "more would not be exact");
    let first: Vec<f64> = (0..elements).map(|i| 2f64.powi(i as i32)).collect();
    let weights =
        Tensor::stack(&[Tensor::from_slice(&first), Tensor::zeros([elements], (Kind::Double, Device::Cpu))], 0);
    linear(shape, weights, &[0.0, 0.0])
}

/// `x` as a scene of class 0 without a truth.
fn plain<'a>(model: &'a Model, statistics: &'a Statistics, x: Tensor) -> Scene<'a> {
    let count = x.size()[0];
    Scene {
        target: Tensor::zeros([count], (Kind::Int64, Device::Cpu)),
        evidence: None,
        ids: (0..count as u64).collect(),
        x,
        ..scene(model, statistics, 1, 1000)
    }
}

/// `attribution` [B, C, H, W] of single elements under the default map.
fn elements<'a>(scene: Scene<'a>, attribution: &Tensor) -> Given<'a> {
    let cost = Cost { examples: scene.len(), together: 1, ..Cost::default() };
    let attribution = attribution.shallow_clone();
    let beside = Default::default();
    Given { scene, attribution, unit: Unit::Element, map: Default::default(), cost, others: Vec::new(), beside }
}

fn imputer(name: &str) -> Arc<dyn Imputer> {
    let section = Section::parse("metric", &format!("imputer = '{name}'")).unwrap();
    imputers::choose(&section, "imputer", "black").unwrap().method
}

/// One number for each pixel or element, all different.
fn distinct(count: usize, shape: &[i64]) -> Tensor {
    Noise::new(11).normal(&(0..count as u64).collect::<Vec<_>>(), shape, Kind::Double, Device::Cpu).unwrap()
}

#[test]
fn on_a_linear_model_the_order_of_the_contributions_is_best_and_its_inverse_worst() {
    let (model, weights) = random_linear();
    let statistics = statistics();
    let scene = || scene(&model, &statistics, 6, 100);
    for fill in ["black", "mean", "image-mean", "noise"] {
        let change = &scene().x - imputer(fill).reference(&scene().x, &scene().surroundings()).unwrap();
        let contribution = weights.index_select(0, &scene().target) * change;
        for unit in ["unit = 'pixel'", "unit = 'element'", "unit = 'region'\nregion = 3"] {
            for (name, headline, more_is_better) in HEADLINES {
                let metric = metric(&format!("use = '{name}'\nscore = 'logit'\nstep = 3\nimputer = '{fill}'\n{unit}"));
                let of = |map: &Tensor| values(&*metric, &elements(scene(), map), headline);
                let sign = if more_is_better { 1.0 } else { -1.0 };
                let (best, worst) = (of(&contribution), of(&-&contribution));
                for trial in 0..8 {
                    let other = Noise::new(trial).normal(&scene().ids, &[2, SIDE, SIDE], Kind::Double, Device::Cpu);
                    for (example, other) in of(&other.unwrap()).into_iter().enumerate() {
                        let (best, worst, other) = (sign * best[example], sign * worst[example], sign * other);
                        assert!(best >= other - 1e-9 && other >= worst - 1e-9, "{name}, {fill}, {unit}");
                    }
                }
                assert!(
                    best.iter().zip(&worst).all(|(best, worst)| sign * (best - worst) > 0.1),
                    "{name}, {fill}, {unit}"
                );
            }
        }
    }
}

#[test]
fn on_a_linear_model_road_removes_the_most_of_the_logit_at_every_fraction() {
    let (model, weights) = random_linear();
    let statistics = statistics();
    let scene = || scene(&model, &statistics, 6, 100);
    for unit in ["pixel", "element", "region"] {
        let road = metric(&format!("use = 'road'\nimputer = 'black'\nunit = '{unit}'"));
        let of = |map: &Tensor| values(&*road, &elements(scene(), map), "logit-curve");
        let contribution = weights.index_select(0, &scene().target) * &scene().x;
        let (best, worst) = (of(&contribution), of(&-&contribution));
        let other = of(&distinct(6, &[2, SIDE, SIDE]));
        for (other, (best, worst)) in other.iter().zip(best.iter().zip(&worst)) {
            assert!(best <= &(other + 1e-9) && other <= &(worst + 1e-9), "{unit}");
        }
    }
}

#[test]
fn four_pixels_by_hand() {
    // Four pixels of worth 8, 4, 2, 1 against a second class at 4.5, removed in that order: 15, 7, 3, 1, 0 is left.
    // Put back: 0, 8, 12, 14, 15; least first: 15, 14, 12, 8, 0.
    let weights = Tensor::from_slice(&[8.0, 4.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0]).view([2, 4]);
    let model = linear([1, 2, 2], weights, &[0.0, 4.5]);
    let statistics = Statistics { mean: Tensor::from_slice(&[0.3]) };
    let map = Tensor::from_slice(&[4.0, 3.0, 2.0, 1.0]).view([1, 1, 2, 2]);
    let given = || elements(plain(&model, &statistics, map.ones_like()), &map);
    let common = "imputer = 'black'\n";
    let each = "imputer = 'black'\nscore = 'logit'\nstep = 1\n";
    for (text, measure, expected) in [
        // (15 / 2 + 7 + 3 + 1 + 0) / 4
        (format!("use = 'deletion'\n{each}"), "auc", vec![4.625]),
        (format!("use = 'deletion'\n{each}"), "curve", vec![15.0, 7.0, 3.0, 1.0, 0.0]),
        // One step per row of the image: two pixels each.
        (format!("use = 'deletion'\nscore = 'logit'\n{common}"), "curve", vec![15.0, 3.0, 0.0]),
        // (0 + 8 + 12 + 14 + 15 / 2) / 4
        (format!("use = 'insertion'\n{each}"), "auc", vec![10.375]),
        (format!("use = 'insertion'\n{each}"), "curve", vec![0.0, 8.0, 12.0, 14.0, 15.0]),
        // 15 - 26 / 5; after two steps, or half the pixels, 15 - 25 / 3; least first 15 - 49 / 5.
        (format!("use = 'pixel-flipping'\n{each}"), "aopc", vec![9.8]),
        (format!("use = 'pixel-flipping'\nsteps = 2\n{each}"), "aopc", vec![20.0 / 3.0]),
        (format!("use = 'pixel-flipping'\nfraction = 0.5\n{each}"), "aopc", vec![20.0 / 3.0]),
        (format!("use = 'pixel-flipping'\norder = 'lerf'\n{each}"), "aopc", vec![5.2]),
        // (15 / 2 + 14 + 12 + 8 + 0) / 4 - 4.625
        (format!("use = 'symmetric-relevance-gain'\n{each}"), "area", vec![5.75]),
        (format!("use = 'symmetric-relevance-gain'\n{each}"), "lerf-curve", vec![15.0, 14.0, 12.0, 8.0, 0.0]),
        // 7 of the first class beat 4.5, and 3 do not; the other way round 14, 12 and 8 do.
        (format!("use = 'road'\nfractions = [0.25, 0.5, 0.75, 1.0]\n{common}"), "accuracy", vec![0.25]),
        (
            format!("use = 'road'\nfractions = [0.25, 0.5, 0.75, 1.0]\n{common}"),
            "accuracy-curve",
            vec![1.0, 1.0, 0.0, 0.0, 0.0],
        ),
        (format!("use = 'road'\nfractions = [0.25, 0.5, 0.75, 1.0]\n{common}"), "lerf-accuracy", vec![0.75]),
    ] {
        let found = values(&*metric(&text), &given(), measure);
        let apart = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(found.len() == expected.len() && apart < 1e-12, "{text}, {measure}: {found:?}");
    }
}

#[test]
fn exactly_the_top_features_are_removed_in_grey_and_in_colour() {
    for channels in [1, 3] {
        let shape = [channels, 3, 3];
        let (model, statistics) =
            (revealing(shape), Statistics { mean: Tensor::zeros([channels], (Kind::Double, Device::Cpu)) });
        let attribution = distinct(1, &shape);
        let given = || elements(plain(&model, &statistics, attribution.ones_like()), &attribution);
        let numbers = Vec::<f64>::try_from(attribution.view(-1)).unwrap();
        for (unit, feature_of, features) in [
            // What each element (channel, row, column) belongs to.
            ("unit = 'pixel'", (|i: usize| i % 9) as fn(usize) -> usize, 9),
            ("unit = 'element'", |i| i, 9 * channels as usize),
            ("unit = 'region'\nregion = 2", |i| i % 9 / 6 * 2 + i % 3 / 2, 4),
        ] {
            let mut relevance = vec![0.0; features];
            numbers.iter().enumerate().for_each(|(i, number)| relevance[feature_of(i)] += number);
            let mut order: Vec<usize> = (0..features).collect();
            order.sort_by(|a, b| relevance[*b].total_cmp(&relevance[*a]));
            let left = |gone: &[usize]| -> f64 {
                (0..numbers.len()).filter(|i| !gone.contains(&feature_of(*i))).map(|i| 2f64.powi(i as i32)).sum()
            };
            let falling: Vec<f64> = (0..=features).map(|gone| left(&order[..gone])).collect();
            let rising: Vec<f64> = (0..=features).map(|back| left(&order[back..])).collect();
            let settings = format!("score = 'logit'\nstep = 1\nimputer = 'black'\n{unit}");
            let curve = |name: &str| values(&*metric(&format!("use = '{name}'\n{settings}")), &given(), "curve");
            assert_eq!(curve("deletion"), falling, "{channels} channels, {unit}");
            assert_eq!(curve("pixel-flipping"), falling, "{channels} channels, {unit}");
            assert_eq!(curve("insertion"), rising, "{channels} channels, {unit}");
        }
    }
}

#[test]
fn single_elements_follow_the_sign_of_the_map_and_refuse_one_number_per_pixel() {
    let (model, statistics) = (revealing([2, 1, 2]), statistics());
    // Elements of worth 1, 2, 4, 8.
    let attribution = Tensor::from_slice(&[1.0, -4.0, 3.0, 2.0]).view([1, 2, 1, 2]);
    let deletion = metric("use = 'deletion'\nunit = 'element'\nscore = 'logit'\nimputer = 'black'\nstep = 1");
    assert!(deletion.ranks_elements() && !metric("use = 'deletion'").ranks_elements());
    let curve = |sign| {
        let given = elements(plain(&model, &statistics, attribution.ones_like()), &attribution);
        values(&*deletion, &Given { map: Map { channels: Channels::SumAbs, sign }, ..given }, "curve")
    };
    assert_eq!(curve(Sign::Signed), [15.0, 11.0, 3.0, 2.0, 0.0]);
    assert_eq!(curve(Sign::Absolute), [15.0, 13.0, 9.0, 1.0, 0.0]);
    let pixels = elements(plain(&model, &statistics, attribution.ones_like()), &attribution.narrow(1, 0, 1));
    assert!(deletion.score(&pixels).is_err());
}

#[test]
fn every_point_is_made_of_the_original_image_and_one_fill() {
    let (model, weights) = random_linear();
    let statistics = statistics();
    let scene = || scene(&model, &statistics, 4, 100);
    let map = distinct(4, &[SIDE, SIDE]);
    let order = map.flatten(1, 2).argsort(1, true);
    let bias = Tensor::from_slice(&[0.1, -0.2, 0.3]).index_select(0, &scene().target);
    for name in ["black", "mean", "image-mean", "blur", "noise"] {
        let fill = imputer(name).reference(&scene().x, &scene().surroundings()).unwrap();
        let metric = metric(&format!("use = 'deletion'\nscore = 'logit'\nimputer = '{name}'"));
        let curve = values(&*metric, &given(scene(), map.shallow_clone()), "curve");
        for point in 0..=SIDE {
            let gone = Tensor::zeros([4, SIDE * SIDE], (Kind::Bool, Device::Cpu));
            let gone = gone.scatter_value(1, &order.narrow(1, 0, point * SIDE), 1).view([4, 1, SIDE, SIDE]);
            let image = fill.where_self(&gone, &scene().x);
            let logit = (weights.index_select(0, &scene().target) * image).sum_dim_intlist(
                [1, 2, 3].as_slice(),
                false,
                Kind::Double,
            );
            for example in 0..4 {
                let apart = curve[(example * (SIDE + 1) + point) as usize] - (&logit + &bias).double_value(&[example]);
                assert!(apart.abs() < 1e-9, "{name}, point {point}: {apart:e}");
            }
        }
    }
}

#[test]
fn deletion_and_insertion_share_their_ends_and_the_unmodified_image_is_one_of_them() {
    let (model, statistics) = (model(), statistics());
    let scene = || scene(&model, &statistics, 5, 30);
    let map = distinct(5, &[SIDE, SIDE]);
    let unmodified = |score| Vec::<f64>::try_from(model.scores(&scene().x, &scene().target, score).unwrap()).unwrap();
    for imputer in ["black", "blur", "noise", "noisy-linear"] {
        for (curve, score) in
            [("curve", explainbench::model::Score::Probability), ("logit-curve", explainbench::model::Score::Logit)]
        {
            let ends = |name: &str| {
                let metric = metric(&format!("use = '{name}'\nimputer = '{imputer}'\nunit = 'region'\nregion = 3"));
                let scores = metric.score(&given(scene(), map.shallow_clone())).unwrap();
                let values = scores.measures.into_iter().find(|values| values.measure == curve).unwrap();
                assert!(values.at[0] == 0.0 && values.at[values.at.len() - 1] == 1.0 && values.at.is_sorted());
                let curves = values.values.chunks(values.at.len());
                curves.map(|curve| (curve[0], curve[curve.len() - 1])).collect::<Vec<_>>()
            };
            let pairs = ends("deletion").into_iter().zip(ends("insertion"));
            for ((removed, restored), unmodified) in pairs.zip(unmodified(score)) {
                let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{imputer}, {curve}");
                close(removed.0, restored.1);
                close(removed.1, restored.0);
                close(removed.0, unmodified);
            }
        }
    }
}

#[test]
fn every_curve_of_what_is_removed_starts_at_the_unmodified_image() {
    let (model, statistics) = (model(), statistics());
    let scene = || scene(&model, &statistics, 5, 30);
    let start = model.scores(&scene().x, &scene().target, explainbench::model::Score::Probability).unwrap();
    let logits = model.scores(&scene().x, &scene().target, explainbench::model::Score::Logit).unwrap();
    let kept = model.logits(&scene().x).unwrap().argmax(1, false).eq_tensor(&scene().target).to_kind(Kind::Double);
    for (name, curve, expected) in [
        ("pixel-flipping", "curve", &logits),
        ("pixel-flipping", "probability-curve", &start),
        ("symmetric-relevance-gain", "morf-curve", &start),
        ("symmetric-relevance-gain", "logit-lerf-curve", &logits),
        ("road", "accuracy-curve", &kept),
        ("road", "lerf-accuracy-curve", &kept),
        ("road", "probability-curve", &start),
        ("road", "logit-curve", &logits),
    ] {
        let scores = metric(&format!("use = '{name}'")).score(&given(scene(), distinct(5, &[SIDE, SIDE]))).unwrap();
        let values = scores.measures.into_iter().find(|values| values.measure == curve).unwrap();
        assert_eq!(values.at[0], 0.0);
        for (example, curve) in values.values.chunks(values.at.len()).enumerate() {
            assert!((curve[0] - expected.double_value(&[example as i64])).abs() < 1e-12, "{name}, {curve:?}");
        }
    }
}

#[test]
fn all_images_of_a_large_batch_are_scored() {
    let (model, statistics) = (model(), statistics());
    let count = 130;
    let map = distinct(count, &[SIDE, SIDE]);
    for (name, headline) in
        HEADLINES.map(|(name, headline, _)| (name, headline)).into_iter().chain([("road", "accuracy")])
    {
        let metric = metric(&format!("use = '{name}'"));
        let of = |chunk| {
            let scores = metric.score(&given(scene(&model, &statistics, count, chunk), map.shallow_clone())).unwrap();
            assert_eq!(scores.ids, (0..count as u64).collect::<Vec<_>>());
            scores.measures.into_iter().find(|values| values.measure == headline).unwrap().values
        };
        let (wide, narrow) = (of(1000), of(7));
        assert!(wide.len() == count && wide.iter().all(|value| value.is_finite()), "{name}");
        let apart = wide.iter().zip(&narrow).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-12, "{name}: {apart:e}");
        let mut different = wide;
        different.sort_by(f64::total_cmp);
        different.dedup();
        assert!(different.len() > 2, "{name}: {different:?}");
    }
}

#[test]
fn ties_are_broken_at_random_the_same_for_every_contender_or_in_order() {
    let (model, statistics) = (model(), statistics());
    let flat = Tensor::zeros([4, SIDE, SIDE], (Kind::Double, Device::Cpu));
    let auc = |text: &str, map: &Tensor| {
        values(&*metric(text), &given(scene(&model, &statistics, 4, 100), map.shallow_clone()), "auc")
    };
    let random = "use = 'deletion'";
    assert_eq!(auc(random, &flat), auc(random, &(&flat + 1.0)));
    // In order: the same as a map that falls from the first pixel to the last.
    let falling =
        -Tensor::arange(SIDE * SIDE, (Kind::Double, Device::Cpu)).view([1, SIDE, SIDE]).expand([4, SIDE, SIDE], false);
    let stable = "use = 'deletion'\nties = 'stable'";
    assert_eq!(auc(stable, &flat), auc(random, &falling));
    assert_ne!(auc(random, &flat), auc(stable, &flat));
}

#[test]
fn maps_that_rank_nothing_are_counted_and_those_that_rank_little_too() {
    let (model, statistics) = (model(), statistics());
    let map = distinct(6, &[SIDE, SIDE]);
    let _ = map.get(0).fill_(0.25);
    // Half of the pixels share a value: tied. One fewer: not.
    let _ = map.get(1).narrow(0, 0, SIDE / 2).fill_(0.0);
    let _ = map.get(2).narrow(0, 0, SIDE / 2).fill_(0.0);
    let _ = map.get(2).get(0).get(0).fill_(9.0);
    // Each pixel has its mirror image's value: tied, and not constant.
    map.get(5).narrow(1, 0, SIDE / 2).copy_(&map.get(5).narrow(1, SIDE / 2, SIDE / 2).flip([1]));
    let _ = map.get(3).get(1).get(1).fill_(f64::NAN);
    for name in HEADLINES.map(|(name, _, _)| name).into_iter().chain(["road"]) {
        let metric = metric(&format!("use = '{name}'"));
        let scores = metric.score(&given(scene(&model, &statistics, 6, 40), map.shallow_clone())).unwrap();
        assert_eq!(scores.flags, [("not finite", 1), ("constant map", 1), ("tied", 2)], "{name}");
        for values in &scores.measures {
            for (example, values) in values.values.chunks(values.at.len()).enumerate() {
                assert!(values.iter().all(|value| value.is_nan() == (example == 3)), "{name}, example {example}");
            }
        }
        let scores = metric.score(&given(scene(&model, &statistics, 1, 40), map.narrow(0, 4, 1))).unwrap();
        assert!(scores.flags.is_empty(), "{name}");
    }
}

#[test]
fn a_constant_map_gains_nothing_and_opposite_maps_gain_the_opposite() {
    let (model, statistics) = (model(), statistics());
    let gain = |map: &Tensor| {
        let metric = metric("use = 'symmetric-relevance-gain'");
        values(&*metric, &given(scene(&model, &statistics, 4, 40), map.shallow_clone()), "area")
    };
    assert_eq!(gain(&Tensor::full([4, SIDE, SIDE], 0.5, (Kind::Double, Device::Cpu))), [0.0; 4]);
    let map = distinct(4, &[SIDE, SIDE]);
    let sum: Vec<f64> = gain(&map).into_iter().zip(gain(&-&map)).map(|(gain, loss)| gain + loss).collect();
    assert!(sum.iter().all(|sum| sum.abs() < 1e-12), "{sum:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// What one takes away of a linear model's logit the other puts back, so the two curves add up to f(x) + f(fill).
    #[test]
    fn on_a_linear_model_deletion_and_insertion_add_up(seed in any::<u64>(), step in 1usize..70, unit in 0usize..3) {
        let (model, _) = random_linear();
        let statistics = statistics();
        let scene = || scene(&model, &statistics, 3, 50);
        let map = Noise::new(seed).normal(&scene().ids, &[2, SIDE, SIDE], Kind::Double, Device::Cpu).unwrap();
        let unit = ["element", "pixel", "region"][unit];
        let auc = |name: &str| {
            let text = format!("use = '{name}'\nscore = 'logit'\nimputer = 'noise'\nstep = {step}\nunit = '{unit}'");
            values(&*metric(&text), &elements(scene(), &map), "auc")
        };
        let logit = |x: &Tensor| model.scores(x, &scene().target, explainbench::model::Score::Logit).unwrap();
        let fill = imputer("noise").reference(&scene().x, &scene().surroundings()).unwrap();
        let sum = logit(&scene().x) + logit(&fill);
        for (example, (deletion, insertion)) in auc("deletion").into_iter().zip(auc("insertion")).enumerate() {
            prop_assert!((deletion + insertion - sum.double_value(&[example as i64])).abs() < 1e-9);
        }
    }

    #[test]
    fn only_the_order_of_a_map_counts(seed in any::<u64>(), scale in 0.1f64..10.0) {
        let (model, statistics) = (model(), statistics());
        let map = Noise::new(seed).normal(&[0, 1, 2], &[SIDE, SIDE], Kind::Double, Device::Cpu).unwrap();
        for (name, headline, _) in HEADLINES {
            let metric = metric(&format!("use = '{name}'"));
            let of = |map: Tensor| values(&*metric, &given(scene(&model, &statistics, 3, 50), map), headline);
            prop_assert_eq!(of(map.shallow_clone()), of((&map * scale).exp()));
        }
    }
}
