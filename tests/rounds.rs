//! What becomes of a suite before anything is computed: which cells there are, in which order, under which names.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use explainbench::datasets::DataFolder;
use explainbench::error::{Error, Result};
use explainbench::explainers::{Access, Attribution, Explainer, Scene};
use explainbench::metrics::{Family, Given, Measure, Metric, Scores};
use explainbench::need::{Class, Known, ModelRef, Need};
use explainbench::plan::{Cell, CellId, Outside, Plan, Task, expand};
use explainbench::report::{Cell as Shown, collect};
use explainbench::run::{Context, Event, Executor, Local, Mock, Summary};
use explainbench::store::{Content, Store};
use explainbench::suite::{self, Suite};
use tch::Device;

use crate::support::SMALL;

/// A suite with a store of its own.
struct Bench {
    suite: Suite,
    store: Store,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let suite = suite::read("suite.toml", text, &DataFolder::default()).unwrap();
        Self { suite, store, folder }
    }

    fn plan(&self) -> Plan {
        plan(&self.suite, None, &self.store)
    }

    /// Runs the plan with `script` and answers with what was started, in words and in order, and how it went.
    fn mock(&self, plan: &Plan, script: impl FnMut(&Cell) -> Result<Content>) -> (Vec<String>, Summary) {
        let (mut started, mut summary) = (Vec::new(), Summary::default());
        let mut on = |event: Event| {
            if let Event::Started { id } = &event {
                started.push(plan.cell(*id).unwrap().task.describe(&self.suite));
            }
            summary.count(&event);
        };
        Mock::new(script).execute(plan, &self.store, &mut on).unwrap();
        (started, summary)
    }
}

fn plan(suite: &Suite, fresh: Option<&str>, store: &Store) -> Plan {
    let data = DataFolder::default();
    let hash = |file: &Path| Err(Error::new(format!("no file is expected, not {}", file.display())));
    let outside = Outside {
        data: &data,
        hash: RefCell::new(Box::new(hash)),
        fresh: fresh.map(str::to_string),
        known: RefCell::default(),
    };
    expand(suite, &outside, &|id| store.record(id).unwrap()).unwrap()
}

/// The ids of a suite's cells by what they are in words.
fn named(text: &str, fresh: Option<&str>) -> BTreeMap<String, CellId> {
    let bench = Bench::new(text);
    let plan = plan(&bench.suite, fresh, &bench.store);
    plan.cells.iter().map(|cell| (cell.task.describe(&bench.suite), cell.id)).collect()
}

/// The cells whose ids differ, in words.
fn changed(one: &str, other: &str) -> Vec<String> {
    let (one, other) = (named(one, None), named(other, None));
    assert!(one.keys().eq(other.keys()), "{one:?} {other:?}");
    one.into_iter().filter(|(words, id)| other[words] != *id).map(|(words, _)| words).collect()
}

fn done(_: &Cell) -> Result<Content> {
    Ok(Content::default())
}

#[test]
fn what_is_needed_comes_first() {
    let bench = Bench::new(SMALL);
    let plan = bench.plan();
    let mut before = BTreeSet::new();
    for cell in &plan.cells {
        assert!(cell.needs.iter().all(|need| before.contains(need)), "{:?}", cell.task);
        before.insert(cell.id);
    }
    let mut ran = BTreeSet::new();
    let in_order = |cell: &Cell| {
        assert!(cell.needs.iter().all(|need| ran.contains(need)), "{:?}", cell.task);
        ran.insert(cell.id);
        done(cell)
    };
    assert_eq!(bench.mock(&plan, in_order).1, Summary { finished: plan.cells.len(), ..Summary::default() });
    assert_eq!(bench.mock(&plan, done).1.finished, 0);
}

#[test]
fn equal_cells_are_one() {
    let plan = Bench::new(SMALL).plan();
    let count = |kind: &str| plan.cells.iter().filter(|cell| cell.task.kind() == kind).count();
    // 2 seeds and 3 explainers: all metrics, the cost too, share explanations; pictures are of the first network only.
    assert_eq!([count("train"), count("explain"), count("score"), count("picture")], [2, 2 * 3, 2 * 3 * 3, 3]);
    // A metric with images of its own shares only the trainings.
    let own = SMALL.replace("{ use = \"pointing-game\" }", "{ use = \"pointing-game\", images = { count = 5 } }");
    let plan = Bench::new(&own).plan();
    let count = |kind: &str| plan.cells.iter().filter(|cell| cell.task.kind() == kind).count();
    assert_eq!([count("train"), count("explain"), count("score"), count("picture")], [2, 2 * 3 * 2, 2 * 3 * 3, 3]);
}

/// Three networks beside each of the two rows, shared by all explainers and by metrics that ask for the same.
#[test]
fn other_trainings_are_named_by_everything_that_decides_them() {
    let with = |metric: &str| SMALL.replace("{ use = \"pointing-game\" }", metric);
    let asked = with("{ use = 'data-randomization' }");
    let trainings = |text: &str| {
        let named = named(text, None);
        named.into_iter().filter(|(words, _)| words.starts_with("train")).collect::<BTreeMap<_, _>>()
    };
    let all = trainings(&asked);
    let expected = [
        "train planted unseen/linear seed 4294967296",
        "train planted unseen/linear seed 4294967297",
        "train planted with permuted labels/linear seed 4294967296",
        "train planted with permuted labels/linear seed 4294967297",
        "train planted/linear seed 0",
        "train planted/linear seed 1",
        "train planted/linear seed 4294967296",
        "train planted/linear seed 4294967297",
    ];
    assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    assert_eq!(all.values().collect::<BTreeSet<_>>().len(), 8, "no two networks are one");
    let differing = |text: &str| {
        let other = trainings(text);
        all.iter().filter(|(words, id)| other[*words] != **id).map(|(words, _)| words.clone()).collect::<Vec<_>>()
    };
    let permuted = &expected[2..4];
    assert_eq!(differing(&with("{ use = 'data-randomization', reach = 0.9 }")), permuted);
    assert_eq!(differing(&with("{ use = 'data-randomization', patience = 3 }")), permuted);
    let transform = |text: &str| asked.replace("train = 60,", &format!("train = 60, transform = {text},"));
    assert_eq!(differing(&transform("'none'")), [""; 0]);
    assert_eq!(differing(&transform("{ use = 'corrupted-labels', p = 0.25 }")), expected);
    let corrupted = trainings(&transform("'corrupted-labels'"));
    assert_eq!(corrupted, trainings(&transform("{ use = 'corrupted-labels', p = 0.5 }")));
    assert_ne!(corrupted, trainings(&transform("{ use = 'corrupted-labels', p = 0.25 }")));
}

/// One layer, two draws, two classes for each of two rows and three explainers; no network beside the rows' own is trained.
#[test]
fn randomized_networks_are_named_by_everything_that_decides_them() {
    let with =
        |metric: &str| SMALL.replace("{ use = \"pointing-game\" }", metric).replace("seeds = {", "seeds = { draw = 2,");
    let explained = |metric: &str| {
        let named = named(&with(metric), None);
        assert_eq!(named.keys().filter(|words| words.starts_with("train")).count(), 2);
        let drawn = named.into_iter().filter(|(words, _)| words.starts_with("explain") && words.contains("drawn anew"));
        drawn.map(|(_, id)| id).collect::<BTreeSet<_>>()
    };
    let all = explained("{ use = 'model-randomization' }");
    assert_eq!(all.len(), 2 * 3 * 2 * 2);
    // Of one layer, every order and block is the same.
    assert_eq!(all, explained("{ use = 'model-randomization', order = 'independent', similarities = ['ssim'] }"));
    assert!(all.is_disjoint(&explained("{ use = 'model-randomization', init = 'truncated-normal' }")));
    assert!(all.is_disjoint(&explained("{ use = 'model-randomization', statistics = 'reset' }")));
}

/// A strip for each explainer on the first network: as trained and one layer, of the first draw and the class of the row.
#[test]
fn steps_are_shown_of_maps_that_are_made_anyway() {
    let text = SMALL
        .replace("{ use = \"pointing-game\" }", "{ use = 'model-randomization' }")
        .replace("seeds = {", "seeds = { draw = 2,");
    let plan = Bench::new(&text).plan();
    assert_eq!(plan.strips.len(), 3);
    let scored: BTreeSet<CellId> =
        plan.cells.iter().filter(|cell| cell.task.kind() == "score").flat_map(|cell| cell.needs.clone()).collect();
    for strip in &plan.strips {
        let titles: Vec<&str> = strip.pictures.iter().map(|(title, _)| title.as_str()).collect();
        assert_eq!((titles.as_slice(), strip.network.seed, strip.steps), (["as trained", "fc"].as_slice(), 0, 1));
        for (step, (_, id)) in strip.pictures.iter().enumerate() {
            let Some(Task::Picture(picture)) = plan.cell(*id).map(|cell| &cell.task) else { panic!("no picture") };
            assert_eq!((picture.explainer, picture.maps.class), (strip.explainer, Class::Row));
            assert_eq!(picture.maps.randomized.as_ref().map(|maps| maps.draw), (step > 0).then_some(0));
            assert!(plan.is_goal(*id) && scored.contains(&picture.explained), "nothing is explained for a figure");
        }
    }
    // The gallery's picture and the strip's two.
    assert_eq!(plan.cells.iter().filter(|cell| cell.task.kind() == "picture").count(), 3 * 3);
}

#[test]
fn a_failure_skips_what_follows_and_nothing_else() {
    let bench = Bench::new(SMALL);
    let plan = bench.plan();
    let fails = "explain planted/linear seed 0: input, images 1-12";
    let (_, summary) = bench.mock(&plan, |cell| match cell.task.describe(&bench.suite) == fails {
        true => Err(Error::new("as scripted")),
        false => done(cell),
    });
    let words = |id: &CellId| plan.cell(*id).unwrap().task.describe(&bench.suite);
    assert_eq!(summary.failed.iter().map(|(id, _)| words(id)).collect::<Vec<_>>(), [fails]);
    assert_eq!(
        summary.skipped.iter().map(words).collect::<BTreeSet<_>>(),
        [
            "score planted/linear seed 0: deletion of input",
            "score planted/linear seed 0: pointing-game of input",
            "score planted/linear seed 0: cost of input",
            "picture planted/linear seed 0: input",
        ]
        .map(str::to_string)
        .into()
    );
    assert_eq!(summary.finished, plan.cells.len() - 5);
}

#[test]
fn what_failed_in_an_earlier_round_is_not_tried_again() {
    let bench = Bench::new(SMALL);
    let mut plan = bench.plan();
    let fails = |cell: &Cell| cell.task.describe(&bench.suite) == "explain planted/linear seed 0: input, images 1-12";
    let failed = plan.cells.iter().find(|cell| fails(cell)).unwrap().id;
    plan.given_up = [failed].into();
    let (started, summary) = bench.mock(&plan, done);
    assert!(!started.iter().any(|words| words.starts_with("explain planted/linear seed 0: input")), "{started:?}");
    assert_eq!((summary.failed.len(), summary.skipped.len(), summary.finished), (0, 4, plan.cells.len() - 5));
}

/// Asks for the network first and, once its record is there, for explanations of the one that the record names.
struct TwoRounds;

impl Metric for TwoRounds {
    fn family(&self) -> Family {
        Family::Removal
    }

    fn measures(&self) -> Vec<Measure> {
        Vec::new()
    }

    fn rounds(&self) -> usize {
        2
    }

    fn needs(&self, known: &Known) -> Vec<Need> {
        let first = Need::Model(ModelRef::Reseeded(7));
        match known.answer(&first).and_then(|records| records[0]["next seed"].as_u64()) {
            None => vec![first],
            Some(seed) => vec![first, Need::Attributions(ModelRef::Reseeded(seed))],
        }
    }

    fn score(&self, _: &Given) -> Result<Scores> {
        Err(Error::new("a mock scores nothing"))
    }
}

#[test]
fn a_second_round_follows_from_the_first() {
    let mut bench = Bench::new(SMALL);
    bench.suite.metrics.truncate(1);
    bench.suite.explainers.truncate(1);
    bench.suite.model_seeds.truncate(1);
    let metric = &mut bench.suite.metrics[0].value;
    metric.contenders = vec![0];
    metric.metric.method = Arc::new(TwoRounds);

    let first = bench.plan();
    assert_eq!(first.later_rounds, 1);
    let answers = |cell: &Cell| match &cell.task {
        Task::Train(train) if train.seed == 7 => {
            Ok(Content { record: serde_json::json!({ "next seed": 9 }), ..Content::default() })
        }
        _ => done(cell),
    };
    let (started, _) = bench.mock(&first, answers);
    assert!(started.contains(&"train planted/linear seed 7".to_string()), "{started:?}");
    assert!(!started.iter().any(|words| words.starts_with("score")), "{started:?}");

    let second = bench.plan();
    assert_eq!(second.later_rounds, 0);
    let (started, summary) = bench.mock(&second, answers);
    assert_eq!(
        started,
        [
            "train planted/linear seed 9",
            "explain planted/linear seed 9: gradient, images 1-12",
            "score planted/linear seed 0: deletion of gradient",
        ]
    );
    assert_eq!(summary.failed, []);
    assert_eq!(bench.mock(&bench.plan(), answers).0, Vec::<String>::new());
}

#[test]
fn a_fresh_label_names_everything_anew() {
    let (plain, fresh) = (named(SMALL, None), named(SMALL, Some("monday")));
    assert!(plain.keys().eq(fresh.keys()));
    assert!(plain.iter().all(|(words, id)| fresh[words] != *id));
    assert_eq!(fresh, named(SMALL, Some("monday")));
    assert_ne!(fresh, named(SMALL, Some("tuesday")));
}

#[test]
fn an_edit_renames_what_depends_on_it_and_nothing_else() {
    let edit = |from: &str, to: &str| {
        assert_eq!(SMALL.matches(from).count(), 1, "{from}");
        changed(SMALL, &SMALL.replace(from, to))
    };
    let of = |words: &[&str]| -> Vec<String> {
        let all = named(SMALL, None).into_keys();
        all.filter(|cell| words.iter().any(|word| cell.contains(word))).collect()
    };
    let all = of(&[""]);
    // Of an explainer: its map is not in what it explains, only in what is made of it.
    assert_eq!(
        edit("{ use = \"input\" }", "{ use = \"input\", map = { sign = \"positive\" } }"),
        of(&["of input", "picture planted/linear seed 0: input"])
    );
    assert_eq!(edit("{ use = \"deletion\" }", "{ use = \"deletion\", step = 2 }"), of(&["deletion of"]));
    assert_eq!(edit("epochs = 2", "epochs = 3"), all);
    assert_eq!(edit("train = 60", "train = 61"), all);
    assert_eq!(edit("question", "seed = 1\nquestion"), all);
    // The trainings stay.
    assert_eq!(edit("count = 12", "count = 12, target = \"label\""), of(&["explain", "score", "picture"]));
    // A default that is written out, labels, prose and judgement.
    assert_eq!(edit("lr = 0.1", "lr = 0.1, nesterov = false").len(), 0);
    assert_eq!(edit("{ use = \"deletion\" }", "{ use = \"deletion\", ties = \"random\" }").len(), 0);
    assert_eq!(edit("Does it run?", "Did it?").len(), 0);
    assert_eq!(edit("question", "inference = { alpha = 0.1 }\nquestion").len(), 0);
}

#[test]
fn a_name_is_in_no_id() {
    let ids = |text: &str| named(text, None).into_values().collect::<BTreeSet<_>>();
    let renamed = SMALL
        .replace("name = \"linear\"", "name = \"other\"")
        .replace("{ use = \"gradient\" }", "{ use = \"gradient\", name = \"g\" }")
        .replace("{ use = \"deletion\" }", "{ use = \"deletion\", name = \"d\" }")
        .replace("use = \"planted\"", "name = \"p\", use = \"planted\"");
    assert_eq!(ids(&renamed), ids(SMALL));
}

#[test]
fn more_images_keep_the_trainings() {
    let ids = |text: &str, kind: &str| -> BTreeSet<CellId> {
        named(text, None).into_iter().filter(|(words, _)| words.starts_with(kind)).map(|(_, id)| id).collect()
    };
    let more = SMALL.replace("count = 12", "count = 15");
    assert_eq!(ids(&more, "train"), ids(SMALL, "train"));
    assert!(ids(&more, "explain").is_disjoint(&ids(SMALL, "explain")));
}

/// An explainer with an error that its author did not foresee.
struct Panicking;

impl Explainer for Panicking {
    fn access(&self) -> Access {
        Access::Outputs
    }

    fn explain(&self, _: &Scene) -> Result<Attribution> {
        panic!("index out of bounds, say\nand more lines")
    }
}

fn local(bench: &Bench, chunk_bytes: Option<u64>, plan: &Plan) -> Summary {
    let mut context = Context::new(Arc::new(bench.suite.clone()), DataFolder::default(), Device::Cpu);
    context.chunk_bytes = chunk_bytes.unwrap_or(context.chunk_bytes);
    let mut summary = Summary::default();
    let local = Local { context, workers: 2, store_limit: u64::MAX };
    local.execute(plan, &bench.store, &mut |event| summary.count(&event)).unwrap();
    summary
}

#[test]
fn a_panic_fails_its_cell_only() {
    let mut bench = Bench::new(SMALL);
    bench.suite.explainers[1].value.chosen.method = Arc::new(Panicking);
    let plan = bench.plan();
    let summary = local(&bench, None, &plan);
    let errors: Vec<&str> = summary.failed.iter().map(|(_, error)| error.as_str()).collect();
    assert_eq!(errors, ["panicked: index out of bounds, say"; 2]);
    assert_eq!(summary.skipped.len(), 7);
    assert_eq!(summary.finished, plan.cells.len() - 9);
}

/// Scores of an explanation that is gone are made again with it, whoever finds out first.
#[test]
fn what_turns_out_to_be_gone_is_made_again_once() {
    let bench = Bench::new(SMALL);
    let plan = bench.plan();
    assert_eq!(local(&bench, None, &plan).finished, plan.cells.len());
    let kind = |kind: &'static str| plan.cells.iter().filter(move |cell| cell.task.kind() == kind);
    for cell in kind("score").chain(kind("picture")) {
        bench.store.remove(cell.id).unwrap();
    }
    for cell in kind("explain").chain(kind("train")) {
        let id = cell.id.to_string();
        let path = bench.folder.path().join("store/cells").join(&id[..2]).join(format!("{id}.cell"));
        std::fs::write(path, "damaged").unwrap();
    }
    let summary = local(&bench, None, &plan);
    assert_eq!((summary.finished, summary.elsewhere, summary.failed.len()), (plan.cells.len(), 0, 0), "{summary:?}");
    assert_eq!(summary.notices.len(), 2 + 2 * 3);
}

#[test]
fn smaller_chunks_change_numbers_by_rounding_only() {
    // All rows at once, and 7: a row takes 4 bytes for each of 64 pixels and 4 classes.
    let numbers = [None, Some(2 << 10)].map(|chunk_bytes| {
        let text =
            SMALL.replace("{ use = \"random\" }", "{ use = \"smoothgrad\" }, { use = \"integrated-gradients\" }");
        let bench = Bench::new(&text);
        let plan = bench.plan();
        assert_eq!(local(&bench, chunk_bytes, &plan).finished, plan.cells.len());
        let report = collect(&bench.suite, &plan, &bench.store, &BTreeMap::new()).unwrap();
        let cells = report.tables.iter().flat_map(|group| {
            let rows = group.contenders.iter().flat_map(|contender| contender.cells.iter().zip(&group.measures));
            // The memory of an explanation follows the chunk, what it says does not.
            rows.filter(|(_, measure)| measure.metric != "cost").map(|(cell, _)| cell)
        });
        cells
            .flat_map(|cell| match cell {
                Shown::Missing(why) => panic!("{why}"),
                Shown::Number { estimate, .. } => vec![*estimate],
                Shown::Curve(points) => points.iter().map(|point| point.estimate).collect(),
            })
            .flat_map(|estimate| [estimate.point, estimate.low, estimate.high])
            .collect::<Vec<f64>>()
    });
    assert!(numbers[0].len() > 100);
    for (one, other) in numbers[0].iter().zip(&numbers[1]) {
        assert!((one - other).abs() <= 1e-6 || (one.is_nan() && other.is_nan()), "{one} {other}");
    }
}
