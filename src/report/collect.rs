//! From finished cells to a report: plain arrays in, estimates out. Nothing is computed again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Cell, Contender, Gallery, GalleryRow, Group, Measure, Picture, Report};
use crate::error::{Error, Result};
use crate::explainers::Role;
use crate::metrics::Direction;
use crate::plan::{CellId, Plan, Task};
use crate::stats::{Estimate, Inference, Population, Resampler, Sample};
use crate::store::{Array, Content, Data, Store};
use crate::suite::Suite;

/// With this many units or fewer, each of them is shown.
const FEW: usize = 10;

/// Everything that the finished goals of `plan` say; what did not finish is missing and said to be. `failed` explains why.
pub fn collect(suite: &Suite, plan: &Plan, store: &Store, failed: &BTreeMap<CellId, String>) -> Result<Report> {
    let collected = Collected { suite, scores: read_scores(plan, store)?, inference: inference(suite) };
    let mut tables = Vec::new();
    let mut pictures = Vec::new();
    for network in &suite.networks {
        let place = (network.dataset, network.model);
        let trained = read_networks(plan, store, place)?;
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
        notes: notes(suite, plan, failed),
    })
}

/// Where a score belongs: dataset, model, explainer, metric.
type Place = (usize, usize, usize, usize);

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

fn read_scores(plan: &Plan, store: &Store) -> Result<BTreeMap<Place, Vec<Content>>> {
    let mut scores: BTreeMap<Place, Vec<Content>> = BTreeMap::new();
    for id in &plan.goals {
        if let Some(Task::Score(task)) = plan.cell(*id).map(|cell| &cell.task)
            && let Some(content) = store.get(*id)?
        {
            let place = (task.network.dataset, task.network.model, task.explainer, task.metric);
            scores.entry(place).or_default().push(content);
        }
    }
    Ok(scores)
}

/// The training records of a network, one per seed that finished.
fn read_networks(plan: &Plan, store: &Store, place: (usize, usize)) -> Result<Vec<Value>> {
    let mut records = Vec::new();
    for cell in &plan.cells {
        if let Task::Train(train) = &cell.task
            && (train.dataset, train.model) == place
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
            headline: measure.axis.is_none(),
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
        let points = points_of(&contents[0], measure.name);
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

/// The points of a measure's curve; [0] for a plain number.
pub(super) fn points_of(content: &Content, measure: &str) -> Vec<f64> {
    let measures = content.record["measures"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = measures.iter().find(|value| value["name"] == measure);
    let at = found.and_then(|value| value["at"].as_array()).map(Vec::as_slice).unwrap_or_default();
    at.iter().filter_map(Value::as_f64).collect()
}

/// The values of one point of a measure, network by network.
pub(super) fn sample(contents: &[Content], measure: &str, point: usize) -> Sample {
    let network = |content: &Content| {
        let (Some(Array { data: Data::I64(ids), .. }), Some(Array { shape, data: Data::F64(values) })) =
            (content.arrays.get("ids"), content.arrays.get(&format!("values.{measure}")))
        else {
            return Vec::new();
        };
        let points = shape.get(1).copied().unwrap_or(1);
        let value = |row: usize| values.get(row * points + point).copied().unwrap_or(f64::NAN);
        ids.iter().enumerate().map(|(row, id)| (*id as u64, value(row))).collect()
    };
    Sample { networks: contents.iter().map(network).collect() }
}

/// The pictures of one network: a row per image, a column per explainer.
fn gallery(suite: &Suite, plan: &Plan, store: &Store, place: (usize, usize)) -> Result<Option<Gallery>> {
    let mut columns = Vec::new();
    let mut rows: Vec<GalleryRow> = Vec::new();
    let mut order: Vec<(usize, CellId)> = Vec::new();
    for id in &plan.goals {
        if let Some(Task::Picture(task)) = plan.cell(*id).map(|cell| &cell.task)
            && (task.network.dataset, task.network.model) == place
        {
            order.push((task.explainer, *id));
        }
    }
    // The table's order: explainers under test before controls.
    order.sort_by_key(|(e, _)| (suite.explainers[*e].value.chosen.method.role() != Role::Explainer, *e));
    for (explainer, id) in order {
        let Some(content) = store.get(id)? else { continue };
        let (inputs, maps) = (pictures(&content, "input")?, pictures(&content, "map")?);
        if rows.is_empty() {
            rows = inputs.into_iter().enumerate().map(|(i, input)| row(&content.record, i, input)).collect();
        }
        columns.push(suite.explainers[explainer].label.clone());
        rows.iter_mut().zip(maps).for_each(|(row, map)| row.maps.push(map));
    }
    let (dataset, model) = (suite.datasets[place.0].label.clone(), suite.models[place.1].label.clone());
    Ok((!columns.is_empty()).then(|| Gallery {
        title: "Maps".to_string(),
        dataset,
        model,
        columns,
        rows,
        note: format!(
            "The first images of the sample, which is drawn by seed {}; network of training seed {}.",
            suite.seed, suite.model_seeds[0]
        ),
    }))
}

fn row(record: &Value, i: usize, mut input: Picture) -> GalleryRow {
    let word = |key: &str| record[key][i].as_str().unwrap_or("?").to_string();
    let (label, predicted) = (word("labels"), word("predicted"));
    input.boxes = serde_json::from_value(record["boxes"][i].clone()).unwrap_or_default();
    let label = if label == predicted { label } else { format!("{label}, predicted {predicted}") };
    GalleryRow { label, input, maps: Vec::new() }
}

/// The images of an array [N, C, H, W] or [N, H, W].
fn pictures(content: &Content, name: &str) -> Result<Vec<Picture>> {
    let Some(Array { shape, data: Data::F32(values) }) = content.arrays.get(name) else {
        return Err(Error::new(format!("a picture lacks `{name}`")));
    };
    let (channels, height, width) = match shape.as_slice() {
        [_, c, h, w] => (*c, *h, *w),
        [_, h, w] => (1, *h, *w),
        other => return Err(Error::new(format!("a picture of shape {other:?}"))),
    };
    let picture = |values: &[f32]| Picture { height, width, channels, values: values.to_vec(), boxes: Vec::new() };
    Ok(values.chunks(channels * height * width).map(picture).collect())
}

fn notes(suite: &Suite, plan: &Plan, failed: &BTreeMap<CellId, String>) -> Vec<String> {
    let explainers = suite.explainers.iter().filter(|row| row.value.chosen.method.role() == Role::Explainer);
    let explainers = explainers.map(|row| {
        let mut settings = shown(&row.value.chosen.settings);
        settings.push(format!("pixel map: {}", row.value.map.shown()));
        format!("{}: {}", row.label, settings.join(", "))
    });
    let metrics = suite.metrics.iter().filter_map(|row| {
        let settings = shown(&row.value.metric.settings);
        (!settings.is_empty()).then(|| format!("{}: {}", row.label, settings.join(", ")))
    });
    let failures = failed.iter().map(|(id, error)| {
        let what = plan.cell(*id).map_or_else(|| id.to_string(), |cell| cell.task.describe(suite));
        format!("failed: {what}: {error}")
    });
    explainers.chain(metrics).chain(failures).collect()
}

/// Every setting of a method, defaults too: what changes rankings is always stated.
fn shown(settings: &crate::config::Settings) -> Vec<String> {
    let settings = settings.shown().into_iter().filter(|(key, _, _)| key != "use");
    settings.map(|(key, value, _)| format!("{} = {value}", key.trim_end_matches(".use"))).collect()
}
