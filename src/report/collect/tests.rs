//! From scripted scores to a report.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::collect;
use crate::datasets::DataFolder;
use crate::error::{Error, Result};
use crate::metrics::{Direction, Family, Given, Measure, Metric, Scores};
use crate::plan::{Outside, Picture, Score, Shown, Task, expand};
use crate::report::multiverse::Verdicts;
use crate::report::{Cell, Group, Report};
use crate::run::{Executor, Mock};
use crate::stats::Population;
use crate::store::{Array, Content, Data, Store};
use crate::suite::{self, Suite};

const SUITE: &str = r#"
question = "Who finds it?"
seeds = { model = 3 }
images = { count = 4 }
dataset = { use = "planted", size = 8, place = "corner", train = 60, test = 20 }
explainer = [
    { use = "gradient", map = { channels = { sweep = ["sum", "sum-abs"] } } },
    { use = "input-x-gradient" }, { use = "smoothgrad" }, { use = "input" }, { use = "random" },
]
metric = [{ use = "deletion", imputer = { sweep = ["black", "mean"] } }, { use = "pointing-game" }]

[model]
name = "linear"
layers = ["flatten", { linear = { out = 4 } }]
train = { epochs = 1 }
"#;

/// Under black input-x-gradient removes most, under mean the gradient does; smoothgrad is on average as good as the gradient,
/// sometimes better and sometimes worse.
fn auc(explainer: &str, metric: &str, seed: usize) -> f64 {
    let around = [0.0, 0.001, 0.002][seed];
    match explainer {
        "input-x-gradient" if metric.contains("black") => 0.1 + around,
        "input-x-gradient" => 0.3 + around,
        "smoothgrad" => [0.19, 0.213, 0.201][seed],
        "input" => 0.4 + 2.0 * around,
        "random" => 0.6 + around,
        _ => 0.2 - around,
    }
}

/// All four images of a network score the same.
fn scored(suite: &Suite, task: &Score) -> Content {
    let (explainer, metric) = (&suite.explainers[task.contender].label, &suite.metrics[task.metric]);
    let value = auc(explainer, &metric.label, task.network.seed as usize);
    let integers = |values: [i64; 4]| Array { shape: vec![4], data: Data::I64(values.to_vec()) };
    let mut arrays =
        BTreeMap::from([("ids".to_string(), integers([3, 5, 7, 11])), ("labels".to_string(), integers([0, 1, 2, 3]))]);
    let mut measures = Vec::new();
    for measure in metric.value.metric.method.measures() {
        let at = if measure.axis.is_some() { vec![0.0, 0.5, 1.0] } else { vec![0.0] };
        let values = vec![value; 4 * at.len()];
        arrays.insert(format!("values.{}", measure.name), Array { shape: vec![4, at.len()], data: Data::F64(values) });
        measures.push(json!({ "name": measure.name, "at": at }));
    }
    let flags = if explainer == "input" && metric.label == "pointing-game" {
        json!({ "tie": 2, "none": 0 })
    } else {
        json!({})
    };
    Content { record: json!({ "measures": measures, "flags": flags }), arrays }
}

fn report() -> Report {
    reported(suite::read("suite.toml", SUITE, &DataFolder::default()).unwrap(), "example")
}

/// What there is to say of a suite whose deletion is scored by the `unit`.
fn reported(suite: Suite, unit: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let data = DataFolder::default();
    let hash = |file: &Path| Err(Error::new(format!("no file is expected, not {}", file.display())));
    let outside = Outside { data: &data, hash: RefCell::new(Box::new(hash)), fresh: None, known: RefCell::default() };
    let plan = expand(&suite, &outside, &|id| store.record(id).unwrap()).unwrap();
    let script = |cell: &crate::plan::Cell| match &cell.task {
        Task::Train(train) => {
            let seed = train.seed as f64;
            let record = json!({
                "train_accuracy": 1.0, "test_accuracy": 0.9 + 0.01 * seed, "train_loss": [1.0, 0.5 - 0.1 * seed],
                "train_accuracy_by_epoch": [0.5, 0.99 - 0.005 * seed],
            });
            Ok(Content { record, arrays: BTreeMap::new() })
        }
        Task::Score(task) => {
            let mut content = scored(&suite, task);
            let deletion = suite.metrics[task.metric].base() == "deletion";
            content.record["unit"] = json!(if deletion { unit } else { "example" });
            Ok(content)
        }
        Task::Picture(task) if task.shown == Shown::Strip => {
            let random = suite.explainers[task.explainer].label == "random";
            match random && task.maps.randomized.is_some() {
                true => Err(Error::new("as scripted")),
                false => Ok(pictured(task)),
            }
        }
        // Its arrays are read by the gallery alone, which does without.
        Task::Picture(_) => Err(Error::new("no pictures")),
        Task::Explain(_) | Task::Rank(_) | Task::Retrain(_) | Task::Perturb(_) => Ok(Content::default()),
        Task::Influence(_) | Task::Refit(_) | Task::Poison(_) => Ok(Content::default()),
    };
    Mock::new(script).execute(&plan, &store, &mut |_| {}).unwrap();
    collect(&suite, &plan, &store, &BTreeMap::new()).unwrap()
}

/// Who is among the best on the first measure of a metric.
fn among_best(group: &Group, metric: &str) -> Vec<String> {
    let column = group.measures.iter().position(|measure| measure.metric == metric).unwrap();
    let best = group.contenders.iter().filter(|contender| contender.cells[column].among_best());
    best.map(|contender| contender.label.clone()).collect()
}

#[test]
fn who_cannot_be_separated_from_the_best_is_among_them() {
    let group = &report().tables[0];
    assert_eq!(among_best(group, "deletion[imputer=black]"), ["input-x-gradient"]);
    let gradients = ["gradient[map.channels=sum]", "gradient[map.channels=sum-abs]", "smoothgrad"];
    assert_eq!(among_best(group, "deletion[imputer=mean]"), gradients);
    // Every explainer is held against input, the better of the controls.
    let Cell::Number { against_control: Some(difference), beats_control, .. } = &group.contenders[0].cells[0] else {
        panic!("no difference");
    };
    // Networks: -.2, -.2 - .003 and -.2 - .006.
    assert!((difference.point + 0.203).abs() < 1e-12 && *beats_control == Some(true));
}

#[test]
fn curves_of_few_networks_have_their_values() {
    let group = &report().tables[0];
    let Cell::Curve(points) = &group.contenders[0].cells[1] else { panic!("no curve") };
    assert_eq!(points.iter().map(|point| point.at).collect::<Vec<_>>(), [0.0, 0.5, 1.0]);
    assert_eq!(points[0].dots, [0.2, 0.2 - 0.001, 0.2 - 0.002]);
}

#[test]
fn what_befell_maps_is_summed_over_networks() {
    let report = report();
    let flags = report.tables[0].contenders.iter().flat_map(|contender| {
        contender.flags.iter().map(|flag| (contender.label.as_str(), flag.reason.as_str(), flag.count, flag.of))
    });
    assert_eq!(flags.collect::<Vec<_>>(), [("input", "tie", 6, 12)]);
}

#[test]
fn the_caption_says_what_was_explained_on_what() {
    assert_eq!(
        report().tables[0].caption,
        "3 networks (training seeds 0, 1, 2), test accuracy 0.900 to 0.920. For each: 4 test images drawn by seed; the \
         predicted class is explained. 95 % intervals over new trainings of the recipe. Controls that do not see the \
         model: input, random."
    );
}

/// Deletion as a metric that retrains would report it: with what the seeds can show, and a warning.
struct Retraining;

const RETRAINED: [Measure; 2] = [
    Measure::new("auc", Direction::Lower, 0.01),
    Measure::new("resolution", Direction::None, 0.0).half_width_of("auc"),
];

impl Metric for Retraining {
    fn family(&self) -> Family {
        Family::Removal
    }

    fn measures(&self) -> Vec<Measure> {
        let curve = Measure::new("curve", Direction::Lower, 0.01).along("fraction removed");
        let resolution = Measure::new("curve-resolution", Direction::None, 0.0).along("fraction removed");
        [RETRAINED.to_vec(), vec![curve, resolution.half_width_of("curve")]].concat()
    }

    fn score(&self, _: &Given) -> Result<Scores> {
        Err(Error::new("scores are scripted"))
    }

    fn retrains(&self) -> bool {
        true
    }

    fn warning(&self) -> Option<String> {
        Some("not ROAR".into())
    }
}

fn retrained(change: impl Fn(&mut Suite)) -> Report {
    let mut suite = suite::read("suite.toml", SUITE, &DataFolder::default()).unwrap();
    // The pointing game stays as it is.
    for metric in suite.metrics.iter_mut().filter(|metric| metric.base() == "deletion") {
        metric.value.metric.method = Arc::new(Retraining);
    }
    change(&mut suite);
    reported(suite, "repetition")
}

#[test]
fn a_half_width_is_read_off_the_interval_of_its_measure() {
    let report = retrained(|_| {});
    let cells = &report.tables[0].contenders[0].cells;
    let (Cell::Number { estimate: auc, .. }, Cell::Number { estimate: resolution, dots, against_best, .. }) =
        (&cells[0], &cells[1])
    else {
        panic!("no numbers");
    };
    // Values 0.2, 0.199, 0.198: standard error 0.001 / sqrt(3), t of 2 degrees 4.3027.
    assert!((resolution.point - 4.302653 * 0.001 / 3f64.sqrt()).abs() < 1e-8, "{resolution:?}");
    assert_eq!(resolution.point, (auc.high - auc.low) / 2.0);
    assert!(resolution.low.is_nan() && resolution.high.is_nan() && dots.is_empty() && against_best.is_none());
    let (Cell::Curve(curve), Cell::Curve(halves)) = (&cells[2], &cells[3]) else { panic!("no curves") };
    assert_eq!(curve.len(), halves.len());
    for (point, half) in curve.iter().zip(halves) {
        assert_eq!((half.at, half.estimate.point), (point.at, (point.estimate.high - point.estimate.low) / 2.0));
        assert!(half.estimate.low.is_nan() && half.dots.is_empty());
    }
    let text = crate::report::terminal(&report, None, false);
    let line = text.lines().find(|line| line.starts_with("gradient")).unwrap();
    assert!(line.contains(" 0.0025 ") && !line.contains("[-]"), "{line}");
}

#[test]
fn what_must_stand_beside_numbers_does() {
    let report = retrained(|_| {});
    let warning = "warning: deletion: not ROAR.";
    assert_eq!(report.notes[0], warning);
    let deletions = report.tables[0].measures.iter().filter(|measure| measure.metric.starts_with("deletion"));
    assert!(
        deletions.clone().count() == 8 && deletions.clone().all(|measure| measure.warning.as_deref() == Some(warning))
    );
    let pointing = report.tables[0].measures.iter().find(|measure| measure.metric == "pointing-game").unwrap();
    assert_eq!(pointing.warning, None);
    // Beside the tables of the family, and of the multiverse: once each, then among the notes.
    assert_eq!(crate::report::terminal(&report, None, false).matches(warning).count(), 3);
    let tex = crate::report::latex::table(&report.tables[0], Family::Removal).unwrap();
    assert!(tex.contains("warning: deletion: not ROAR."), "{tex}");
    let figures = crate::report::figures::draw(&report, crate::report::Size::Page);
    let told: Vec<&str> = figures
        .iter()
        .filter(|figure| figure.svg.contains("deletion: not"))
        .map(|figure| figure.stem.as_str())
        .collect();
    for part in ["removal.estimates", "removal.bars", "standing", ".curve", "multiverse"] {
        assert!(told.iter().any(|stem| stem.contains(part)), "{part} in {told:?}");
    }
    assert!(!told.iter().any(|stem| stem.contains("localization")));
    // Where one variant of a sweep says nothing, the other goes by its own label.
    let half = retrained(|suite| {
        let plain = suite::read("suite.toml", SUITE, &DataFolder::default()).unwrap();
        suite.metrics[1] = plain.metrics[1].clone();
    });
    assert_eq!(half.notes[0], "warning: deletion[imputer=black]: not ROAR.");
    assert!(!half.notes[1].starts_with("warning:"));
}

#[test]
fn intervals_of_retrainings_do_not_speak_of_new_images() {
    let over_model = |suite: &mut Suite| suite.over = Population::Model;
    let report = retrained(over_model);
    assert!(
        report.tables[0].caption.contains(
            "For each: all 60 training and 20 test images (deletion) / 4 test images drawn by seed; the predicted class is \
             explained (pointing-game). 95 % intervals, for these networks: over new retrainings (deletion), over new images \
             (pointing-game). "
        ),
        "{}",
        report.tables[0].caption
    );
    let inference = |metric: &str| {
        let mut measures = report.tables[0].measures.iter();
        measures.find(|measure| measure.metric.starts_with(metric)).unwrap().inference.clone()
    };
    assert_eq!(inference("deletion"), "95 % intervals over new retrainings, for these networks");
    assert_eq!(inference("pointing-game"), "95 % intervals over new images, for these networks");
    let mut suite = suite::read("suite.toml", SUITE, &DataFolder::default()).unwrap();
    over_model(&mut suite);
    assert_eq!(reported(suite, "example").inference, "95 % intervals over new images, for these networks");
}

#[test]
fn networks_are_estimated_over_their_trainings() {
    let networks = report().networks;
    assert_eq!(networks.rows.len(), 1);
    let network = &networks.rows[0];
    // 0.90, 0.91 and 0.92; losses 0.5, 0.4 and 0.3.
    assert!((network.test_accuracy.point - 0.91).abs() < 1e-12 && network.test_accuracy.n == 3);
    assert!((network.test_accuracy.high - 0.91 - 4.302653 * 0.01 / 3f64.sqrt()).abs() < 1e-7);
    assert!((network.loss.unwrap().point - 0.4).abs() < 1e-12);
    assert_eq!(network.accuracy_by_epoch[1].dots, [0.99, 0.985, 0.98]);
    assert_eq!(
        network.trainings.iter().map(|training| training.epochs_to_fit()).collect::<Vec<_>>(),
        [Some(2), None, None]
    );
}

#[test]
fn sweeps_of_metrics_and_explainers_make_universes() {
    let multiverses = report().multiverses;
    // The pointing game is in two universes by the map alone.
    let sizes: Vec<_> = multiverses.iter().map(|all| (all.name(), all.swept(), all.universes.len())).collect();
    let expected = [("deletion auc", "imputer, map.channels", 4), ("pointing-game class-mean", "map.channels", 2)];
    assert_eq!(sizes, expected.map(|(name, swept, count)| (name.to_string(), swept.to_string(), count)));
    let deletion = &multiverses[0];
    // Ranks of gradient, input-x-gradient, smoothgrad: 2 1 3 under black, 1 3 2 under mean.
    assert_eq!(deletion.explainers, ["gradient", "input-x-gradient", "smoothgrad"]);
    let (_, names) = deletion.names();
    assert_eq!(names, ["mean, sum", "mean, sum-abs", "black, sum", "black, sum-abs"]);
    let verdicts: Vec<Verdicts> = deletion.pairs.iter().map(|pair| deletion.verdicts(pair)).collect();
    let verdict = |better, worse, open| Verdicts { better, worse, open };
    assert_eq!(verdicts, [verdict(2, 2, 0), verdict(0, 0, 4), verdict(2, 2, 0)]);
}

/// Two images; a map holds the number of its explainer and how many layers are not as trained.
fn pictured(task: &Picture) -> Content {
    let drawn = task.maps.randomized.as_ref().map_or(0, |randomized| randomized.modules.len());
    let map = [task.explainer as f32, drawn as f32];
    let mut arrays = BTreeMap::from([
        ("ids".to_string(), Array { shape: vec![2], data: Data::I64(vec![7, 3]) }),
        ("map".to_string(), Array { shape: vec![2, 1, 2], data: Data::F32([map, map].concat()) }),
    ]);
    if drawn == 0 {
        let input = Array { shape: vec![2, 1, 1, 2], data: Data::F32(vec![0.7, 0.7, 0.3, 0.3]) };
        arrays.insert("input".to_string(), input);
    }
    Content { record: json!({ "labels": ["a", "b"], "predicted": ["a", "c"], "boxes": [[], []] }), arrays }
}

#[test]
fn strips_have_a_row_for_each_explainer_and_a_column_for_each_step() {
    let text = SUITE
        .replace("{ use = \"pointing-game\" }", "{ use = \"model-randomization\", images = { count = 3 } }")
        .replace("{ linear", "{ linear = { out = 5 } }, { linear")
        .replace("model = 3", "model = 3, draw = 2");
    let report = reported(suite::read("suite.toml", &text, &DataFolder::default()).unwrap(), "example");
    assert_eq!(report.strips.len(), 2, "a figure for each image");
    let [first, second] = [&report.strips[0], &report.strips[1]];
    assert_eq!((first.image.as_str(), second.image.as_str()), ("a", "b, predicted c"));
    assert_eq!((&first.input.values, &second.input.values), (&vec![0.7, 0.7], &vec![0.3, 0.3]));
    assert_eq!(first.columns, ["as trained", "linear2", "+ linear1"]);
    let labels: Vec<&str> = first.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "gradient[map.channels=sum]",
            "gradient[map.channels=sum-abs]",
            "input-x-gradient",
            "smoothgrad",
            "input",
            "random"
        ]
    );
    for (explainer, row) in first.rows.iter().enumerate() {
        let values: Vec<Option<&[f32]>> =
            row.maps.iter().map(|map| map.as_ref().map(|map| map.values.as_slice())).collect();
        let expected = [0.0, 1.0, 2.0].map(|drawn| vec![explainer as f32, drawn]);
        let finished = |step: usize| row.label != "random" || step == 0;
        let expected: Vec<_> = (0..3).map(|step| finished(step).then_some(expected[step].as_slice())).collect();
        assert_eq!(values, expected);
    }
    assert!(first.note.contains("image 1 of the sample") && second.note.contains("image 2 of the sample"));
    assert!(first.note.contains("+ beside all before") && !first.note.contains("steps are shown"), "{}", first.note);
    // The points of its curves have the names of the layers.
    let points = report.tables[0].measures.iter().filter(|measure| !measure.points.is_empty());
    assert!(points.map(|measure| &measure.points).all(|points| *points == ["linear2", "linear1"]));
}
