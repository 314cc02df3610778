//! Progress: a bar with what runs on a terminal, plain lines elsewhere. On standard error, so that results can be piped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::plan::{CellId, Plan};
use crate::run::Event;
use crate::suite::Suite;

pub struct Progress<'a> {
    plan: &'a Plan,
    suite: &'a Suite,
    /// `None` where standard error is no terminal.
    bar: Option<ProgressBar>,
    start: Instant,
    cells: usize,
    done: usize,
    running: BTreeMap<CellId, f64>,
    /// Seconds and count of the finished cells of each kind: cells of one kind take about as long as each other.
    took: BTreeMap<&'static str, (f64, usize)>,
    left: BTreeMap<&'static str, usize>,
}

impl<'a> Progress<'a> {
    pub fn new(plan: &'a Plan, suite: &'a Suite, terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let bar = ProgressBar::no_length();
            if let Ok(style) = ProgressStyle::with_template("[{bar:24}] {pos}/{len} {msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        let (running, took, left) = Default::default();
        Self { plan, suite, bar, start: Instant::now(), cells: 0, done: 0, running, took, left }
    }

    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Planned { cells } => self.planned(*cells),
            Event::Started { id } => {
                self.running.insert(*id, 0.0);
            }
            Event::Progress { id, share } => {
                self.running.insert(*id, *share);
            }
            Event::Finished { id, took } => {
                let entry = self.took.entry(self.kind(*id)).or_default();
                *entry = (entry.0 + took.as_secs_f64(), entry.1 + 1);
                self.ended(*id, &format!("{:.1} s", took.as_secs_f64()));
            }
            Event::FinishedElsewhere { id } => self.ended(*id, "by another process"),
            Event::Failed { id, error } => self.ended(*id, &format!("FAILED: {error}")),
            Event::Skipped { id } => self.ended(*id, "skipped: something that it needs failed"),
            Event::Notice(text) => self.line(text),
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.done as u64);
            bar.set_message(self.message());
        }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn planned(&mut self, cells: usize) {
        self.cells = cells;
        if let Some(bar) = &self.bar {
            bar.set_length(cells as u64);
        }
        for cell in &self.plan.cells {
            *self.left.entry(cell.task.kind()).or_default() += 1;
        }
        // Cells that are cached or not needed are no work: what is left of each kind shrinks in proportion.
        let all = self.plan.cells.len().max(1);
        self.left.values_mut().for_each(|left| *left = (*left * cells).div_ceil(all));
    }

    fn ended(&mut self, id: CellId, how: &str) {
        self.running.remove(&id);
        self.done += 1;
        let left = self.left.entry(self.kind(id)).or_default();
        *left = left.saturating_sub(1);
        let what = self.describe(id);
        if self.bar.is_none() || how.starts_with("FAILED") {
            let (done, cells) = (self.done, self.cells);
            self.line(&format!("[{done}/{cells}] {what} ({how})"));
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    fn kind(&self, id: CellId) -> &'static str {
        self.plan.cell(id).map_or("cell", |cell| cell.task.kind())
    }

    fn describe(&self, id: CellId) -> String {
        self.plan.cell(id).map_or_else(|| id.to_string(), |cell| cell.task.describe(self.suite))
    }

    /// What runs, and how long the rest may take.
    fn message(&self) -> String {
        let running: Vec<String> = self
            .running
            .iter()
            .take(2)
            .map(|(id, share)| match *share > 0.0 {
                true => format!("{} {:.0} %", self.describe(*id), 100.0 * share),
                false => self.describe(*id),
            })
            .collect();
        let time = self.time_left().map(|left| format!("about {} left; ", readable(left))).unwrap_or_default();
        format!("{time}{}", running.join(" | "))
    }

    /// From the mean time of each kind so far, and how many cells the past second count finished at once.
    fn time_left(&self) -> Option<Duration> {
        let busy: f64 = self.took.values().map(|(seconds, _)| seconds).sum();
        let elapsed = self.start.elapsed().as_secs_f64();
        let side_by_side = (busy / elapsed).max(1.0);
        let mut seconds = 0.0;
        for (kind, left) in self.left.iter().filter(|(_, left)| **left > 0) {
            let (took, count) = self.took.get(kind)?;
            seconds += took / *count as f64 * *left as f64;
        }
        Some(Duration::from_secs_f64(seconds / side_by_side))
    }
}

fn readable(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..7200 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}
