//! What a record says about how it was made. None of it is part of a cell's identity, or of a file that is compared.

use std::sync::LazyLock;
use std::time::Instant;

use serde_json::{Value, json};

use super::Context;
use crate::plan::Task;

/// Found by a list of all mapped files, and the same for all cells.
static BLAS: LazyLock<String> = LazyLock::new(|| crate::native::blas_in_use().name);

pub struct Meter {
    start: Instant,
}

impl Meter {
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub fn finish(self, context: &Context, task: &Task) -> Value {
        json!({
            "suite": context.suite.name,
            "task": task.describe(&context.suite),
            "explainbench": env!("CARGO_PKG_VERSION"),
            "libtorch": crate::native::LIBTORCH_VERSION,
            "blas": *BLAS,
            "device": format!("{:?}", context.device),
            "op_threads": tch::get_num_threads(),
            "seconds": self.start.elapsed().as_secs_f64(),
            "peak_memory_bytes": peak_memory(),
        })
    }
}

/// The most memory that this process held so far, in bytes; 0 where the system does not say.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        line.and_then(|line| line.trim().strip_suffix("kB")).and_then(|number| number.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
