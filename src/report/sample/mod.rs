//! A small report that the tests of all formats share.

use super::*;
use crate::stats::Population;

pub fn estimate(point: f64, low: f64, high: f64) -> Estimate {
    Estimate { point, low, high, n: 3, invalid: 0, covers: Population::Recipe }
}

pub fn number(point: f64, low: f64, high: f64) -> Cell {
    let estimate = estimate(point, low, high);
    Cell::Number { estimate, against_control: None, beats_control: None, against_best: None, dots: Vec::new() }
}

/// With its differences to the best control and to the best explainer.
fn compared(own: (f64, f64, f64), control: (f64, f64, f64), beats: bool, best: (f64, f64, f64)) -> Cell {
    let of = |(point, low, high)| estimate(point, low, high);
    Cell::Number {
        estimate: of(own),
        against_control: Some(of(control)),
        beats_control: Some(beats),
        against_best: Some(of(best)),
        dots: vec![own.1, own.0, own.2],
    }
}

fn curve(values: [f64; 3]) -> Cell {
    let points = values.iter().enumerate();
    let point = |(step, y): (usize, &f64)| Point {
        at: step as f64 / 2.0,
        estimate: estimate(*y, y - 0.02, y + 0.02),
        dots: Vec::new(),
    };
    Cell::Curve(points.map(point).collect())
}

fn measure(family: Family, metric: &str, measure: &str, direction: Direction, unit: &str) -> Measure {
    Measure {
        family,
        metric: metric.into(),
        measure: measure.into(),
        direction,
        smallest_effect: 0.01,
        unit: unit.into(),
        headline: true,
        further: false,
        variant: false,
        timing: false,
        brackets: Brackets::Interval,
        inference: "95 % intervals over new trainings (recipe)".into(),
        units: "networks".into(),
        warning: None,
        together: None,
        control_of: None,
        axis: String::new(),
        points: Vec::new(),
        reference_lines: Vec::new(),
    }
}

/// Two explainers and two controls on an area, its curve, the pointing game and the time it took.
pub fn group() -> Group {
    let mut curves = measure(Family::Removal, "deletion", "curve", Direction::Lower, "");
    curves.axis = "fraction removed".into();
    curves.reference_lines = vec![("chance".into(), 0.1)];
    let mut seconds = measure(Family::Cost, "cost", "time", Direction::Lower, "s");
    seconds.timing = true;
    let contender = |label: &str, role, cells: [Cell; 4]| {
        let constant = Flag { metric: "pointing-game".into(), reason: "constant map".into(), count: 12, of: 300 };
        let flags = if label == "random" { vec![constant] } else { Vec::new() };
        Contender { label: label.into(), role, convention: String::new(), cells: cells.to_vec(), flags }
    };
    let hits = Estimate { invalid: 2, ..estimate(0.9, 0.85, 0.95) };
    let hits = Cell::Number {
        estimate: hits,
        against_control: None,
        beats_control: None,
        against_best: Some(estimate(0.0, 0.0, 0.0)),
        dots: Vec::new(),
    };
    Group {
        dataset: "digits".into(),
        model: "cnn".into(),
        caption: "100 test images, 3 networks.".into(),
        measures: vec![
            measure(Family::Removal, "deletion", "area", Direction::Lower, ""),
            curves,
            measure(Family::Localization, "pointing-game", "hits", Direction::Higher, ""),
            seconds,
        ],
        contenders: vec![
            contender(
                "gradient",
                Role::Explainer,
                [
                    compared((0.172, 0.1675, 0.1765), (-0.008, -0.011, -0.005), true, (0.0, 0.0, 0.0)),
                    curve([1.0, 0.3, 0.1]),
                    hits,
                    number(0.0012, 0.0011, 0.0013),
                ],
            ),
            contender(
                "smoothgrad",
                Role::Explainer,
                [
                    compared((0.176, 0.151, 0.201), (-0.004, -0.02, 0.012), false, (0.004, 0.001, 0.007)),
                    curve([1.0, 0.35, 0.1]),
                    number(0.8, 0.7, 0.9),
                    number(0.06, 0.05, 0.07),
                ],
            ),
            contender(
                "random",
                Role::Control,
                [
                    Cell::Missing("the map is constant".into()),
                    curve([1.0, 0.7, 0.1]),
                    number(0.1, 0.05, 0.15),
                    number(1e-5, 9e-6, 1.1e-5),
                ],
            ),
            contender(
                "input",
                Role::Control,
                [number(0.18, 0.16, 0.2), curve([1.0, 0.4, 0.1]), number(0.5, 0.4, 0.6), number(1e-5, 9e-6, 1.1e-5)],
            ),
        ],
    }
}

/// One network, whose two trainings differ: the second never learns all of it.
pub fn networks() -> Networks {
    let training = |seed, test_accuracy, accuracy: [f64; 3]| Training {
        seed,
        train_accuracy: 1.0,
        test_accuracy,
        loss: vec![1.5, 0.5, 0.25],
        accuracy: accuracy.to_vec(),
    };
    let trainings = vec![training(0, 0.97, [0.5, 0.99, 1.0]), training(1, 0.95, [0.5, 0.9, 0.96])];
    let point = |at: usize, y: f64, half: f64, dots: [f64; 2]| Point {
        at: at as f64,
        estimate: Estimate { n: 2, ..estimate(y, y - half, y + half) },
        dots: dots.to_vec(),
    };
    let network = Network {
        dataset: "digits".into(),
        model: "cnn".into(),
        train_accuracy: Estimate { n: 2, ..estimate(1.0, 1.0, 1.0) },
        test_accuracy: Estimate { n: 2, ..estimate(0.96, 0.83, 1.09) },
        loss: Some(Estimate { n: 2, ..estimate(0.25, 0.25, 0.25) }),
        accuracy_by_epoch: vec![
            point(1, 0.5, 0.0, [0.5, 0.5]),
            point(2, 0.945, 0.57, [0.99, 0.9]),
            point(3, 0.98, 0.25, [1.0, 0.96]),
        ],
        trainings,
    };
    Networks { caption: "2 trainings of each network.".into(), rows: vec![network] }
}

fn picture(values: Vec<f32>) -> Picture {
    Picture { height: 2, width: 2, channels: 1, values, boxes: Vec::new() }
}

pub fn report() -> Report {
    let mut input = picture(vec![0.0, 0.5, 1.0, 0.25]);
    input.boxes.push([0.0, 0.0, 1.0, 1.0]);
    Report {
        suite: "small".into(),
        question: "Which map points at the cue?".into(),
        analysis: "The gradient does.".into(),
        inference: "95 % intervals over new trainings (recipe)".into(),
        networks: networks(),
        tables: vec![group()],
        multiverses: Vec::new(),
        pictures: vec![Gallery {
            dataset: "digits".into(),
            model: "cnn".into(),
            title: "Attributions".into(),
            columns: vec!["gradient".into()],
            parts: vec![GalleryPart {
                title: "typical".into(),
                rows: vec![GalleryRow {
                    label: "3, predicted 8".into(),
                    input,
                    maps: vec![picture(vec![-1.0, 0.0, 2.0, f32::NAN])],
                }],
            }],
            note: "Images chosen by seed.".into(),
        }],
        strips: Vec::new(),
        scatters: Vec::new(),
        notes: vec!["All cells finished.".into()],
    }
}

/// A curve over two layers.
pub fn layered() -> Group {
    let mut group = group();
    let curve = &mut group.measures[1];
    (curve.axis, curve.points) = ("layers randomized".into(), vec!["fc".into(), "conv".into()]);
    curve.reference_lines.clear();
    for contender in &mut group.contenders {
        if let Cell::Curve(points) = &mut contender.cells[1] {
            points.truncate(2);
            points.iter_mut().zip([1.0, 2.0]).for_each(|(point, at)| point.at = at);
        }
    }
    group
}

/// The area beside its control, which lacks two units for all contenders.
pub fn attacked() -> Group {
    let mut group = group();
    let area = group.measures[0].clone();
    let of = ControlOf { measure: "area", words: ["attack", "random signs"] };
    group.measures.push(Measure { measure: "random-sign-area".into(), control_of: Some(of), ..area });
    for contender in &mut group.contenders {
        let mut cell = number(0.5, 0.4, 0.6);
        if let Cell::Number { estimate, .. } = &mut cell {
            estimate.invalid = if contender.label == "random" { 5 } else { 2 };
        }
        contender.cells.push(cell);
    }
    let together = Together { said: "of 9 images, 7 are there for every contender.".into(), left_out: 2 };
    group.measures[0].together = Some(together.clone());
    group.measures[4].together = Some(together);
    group
}

/// One explainer and a control, whose second map did not finish.
pub fn strips() -> Strips {
    let map = || Some(picture(vec![-1.0, 0.0, 2.0, f32::NAN]));
    let row = |label: &str, role, maps: [Option<Picture>; 2]| Strip { label: label.into(), role, maps: maps.to_vec() };
    Strips {
        dataset: "digits".into(),
        model: "cnn".into(),
        metric: "model-randomization".into(),
        image: "3, predicted 8".into(),
        input: picture(vec![0.0, 0.5, 1.0, 0.25]),
        columns: vec!["as trained".into(), "fc".into()],
        rows: vec![row("gradient", Role::Explainer, [map(), map()]), row("random", Role::Control, [map(), None])],
        note: "The first draw.".into(),
    }
}

/// Three explainers under three imputers; under blur the first two change places.
pub fn multiverse() -> Multiverse {
    let universe = |name: &str, points: [f64; 3]| Universe {
        choices: vec![("imputer".into(), name.into())],
        estimates: points.map(|point| estimate(point, point - 0.01, point + 0.01)).to_vec(),
    };
    let universes =
        vec![universe("black", [0.2, 0.1, 0.3]), universe("blur", [0.1, 0.2, 0.3]), universe("mean", [0.2, 0.1, 0.3])];
    let points: Vec<Vec<f64>> =
        universes.iter().map(|universe| universe.estimates.iter().map(|estimate| estimate.point).collect()).collect();
    let multiverse = Multiverse {
        dataset: "digits".into(),
        model: "cnn".into(),
        metric: "deletion".into(),
        measure: "area".into(),
        direction: Direction::Lower,
        explainers: ["gradient", "smoothgrad", "ig"].map(String::from).to_vec(),
        universes,
        pairs: Vec::new(),
        left_out: Vec::new(),
        warnings: Vec::new(),
    };
    multiverse.arranged(|universe, first, second| {
        let difference = points[universe][first] - points[universe][second];
        estimate(difference, difference - 0.02, difference + 0.02)
    })
}
