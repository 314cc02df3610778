//! From scripted scores to a report.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::collect;
use crate::datasets::DataFolder;
use crate::error::Error;
use crate::plan::{Outside, Score, Task, expand};
use crate::report::multiverse::Verdicts;
use crate::report::{Cell, Group, Report};
use crate::run::{Executor, Mock};
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
    let (explainer, metric) = (&suite.explainers[task.explainer].label, &suite.metrics[task.metric]);
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
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let data = DataFolder::default();
    let suite = suite::read("suite.toml", SUITE, &data).unwrap();
    let hash = |file: &Path| Err(Error::new(format!("no file is expected, not {}", file.display())));
    let outside = Outside { data: &data, hash: RefCell::new(Box::new(hash)), fresh: None, known: RefCell::default() };
    let plan = expand(&suite, &outside, &|id| store.record(id).unwrap()).unwrap();
    let script = |cell: &crate::plan::Cell| match &cell.task {
        Task::Train(train) => {
            let record = json!({ "test_accuracy": 0.9 + 0.01 * train.seed as f64 });
            Ok(Content { record, arrays: BTreeMap::new() })
        }
        Task::Score(task) => Ok(scored(&suite, task)),
        // Its arrays are read by the gallery alone, which does without.
        Task::Picture(_) => Err(Error::new("no pictures")),
        Task::Explain(_) | Task::Rank(_) | Task::Retrain(_) => Ok(Content::default()),
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
