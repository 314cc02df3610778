//! From finished cells to a report: plain arrays in, estimates out. Nothing is computed again.

mod gallery;
mod notes;
mod scores;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Cell, Contender, Group, Measure, Report};
use crate::error::Result;
use crate::explainers::Role;
use crate::metrics::Direction;
use crate::plan::{CellId, DataRef, Plan, Task};
use crate::stats::{Estimate, Inference, Population, Resampler, Sample};
use crate::store::{Content, Store};
use crate::suite::Suite;

use gallery::gallery;
use notes::notes;
use scores::Place;
pub use scores::{points_of, sample};

/// With this many units or fewer, each of them is shown.
const FEW: usize = 10;

/// Everything that the finished goals of `plan` say; what did not finish is missing and said to be. `failed` explains why.
pub fn collect(suite: &Suite, plan: &Plan, store: &Store, failed: &BTreeMap<CellId, String>) -> Result<Report> {
    let collected = Collected { suite, scores: scores::read(suite, plan, store)?, inference: inference(suite) };
    let mut tables = Vec::new();
    let mut pictures = Vec::new();
    for network in &suite.networks {
        let place = (network.dataset, network.model);
        let trained = read_networks(suite, plan, store, place)?;
        let group = collected.group(place, &trained, failed);
        if !group.measures.is_empty() {
            tables.push(group);
            pictures.extend(gallery(suite, plan, store, place)?);
        }
    }
    Ok(Report {
        suite: suite.name.clone(),
        question: suite.question.clone(),
        analysis: suite.analysis.clone(),
        inference: inference_words(suite),
        tables,
        pictures,
        notes: notes(suite, plan, store, failed),
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

fn inference_words(suite: &Suite) -> String {
    let percent = 100.0 * (1.0 - suite.alpha);
    match suite.over {
        Population::Recipe => format!("{percent} % intervals over new trainings of the recipe"),
        Population::Model => format!("{percent} % intervals over new images, for these networks"),
    }
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
    fn group(&self, place: (usize, usize), trained: &[Value], failed: &BTreeMap<CellId, String>) -> Group {
        let metrics: Vec<usize> = (0..self.suite.metrics.len())
            .filter(|m| {
                let table = &self.suite.metrics[*m].value;
                table.datasets.contains(&place.0) && table.models.contains(&place.1)
            })
            .collect();
        let mut measures = Vec::new();
        let mut columns: Vec<(usize, crate::metrics::Measure)> = Vec::new();
        for m in metrics {
            for measure in self.suite.metrics[m].value.metric.method.measures() {
                measures.push(self.measure(m, &measure));
                columns.push((m, measure));
            }
        }
        let mut contenders: Vec<Contender> = Vec::new();
        for (e, explainer) in self.suite.explainers.iter().enumerate() {
            if columns.iter().any(|(m, _)| self.suite.images_of(*m, place.0, place.1, e).is_some()) {
                let cells = columns.iter().map(|(m, measure)| self.cell((place.0, place.1, e, *m), measure)).collect();
                let role = explainer.value.chosen.method.role();
                contenders.push(Contender { label: explainer.label.clone(), role, cells });
            }
        }
        // Controls last: a reader meets what is under test first.
        contenders.sort_by_key(|contender| match contender.role {
            Role::Explainer => 0,
            Role::Control => 1,
            Role::Oracle => 2,
        });
        for (c, (m, measure)) in columns.iter().enumerate() {
            self.compare(&mut contenders, c, measure, (place.0, place.1, *m));
        }
        Group {
            dataset: self.suite.datasets[place.0].label.clone(),
            model: self.suite.models[place.1].label.clone(),
            caption: self.caption(place, trained, failed),
            measures,
            contenders,
        }
    }

    fn measure(&self, m: usize, measure: &crate::metrics::Measure) -> Measure {
        Measure {
            metric: self.suite.metrics[m].label.clone(),
            measure: measure.name.to_string(),
            direction: measure.direction,
            smallest_effect: measure.smallest_effect,
            unit: measure.unit.to_string(),
            headline: measure.axis.is_none() && !measure.minor,
            timing: measure.timing,
            axis: measure.axis.unwrap_or_default().to_string(),
            reference_lines: Vec::new(),
        }
    }

    fn cell(&self, place: Place, measure: &crate::metrics::Measure) -> Cell {
        let Some(contents) = self.scores.get(&place) else {
            let asked = self.suite.images_of(place.3, place.0, place.1, place.2).is_some();
            return Cell::Missing(if asked { "did not finish" } else { "not asked for" }.to_string());
        };
        let points = points_of(contents, measure.name);
        if measure.axis.is_some() {
            let point = |(p, at): (usize, &f64)| (*at, self.inference.estimate(&sample(contents, measure.name, p)));
            return Cell::Curve(points.iter().enumerate().map(point).collect());
        }
        let sample = sample(contents, measure.name, 0);
        let mut estimate = self.inference.estimate(&sample);
        if measure.timing {
            // How long it took here, and no claim about other runs.
            (estimate.low, estimate.high) = (estimate.point, estimate.point);
        }
        let units = match self.inference.over {
            Population::Recipe => sample.network_means(),
            Population::Model => sample.unit_means(),
        };
        let dots = if units.len() <= FEW && !measure.timing { units } else { Vec::new() };
        Cell::Number { estimate, against_control: None, beats_control: None, dots }
    }

    /// Holds every explainer of a column against the best of the controls that do not see the model.
    fn compare(
        &self,
        contenders: &mut [Contender],
        column: usize,
        measure: &crate::metrics::Measure,
        at: (usize, usize, usize),
    ) {
        if measure.direction == Direction::None || measure.axis.is_some() {
            return;
        }
        let index = |label: &str| self.suite.explainers.iter().position(|explainer| explainer.label == label);
        let sample_of = |label: &str| {
            let contents = self.scores.get(&(at.0, at.1, index(label)?, at.2))?;
            Some(sample(contents, measure.name, 0))
        };
        let mut best: Option<(f64, Sample)> = None;
        for control in contenders.iter().filter(|contender| contender.role == Role::Control) {
            if let (Cell::Number { estimate, .. }, Some(sample)) = (&control.cells[column], sample_of(&control.label))
                && !estimate.point.is_nan()
                && best.as_ref().is_none_or(|(held, _)| measure.direction.better(estimate.point, *held))
            {
                best = Some((estimate.point, sample));
            }
        }
        let Some((_, control)) = best else { return };
        for contender in contenders.iter_mut().filter(|contender| contender.role == Role::Explainer) {
            let Some(own) = sample_of(&contender.label) else { continue };
            let difference = self.inference.difference(&own, &control);
            if let Cell::Number { against_control, beats_control, .. } = &mut contender.cells[column] {
                *beats_control = beats(measure.direction, &difference);
                *against_control = Some(difference);
            }
        }
    }

    /// What a table's reader has to know about its numbers.
    fn caption(&self, place: (usize, usize), trained: &[Value], failed: &BTreeMap<CellId, String>) -> String {
        let seeds = self.suite.model_seeds.len();
        let accuracies: Vec<f64> = trained.iter().filter_map(|record| record["test_accuracy"].as_f64()).collect();
        let networks = if seeds == 1 { "1 network".to_string() } else { format!("{seeds} networks") };
        let accuracy = match (accuracies.iter().copied().reduce(f64::min), accuracies.iter().copied().reduce(f64::max))
        {
            (Some(low), Some(high)) if low < high => format!("test accuracy {low:.3} to {high:.3}"),
            (Some(low), _) => format!("test accuracy {low:.3}"),
            _ => "not trained".to_string(),
        };
        let mut images: Vec<String> = Vec::new();
        for metric in &self.suite.metrics {
            let table = &metric.value;
            if !table.follows && table.datasets.contains(&place.0) && table.models.contains(&place.1) {
                let text = table.images.shown();
                if !images.contains(&text) {
                    images.push(text);
                }
            }
        }
        let failed = if failed.is_empty() { String::new() } else { format!(" {} cells failed.", failed.len()) };
        let counts = self.scores.iter().filter(|(at, _)| (at.0, at.1) == place).flat_map(|(_, contents)| contents);
        let counts: BTreeSet<usize> =
            counts.filter_map(|content| content.arrays.get("ids")).map(|ids| ids.shape[0]).collect();
        let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
        format!(
            "{networks}, {accuracy}. Images: {} of each network, {}. {}.{failed}",
            counts.join(" or "),
            images.join(" / "),
            inference_words(self.suite)
        )
    }
}

/// Whether the whole interval of a difference lies on the better side of 0; `None` without an interval.
fn beats(direction: Direction, difference: &Estimate) -> Option<bool> {
    if difference.low.is_nan() || difference.high.is_nan() {
        return None;
    }
    Some(match direction {
        Direction::Lower => difference.high < 0.0,
        Direction::Higher => difference.low > 0.0,
        Direction::None => return None,
    })
}
