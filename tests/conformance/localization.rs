//! Localization metrics: the oracle is best, a random map at chance, the inverted oracle worst, and whatever cannot be
//! judged is counted and never a hit.

use explainbench::datasets::Rect;
use explainbench::metrics::Scores;
use tch::{Device, Kind, Tensor};

use super::*;

/// Each metric with its first measure for the oracle and the inverted oracle.
const METRICS: &[(&str, &str, f64, f64)] = &[
    ("use = 'pointing-game'", "hit", 1.0, 0.0),
    ("use = 'relevance-mass'", "mass", 1.0, 0.0),
    ("use = 'inside-outside-ratio'", "share", 1.0, 0.0),
    ("use = 'relevance-rank-accuracy'", "rank", 1.0, 0.0),
    ("use = 'top-k-intersection'", "intersection", 1.0, 0.0),
    ("use = 'localization-auc'", "auc", 1.0, 0.0),
    ("use = 'box-iou'", "success", 1.0, 0.0),
];

/// Where the evidence of some images is.
struct Known {
    truth: Truth,
    count: usize,
}

impl Known {
    fn boxes(count: usize, boxes: &[Rect]) -> Self {
        Self { truth: Truth::from_boxes(vec![boxes.to_vec(); count]), count }
    }

    fn ignoring(mut self, ignored: Rect) -> Self {
        self.truth.ignored = vec![vec![ignored]; self.count];
        self
    }

    fn evidence(&self) -> Evidence {
        let (ids, side): (Vec<usize>, _) = ((0..self.count).collect(), SIDE as usize);
        Evidence {
            mask: self.truth.mask(&ids, side, side).unwrap(),
            ignored: self.truth.ignored(&ids, side, side).unwrap(),
            boxes: self.truth.boxes.clone(),
            applies: vec![true; self.count],
            without: None,
        }
    }

    /// 1 on the evidence, 0 elsewhere, [B, SIDE, SIDE].
    fn oracle(&self) -> Tensor {
        self.evidence().mask.to_kind(Kind::Double)
    }

    fn scores(&self, text: &str, map: &Tensor) -> Scores {
        scores(text, map, self.evidence())
    }

    fn measure(&self, text: &str, map: &Tensor, measure: &str) -> Vec<f64> {
        measured(&self.scores(text, map), measure)
    }
}

fn scores(text: &str, map: &Tensor, evidence: Evidence) -> Scores {
    let (model, statistics) = (model(), statistics());
    let scene = Scene { evidence: Some(evidence), ..scene(&model, &statistics, map.size()[0] as usize, 1000) };
    metric(text).score(&given(scene, map.shallow_clone())).unwrap()
}

fn measured(scores: &Scores, measure: &str) -> Vec<f64> {
    scores.measures.iter().find(|values| values.measure == measure).unwrap().values.clone()
}

fn rect(y0: usize, x0: usize, y1: usize, x1: usize) -> Rect {
    Rect { y0, x0, y1, x1 }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn uniform(count: usize) -> Tensor {
    let ids: Vec<u64> = (0..count as u64).collect();
    Noise::new(11).uniform(&ids, &[SIDE, SIDE], Kind::Double, Device::Cpu).unwrap()
}

/// 1 at one pixel, 0 elsewhere.
fn point(y: i64, x: i64) -> Tensor {
    let map = Tensor::zeros([1, SIDE, SIDE], (Kind::Double, Device::Cpu));
    let _ = map.get(0).get(y).get(x).fill_(1.0);
    map
}

#[test]
fn the_oracle_is_best_and_its_inverse_worst() {
    let one = Known::boxes(3, &[rect(2, 1, 5, 3)]);
    let many = Known::boxes(3, &[rect(0, 1, 2, 4), rect(4, 1, 6, 4), rect(7, 0, 8, 1)]);
    let ignoring = Known::boxes(3, &[rect(2, 1, 5, 3)]).ignoring(rect(5, 5, 8, 8));
    for (name, known) in [("one box", one), ("many boxes", many), ("an ignored region", ignoring)] {
        let oracle = known.oracle();
        let mut inverse: Tensor = 1.0 - &oracle;
        if let Some(ignored) = known.evidence().ignored {
            inverse = inverse.masked_fill(&ignored, 0.0);
        }
        for (text, measure, best, worst) in METRICS {
            assert_eq!(known.measure(text, &oracle, measure), [*best; 3], "{text}, {name}");
            assert_eq!(known.measure(text, &inverse, measure), [*worst; 3], "{text}, {name}, inverted");
        }
        assert_eq!(known.measure("use = 'box-iou'", &oracle, "iou"), [1.0; 3], "{name}");
    }
}

/// A map of uniform noise has the expected value `chance` exactly: by symmetry, any set of pixels of a size is as
/// likely the top and holds as much mass as any other.
#[test]
fn noise_scores_chance() {
    let count = 2000;
    let noise = uniform(count);
    let boxes = [rect(2, 1, 5, 3), rect(6, 5, 8, 8)];
    for known in [Known::boxes(count, &boxes), Known::boxes(count, &boxes).ignoring(rect(4, 2, 7, 6))] {
        for (text, measure, chance) in [
            ("use = 'pointing-game'", "hit", None),
            ("use = 'relevance-mass'", "mass", None),
            ("use = 'relevance-rank-accuracy'", "rank", None),
            ("use = 'top-k-intersection'", "intersection", None),
            ("use = 'top-k-intersection'\nk = 20", "intersection", None),
            ("use = 'localization-auc'", "auc", Some(0.5)),
            ("use = 'relevance-mass'", "mass-minus-area", Some(0.0)),
            ("use = 'relevance-rank-accuracy'", "rank-minus-area", Some(0.0)),
        ] {
            let scores = known.scores(text, &noise);
            let values: Vec<f64> = measured(&scores, measure).into_iter().filter(|value| !value.is_nan()).collect();
            let chance = chance.unwrap_or_else(|| measured(&scores, "chance")[0]);
            let spread = values.iter().map(|value| (value - mean(&values)).powi(2)).sum::<f64>();
            let error = (spread / (values.len() - 1) as f64 / values.len() as f64).sqrt();
            assert!(
                (mean(&values) - chance).abs() < 4.0 * error,
                "{text} {measure}: {} {chance} {error}",
                mean(&values)
            );
        }
    }
}

/// Rows 2 to 4 and columns 1 and 2, dilated by one pixel, are rows 1 to 5 and columns 0 to 3 but for their four
/// corners.
#[test]
fn the_chance_of_pointing_is_the_area_dilated_by_the_tolerance() {
    let known = Known::boxes(2000, &[rect(2, 1, 5, 3)]);
    let dilated = (5.0 * 4.0 - 4.0) / 64.0;
    let scores = known.scores("use = 'pointing-game'\ntolerance = 1", &uniform(2000));
    assert_eq!(measured(&scores, "chance"), [dilated; 2000]);
    let error = (dilated * (1.0 - dilated) / 2000.0).sqrt();
    assert!((mean(&measured(&scores, "hit")) - dilated).abs() < 4.0 * error);
}

#[test]
fn what_cannot_be_judged_is_counted_for_every_image_and_never_a_hit() {
    let known = Known::boxes(5, &[rect(2, 1, 5, 3)]);
    let oracle = known.oracle();
    let not_finite = oracle.copy();
    let _ = not_finite.narrow(1, 7, 1).fill_(f64::NAN);
    let evidence = |boxes: &[Rect]| Known::boxes(5, boxes).evidence();
    let other_class = || Evidence { applies: vec![false; 5], ..known.evidence() };
    for (text, measure, ..) in METRICS {
        for (reason, map, evidence) in [
            ("constant map", oracle.ones_like(), known.evidence()),
            ("constant map", oracle.zeros_like(), known.evidence()),
            ("not finite", not_finite.shallow_clone(), known.evidence()),
            ("no evidence", oracle.shallow_clone(), evidence(&[])),
            ("evidence too large", oracle.shallow_clone(), evidence(&[rect(0, 0, 8, 5)])),
            ("class without evidence", oracle.shallow_clone(), other_class()),
        ] {
            let scores = scores(text, &map, evidence);
            assert!(measured(&scores, measure).iter().all(|value| value.is_nan()), "{text}: {reason}");
            assert_eq!(scores.flags, [(reason, 5)], "{text}");
        }
    }
}

/// In a tool that keeps hits as truth values, the NaN of an empty mask becomes a hit. Here it stays an invalid number
/// of the one image, and the other images keep theirs.
#[test]
fn an_image_without_evidence_does_not_become_a_hit_among_others() {
    let mut known = Known::boxes(3, &[rect(2, 1, 5, 3)]);
    let oracle = known.oracle();
    known.truth.boxes[1].clear();
    for (text, measure, best, _) in METRICS {
        let values = known.measure(text, &oracle, measure);
        assert!(values[0] == *best && values[1].is_nan() && values[2] == *best, "{text}: {values:?}");
    }
}

/// The area is that of the image and not of the batch.
#[test]
fn scores_do_not_depend_on_how_many_images_come_together() {
    let known = Known::boxes(7, &[rect(2, 1, 5, 3)]);
    let alone = Known::boxes(1, &[rect(2, 1, 5, 3)]);
    for (text, ..) in METRICS {
        let together = known.scores(text, &uniform(7));
        for image in 0..7 {
            let single = alone.scores(text, &uniform(7).narrow(0, image, 1));
            for (all, one) in together.measures.iter().zip(&single.measures) {
                let (all, one) = (all.values[image as usize], one.values[0]);
                assert!((all - one).abs() < 1e-12 || (all.is_nan() && one.is_nan()), "{text} {all} {one}");
            }
        }
    }
}

/// A strong number against the class inside, a weak one for it outside.
#[test]
fn evidence_against_the_class_is_not_evidence_for_it() {
    let known = Known::boxes(1, &[rect(2, 1, 5, 3)]);
    let map = point(6, 6) - point(3, 1) * 5.0;
    assert_eq!(known.measure("use = 'pointing-game'", &map, "hit"), [0.0]);
    assert_eq!(known.measure("use = 'relevance-mass'", &map, "mass"), [0.0]);
    assert_eq!(known.measure("use = 'inside-outside-ratio'", &map, "share"), [0.0]);
    assert_eq!(known.measure("use = 'box-iou'", &map, "iou"), [0.0]);
    // By absolute value 5 of 6; as it is, -5 of -4, which is no share of anything.
    assert_eq!(known.measure("use = 'relevance-mass'\nsign = 'absolute'", &map, "mass"), [5.0 / 6.0]);
    let signed = known.scores("use = 'relevance-mass'\nsign = 'signed'", &map);
    assert!(measured(&signed, "mass")[0].is_nan() && signed.flags == [("no positive mass", 1)]);
    // 6 of 64 pixels: 5 of them and 57 others tie at 0, above the one that is negative.
    let auc = (5.0 * (57.0 / 2.0)) / (6.0 * 58.0);
    let found = known.measure("use = 'localization-auc'", &map, "auc")[0];
    assert!((found - auc).abs() < 1e-12, "{found} {auc}");
}

/// The shares of a signed map stay shares.
#[test]
fn the_mass_of_a_signed_map_lies_between_0_and_1() {
    let known = Known::boxes(200, &[rect(2, 1, 5, 3)]);
    for sign in ["positive", "absolute"] {
        let mass = known.measure(&format!("use = 'relevance-mass'\nsign = '{sign}'"), &(uniform(200) - 0.5), "mass");
        assert!(mass.iter().all(|mass| (0.0..=1.0).contains(mass)), "{sign}");
    }
}

/// Rows 2 to 4, columns 1 to 2: its corners hit; what lies one beyond them, or has row and column exchanged, does not.
#[test]
fn boxes_are_half_open_and_rows_come_before_columns() {
    let known = Known::boxes(1, &[rect(2, 1, 5, 3)]);
    let hit = |y, x| known.measure("use = 'pointing-game'", &point(y, x), "hit")[0] == 1.0;
    for (y, x, expected) in [
        (2, 1, true),
        (4, 2, true),
        (4, 1, true),
        (5, 2, false),
        (4, 3, false),
        (1, 1, false),
        (2, 0, false),
        (1, 4, false),
        (1, 2, false),
    ] {
        assert_eq!(hit(y, x), expected, "({y}, {x})");
        let iou = known.measure("use = 'box-iou'", &point(y, x), "iou")[0];
        assert_eq!(iou, if expected { 1.0 / 6.0 } else { 0.0 }, "({y}, {x})");
    }
    let near = |y, x| known.measure("use = 'pointing-game'\ntolerance = 2", &point(y, x), "hit")[0] == 1.0;
    assert!(near(6, 2) && near(4, 4) && near(1, 0) && !near(7, 2) && !near(6, 4) && !near(4, 5));
}

#[test]
fn ties_are_counted_and_never_hits() {
    let known = Known::boxes(1, &[rect(2, 1, 5, 3)]);
    let both = point(3, 1) + point(6, 6);
    let pointing = known.scores("use = 'pointing-game'", &both);
    assert!(measured(&pointing, "hit")[0].is_nan() && pointing.flags == [("tied maximum", 1)]);
    // Of six places two are decided, one a hit; four are left for 62 pixels that tie, 5 of them evidence.
    let rank = known.scores("use = 'relevance-rank-accuracy'", &both);
    assert!((measured(&rank, "rank")[0] - (1.0 + 4.0 * 5.0 / 62.0) / 6.0).abs() < 1e-12);
    assert_eq!(rank.flags, [("tied at the boundary", 1)]);
    // Two components of one pixel, of which one lies on the box of six.
    let boxes = known.scores("use = 'box-iou'", &both);
    assert_eq!(measured(&boxes, "iou"), [1.0 / 12.0]);
    assert_eq!(boxes.flags, [("tied components", 1)]);
    assert_eq!(known.scores("use = 'localization-auc'", &both).flags, [("tied ranks", 1)]);
}

#[test]
fn ignored_pixels_are_left_out_of_the_map() {
    let known = Known::boxes(1, &[rect(2, 1, 5, 3)]).ignoring(rect(4, 0, 8, 8));
    // 4 of the 32 judged pixels are evidence.
    let loud = point(2, 1) + point(0, 0) * 3.0 + point(7, 7) * 9.0;
    assert_eq!(known.measure("use = 'relevance-mass'", &loud, "mass"), [0.25]);
    assert_eq!(known.measure("use = 'relevance-mass'", &loud, "chance"), [4.0 / 32.0]);
    assert_eq!(known.measure("use = 'top-k-intersection'\nk = 2", &loud, "intersection"), [0.5]);
    let lost = known.scores("use = 'pointing-game'", &loud);
    assert!(measured(&lost, "hit")[0].is_nan());
    assert_eq!(lost.flags, [("maximum on ignored pixels", 1)]);
}

#[test]
fn the_ratio_is_of_means_and_its_forms_agree() {
    let known = Known::boxes(1, &[rect(2, 1, 5, 3)]);
    let map = known.oracle() * 2.0 + 1.0;
    let measure = |map: &Tensor, measure: &str| known.measure("use = 'inside-outside-ratio'", map, measure)[0];
    assert_eq!((measure(&map, "ratio"), measure(&map, "share"), measure(&map, "log-ratio")), (3.0, 0.75, 3f64.ln()));
    let scores = known.scores("use = 'inside-outside-ratio'", &known.oracle());
    assert!(measured(&scores, "ratio")[0].is_nan() && measured(&scores, "share") == [1.0]);
    assert_eq!(scores.flags, [("nothing outside", 1)]);
    let count = 2000;
    let ratio = Known::boxes(count, &[rect(2, 1, 5, 3)]);
    let ratio = ratio.measure("use = 'inside-outside-ratio'", &uniform(count), "ratio");
    // A mean of 6 uniform numbers over one of 58: a spread of .24 for one image, and by the curve of 1 / x .006 too
    // much.
    assert!((mean(&ratio) - 1.006).abs() < 4.0 * 0.24 / (count as f64).sqrt(), "{}", mean(&ratio));
}

/// Of two maps of three channels, one's channels add up to the other.
#[test]
fn colour_maps_are_judged_by_their_stated_reduction() {
    let (model, statistics) = (model(), statistics());
    let grey = uniform(4);
    let parts = Tensor::stack(&[&grey * 3.0, &grey * -1.5, &grey * -0.5], 1);
    for (text, measure, ..) in METRICS {
        let colour = Given {
            attribution: parts.shallow_clone(),
            unit: Unit::Element,
            ..given(scene(&model, &statistics, 4, 100), grey.shallow_clone())
        };
        let expected =
            values(&*metric(text), &given(scene(&model, &statistics, 4, 100), grey.shallow_clone()), measure);
        let found = values(&*metric(text), &colour, measure);
        for (found, expected) in found.into_iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-9 || (found.is_nan() && expected.is_nan()),
                "{text} {found} {expected}"
            );
        }
    }
}

/// The published pointing game counts every image; then only an image without anything else is left out.
#[test]
fn evidence_over_half_of_the_image_counts_on_request() {
    let wide = Known::boxes(1, &[rect(0, 0, 8, 5)]);
    assert_eq!(wide.measure("use = 'pointing-game'\nlargest = 1.0", &wide.oracle(), "hit"), [1.0]);
    let all = Known::boxes(1, &[rect(0, 0, 8, 8)]);
    let scores = all.scores("use = 'pointing-game'\nlargest = 1.0", &uniform(1));
    assert_eq!(scores.flags, [("evidence too large", 1)]);
}

/// A mask without boxes is judged by the box around it.
#[test]
fn masks_without_boxes_have_the_box_around_them() {
    let known = Known::boxes(2, &[rect(2, 1, 5, 3)]);
    let evidence = Evidence { boxes: vec![Vec::new(); 2], ..known.evidence() };
    let found = scores("use = 'box-iou'", &known.oracle(), evidence);
    assert_eq!((measured(&found, "iou"), measured(&found, "chance")), (vec![1.0; 2], vec![6.0 / 64.0; 2]));
}
