//! Progress: on a terminal a bar with the trainings done, their rate, the time left and what runs; elsewhere a plain line
//! for each cell. On standard error, so that results can be piped.

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
    trainings: Trainings,
}

/// Trainings on the list, and those of them that have ended.
#[derive(Default)]
struct Trainings {
    to_do: usize,
    done: usize,
}

impl<'a> Progress<'a> {
    pub fn new(plan: &'a Plan, suite: &'a Suite, terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let bar = ProgressBar::no_length();
            if let Ok(style) = ProgressStyle::with_template("[{bar:24}] {pos}/{len} {wide_msg}") {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        let (running, took, left, trainings) = Default::default();
        Self { plan, suite, bar, start: Instant::now(), cells: 0, done: 0, running, took, left, trainings }
    }

    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Planned { cells } => self.planned(cells),
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

    fn planned(&mut self, cells: &[CellId]) {
        self.cells = cells.len();
        if let Some(bar) = &self.bar {
            bar.set_length(cells.len() as u64);
        }
        for id in cells {
            let kind = self.kind(*id);
            *self.left.entry(kind).or_default() += 1;
            self.trainings.to_do += usize::from(is_training(kind));
        }
    }

    fn ended(&mut self, id: CellId, how: &str) {
        self.running.remove(&id);
        self.done += 1;
        let kind = self.kind(id);
        let left = self.left.entry(kind).or_default();
        *left = left.saturating_sub(1);
        self.trainings.done += usize::from(is_training(kind));
        let what = self.describe(id);
        if self.bar.is_none() || how.starts_with("FAILED") {
            let (done, cells) = (self.done, self.cells);
            let state = if is_training(kind) { format!("; {}", self.state()) } else { String::new() };
            self.line(&format!("[{done}/{cells}] {what} ({how}{state})"));
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
        [self.state(), running.join(" | ")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// How many trainings are done and how fast they go, and how long all the rest may take: "37 of 300 trainings, 4.1 a
    /// minute, about 65 min left". Of one training nothing can be said but the time.
    fn state(&self) -> String {
        let Trainings { to_do, done } = self.trainings;
        let mut parts = Vec::new();
        if to_do > 1 {
            parts.push(format!("{done} of {to_do} trainings"));
            let computed: usize = self.took.iter().filter(|(kind, _)| is_training(kind)).map(|(_, took)| took.1).sum();
            if 0 < computed && done < to_do {
                parts.push(rate(self.per_second(computed)));
            }
        }
        parts.extend(self.time_left().map(|left| format!("about {} left", readable(left))));
        parts.join(", ")
    }

    /// How many of `computed` trainings a second of training finishes, side by side as they ran so far: what else ran does not
    /// slow it down.
    fn per_second(&self, computed: usize) -> f64 {
        let busy: f64 = self.took.iter().filter(|(kind, _)| is_training(kind)).map(|(_, took)| took.0).sum();
        computed as f64 / busy.max(1e-9) * self.side_by_side()
    }

    /// How many cells the past seconds computed at once.
    fn side_by_side(&self) -> f64 {
        let busy: f64 = self.took.values().map(|(seconds, _)| seconds).sum();
        (busy / self.start.elapsed().as_secs_f64().max(1e-9)).max(1.0)
    }

    /// From the mean time of each kind so far; nothing before each kind that is left has finished once.
    fn time_left(&self) -> Option<Duration> {
        if self.left.values().all(|left| *left == 0) {
            return None;
        }
        let mut seconds = 0.0;
        for (kind, left) in self.left.iter().filter(|(_, left)| **left > 0) {
            let (took, count) = match self.took.get(kind) {
                Some(known) => known,
                // The last to come, and the quickest: waiting for one of them would leave the rest of the run unjudged.
                None if ["score", "picture"].contains(kind) => continue,
                None => return None,
            };
            seconds += took / *count as f64 * *left as f64;
        }
        Some(Duration::from_secs_f64(seconds / self.side_by_side()))
    }
}

/// Kinds of cells that train a network.
fn is_training(kind: &str) -> bool {
    matches!(kind, "train" | "retrain")
}

fn rate(per_second: f64) -> String {
    if per_second >= 1.0 { format!("{per_second:.1} a second") } else { format!("{:.1} a minute", 60.0 * per_second) }
}

fn readable(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..7200 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_said_in_the_unit_that_reads_well() {
        assert_eq!(
            [2.345, 1.0, 0.5, 0.01].map(rate),
            ["2.3 a second", "1.0 a second", "30.0 a minute", "0.6 a minute"]
        );
        assert_eq!([59, 61, 7200].map(|s| readable(Duration::from_secs(s))), ["59 s", "2 min", "2.0 h"]);
    }
}
