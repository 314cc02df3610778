//! Which cells there are to do, which are ready, and what becomes of the rest when one fails.
//!
//! Work goes backwards from the goals: what only finished cells need is not made again.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{CellId, Plan};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Waiting,
    Running,
    /// Another process holds it.
    Elsewhere,
    Done,
    Failed,
    Skipped,
}

pub struct Pending<'a> {
    plan: &'a Plan,
    status: BTreeMap<CellId, Status>,
    /// In the plan's order.
    order: Vec<CellId>,
}

impl<'a> Pending<'a> {
    /// Everything that the goals ask for and that is not `done`.
    pub fn new(plan: &'a Plan, done: &dyn Fn(CellId) -> bool) -> Self {
        let mut pending = Self { plan, status: BTreeMap::new(), order: Vec::new() };
        let goals: Vec<CellId> = plan.goals.iter().copied().filter(|id| !done(*id)).collect();
        for goal in goals {
            pending.want(goal, done);
        }
        pending
    }

    /// Puts a cell, and what it needs that is not `done`, on the list.
    pub fn want(&mut self, id: CellId, done: &dyn Fn(CellId) -> bool) {
        let mut wanted = vec![id];
        while let Some(id) = wanted.pop() {
            let before = self.status.insert(id, Status::Waiting);
            if before.is_none_or(|status| status == Status::Done) {
                let needs = self.plan.cell(id).map(|cell| cell.needs.as_slice()).unwrap_or_default();
                let open =
                    |need: &CellId| self.status.get(need).is_none_or(|status| *status == Status::Done) && !done(*need);
                wanted.extend(needs.iter().copied().filter(open).collect::<Vec<_>>());
            }
        }
        let known: BTreeSet<CellId> = self.status.keys().copied().collect();
        self.order = self.plan.cells.iter().map(|cell| cell.id).filter(|id| known.contains(id)).collect();
    }

    /// How many cells are on the list, finished ones included.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn set(&mut self, id: CellId, status: Status) {
        self.status.insert(id, status);
    }

    /// The first cell all of whose needs are there.
    pub fn ready(&self) -> Option<CellId> {
        self.order.iter().copied().find(|id| self.is(*id, Status::Waiting) && self.needs_met(*id))
    }

    /// Cells that another process holds.
    pub fn elsewhere(&self) -> Vec<CellId> {
        self.order.iter().copied().filter(|id| self.is(*id, Status::Elsewhere)).collect()
    }

    /// Whether some cell may still become ready or finish.
    pub fn is_open(&self) -> bool {
        let open = [Status::Waiting, Status::Running, Status::Elsewhere];
        self.order.iter().any(|id| open.contains(&self.status[id]))
    }

    /// Whether an unfinished cell needs this one.
    pub fn is_needed(&self, id: CellId) -> bool {
        let open = [Status::Waiting, Status::Running, Status::Elsewhere];
        self.order.iter().any(|other| {
            open.contains(&self.status[other]) && self.plan.cell(*other).is_some_and(|cell| cell.needs.contains(&id))
        })
    }

    /// Marks a cell as failed; the cells that cannot run without it are skipped and returned.
    pub fn fail(&mut self, id: CellId) -> Vec<CellId> {
        self.set(id, Status::Failed);
        let mut skipped = Vec::new();
        // The order of the plan puts needs first, so one pass reaches all that follows.
        for other in self.order.clone() {
            let lost = |need: &CellId| matches!(self.status.get(need), Some(Status::Failed | Status::Skipped));
            let cell = self.plan.cell(other);
            if self.is(other, Status::Waiting) && cell.is_some_and(|cell| cell.needs.iter().any(lost)) {
                self.set(other, Status::Skipped);
                skipped.push(other);
            }
        }
        skipped
    }

    fn is(&self, id: CellId, status: Status) -> bool {
        self.status.get(&id) == Some(&status)
    }

    fn needs_met(&self, id: CellId) -> bool {
        let met = |need: &CellId| self.status.get(need).is_none_or(|status| *status == Status::Done);
        self.plan.cell(id).is_some_and(|cell| cell.needs.iter().all(met))
    }
}
