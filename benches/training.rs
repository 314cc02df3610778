//! Sixteen trainings as the executor runs them, beside the same loop in plain PyTorch (peers/training.py): LeNet of
//! suites/mnist.toml, one epoch of the MNIST training images in the data folder, batches of 64, Adam.
//!
//! `EXPLAINBENCH_PYTHON=/path/to/python EXPLAINBENCH_DATA=DIR cargo bench --bench training` prints the ratios of seven
//! alternating pairs: executor / PyTorch with two threads, and executor / two PyTorch processes with one thread each. The
//! interpreter must have torch; without it, or without `mnist10k/` in the data, the bench says so and measures nothing.
//!
//! What counts: from an empty store to sixteen finished Train cells, by two workers, with the predictions for all images and the
//! writing that belong to such a cell; and PyTorch's loop without either. For two processes a third ratio lets PyTorch
//! predict too. What does not count: start-up, reading the images, and a training to warm up, on both sides.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use explainbench::datasets::DataFolder;
use explainbench::plan::{Outside, Plan, Task, expand};
use explainbench::run::{Context, Event, Executor, Local};
use explainbench::store::Store;
use explainbench::suite::{self, Suite};
use tch::Device;

const SUITE: &str = r#"
question = "How fast?"
seeds = { model = 16 }
dataset = { use = "mnist" }
explainer = { use = "random" }
metric = { use = "deletion" }

[model]
layers = [
    { name = "conv1", conv2d = { out = 16, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    { name = "conv2", conv2d = { out = 32, kernel = 5 } }, "relu", { max_pool2d = { kernel = 2 } },
    "flatten",
    { name = "fc1", linear = { out = 128 } }, "relu",
    { name = "fc2", linear = { out = 10 } },
]
train = { epochs = 1, batch = 64, optimizer = { use = "adam", lr = 1e-3 } }
"#;

const TRAININGS: usize = 16;
const PAIRS: usize = 7;

struct Harness {
    plan: Plan,
    local: Local,
    folder: tempfile::TempDir,
}

impl Harness {
    fn new(data: DataFolder) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("training.toml");
        std::fs::write(&file, SUITE).expect("a suite");
        let suite = suite::load(&file, &data).expect("a valid suite");
        let plan = trainings(&suite, &data);
        let context = Context::new(Arc::new(suite), data, Device::Cpu);
        let harness = Self { plan, local: Local { context, workers: 2, store_limit: u64::MAX }, folder };
        let mut one = Plan::default();
        let first = one.add(harness.plan.cells[0].clone());
        one.add_goal(first);
        harness.run(&one);
        harness
    }

    /// Seconds from an empty store to the last cell.
    fn run(&self, plan: &Plan) -> f64 {
        let store = tempfile::tempdir_in(self.folder.path()).expect("a temporary folder");
        let store = Store::open(store.path()).expect("a store");
        let mut finished = 0;
        let start = Instant::now();
        let mut on = |event: Event| finished += usize::from(matches!(event, Event::Finished { .. }));
        self.local.execute(plan, &store, &mut on).expect("a run");
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(finished, plan.cells.len());
        seconds
    }
}

/// The Train cells of the suite.
fn trainings(suite: &Suite, data: &DataFolder) -> Plan {
    let outside = Outside {
        data,
        hash: RefCell::new(Box::new(|_: &Path| Ok(String::new()))),
        fresh: None,
        known: RefCell::default(),
    };
    let all = expand(suite, &outside, &|_| None).expect("a plan");
    let mut plan = Plan::default();
    for cell in all.cells.into_iter().filter(|cell| matches!(cell.task, Task::Train(_))) {
        let id = plan.add(cell);
        plan.add_goal(id);
    }
    assert_eq!(plan.cells.len(), TRAININGS);
    plan
}

/// A running peers/training.py, which trains whenever it is told to.
struct Peer {
    child: Child,
    say: ChildStdin,
    hear: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &str, images: &Path, threads: usize, trainings: usize, evaluate: bool) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/training.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(images)
            .args([threads, trainings, usize::from(evaluate)].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the interpreter starts");
        let say = child.stdin.take().expect("a pipe");
        let hear = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut peer = Self { child, say, hear };
        assert_eq!(peer.line().trim(), "ready");
        peer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.hear.read_line(&mut line).expect("a line");
        line
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds from the first start to the last end.
fn run(peers: &mut [Peer]) -> f64 {
    peers.iter_mut().for_each(|peer| writeln!(peer.say, "go").expect("a pipe"));
    let mut spans = Vec::new();
    for peer in peers {
        spans.push(peer.line().split_whitespace().map(|word| word.parse().expect("seconds")).collect::<Vec<f64>>());
    }
    let first = spans.iter().map(|span| span[0]).fold(f64::INFINITY, f64::min);
    spans.iter().map(|span| span[1]).fold(0.0, f64::max) - first
}

fn compare(name: &str, harness: &Harness, peers: &mut [Peer]) {
    let mut ratios = Vec::new();
    for pair in 0..PAIRS {
        let (ours, theirs) = if pair % 2 == 0 {
            let ours = harness.run(&harness.plan);
            (ours, run(peers))
        } else {
            let theirs = run(peers);
            (harness.run(&harness.plan), theirs)
        };
        println!("  {name}: {ours:.2} s / {theirs:.2} s = {:.3}", ours / theirs);
        ratios.push(ours / theirs);
    }
    ratios.sort_by(f64::total_cmp);
    let (low, median, high) = (ratios[0], ratios[PAIRS / 2], ratios[PAIRS - 1]);
    println!("{name}: executor / PyTorch = {median:.3} (median of {PAIRS} pairs; {low:.3} to {high:.3})\n");
}

fn has_torch(python: &str) -> bool {
    let asked = Command::new(python).args(["-c", "import torch"]).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

fn main() {
    explainbench::native::init();
    let data = DataFolder::new(None);
    let images = data.path.as_ref().map(|path| path.join("mnist10k")).filter(|path| path.is_dir());
    let Some(images) = images else {
        println!("skipped: no mnist10k/ in the data folder (EXPLAINBENCH_DATA)");
        return;
    };
    let python = std::env::var("EXPLAINBENCH_PYTHON").unwrap_or_else(|_| "python3".to_string());
    if !has_torch(&python) {
        println!("skipped: {python} has no torch; point EXPLAINBENCH_PYTHON to an interpreter that has it");
        return;
    }
    let harness = Harness::new(data);
    compare("2 threads", &harness, &mut [Peer::start(&python, &images, 2, TRAININGS, false)]);
    for (name, predict) in [("2 processes", false), ("2 processes that predict too", true)] {
        let peers = [(); 2].map(|()| Peer::start(&python, &images, 1, TRAININGS / 2, predict));
        compare(name, &harness, &mut { peers });
    }
}
