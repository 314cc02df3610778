//! Which cells there are to do, which are ready, and what becomes of the rest when one fails.
//!
//! Work goes backwards from the goals: what only finished cells need is not made again. A plan may hold tens of thousands
//! of cells, so nothing is looked for: every change of a cell's status is told to its neighbours, which count.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

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

impl Status {
    /// Whether the cell may still become ready or finish.
    fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running | Self::Elsewhere)
    }

    /// Whether the cell will not be there for those that need it.
    fn is_lost(self) -> bool {
        matches!(self, Self::Failed | Self::Skipped)
    }
}

/// What is known of one cell of the plan.
#[derive(Clone, Debug, Default)]
struct Entry {
    /// `None` for a cell that is not on the list: it is finished, or nobody asks for it.
    status: Option<Status>,
    needs: Vec<usize>,
    needed_by: Vec<usize>,
    /// How many of `needs` are not there.
    unmet: usize,
    /// How many of `needed_by` are open.
    open_users: usize,
}

/// Cells are counted by their places in the plan, which puts needs before what needs them.
pub struct Pending<'a> {
    plan: &'a Plan,
    entries: Vec<Entry>,
    open: usize,
    /// Waiting cells all of whose needs are there.
    ready: BTreeSet<usize>,
    elsewhere: BTreeSet<usize>,
}

impl<'a> Pending<'a> {
    /// Everything that the goals ask for and that is not `done`.
    pub fn new(plan: &'a Plan, done: &dyn Fn(CellId) -> bool) -> Self {
        let mut entries = vec![Entry::default(); plan.cells.len()];
        for (at, cell) in plan.cells.iter().enumerate() {
            entries[at].needs = cell.needs.iter().filter_map(|need| plan.place(*need)).collect();
            for need in entries[at].needs.clone() {
                entries[need].needed_by.push(at);
            }
        }
        let (ready, elsewhere) = Default::default();
        let mut pending = Self { plan, entries, open: 0, ready, elsewhere };
        // A network is needed by thousands of cells and looked at once.
        let answers = RefCell::new(HashMap::new());
        let done = |id| *answers.borrow_mut().entry(id).or_insert_with(|| done(id));
        let goals = plan.goals.iter().filter(|id| !done(**id)).filter_map(|id| plan.place(*id)).collect();
        pending.want(goals, &done);
        pending
    }

    /// Puts cells, and what they need that is not `done`, on the list; returns those that were not on it. What is on it
    /// and not finished stays as it is.
    fn want(&mut self, mut wanted: Vec<usize>, done: &dyn Fn(CellId) -> bool) -> BTreeSet<usize> {
        let mut new = BTreeSet::new();
        while let Some(at) = wanted.pop() {
            if self.is_unlisted(at) {
                self.change(at, Status::Waiting);
                new.insert(at);
                let needs = self.entries[at].needs.iter().copied();
                wanted.extend(needs.filter(|need| self.is_unlisted(*need) && !done(self.plan.cells[*need].id)));
            }
        }
        new
    }

    fn is_unlisted(&self, at: usize) -> bool {
        self.entries[at].status.is_none_or(|status| status == Status::Done)
    }

    /// Puts a running cell back until `need`, which turned out to be gone, has been made again. Where making it failed
    /// meanwhile, the cell cannot run: it and what follows it are skipped and returned.
    pub fn lacks(&mut self, id: CellId, need: CellId, done: &dyn Fn(CellId) -> bool) -> Vec<CellId> {
        let (Some(at), Some(need)) = (self.plan.place(id), self.plan.place(need)) else {
            // Nobody makes what is not in the plan.
            return std::iter::once(id).chain(self.fail(id)).collect();
        };
        self.change(at, Status::Waiting);
        let mut suspects = self.want(vec![need], done);
        suspects.insert(at);
        self.skip(suspects)
    }

    /// Cells that another process held may be looked at again.
    pub fn look_again(&mut self) {
        for at in std::mem::take(&mut self.elsewhere) {
            self.change(at, Status::Waiting);
        }
    }

    /// The cells on the list, in the plan's order.
    pub fn listed(&self) -> Vec<CellId> {
        let listed = self.entries.iter().zip(&self.plan.cells).filter(|(entry, _)| entry.status.is_some());
        listed.map(|(_, cell)| cell.id).collect()
    }

    pub fn set(&mut self, id: CellId, status: Status) {
        if let Some(at) = self.plan.place(id) {
            self.change(at, status);
        }
    }

    fn change(&mut self, at: usize, status: Status) {
        let before = self.entries[at].status.replace(status);
        let was_met = before.is_none_or(|before| before == Status::Done);
        let was_open = before.is_some_and(Status::is_open);
        if status.is_open() != was_open {
            count(&mut self.open, status.is_open());
            for need in self.entries[at].needs.clone() {
                count(&mut self.entries[need].open_users, status.is_open());
            }
        }
        if (status == Status::Done) != was_met {
            for user in self.entries[at].needed_by.clone() {
                count(&mut self.entries[user].unmet, was_met);
                self.sort_in(user);
            }
        }
        self.sort_in(at);
    }

    /// Keeps the sets right for one cell.
    fn sort_in(&mut self, at: usize) {
        let Entry { status, unmet, .. } = self.entries[at];
        keep(&mut self.ready, at, status == Some(Status::Waiting) && unmet == 0);
        keep(&mut self.elsewhere, at, status == Some(Status::Elsewhere));
    }

    /// The first cell all of whose needs are there.
    pub fn ready(&self) -> Option<CellId> {
        self.ready.first().map(|at| self.plan.cells[*at].id)
    }

    /// Whether another process holds some of the cells.
    pub fn has_elsewhere(&self) -> bool {
        !self.elsewhere.is_empty()
    }

    /// Whether some cell may still become ready or finish.
    pub fn is_open(&self) -> bool {
        self.open > 0
    }

    /// Whether an unfinished cell needs this one.
    pub fn is_needed(&self, id: CellId) -> bool {
        self.plan.place(id).is_some_and(|at| self.entries[at].open_users > 0)
    }

    /// Marks as failed what failed before, and returns the cells that are skipped for it.
    pub fn give_up(&mut self) -> Vec<CellId> {
        let waits = |pending: &Self, id: &CellId| {
            pending.plan.place(*id).is_some_and(|at| pending.entries[at].status == Some(Status::Waiting))
        };
        let plan = self.plan;
        let mut skipped = Vec::new();
        for id in &plan.given_up {
            if waits(self, id) {
                skipped.extend(self.fail(*id));
            }
        }
        skipped
    }

    /// Marks a cell as failed; the cells that cannot run without it are skipped and returned.
    pub fn fail(&mut self, id: CellId) -> Vec<CellId> {
        let Some(at) = self.plan.place(id) else { return Vec::new() };
        self.change(at, Status::Failed);
        self.skip(self.entries[at].needed_by.iter().copied().collect())
    }

    /// Marks those of the suspects, and of what follows them, that need a failed or skipped cell, and returns them. A cell
    /// that another process held would wait in vain, should it come back to us.
    fn skip(&mut self, mut suspects: BTreeSet<usize>) -> Vec<CellId> {
        let mut skipped = Vec::new();
        while let Some(at) = suspects.pop_first() {
            let entry = &self.entries[at];
            let lost = |need: &usize| self.entries[*need].status.is_some_and(Status::is_lost);
            if matches!(entry.status, Some(Status::Waiting | Status::Elsewhere)) && entry.needs.iter().any(lost) {
                suspects.extend(&entry.needed_by);
                self.change(at, Status::Skipped);
                skipped.push(self.plan.cells[at].id);
            }
        }
        skipped
    }
}

fn count(number: &mut usize, up: bool) {
    *number = if up { *number + 1 } else { *number - 1 };
}

fn keep(set: &mut BTreeSet<usize>, at: usize, belongs: bool) {
    if belongs {
        set.insert(at);
    } else {
        set.remove(&at);
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
        assert_eq!(Pending::new(&plan, &|_| false).listed().len(), 4);
        assert_eq!(Pending::new(&plan, &|id| id == explained).listed(), [trained, scores[0], scores[1]]);
        assert_eq!(Pending::new(&plan, &|id| scores.contains(&id)).listed(), []);
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

    /// What no longer can be made is skipped whoever was thought to hold it: nobody waits for it.
    #[test]
    fn what_another_process_held_is_skipped_with_its_needs() {
        let Scene { plan, trained, explained, scores } = scene();
        let mut pending = Pending::new(&plan, &|id| [trained, explained].contains(&id));
        pending.set(scores[0], Status::Running);
        pending.set(scores[1], Status::Elsewhere);
        pending.lacks(scores[0], explained, &|id| id == trained);
        assert_eq!(pending.fail(explained), scores);
        assert!(!pending.is_open() && !pending.has_elsewhere());
    }

    #[test]
    fn a_cell_is_needed_until_all_that_need_it_have_ended() {
        let Scene { plan, trained, explained, scores } = scene();
        let mut pending = Pending::new(&plan, &|id| id == trained);
        pending.set(explained, Status::Done);
        pending.set(scores[0], Status::Done);
        assert!(pending.is_needed(explained) && pending.is_needed(trained));
        pending.fail(scores[1]);
        assert!(!pending.is_needed(explained) && !pending.is_needed(trained));
    }

    /// A chain and a star of 20,000 cells: what looked through the list for every cell would take minutes.
    #[test]
    fn many_cells_are_drawn_in_the_order_of_the_plan() {
        let mut plan = Plan::default();
        let mut ids: Vec<CellId> = Vec::new();
        for seed in 0..20_000_usize {
            let task = Task::Train(Train { dataset: 0, model: 0, seed: 0, data: crate::plan::DataRef::Stated });
            let needs = ids.first().into_iter().chain(ids.last()).copied().collect();
            let id = plan.add(Cell { id: Identity::new(&seed.to_string()).finish(), task, needs });
            plan.add_goal(id);
            ids.push(id);
        }
        let mut pending = Pending::new(&plan, &|_| false);
        for id in &ids {
            assert_eq!(pending.ready(), Some(*id));
            pending.set(*id, Status::Running);
            assert_eq!(pending.ready(), None);
            pending.set(*id, Status::Done);
        }
        assert!(!pending.is_open());
        let mut pending = Pending::new(&plan, &|_| false);
        assert_eq!(pending.fail(ids[0]), ids[1..]);
    }
}
