//! `explainbench run SUITE`

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::progress::Progress;
use super::report::Output;
use super::session::Session;
use super::{Places, print};
use crate::error::Result;
use crate::plan::{CellId, Plan};
use crate::run::{Context, Event, Executor, Local, Summary};
use crate::suite::Suite;

#[derive(Args)]
pub struct Arguments {
    /// The suite's TOML file
    suite: PathBuf,
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    output: Output,
    /// Where tensors live: auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Cells computed side by side, each on one thread [default: the processor's cores; 1 on a GPU]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// At most N images of each sample: a quick look
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only what carries one of these labels
    #[arg(long, value_name = "LABEL", num_args = 1..)]
    only: Vec<String>,
    /// Compute everything anew, under a name of its own in the store
    #[arg(long, value_name = "LABEL")]
    fresh: Option<String>,
    /// Size in GB from which the oldest attributions and rankings that nobody waits for leave the store
    #[arg(long, value_name = "GB", default_value_t = 20.0)]
    store_limit: f64,
}

/// Rounds beyond those that metrics ask in after which a run gives up on a store that keeps losing cells.
const ROUNDS: usize = 10;

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let start = Instant::now();
    interruptible();
    crate::native::init();
    let device = crate::native::device(&arguments.device)?;
    let session = Session::open(
        &arguments.suite,
        &arguments.places,
        &arguments.only,
        arguments.limit,
        arguments.fresh.as_deref(),
    )?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = arguments.workers.unwrap_or(if device == tch::Device::Cpu { cores } else { 1 });

    let Session { suite, .. } = &session;
    let suite: Arc<Suite> = Arc::new(suite.clone());
    let local = Local {
        context: Context::new(suite.clone(), session.data.clone(), device),
        workers,
        store_limit: (arguments.store_limit * 1e9) as u64,
    };
    let (plan, summary) = work(&session, &suite, &local)?;
    let failed: BTreeMap<CellId, String> = summary.failed.iter().cloned().collect();
    let report = crate::report::collect(&suite, &plan, &session.store, &failed)?;
    let files = arguments.output.write(&session, &plan, &report)?;
    print(&arguments.output.terminal(&report));
    session.tell();
    for (id, error) in &failed {
        let what = plan.cell(*id).map_or_else(|| id.to_string(), |cell| cell.task.describe(&suite));
        eprintln!("failed: {what}: {error}");
    }
    eprintln!("{}", closing(&plan, &summary, start, &files));
    Ok(if failed.is_empty() && summary.skipped.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Plans and executes until nothing new is asked for.
fn work(session: &Session, suite: &Suite, executor: &dyn Executor) -> Result<(Plan, Summary)> {
    let mut summary = Summary::default();
    let mut plan = session.plan()?;
    for _ in 0..ROUNDS + plan.later_rounds {
        let mut progress = Progress::new(&plan, suite, std::io::stderr().is_terminal());
        let mut on = |event: Event| {
            summary.count(&event);
            progress.show(&event);
        };
        executor.execute(&plan, &session.store, &mut on)?;
        progress.finish();
        let next = session.plan()?;
        // A goal can be missing although nothing failed: another process may have evicted or damaged what it needs.
        let missing = next.goals.iter().any(|id| !session.store.has(*id));
        let settled = next.goals == plan.goals && (!missing || !summary.failed.is_empty());
        plan = next;
        if settled {
            break;
        }
        plan.given_up = summary.failed.iter().map(|(id, _)| *id).collect();
    }
    Ok((plan, summary))
}

fn closing(plan: &Plan, summary: &Summary, start: Instant, files: &[PathBuf]) -> String {
    let cached = plan.cells.len().saturating_sub(summary.finished + summary.failed.len() + summary.skipped.len());
    let mut text = format!(
        "{} cells computed, {cached} from the store or not needed, {} failed, {} skipped; {:.1} s",
        summary.finished,
        summary.failed.len(),
        summary.skipped.len(),
        start.elapsed().as_secs_f64()
    );
    if let Some(report) = files.iter().find(|file| file.ends_with("report.md")) {
        text.push_str(&format!("\nreport: {}", report.display()));
    }
    text
}

/// Ctrl-C ends at once: finished cells are kept, the running ones are lost, and `run` again goes on from there.
fn interruptible() {
    let set = ctrlc::set_handler(|| {
        eprintln!("\ninterrupted: every finished cell is kept; the same command goes on from there");
        // SAFETY: ends the process and touches nothing. An orderly exit would take libtorch down under running workers.
        unsafe { libc::_exit(130) };
    });
    if let Err(error) = set {
        eprintln!("warning: Ctrl-C cannot be caught ({error}); finished cells are kept all the same");
    }
}
