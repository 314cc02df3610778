//! Peak memory of a whole run at n and at 4n images: it follows workers and chunks, and not the sample. One worker, so that it
//! does not depend on which cells happen to run at the same time.
//!
//! `cargo bench --bench memory` runs the tool itself and prints its largest resident set.

use std::process::{Command, Stdio};

const SUITE: &str = r#"
[dataset]
use = "planted"
size = 32
test = 2048

[model]
layers = [
    { conv2d = { out = 16, kernel = 3, padding = 1 } }, "relu", { max_pool2d = { kernel = 4 } },
    "flatten", { linear = { out = 4 } },
]
train = { epochs = 1 }

[images]
count = COUNT

[[explainer]]
use = "integrated-gradients"

[[explainer]]
use = "occlusion"

[[explainer]]
use = "random"

[[metric]]
use = "deletion"

[[metric]]
use = "relevance-mass"
"#;

fn main() {
    let [small, large] = [512, 2048].map(|count| {
        let megabytes = peak(count);
        println!("{count:>5} images: peak resident set {megabytes:.0} MB");
        megabytes
    });
    println!("4n / n = {:.3}", large / small);
}

/// The largest resident set of a run over `count` images, in megabytes.
fn peak(count: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let suite = folder.path().join("memory.toml");
    std::fs::write(&suite, SUITE.replace("COUNT", &count.to_string())).expect("a suite");
    let mut child = Command::new(env!("CARGO_BIN_EXE_explainbench"))
        .args(["run", "--device", "cpu", "--workers", "1"])
        .arg(&suite)
        .current_dir(folder.path())
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
    peak
}

fn high_water(status: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
