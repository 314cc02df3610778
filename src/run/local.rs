//! Worker threads of this process, each with one op thread of its own. Several processes may work on one store: a cell that
//! another one holds is left to it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::pending::{Pending, Status};
use super::{Context, Event, Executor, Outcome};
use crate::error::{Error, Result};
use crate::plan::{Cell, CellId, Plan, Task};
use crate::store::{Claim, Store};

/// How often cells that another process holds are looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

pub struct Local {
    pub context: Context,
    pub workers: usize,
    /// Bytes that the store may hold: beyond them the oldest attributions that nobody needs go.
    pub store_limit: u64,
}

impl Executor for Local {
    fn execute(&self, plan: &Plan, store: &Store, on: &mut dyn FnMut(Event)) -> Result<()> {
        // A goal is read to the end here, so that an altered file is found before the report needs it.
        let whole = |id: CellId| store.has(id) && matches!(store.get(id), Ok(Some(_)));
        let mut pending = Pending::new(plan, &|id| if plan.is_goal(id) { whole(id) } else { store.has(id) });
        on(Event::Planned { cells: pending.listed() });
        pending.give_up().into_iter().for_each(|id| on(Event::Skipped { id }));
        let shared = Shared {
            plan,
            store,
            pending: Mutex::new(pending),
            changed: Condvar::new(),
            stopped: OnceLock::new(),
            bytes: AtomicU64::new(store.bytes()?),
            evict_above: AtomicU64::new(self.store_limit),
        };
        let (events, received) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..self.workers.max(1) {
                let (shared, events) = (&shared, events.clone());
                scope.spawn(move || self.work(shared, &events));
            }
            drop(events);
            received.into_iter().for_each(&mut *on);
        });
        store.noticed().into_iter().for_each(|text| on(Event::Notice(text)));
        shared.stopped.into_inner().map_or(Ok(()), Err)
    }
}

struct Shared<'a> {
    plan: &'a Plan,
    store: &'a Store,
    pending: Mutex<Pending<'a>>,
    changed: Condvar,
    /// Why the run cannot go on: the store takes no more results.
    stopped: OnceLock<Error>,
    /// About how much the store holds: listing it after every cell would take longer than many cells.
    bytes: AtomicU64,
    /// The size at which it is worth listing: beyond the limit by what has grown since the last time that nothing more could go.
    evict_above: AtomicU64,
}

impl<'a> Shared<'a> {
    fn pending(&self) -> MutexGuard<'_, Pending<'a>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next cell to run, marked as running; `None` when there is nothing more to do.
    fn next(&self) -> Option<CellId> {
        let mut pending = self.pending();
        loop {
            if self.stopped.get().is_some() {
                return None;
            }
            if let Some(id) = pending.ready() {
                pending.set(id, Status::Running);
                return Some(id);
            }
            if !pending.is_open() {
                return None;
            }
            if !pending.has_elsewhere() {
                pending = self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
            } else {
                // Whoever holds a cell may finish it, or die and leave it to us: then it is ready once more.
                pending = self.changed.wait_timeout(pending, LOOK_AGAIN).unwrap_or_else(PoisonError::into_inner).0;
                pending.look_again();
            }
        }
    }

    fn fail(&self, id: CellId, error: &Error, tell: &dyn Fn(Event)) {
        let skipped = self.pending().fail(id);
        tell(Event::Failed { id, error: error.to_string() });
        skipped.into_iter().for_each(|id| tell(Event::Skipped { id }));
    }

    fn lacks(&self, id: CellId, need: CellId, tell: &dyn Fn(Event)) {
        let skipped = self.pending().lacks(id, need, &|id| self.store.has(id));
        skipped.into_iter().for_each(|id| tell(Event::Skipped { id }));
    }

    /// No further cell is started: what it computes could not be kept.
    fn stop(&self, error: Error) {
        // Under the lock, so that no worker falls asleep between looking and being woken.
        let _pending = self.pending();
        // Of several workers the first says why.
        let _ = self.stopped.set(error);
    }
}

impl Local {
    fn work(&self, shared: &Shared, events: &Sender<Event>) {
        let tell = |event| {
            // Nobody listens any more only when the run is over.
            let _ = events.send(event);
        };
        while let Some(id) = shared.next() {
            let Some(cell) = shared.plan.cell(id) else { continue };
            match shared.store.claim(id) {
                Ok(Claim::Done) => {
                    tell(Event::FinishedElsewhere { id });
                    shared.pending().set(id, Status::Done);
                }
                Ok(Claim::Busy) => shared.pending().set(id, Status::Elsewhere),
                Ok(Claim::Yours(writer)) => {
                    tell(Event::Started { id });
                    let start = Instant::now();
                    match self.perform(cell, shared.store, &tell) {
                        Ok(Outcome::Content(content)) => match writer.publish(&content) {
                            Ok(bytes) => {
                                tell(Event::Finished { id, took: start.elapsed() });
                                shared.pending().set(id, Status::Done);
                                shared.bytes.fetch_add(bytes, Ordering::Relaxed);
                            }
                            Err(error) => shared.stop(error),
                        },
                        Ok(Outcome::Missing(need)) => shared.lacks(id, need, &tell),
                        Err(error) => shared.fail(id, &error, &tell),
                    }
                }
                Err(error) => shared.stop(error),
            }
            shared.changed.notify_all();
            self.evict(shared, &tell);
        }
    }

    /// Runs a cell; a panic fails that cell only.
    fn perform(&self, cell: &Cell, store: &Store, tell: &dyn Fn(Event)) -> Result<Outcome> {
        let progress = |share| tell(Event::Progress { id: cell.id, share });
        let outcome = catch_unwind(AssertUnwindSafe(|| self.context.perform(cell, store, &progress)));
        crate::native::release_memory();
        outcome.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            let first = text.unwrap_or("for an unknown reason").lines().next().unwrap_or_default().to_string();
            Err(Error::new(format!("panicked: {first}")))
        })
    }

    /// Lets go of attributions, which can be made again, once the store is over its limit; of some more than must go, so
    /// that a full store is not listed after every cell.
    fn evict(&self, shared: &Shared, tell: &dyn Fn(Event)) {
        if shared.bytes.load(Ordering::Relaxed) <= shared.evict_above.load(Ordering::Relaxed) {
            return;
        }
        let slack = self.store_limit / 32;
        let may_go = |id| {
            let remade = |task: &Task| matches!(task, Task::Explain(_) | Task::Rank(_));
            shared.plan.cell(id).is_some_and(|cell| remade(&cell.task))
                && !shared.plan.is_goal(id)
                && !shared.pending().is_needed(id)
        };
        match shared.store.evict(self.store_limit - slack, &may_go) {
            // What other processes wrote or let go is not counted; the next run lists the store anew.
            Ok(freed) => {
                let before = shared.bytes.load(Ordering::Relaxed);
                shared.bytes.fetch_sub(freed.min(before), Ordering::Relaxed);
                let left = before.saturating_sub(freed) + slack;
                shared.evict_above.store(left.max(self.store_limit), Ordering::Relaxed);
            }
            Err(error) => tell(Event::Notice(error.to_string())),
        }
    }
}
