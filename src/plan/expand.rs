//! From a suite to cells: the product of its tables, each metric asked for its needs.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{
    AS_TRAINED, Cell, CellId, DataRef, Explain, Influence, Other, Outside, Perturb, Picture, Plan, Poison, Rank, Refit,
    Retrain, Row, Score, Shown, Strip, Task, Train, identity,
};
use crate::error::Result;
use crate::need::{
    About, Maps, ModelRef, Modified, Need, Perturbed, Poison as Change, Ranked, Refit as Without, Retraining, Start,
};
use crate::suite::{Images, Network, SplitName, Suite};

/// Images per Explain cell. Part of what a cell is: it never follows the machine.
pub const BLOCK: usize = 512;

/// Images per Perturb cell: each takes hundreds of explanations.
pub const PART: usize = 16;

/// What turns a row's training seed into that of its siblings: beyond the seeds that people write. A sibling for each row
/// keeps the rows independent, which pairs among them would not be.
const SIBLING: u64 = 1 << 32;

/// Trainings of one Refit cell of a convex fit, which are solved together.
const TOGETHER: usize = 512;

/// The most steps that a strip shows: what a page holds in one row of maps that can still be told apart, or in two.
const STEPS: usize = 12;

/// All cells of the suite, as far as they can be known: `record` answers with what a finished cell recorded, and metrics
/// that ask in rounds ask as far as these answers carry them.
pub fn expand(suite: &Suite, outside: &Outside, record: &dyn Fn(CellId) -> Option<Value>) -> Result<Plan> {
    let mut expansion = Expansion { suite, outside, record, plan: Plan::default(), ranks: HashMap::new() };
    if suite.metrics.is_empty() {
        expansion.networks()?;
    }
    for metric in 0..suite.metrics.len() {
        for (row, contender, images) in expansion.rows(metric) {
            expansion.score(metric, images, row, contender)?;
        }
    }
    // Of influence methods there are no maps to be shown.
    let maps = |metric: &usize| !suite.metrics[*metric].value.metric.method.influences();
    for metric in (0..suite.metrics.len()).filter(maps) {
        for (row, explainer, images) in expansion.rows(metric) {
            if row.seed == suite.model_seeds[0] {
                expansion.gallery(images, &row, explainer)?;
                expansion.strip(metric, images, row, explainer)?;
            }
        }
    }
    Ok(expansion.plan)
}

struct Expansion<'a, 'o> {
    suite: &'a Suite,
    outside: &'a Outside<'o>,
    record: &'a dyn Fn(CellId) -> Option<Value>,
    plan: Plan,
    /// The rankings that are planned already, by metric, network and explainer.
    ranks: HashMap<(usize, CellId, usize), [Vec<CellId>; 2]>,
}

impl<'a> Expansion<'a, '_> {
    /// Every network for its own sake: what a suite without metrics asks for.
    fn networks(&mut self) -> Result<()> {
        for Network { dataset, model, .. } in &self.suite.networks {
            for seed in self.suite.seeds_of(*model) {
                let network = Train { dataset: *dataset, model: *model, seed: *seed, data: DataRef::Stated };
                let trained = self.train(&network)?;
                self.plan.add_goal(trained);
            }
        }
        Ok(())
    }

    /// The networks and contenders that a metric looks at, and on which images.
    fn rows(&self, metric: usize) -> Vec<(Train, usize, &'a Images)> {
        let mut rows = Vec::new();
        for Network { dataset, model, .. } in &self.suite.networks {
            for seed in self.suite.seeds_of(*model) {
                for contender in 0..self.suite.contenders() {
                    if let Some(images) = self.suite.images_of(metric, *dataset, *model, contender) {
                        let network = Train { dataset: *dataset, model: *model, seed: *seed, data: DataRef::Stated };
                        rows.push((network, contender, images));
                    }
                }
            }
        }
        rows
    }

    /// Plans what a metric needs to score one row, and the score itself once it asks for nothing more.
    fn score(&mut self, m: usize, images: &Images, row: Train, contender: usize) -> Result<()> {
        let metric = &self.suite.metrics[m].value.metric.method;
        let trained = self.train(&row)?;
        self.plan.add_goal(trained);
        let mut known = self.suite.known(row.dataset, row.model);
        let mut asked = BTreeSet::new();
        let (mut explained, mut others, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..metric.rounds() {
            let new: Vec<Need> = metric.needs(&known).into_iter().filter(|need| !asked.contains(need)).collect();
            if new.is_empty() {
                break;
            }
            let mut complete = true;
            for need in new {
                let cells = self.need(&need, m, images, &row, contender)?;
                // Only who asks again looks at what came of it.
                if metric.rounds() > 1 {
                    let records: Vec<Value> = cells.iter().filter_map(|id| (self.record)(*id)).collect();
                    complete &= records.len() == cells.len();
                    known.records.insert(need.clone(), records);
                }
                answers.push((need.clone(), cells.clone()));
                match &need {
                    Need::Attributions(ModelRef::Original) => explained.extend(cells),
                    Need::Attributions(reference) => self.other(&mut others, reference, &row)?.explained.extend(cells),
                    Need::Model(ModelRef::Original) | Need::Maps(_) | Need::Perturbed(_) | Need::Retrained(_) => {}
                    Need::Influence(_) | Need::Refitted(_) | Need::Poisoned(_) => {}
                    Need::Model(reference) => {
                        self.other(&mut others, reference, &row)?;
                    }
                }
                asked.insert(need);
            }
            let rounds_left = metric.rounds() - round - 1;
            if !complete && rounds_left > 0 {
                self.plan.later_rounds = self.plan.later_rounds.max(rounds_left);
                let cells = answers.into_iter().flat_map(|(_, cells)| cells);
                cells.for_each(|id| self.plan.add_goal(id));
                return Ok(());
            }
        }
        let images = images.clone();
        let networks = std::iter::once(trained).chain(others.iter().map(|other: &Other| other.trained));
        let needs = networks.chain(answers.iter().flat_map(|(_, cells)| cells).copied()).collect();
        let task = Score { network: row, trained, contender, metric: m, images, explained, others, answers };
        let id = identity::score(&task, self.suite, self.outside);
        self.plan.rows.push(Row { network: task.network.clone(), contender, metric: m, score: id });
        self.plan.add(Cell { id, task: Task::Score(task), needs });
        self.plan.add_goal(id);
        Ok(())
    }

    /// The cells that answer a need.
    fn need(
        &mut self,
        need: &Need,
        metric: usize,
        images: &Images,
        row: &Train,
        contender: usize,
    ) -> Result<Vec<CellId>> {
        // Whoever is asked for maps is one of the explainers, which come first.
        let explainer = contender;
        match need {
            Need::Influence(about) => Ok(vec![self.influence(about, row, images, contender)?]),
            Need::Refitted(without) => self.refit(without, row, images, contender),
            Need::Poisoned(change) => self.poison(change, row, images, contender),
            Need::Retrained(retraining) => Ok(vec![self.retrain(retraining, metric, row, explainer)?]),
            Need::Perturbed(end) => self.perturb(*end, metric, row, images, explainer),
            Need::Model(reference) => Ok(vec![self.train(&network(row, reference))?]),
            Need::Attributions(reference) => {
                self.explain(&network(row, reference), row, images, explainer, &Maps::default())
            }
            Need::Maps(maps) => {
                let by = maps.by.as_deref().map(|label| self.suite.explainer(label)).transpose()?;
                self.explain(row, row, images, by.unwrap_or(explainer), maps)
            }
        }
    }

    /// The entry of `others` for a network, made if it is the first that is asked of it.
    fn other<'o>(&mut self, others: &'o mut Vec<Other>, reference: &ModelRef, row: &Train) -> Result<&'o mut Other> {
        let place = match others.iter().position(|other| other.reference == *reference) {
            Some(place) => place,
            None => {
                let network = network(row, reference);
                let trained = self.train(&network)?;
                others.push(Other { reference: reference.clone(), network, trained, explained: Vec::new() });
                others.len() - 1
            }
        };
        Ok(&mut others[place])
    }

    fn train(&mut self, train: &Train) -> Result<CellId> {
        let id = identity::train(train, self.suite, self.outside)?;
        Ok(self.plan.add(Cell { id, task: Task::Train(train.clone()), needs: Vec::new() }))
    }

    /// The explanations of a network, for the images and classes of `row`.
    fn explain(
        &mut self,
        network: &Train,
        row: &Train,
        images: &Images,
        explainer: usize,
        maps: &Maps,
    ) -> Result<Vec<CellId>> {
        let (trained, sampled) = (self.train(network)?, self.train(row)?);
        let needs = if trained == sampled { vec![trained] } else { vec![trained, sampled] };
        let blocks = images.count.min(self.suite.available(network.dataset, images.split)).div_ceil(BLOCK);
        (0..blocks)
            .map(|block| {
                let (images, maps) = (images.clone(), maps.clone());
                let task = Explain { network: network.clone(), trained, sampled, explainer, maps, images, block };
                let id = identity::explain(&task, self.suite, self.outside)?;
                Ok(self.plan.add(Cell { id, task: Task::Explain(task), needs: needs.clone() }))
            })
            .collect()
    }

    /// The moved images of a row, `PART` by `PART`, block after block.
    fn perturb(
        &mut self,
        end: Perturbed,
        metric: usize,
        row: &Train,
        images: &Images,
        explainer: usize,
    ) -> Result<Vec<CellId>> {
        let trained = self.train(row)?;
        let explained = self.explain(row, row, images, explainer, &Maps::default())?;
        let available = self.suite.available(row.dataset, images.split).min(images.count);
        let mut cells = Vec::new();
        for (block, explained) in explained.into_iter().enumerate() {
            for part in 0..available.saturating_sub(block * BLOCK).min(BLOCK).div_ceil(PART) {
                let (network, images) = (row.clone(), images.clone());
                let task = Perturb { network, trained, explainer, metric, end, images, explained, block, part };
                let id = identity::perturb(&task, self.suite, self.outside)?;
                cells.push(self.plan.add(Cell { id, task: Task::Perturb(task), needs: vec![trained, explained] }));
            }
        }
        Ok(cells)
    }

    fn influence(&mut self, about: &About, row: &Train, images: &Images, contender: usize) -> Result<CellId> {
        let (About::Test(_, data) | About::Itself(data)) = *about;
        let network = Train { data, ..row.clone() };
        let (trained, sampled) = (self.train(&network)?, self.train(row)?);
        let count = self.suite.influence(contender)?.method.siblings() as u64;
        let sibling = |at: u64| Train { seed: network.seed + ((at + 1) << 33), ..network.clone() };
        let siblings = (0..count).map(|at| Ok((sibling(at), self.train(&sibling(at))?))).collect::<Result<Vec<_>>>()?;
        let networks = if trained == sampled { vec![trained] } else { vec![trained, sampled] };
        let needs = networks.into_iter().chain(siblings.iter().map(|(_, id)| *id)).collect();
        let (about, images) = (about.clone(), images.clone());
        let task = Influence { network, trained, sampled, contender, about, images, siblings };
        let id = identity::influence(&task, self.suite, self.outside)?;
        Ok(self.plan.add(Cell { id, task: Task::Influence(task), needs }))
    }

    /// Trainings without some examples: of a convex fit many to a cell, of others each its own.
    fn refit(&mut self, without: &Without, row: &Train, images: &Images, contender: usize) -> Result<Vec<CellId>> {
        let trained = self.train(row)?;
        let follows = match without.left_out.follows() {
            None => None,
            Some(of) => {
                let about = About::Test(of, DataRef::Stated);
                Some((contender, self.influence(&about, row, images, contender)?))
            }
        };
        let test = images.count.min(self.suite.available(row.dataset, images.split));
        let problems = without.left_out.problems(test);
        let together = if self.suite.is_convex(row.model) { TOGETHER } else { 1 };
        // A convex fit ends where it ends, so that all repetitions of one are the same cells.
        let start = match without.start {
            Start::Cold(_) if self.suite.is_convex(row.model) => Start::Warm,
            start => start,
        };
        let without = &Without { start, ..without.clone() };
        let mut cells = Vec::new();
        for first in (0..problems).step_by(together) {
            let part = first..(first + together).min(problems);
            let (network, without, images) = (row.clone(), without.clone(), images.clone());
            let task = Refit { network, trained, without, images, follows, part };
            let id = identity::refit(&task, self.suite, self.outside);
            let needs = std::iter::once(trained).chain(follows.map(|(_, id)| id)).collect();
            cells.push(self.plan.add(Cell { id, task: Task::Refit(task), needs }));
        }
        Ok(cells)
    }

    /// Attacks through the training examples, test point by test point.
    fn poison(&mut self, change: &Change, row: &Train, images: &Images, contender: usize) -> Result<Vec<CellId>> {
        let trained = self.train(row)?;
        let points = images.count.min(self.suite.available(row.dataset, images.split));
        let cell = |point: usize| {
            let (network, images, change) = (row.clone(), images.clone(), *change);
            let task = Poison { network, trained, contender, change, images, point };
            let id = identity::poison(&task, self.suite, self.outside)?;
            Ok(Cell { id, task: Task::Poison(task), needs: vec![trained] })
        };
        let cells = (0..points).map(cell).collect::<Result<Vec<_>>>()?;
        Ok(cells.into_iter().map(|cell| self.plan.add(cell)).collect())
    }

    fn retrain(&mut self, retraining: &Retraining, metric: usize, row: &Train, explainer: usize) -> Result<CellId> {
        let trained = self.train(row)?;
        let explainer = match &retraining.on {
            Modified::Not => None,
            Modified::Images(Ranked::Row, _) | Modified::Masks(Ranked::Row, _) => Some(explainer),
            Modified::Images(Ranked::Random, _) | Modified::Masks(Ranked::Random, _) => {
                let elements = self.suite.metrics[metric].value.metric.method.ranks_elements();
                Some(self.suite.random(elements)?)
            }
        };
        let ranks = match explainer {
            None => [Vec::new(), Vec::new()],
            Some(explainer) => self.ranks(metric, row, trained, explainer)?,
        };
        let needs = std::iter::once(&trained).chain(ranks.iter().flatten()).copied().collect();
        let retraining = retraining.clone();
        let task = Retrain { network: row.clone(), trained, explainer, metric, retraining, ranks };
        let id = identity::retrain(&task, self.suite, self.outside)?;
        Ok(self.plan.add(Cell { id, task: Task::Retrain(task), needs }))
    }

    /// The rankings of all training images, then of all test images.
    fn ranks(&mut self, metric: usize, row: &Train, trained: CellId, explainer: usize) -> Result<[Vec<CellId>; 2]> {
        let key = (metric, trained, explainer);
        if let Some(known) = self.ranks.get(&key) {
            return Ok(known.clone());
        }
        let ranks = [
            self.rank(metric, row, trained, explainer, SplitName::Train)?,
            self.rank(metric, row, trained, explainer, SplitName::Test)?,
        ];
        self.ranks.insert(key, ranks.clone());
        Ok(ranks)
    }

    fn rank(
        &mut self,
        metric: usize,
        row: &Train,
        trained: CellId,
        explainer: usize,
        split: SplitName,
    ) -> Result<Vec<CellId>> {
        let images = self.suite.retrained(row.dataset, split);
        (0..images)
            .step_by(BLOCK)
            .map(|start| {
                let images = start..(start + BLOCK).min(images);
                let task = Rank { network: row.clone(), trained, explainer, metric, split, images };
                let id = identity::rank(&task, self.suite, self.outside)?;
                Ok(self.plan.add(Cell { id, task: Task::Rank(task), needs: vec![trained] }))
            })
            .collect()
    }

    /// A picture of each explainer on each network for the gallery, of the images of the first metric that looks at it.
    fn gallery(&mut self, images: &Images, row: &Train, explainer: usize) -> Result<()> {
        let shown = self.plan.goals.iter().filter_map(|id| self.plan.cell(*id)).any(|cell| match &cell.task {
            Task::Picture(other) => {
                let place = (other.network.dataset, other.network.model, other.explainer);
                other.shown == Shown::Gallery && place == (row.dataset, row.model, explainer)
            }
            _ => false,
        });
        if !shown {
            self.picture(Shown::Gallery, images, row, explainer, Maps::default())?;
        }
        Ok(())
    }

    /// The pictures of the steps that a metric shows, if it shows any.
    fn strip(&mut self, metric: usize, images: &Images, row: Train, explainer: usize) -> Result<()> {
        let known = self.suite.known(row.dataset, row.model);
        let mut steps = self.suite.metrics[metric].value.metric.method.steps(&known);
        let count = steps.len();
        if count == 0 {
            return Ok(());
        }
        let mut place = 0..count;
        let kept = spread(count, STEPS);
        steps.retain(|_| place.next().is_some_and(|place| kept.contains(&place)));
        let mut pictures = Vec::new();
        for (title, maps) in std::iter::once((AS_TRAINED.to_string(), Maps::default())).chain(steps) {
            let id = self.picture(Shown::Strip, images, &row, explainer, maps)?;
            pictures.extend(id.map(|id| (title, id)));
        }
        self.plan.strips.push(Strip { network: row, explainer, metric, pictures, steps: count });
        Ok(())
    }

    /// A picture of the first block of explanations; `None` where there are no images.
    fn picture(
        &mut self,
        shown: Shown,
        images: &Images,
        row: &Train,
        explainer: usize,
        maps: Maps,
    ) -> Result<Option<CellId>> {
        let Some(explained) = self.explain(row, row, images, explainer, &maps)?.first().copied() else {
            return Ok(None);
        };
        let (trained, images) = (self.train(row)?, images.clone());
        let task = Picture { network: row.clone(), trained, explainer, images, shown, maps, explained };
        let id = identity::picture(&task, self.suite, self.outside);
        self.plan.add(Cell { id, task: Task::Picture(task), needs: vec![trained, explained] });
        self.plan.add_goal(id);
        Ok(Some(id))
    }
}

/// At most `most` of `count` places, evenly spread from the first to the last.
fn spread(count: usize, most: usize) -> BTreeSet<usize> {
    if count <= most {
        return (0..count).collect();
    }
    let last = most.saturating_sub(1).max(1);
    (0..most).map(|at| (at * (count - 1) + last / 2) / last).collect()
}

/// The network that a reference names, seen from a row.
fn network(row: &Train, reference: &ModelRef) -> Train {
    match reference {
        ModelRef::Original => row.clone(),
        ModelRef::Reseeded(seed) => Train { seed: *seed, ..row.clone() },
        ModelRef::Counterpart => Train { data: DataRef::Counterpart, ..row.clone() },
        ModelRef::Sibling(data) => Train { data: *data, seed: row.seed ^ SIBLING, ..row.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_steps_some_are_shown_with_both_ends() {
        let spread = |count, most| spread(count, most).into_iter().collect::<Vec<_>>();
        assert_eq!(spread(0, 4), [0; 0]);
        assert_eq!(spread(4, 4), [0, 1, 2, 3]);
        // Thirds of 9: 0, 3, 6, 9.
        assert_eq!(spread(10, 4), [0, 3, 6, 9]);
        // Thirds of 5, rounded: 0, 1.67, 3.33, 5.
        assert_eq!(spread(6, 4), [0, 2, 3, 5]);
        assert_eq!((spread(54, 12).len(), spread(54, 12).last()), (12, Some(&53)));
    }
}
