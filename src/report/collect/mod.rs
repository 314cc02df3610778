//! From finished cells to a report: plain arrays in, estimates out. Nothing is computed again.

mod among;
mod caption;
mod compare;
mod gallery;
mod inference;
mod judge;
mod lines;
mod multiverse;
mod networks;
mod notes;
mod scatters;
mod scores;
mod strips;
mod verdicts;
mod worst;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Brackets, Cell, Contender, Flag, Group, Measure, Point, Report};
use crate::error::Result;
use crate::explainers::Role;
use crate::plan::{CellId, DataRef, Plan, Task};
use crate::stats::{Inference, Resampler};
use crate::store::{Content, Store};
use crate::suite::{Origin, Suite};

use gallery::gallery;
use notes::notes;
use scores::Place;
pub use scores::{points_of, sample};
use strips::strips;

/// Variants of a metric that tables and figures show one by one.
const MOST: usize = 4;

/// Everything that the finished goals of `plan` say; what did not finish is missing and said to be. `failed` explains why.
pub fn collect(suite: &Suite, plan: &Plan, store: &Store, failed: &BTreeMap<CellId, String>) -> Result<Report> {
    let collected = Collected { suite, scores: scores::read(suite, plan, store)?, inference: inference(suite) };
    let (mut tables, mut multiverses, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut pictures, mut all_strips, mut scatters) = (Vec::new(), Vec::new(), Vec::new());
    for network in &suite.networks {
        let place = (network.dataset, network.model);
        let trained = read_networks(suite, plan, store, place)?;
        let group = collected.group(place, &trained, failed);
        verdicts.extend(collected.verdicts(place, &group));
        if !group.measures.is_empty() {
            tables.push(group);
            scatters.extend(collected.scatters(place));
            multiverses.extend(collected.multiverses(place));
            let worst = worst::worst(suite, &collected.scores, place);
            pictures.extend(gallery(suite, plan, store, place, worst)?);
            all_strips.extend(strips(suite, plan, store, place)?);
        }
    }
    Ok(Report {
        suite: suite.name.clone(),
        question: suite.question.clone(),
        analysis: suite.analysis.clone(),
        inference: collected.inference_words(|_| true),
        networks: networks::networks(suite, plan, store)?,
        tables,
        multiverses,
        pictures,
        strips: all_strips,
        scatters,
        notes: verdicts.into_iter().chain(notes(suite, plan, store, failed)).collect(),
    })
}

struct Collected<'a> {
    suite: &'a Suite,
    /// The contents for each training seed, in the suite's order of seeds.
    scores: BTreeMap<Place, Vec<Content>>,
    inference: Inference,
}

fn inference(suite: &Suite) -> Inference {
    Inference { over: suite.over, alpha: suite.alpha, resampler: Resampler::new(suite.seed) }
}

/// The training records of a network, one per seed of the suite that finished.
fn read_networks(suite: &Suite, plan: &Plan, store: &Store, place: (usize, usize)) -> Result<Vec<Value>> {
    let mut records = Vec::new();
    for cell in &plan.cells {
        if let Task::Train(train) = &cell.task
            && (train.dataset, train.model, train.data) == (place.0, place.1, DataRef::Stated)
            && suite.model_seeds.contains(&train.seed)
        {
            records.extend(store.record(cell.id)?);
        }
    }
    Ok(records)
}

impl Collected<'_> {
    /// What is measured on a dataset and a model, metric by metric.
    fn columns(&self, place: (usize, usize)) -> Vec<(usize, crate::metrics::Measure)> {
        let mut columns = Vec::new();
        for (m, metric) in self.suite.metrics.iter().enumerate() {
            if metric.value.datasets.contains(&place.0) && metric.value.models.contains(&place.1) {
                let measures = metric.value.metric.method.measures().into_iter();
                columns.extend(measures.filter(|measure| !measure.hidden).map(|measure| (m, measure)));
            }
        }
        columns
    }

    fn group(&self, place: (usize, usize), trained: &[Value], failed: &BTreeMap<CellId, String>) -> Group {
        let columns = self.columns(place);
        let mut contenders: Vec<Contender> = Vec::new();
        for e in 0..self.suite.contenders() {
            if columns.iter().any(|(m, _)| self.suite.images_of(*m, place.0, place.1, e).is_some()) {
                contenders.push(Contender {
                    label: self.suite.contender_label(e).to_string(),
                    role: self.suite.contender_role(e),
                    convention: self.convention(e, place.1),
                    cells: columns.iter().map(|(m, measure)| self.cell((place.0, place.1, e, *m), measure)).collect(),
                    flags: self.flags((place.0, place.1, e)),
                });
            }
        }
        // Controls last: a reader meets what is under test first.
        contenders.sort_by_key(|contender| match contender.role {
            Role::Explainer => 0,
            Role::Control => 1,
            Role::Leak => 2,
            Role::Oracle => 3,
        });
        let mut group = Group {
            dataset: self.suite.datasets[place.0].label.clone(),
            model: self.suite.models[place.1].label.clone(),
            caption: self.caption(place, trained, &contenders, failed),
            measures: columns.iter().map(|(m, measure)| self.measure(*m, measure, place)).collect(),
            contenders,
        };
        let classes = self.suite.datasets[place.0].value.described.classes.len();
        for (c, (m, measure)) in columns.iter().enumerate() {
            self.compare(&mut group, c, *m, measure, place);
            group.measures[c].reference_lines = lines::reference_lines(&group, c, measure, classes);
        }
        group
    }

    /// Of an influence method on a model, what its numbers are: sign, divisor and regulariser; else nothing.
    fn convention(&self, contender: usize, model: usize) -> String {
        let (Ok(influence), Origin::Trained(recipe)) =
            (self.suite.influence(contender), &self.suite.models[model].value.origin)
        else {
            return String::new();
        };
        format!("{}, regulariser {} / 2 |theta|^2", influence.method.convention(), recipe.regulariser())
    }

    fn measure(&self, m: usize, measure: &crate::metrics::Measure, place: (usize, usize)) -> Measure {
        Measure {
            family: self.suite.metrics[m].value.metric.method.family(),
            metric: self.suite.metrics[m].label.clone(),
            measure: measure.name.to_string(),
            direction: measure.direction,
            smallest_effect: measure.smallest_effect,
            unit: measure.unit.to_string(),
            headline: measure.axis.is_none() && !measure.minor,
            further: measure.minor,
            variant: self.is_variant(m),
            timing: measure.timing,
            brackets: match (measure.half_width_of, measure.spread_of) {
                (Some(_), _) => Brackets::None,
                (_, Some(_)) => Brackets::Range,
                _ => Brackets::Interval,
            },
            inference: self.inference_of(m),
            units: self.units(m).to_string(),
            warning: self.suite.warning(m),
            together: measure.among.and_then(|_| self.together(m, place)),
            control_of: measure.control_of,
            axis: measure.axis.unwrap_or_default().to_string(),
            points: measure.axis.map_or_else(Vec::new, |_| notes::points(self.suite, m, place)),
            reference_lines: Vec::new(),
        }
    }

    /// Whether a sweep made more of a metric than a table has columns for.
    fn is_variant(&self, m: usize) -> bool {
        let metrics = &self.suite.metrics;
        !metrics[m].sweep.is_empty()
            && metrics.iter().filter(|metric| metric.base() == metrics[m].base()).count() > MOST
    }

    fn cell(&self, place: Place, measure: &crate::metrics::Measure) -> Cell {
        let Some(contents) = self.scores.get(&place) else {
            let asked = self.suite.images_of(place.3, place.0, place.1, place.2).is_some();
            return Cell::Missing(if asked { "did not finish" } else { "not asked for" }.to_string());
        };
        if let Some(bar) = &measure.bar {
            return Cell::number(judge::quantile(&self.inference, contents, bar));
        }
        if let Some(of) = measure.spread_of {
            return Cell::number(judge::spread(contents, of));
        }
        let measures = self.suite.metrics[place.3].value.metric.method.measures();
        // What the values are of: a half-width has none of its own.
        let named = measure.half_width_of.unwrap_or(measure.name);
        let Some(valued) = measures.iter().find(|other| other.name == named) else {
            return Cell::Missing(format!("there is no `{named}`"));
        };
        let judged = |point| match (judge::estimate(&self.inference, contents, valued, point), measure.half_width_of) {
            (judged, None) => judged,
            ((estimate, _), Some(_)) => (judge::half_width(&estimate), Vec::new()),
        };
        if measure.axis.is_some() {
            let point = |(index, at)| {
                let (estimate, dots) = judged(index);
                Point { at, estimate, dots }
            };
            return Cell::Curve(points_of(contents, named).into_iter().enumerate().map(point).collect());
        }
        let (estimate, dots) = judged(0);
        if measure.half_width_of.is_some() && estimate.point.is_nan() {
            return Cell::Missing("too few units for an interval".to_string());
        }
        Cell::Number { estimate, against_control: None, beats_control: None, against_best: None, dots }
    }

    /// What befell the maps of one explainer, in the order of the metrics.
    fn flags(&self, (dataset, model, explainer): (usize, usize, usize)) -> Vec<Flag> {
        let mut flags = Vec::new();
        for (m, metric) in self.suite.metrics.iter().enumerate() {
            let Some(contents) = self.scores.get(&(dataset, model, explainer, m)) else { continue };
            if self.is_variant(m) {
                continue;
            }
            let measures = metric.value.metric.method.measures();
            let unsettled = measures.iter().any(|measure| judge::unsettled(contents, measure));
            // A repetition has a row for each image.
            let rows = |content: &Content| {
                let ids = content.arrays.get("ids").map_or(0, |ids| ids.shape[0]);
                content.record["rows"].as_u64().map_or(ids, |rows| rows as usize)
            };
            let of = contents.iter().map(rows).sum();
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            if unsettled {
                counts.insert("attack not converged", of);
            }
            for (reason, count) in contents.iter().filter_map(|content| content.record["flags"].as_object()).flatten() {
                *counts.entry(reason).or_default() += count.as_u64().unwrap_or(0) as usize;
            }
            let counts = counts.into_iter().filter(|(_, count)| *count > 0);
            let metric = &metric.label;
            flags.extend(counts.map(|(reason, count)| Flag {
                metric: metric.clone(),
                reason: reason.to_string(),
                count,
                of,
            }));
        }
        flags
    }
}
