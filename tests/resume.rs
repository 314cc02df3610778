//! What survives when a run is killed, interrupted, doubled, or finds its store damaged, full or closed.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::{Bench, SMALL, Said, files, said};

/// Takes some seconds, evenly spread over its cells.
const LONG: &str = r#"
seeds = { model = 2 }
images = { count = 40 }
dataset = { use = "planted", size = 16, train = 400, test = 100 }
metric = [{ use = "deletion", step = 4 }, { use = "pointing-game" }, { use = "cost" }]

[model]
layers = [{ conv2d = { out = 16, kernel = 3, padding = 1 } }, "relu", "flatten", { linear = { out = 4 } }]
train = { epochs = 3, batch = 20 }

[[explainer]]
use = "gradient"

[[explainer]]
use = "integrated-gradients"
steps = 64

[[explainer]]
use = "smoothgrad"
samples = 100

[[explainer]]
use = "edges"
"#;

/// Every explainer that needs no file.
const ALL_EXPLAINERS: &str = r#"
seeds = { draw = 2 }
images = { count = 30 }
dataset = { use = "planted", train = 200, test = 60 }
metric = [{ use = "deletion" }, { use = "pointing-game" }, { use = "cost" }, { use = "model-randomization" }]
explainer = [
    { use = "gradient" }, { use = "input-x-gradient" }, { use = "integrated-gradients", steps = { sweep = [8, "auto"] } },
    { use = "smoothgrad" }, { use = "random" }, { use = "edges" }, { use = "center" }, { use = "input" },
    { use = "constant" }, { use = "oracle" },
]

[model]
layers = [{ conv2d = { out = 4, kernel = 3 } }, "relu", "flatten", { linear = { out = 4 } }]
train = { epochs = 3, batch = 20 }
"#;

const KILLS: u64 = 20;

/// In [0, 1), from a seed; evenly spread over the seeds: the fractional part of a multiple of the golden ratio.
fn share(seed: u64) -> f64 {
    (seed as f64 * 0.618_033_988_749_894_9).fract()
}

/// Temporary files of cells that some process holds.
fn running_cells(bench: &Bench) -> Vec<PathBuf> {
    let held = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "tmp")
            && File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    };
    files(&bench.path("store/cells")).into_iter().filter(held).collect()
}

/// Waits until the run works on a cell, or has ended.
fn wait_for_a_cell(bench: &Bench, child: &mut Child) {
    while running_cells(bench).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: a plain system call; the child has not been waited for, so its number is still its own.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
}

const LONG_RUN: &str = "run suite.toml --store store --out out --workers 1";

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let undisturbed = Bench::new(LONG);
    let mut child = undisturbed.start(LONG_RUN);
    wait_for_a_cell(&undisturbed, &mut child);
    let start = Instant::now();
    let mut length = Duration::ZERO;
    while child.try_wait().unwrap().is_none() {
        if !running_cells(&undisturbed).is_empty() {
            length = start.elapsed();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(said(child.wait_with_output().unwrap()).code, Some(0));
    let expected = undisturbed.compared("out");

    let hit = |seed: u64| {
        let bench = Bench::new(LONG);
        let hit = kill(&bench, length.mul_f64(share(seed)));
        assert_eq!(bench.rows(), expected, "killed at {} of the run", share(seed));
        assert_eq!(bench.temporary(), Vec::<PathBuf>::new());
        hit
    };
    // Two at a time, as each run has one worker.
    let hits: usize = std::thread::scope(|scope| {
        let hit = &hit;
        let count = |seeds: Vec<u64>| scope.spawn(move || seeds.into_iter().filter(|seed| hit(*seed)).count());
        let halves = [(1..=KILLS / 2).collect(), (KILLS / 2 + 1..=KILLS).collect()].map(count);
        halves.map(|half| half.join().unwrap()).iter().sum()
    });
    println!("{hits} of {KILLS} kills hit a running cell; the cells take {length:?} in all");
    assert!(hits >= 15, "only {hits} of {KILLS} kills hit a running cell");
}

/// Rankings and trainings anew: a row of each network takes some tens of cells.
const RETRAINED: &str = r#"
seeds = { model = 2, retrain = 2 }
images = { count = 20 }
dataset = { use = "planted", size = 16, train = 700, test = 100 }
explainer = [{ use = "smoothgrad" }, { use = "random" }, { name = "redrawn", use = "random", redraw = "epoch" }]
metric = [{ use = "roar", fractions = [0.3, 0.6, 0.9] }, { use = "kar", fractions = [0.1], masks = false }]

[model]
layers = [{ conv2d = { out = 8, kernel = 3, padding = 1 } }, "relu", "flatten", { linear = { out = 4 } }]
train = { epochs = 2, batch = 20 }
"#;

#[test]
fn killed_retraining_equals_an_undisturbed_one() {
    let undisturbed = Bench::new(RETRAINED);
    let start = Instant::now();
    let said = undisturbed.says(LONG_RUN);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let length = start.elapsed();
    let expected = undisturbed.compared("out");
    let mut hits = 0;
    for seed in 1..=4 {
        let bench = Bench::new(RETRAINED);
        hits += usize::from(kill(&bench, length.mul_f64(0.8 * share(seed))));
        assert_eq!(bench.rows(), expected, "killed at {} of the run", share(seed));
        assert_eq!(bench.temporary(), Vec::<PathBuf>::new());
    }
    assert!(hits >= 2, "only {hits} of 4 kills hit a running cell");
}

/// Kills a run this long after its first cell has begun; says whether it held a cell then.
fn kill(bench: &Bench, after: Duration) -> bool {
    let mut child = bench.start(LONG_RUN);
    wait_for_a_cell(bench, &mut child);
    std::thread::sleep(after);
    // Stopped first, so that what it holds when it is killed can be looked at.
    signal(&child, libc::SIGSTOP);
    let hit = !running_cells(bench).is_empty();
    child.kill().unwrap();
    child.wait().unwrap();
    hit
}

#[test]
fn two_processes_divide_the_work() {
    let alone = Bench::new(LONG);
    let said_alone = alone.run();
    let shared = Bench::new(LONG);
    let start = |out: &str| shared.start(&format!("run suite.toml --store store --out {out} --workers 1"));
    let [first, second] = [start("out"), start("other")].map(|child| said(child.wait_with_output().unwrap()));
    assert_eq!((first.code, second.code), (Some(0), Some(0)), "{}\n{}", first.err, second.err);
    assert_eq!(first.computed() + second.computed(), said_alone.computed());
    assert!(first.computed() > 0 && second.computed() > 0, "{} + {}", first.computed(), second.computed());
    assert_eq!(shared.compared("out"), alone.compared("out"));
    assert_eq!(shared.compared("other"), alone.compared("out"));
    assert_eq!(shared.temporary(), Vec::<PathBuf>::new());
}

#[test]
fn an_altered_cell_of_any_kind_is_noticed_and_made_again() {
    let bench = Bench::new(SMALL);
    let expected = bench.rows();
    let [train, explain, score, picture] = ["train ", "explain ", "score ", "picture "].map(|kind| bench.cell(kind));
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1);
    for damage in [&flip as &dyn Fn(&mut Vec<u8>), &cut] {
        for cell in [&train, &explain, &score, &picture] {
            let mut bytes = fs::read(cell).unwrap();
            damage(&mut bytes);
            fs::write(cell, bytes).unwrap();
            // An explanation is read only where a score that needs it is missing.
            let lost = usize::from(cell == &explain);
            if lost > 0 {
                fs::remove_file(&score).unwrap();
            }
            let said = bench.run();
            assert_eq!((said.code, said.computed()), (Some(0), 1 + lost), "{}: {}", cell.display(), said.err);
            let path = cell.strip_prefix(bench.path("")).unwrap().display().to_string();
            assert!(said.err.contains(&format!("{path} was damaged and has been removed")), "{}", said.err);
            assert_eq!(bench.compared("out"), expected);
        }
    }
}

/// Explanations of the suite's first contender are there, the rest is not: as after a kill.
fn half_done() -> (Bench, BTreeMap<PathBuf, Vec<u8>>) {
    let bench = Bench::new(SMALL);
    let expected = bench.rows();
    for cell in files(&bench.path("store/cells")) {
        if ![bench.cell("train "), bench.cell("explain ")].contains(&cell) {
            fs::remove_file(cell).unwrap();
        }
    }
    fs::remove_dir_all(bench.path("out")).unwrap();
    (bench, expected)
}

fn refused(said: &Said, words: &[&str]) {
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(words.iter().all(|word| said.err.contains(word)), "{}", said.err);
    assert_eq!(said.err.matches("error:").count(), 1, "{}", said.err);
    assert_eq!(said.out, "");
}

#[test]
fn a_store_that_cannot_be_is_refused() {
    let bench = Bench::new(SMALL);
    refused(&bench.says("run suite.toml --store suite.toml"), &["the store suite.toml is not a folder"]);
    refused(&bench.says("run suite.toml --store suite.toml/store"), &["cannot create the store suite.toml/store"]);
}

/// A file system of one's own that a script may close to writing or fill, where the system grants it.
fn can_mount() -> bool {
    let tried = std::process::Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    tried.is_ok_and(|output| output.status.success())
}

#[test]
fn a_store_that_can_only_be_read_is_refused_and_stays_as_it_is() {
    if !can_mount() {
        return println!("not tested: no file system can be mounted here");
    }
    let (bench, expected) = half_done();
    let closed = "mount --bind store store && mount -o remount,bind,ro store && exec \"$@\"";
    let run = |script: &str| {
        let mut command = std::process::Command::new("unshare");
        let program = bench.shell(script, "run suite.toml --store store --out out");
        command.arg("-rm").arg(program.get_program()).args(program.get_args()).current_dir(bench.path(""));
        said(command.env_remove("EXPLAINBENCH_DATA").output().unwrap())
    };
    refused(&run(closed), &["Read-only file system", "nothing finished was lost", "--store"]);
    assert_eq!(bench.rows(), expected);
    let finished = run(closed);
    assert_eq!((finished.code, finished.computed()), (Some(0), 0), "{}", finished.err);
}

#[test]
fn a_full_disk_ends_the_run_and_loses_nothing() {
    let (bench, expected) = half_done();
    let kept = files(&bench.path("store/cells"));
    // A limit on the size of files meets the same code as a full disk, without any rights.
    let limit = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let said = said(bench.shell(limit, "run suite.toml --store store --out out").output().unwrap());
    refused(&said, &["cannot write", "File too large", "nothing finished was lost: make room and run again"]);
    assert!(kept.iter().all(|cell| cell.exists()));
    assert_eq!(bench.temporary(), Vec::<PathBuf>::new());
    assert_eq!(bench.rows(), expected);
}

#[test]
fn a_full_file_system_ends_the_run_and_loses_nothing() {
    if !can_mount() {
        return println!("not tested: no file system can be mounted here");
    }
    let bench = Bench::new(SMALL);
    let expected = bench.rows();
    fs::rename(bench.path("store"), bench.path("whole")).unwrap();
    fs::create_dir(bench.path("store")).unwrap();
    // What was finished is brought out of the small file system, which goes with the script.
    let script = "mount -t tmpfs -o size=64k none store && { \"$@\"; code=$?; cp -r store kept; exit $code; }";
    let program = bench.shell(script, "run suite.toml --store store --out out");
    let mut command = std::process::Command::new("unshare");
    command.arg("-rm").arg(program.get_program()).args(program.get_args()).current_dir(bench.path(""));
    let full = said(command.env_remove("EXPLAINBENCH_DATA").output().unwrap());
    refused(&full, &["No space left on device", "nothing finished was lost: make room and run again"]);
    let kept = files(&bench.path("kept/cells")).len();
    assert!(kept > 0);
    let again = bench.says("run suite.toml --store kept --out out");
    let all = files(&bench.path("whole/cells")).len();
    assert_eq!((again.code, again.computed()), (Some(0), all - kept), "{}", again.err);
    assert_eq!(bench.compared("out"), expected);
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let rows = ["--workers 1", "--workers 2"].map(|workers| {
        let bench = Bench::new(ALL_EXPLAINERS);
        let said = bench.says(&format!("run suite.toml --store store --out out {workers}"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        bench.compared("out")
    });
    let figure = PathBuf::from("figures/planted.model.model-randomization.maps.svg");
    assert!(rows[0].contains_key(&figure), "{:?}", rows[0].keys());
    assert_eq!(rows[0], rows[1]);
}

#[test]
fn attributions_leave_a_store_over_its_limit_and_are_not_missed() {
    let bench = Bench::new(SMALL);
    let expected = Bench::new(SMALL).rows();
    let tight = "run suite.toml --store store --out out --store-limit 0";
    let said = bench.says(tight);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(bench.compared("out"), expected);
    let left = |what: &str| {
        let plan = bench.says("plan suite.toml --store store").out;
        plan.lines().filter(|line| line.contains("cached") && line.contains(what)).count()
    };
    assert_eq!(left("explain "), 0);
    assert!(left("train ") > 0 && left("score ") > 0);
    let again = bench.says(tight);
    assert_eq!((again.code, again.computed()), (Some(0), 0), "{}", again.err);
    assert_eq!(bench.compared("out"), expected);
}

/// The training takes minutes: a run that has ended has been interrupted.
#[test]
fn an_interrupt_ends_the_run_at_once_and_the_next_goes_on() {
    let bench = Bench::new(SMALL);
    let expected = bench.rows();
    let endless = SMALL.replace("epochs = 2", "epochs = { sweep = [2, 1000000] }").replace("model = 2", "model = 1");
    fs::write(bench.path("endless.toml"), endless).unwrap();
    let mut child = bench.start("run endless.toml --store store --out out --workers 1");
    // The short model is cached: the first cell that runs is the endless one.
    wait_for_a_cell(&bench, &mut child);
    let start = Instant::now();
    signal(&child, libc::SIGINT);
    let interrupted = said(child.wait_with_output().unwrap());
    println!("ended after {:?}", start.elapsed());
    assert_eq!(interrupted.code, Some(130), "{}", interrupted.err);
    assert!(interrupted.err.contains("interrupted: every finished cell is kept"), "{}", interrupted.err);
    let again = bench.run();
    assert_eq!((again.code, again.computed()), (Some(0), 0), "{}", again.err);
    assert_eq!(bench.compared("out"), expected);
    assert_eq!(bench.temporary(), Vec::<PathBuf>::new());
}

#[test]
fn what_fails_takes_only_what_follows_with_it() {
    let bench = Bench::new(&SMALL.replace(
        "{ use = \"random\" }",
        "{ use = \"random\" }, { use = \"precomputed\", file = \"maps.safetensors\" }",
    ));
    let wrong = tch::Tensor::zeros([20, 1, 3, 3], (tch::Kind::Float, tch::Device::Cpu));
    explainbench::tensor_file::write(&bench.path("maps.safetensors"), &[("attribution", wrong)]).unwrap();
    let said = bench.run();
    assert_eq!(said.code, Some(1), "{}", said.err);
    // Of 2 networks: a picture of the first, and on each an explanation and three scores.
    assert!(said.err.contains("2 failed, 7 skipped"), "{}", said.err);
    let report = fs::read_to_string(bench.path("out/suite/report.md")).unwrap();
    assert!(report.contains("failed: explain") && report.contains("[20, 1, 3, 3]"), "{report}");

    let without = Bench::new(SMALL);
    assert_eq!(without.run().code, Some(0));
    let rows = |bench: &Bench| fs::read_to_string(bench.path("out/suite/rows.csv")).unwrap();
    assert_eq!(rows(&bench), rows(&without));
}
