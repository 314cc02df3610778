//! Model randomization, the random logit and agreement: what algebra says of maps that stay, turn, or say nothing.

use std::cell::RefCell;

use explainbench::error::Result;
use explainbench::metrics::{Beside, Scores};
use explainbench::need::{Class, Known, Need};

use super::*;

fn noise(seed: u64) -> Tensor {
    Noise::new(seed).normal(&[0, 1, 2, 3, 4], &[12, 12], Kind::Double, Device::Cpu).unwrap()
}

/// The scores of five maps beside what `read` answers.
fn scores(text: &str, own: &Tensor, draws: &[u64], read: &dyn Fn(&Maps) -> Result<Tensor>) -> Result<Scores> {
    let (model, statistics) = (model(), statistics());
    let mut given = given(scene(&model, &statistics, 5, 7), own.shallow_clone());
    given.beside = Beside { draws: draws.to_vec(), read: Some(read), moved: None };
    metric(text).score(&given)
}

fn curve<'a>(scores: &'a Scores, name: &str) -> &'a [f64] {
    &scores.measures.iter().find(|values| values.measure == name).unwrap().values
}

fn drawn(maps: &Maps) -> (Vec<&str>, u64) {
    let randomized = maps.randomized.as_ref().unwrap();
    (randomized.modules.iter().map(String::as_str).collect(), randomized.draw)
}

/// The network has conv1 and linear1. For the fixed class maps stay after the first step and turn after the second; for the
/// other they stay.
#[test]
fn curves_follow_the_steps_and_classes() {
    let own = noise(1);
    let read = |maps: &Maps| {
        let turned = drawn(maps).0.len() == 2 && maps.class == Class::Row;
        Ok(if turned { -&own } else { own.shallow_clone() })
    };
    let scored = scores("use = 'model-randomization'", &own, &[3, 1], &read).unwrap();
    assert_eq!(scored.ids, [[3; 5], [1; 5]].concat());
    assert_eq!(curve(&scored, "fixed-spearman"), [1.0, -1.0].repeat(10));
    assert_eq!(curve(&scored, "fixed-spearman-magnitude"), [1.0; 20]);
    assert_eq!(curve(&scored, "fixed-absolute-spearman"), [1.0; 20]);
    assert_eq!(curve(&scored, "reselected-spearman"), [1.0; 20]);
    assert_eq!(curve(&scored, "last-step-spearman"), [1.0; 10]);
    assert!(scored.flags.is_empty());
}

#[test]
fn a_constant_map_has_no_correlation_and_is_counted() {
    let flat = Tensor::full([5, 12, 12], 0.3, (Kind::Double, Device::Cpu));
    let scored = scores("use = 'model-randomization'", &flat, &[0, 1], &|_| Ok(flat.shallow_clone())).unwrap();
    for values in &scored.measures {
        let pictures = ["fixed-ssim", "reselected-ssim"].contains(&values.measure);
        let cosine = values.measure.ends_with("cosine");
        assert!(
            values.values.iter().all(|value| if pictures || cosine {
                (value - 1.0).abs() < 1e-12
            } else {
                value.is_nan()
            }),
            "{}",
            values.measure
        );
    }
    assert_eq!(scored.flags, [("no rank correlation", 10)]);
}

/// What is asked for, in the order of the curve: modules and draw of the fixed class.
fn asked(text: &str, draws: &[u64]) -> Vec<(Vec<String>, u64)> {
    let known = Known { draws: draws.to_vec(), graph: Some(model().graph), ..Known::default() };
    let needs = metric(text).needs(&known);
    assert_eq!(needs[0], Need::Attributions(ModelRef::Original));
    let maps = needs.iter().filter_map(|need| if let Need::Maps(maps) = need { Some(maps) } else { None });
    let fixed = maps.filter(|maps| maps.class == Class::Row);
    fixed.map(|maps| (drawn(maps).0.into_iter().map(String::from).collect(), drawn(maps).1)).collect()
}

#[test]
fn orders_differ_in_what_is_drawn_together() {
    let steps = |names: &[&[&str]]| {
        let owned = |step: &&[&str]| (step.iter().map(|name| name.to_string()).collect::<Vec<_>>(), 7);
        names.iter().map(owned).collect::<Vec<_>>()
    };
    let (conv, fc): (&[&str], &[&str]) = (&["conv1"], &["linear1"]);
    let both: &[&str] = &["conv1", "linear1"];
    let of = |order: &str| asked(&format!("use = 'model-randomization'\norder = '{order}'"), &[7]);
    assert_eq!(of("cascading"), steps(&[fc, both]));
    assert_eq!(of("bottom-up"), steps(&[conv, both]));
    assert_eq!(of("independent"), steps(&[fc, conv]));
    let block = asked("use = 'model-randomization'\nblocks = [['linear1', 'conv1']]", &[7]);
    assert_eq!(block, steps(&[both]));
    assert_eq!(asked("use = 'model-randomization'", &[0, 1, 2]).len(), 6);
    // Before a network is known nothing further is.
    assert_eq!(metric("use = 'model-randomization'").needs(&Known::default()).len(), 1);
}

#[test]
fn points_are_named_by_what_is_new() {
    let points = |text: &str| metric(text).points(&model().graph);
    assert_eq!(points("use = 'model-randomization'"), ["linear1", "conv1"]);
    assert_eq!(points("use = 'model-randomization'\norder = 'bottom-up'"), ["conv1", "linear1"]);
    assert!(points("use = 'random-logit'").is_empty());
}

#[test]
fn what_is_shown_is_of_the_first_draw_and_asked_for_anyway() {
    let known = Known { draws: vec![7, 8], graph: Some(model().graph), ..Known::default() };
    let titles = |text: &str| {
        let metric = metric(text);
        let (steps, needs) = (metric.steps(&known), metric.needs(&known));
        assert!(steps.iter().all(|(_, maps)| needs.contains(&Need::Maps(maps.clone())) && drawn(maps).1 == 7));
        steps.into_iter().map(|(title, _)| title).collect::<Vec<_>>()
    };
    assert_eq!(titles("use = 'model-randomization'"), ["linear1", "+ conv1"]);
    assert_eq!(titles("use = 'model-randomization'\norder = 'bottom-up'"), ["conv1", "+ linear1"]);
    assert_eq!(titles("use = 'model-randomization'\norder = 'independent'"), ["linear1", "conv1"]);
    assert!(titles("use = 'random-logit'").is_empty());
}

#[test]
fn another_class_and_another_explainer_are_asked_for_once() {
    let own = noise(1);
    let seen = RefCell::new(Vec::new());
    let read = |maps: &Maps| {
        seen.borrow_mut().push(maps.clone());
        Ok(&own * -2.0)
    };
    let scored = scores("use = 'random-logit'", &own, &[0], &read).unwrap();
    assert_eq!(curve(&scored, "spearman"), [-1.0; 5]);
    assert_eq!(curve(&scored, "absolute-spearman"), [1.0; 5]);
    let scored = scores("use = 'agreement'\nwith = 'input'", &own, &[0], &read).unwrap();
    assert!(curve(&scored, "cosine").iter().all(|value| (value + 1.0).abs() < 1e-12));
    // |a + 2 a| / |2 a|
    assert!(curve(&scored, "relative-l2").iter().all(|value| (value - 1.5).abs() < 1e-12));
    let another = Maps { class: Class::Another, ..Maps::default() };
    let input = Maps { by: Some("input".into()), ..Maps::default() };
    assert_eq!(*seen.borrow(), [another, input]);
    assert!(metric("use = 'random-logit'").score(&given(scene(&model(), &statistics(), 5, 7), noise(2))).is_err());
}
