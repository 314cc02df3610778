//! Which cells there are to do, which are ready, and what becomes of the rest when one fails.
//!
//! Work goes backwards from the goals: what only finished cells need is not made again.

use std::collections::BTreeMap;

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
        pending.want(plan.goals.iter().copied().filter(|id| !done(*id)).collect(), done);
        pending
    }

    /// Puts cells, and what they need that is not `done`, on the list. What is on it and not finished stays as it is.
    fn want(&mut self, mut wanted: Vec<CellId>, done: &dyn Fn(CellId) -> bool) {
        while let Some(id) = wanted.pop() {
            if self.status.get(&id).is_none_or(|status| *status == Status::Done) {
                self.set(id, Status::Waiting);
                let needs = self.plan.cell(id).map(|cell| cell.needs.as_slice()).unwrap_or_default();
                wanted.extend(needs.iter().copied().filter(|need| !done(*need)));
            }
        }
        let listed = self.plan.cells.iter().map(|cell| cell.id).filter(|id| self.status.contains_key(id));
        self.order = listed.collect();
    }

    /// Puts a running cell back until `need`, which turned out to be gone, has been made again. Where making it failed
    /// meanwhile, the cell cannot run: it and what follows it are skipped and returned.
    pub fn lacks(&mut self, id: CellId, need: CellId, done: &dyn Fn(CellId) -> bool) -> Vec<CellId> {
        self.set(id, Status::Waiting);
        self.want(vec![need], done);
        self.skip()
    }

    /// Cells that another process held may be looked at again.
    pub fn look_again(&mut self) {
        for id in self.elsewhere() {
            self.set(id, Status::Waiting);
        }
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
        self.skip()
    }

    /// Marks the waiting cells that need a failed or skipped one, and returns them.
    fn skip(&mut self) -> Vec<CellId> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Cell, Identity, Task, Train};

    /// `explained` needs `trained`; two scores need both.
    struct Scene {
        plan: Plan,
        trained: CellId,
        explained: CellId,
        scores: [CellId; 2],
    }

    fn scene() -> Scene {
        let mut plan = Plan::default();
        let mut add = |name: &str, needs: &[CellId]| {
            let task = Task::Train(Train { dataset: 0, model: 0, seed: 0, data: crate::plan::DataRef::Stated });
            plan.add(Cell { id: Identity::new(name).finish(), task, needs: needs.to_vec() })
        };
        let trained = add("trained", &[]);
        let explained = add("explained", &[trained]);
        let scores = ["first", "second"].map(|name| add(name, &[trained, explained]));
        scores.into_iter().for_each(|id| plan.add_goal(id));
        Scene { plan, trained, explained, scores }
    }

    #[test]
    fn what_only_finished_cells_need_is_not_on_the_list() {
        let Scene { plan, trained, explained, scores } = scene();
        assert_eq!(Pending::new(&plan, &|_| false).len(), 4);
        assert_eq!(Pending::new(&plan, &|id| id == explained).order, [trained, scores[0], scores[1]]);
        assert_eq!(Pending::new(&plan, &|id| scores.contains(&id)).len(), 0);
    }

    /// Both scores run and find the explanation gone: it is made once, and stays running while it is.
    #[test]
    fn what_several_cells_lack_is_made_once() {
        let Scene { plan, trained, explained, scores } = scene();
        let done = |id| id == trained;
        let mut pending = Pending::new(&plan, &|id| [trained, explained].contains(&id));
        scores.into_iter().for_each(|id| pending.set(id, Status::Running));
        assert_eq!(pending.lacks(scores[0], explained, &done), []);
        assert_eq!(pending.ready(), Some(explained));
        pending.set(explained, Status::Running);
        assert_eq!(pending.lacks(scores[1], explained, &done), []);
        assert_eq!(pending.ready(), None);
        pending.set(explained, Status::Done);
        assert_eq!(pending.ready(), Some(scores[0]));
    }

    /// The second score learns that the explanation is gone after making it again has failed: nothing is left open.
    #[test]
    fn what_lacks_a_failed_cell_is_skipped() {
        let Scene { plan, trained, explained, scores } = scene();
        let done = |id| id == trained;
        let mut pending = Pending::new(&plan, &|id| [trained, explained].contains(&id));
        scores.into_iter().for_each(|id| pending.set(id, Status::Running));
        pending.lacks(scores[0], explained, &done);
        assert_eq!(pending.fail(explained), [scores[0]]);
        assert_eq!(pending.lacks(scores[1], explained, &done), [scores[1]]);
        assert!(!pending.is_open());
    }

    /// Two workers wait for the same cell of another process: the one that wakes later leaves what the other has taken.
    #[test]
    fn looking_again_leaves_running_cells_alone() {
        let Scene { plan, trained, .. } = scene();
        let mut pending = Pending::new(&plan, &|_| false);
        pending.set(trained, Status::Elsewhere);
        pending.look_again();
        assert_eq!(pending.ready(), Some(trained));
        pending.set(trained, Status::Running);
        pending.look_again();
        assert_eq!(pending.ready(), None);
    }
}
