//! What benches share: pairs of runs in alternating order, and what a run of the tool takes.
#![allow(dead_code)] // Not every bench uses all of it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Processor time of this thread, which does all the work: what else runs on the machine then counts for less.
pub fn seconds(run: impl Fn()) -> f64 {
    let start = processor_time();
    run();
    processor_time() - start
}

fn processor_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to `time` alone.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(answer, 0, "no clock of the thread");
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints the medians and the ratios of `pairs` alternating pairs, after one of each to warm up; `each` runs count as one.
pub fn compare(name: &str, pairs: usize, each: usize, harness: impl Fn(), bare: impl Fn()) {
    harness();
    bare();
    let pair = |pair: usize| {
        let before = pair.is_multiple_of(2).then(|| seconds(&bare));
        let harness = seconds(&harness);
        (harness, before.unwrap_or_else(|| seconds(&bare)))
    };
    let timed: Vec<(f64, f64)> = (0..pairs).map(pair).collect();
    let ratios: Vec<f64> = timed.iter().map(|(harness, bare)| harness / bare).collect();
    let (low, high) =
        ratios.iter().fold((f64::INFINITY, 0.0f64), |(low, high), ratio| (low.min(*ratio), high.max(*ratio)));
    let (harness, bare): (Vec<f64>, Vec<f64>) = timed.into_iter().unzip();
    let milliseconds = 1e3 / each as f64;
    println!(
        "{name}: {:.1} ms, bare {:.1} ms, harness / bare = {:.3} (of {pairs} pairs; {low:.3} to {high:.3})",
        milliseconds * median(harness),
        milliseconds * median(bare),
        median(ratios)
    );
}

/// Runs the tool on a suite in `folder`: seconds, and the largest resident set in megabytes.
pub fn run(folder: &Path, suite: &str, workers: usize) -> (f64, f64) {
    std::fs::write(folder.join("suite.toml"), suite).expect("a suite");
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_explainbench"))
        .args(["run", "--device", "cpu", "--workers", &workers.to_string(), "suite.toml"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the tool starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    // The kernel keeps the maximum; it can be asked only while the process is there.
    while child.try_wait().expect("a child").is_none() {
        if let Some(kilobytes) = std::fs::read_to_string(&status).ok().and_then(|text| high_water(&text)) {
            peak = kilobytes / 1024.0;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(child.wait().expect("a child").success(), "the run failed");
    (start.elapsed().as_secs_f64(), peak)
}

fn high_water(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
