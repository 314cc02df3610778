//! What stands below the tables: warnings first, the settings that change rankings, and what went wrong.

use std::collections::BTreeMap;

use crate::config::Settings;
use crate::explainers::Role;
use crate::plan::{CellId, Plan, Task};
use crate::store::Store;
use crate::suite::{Network, Origin, SplitName, Suite};

pub fn notes(suite: &Suite, plan: &Plan, store: &Store, failed: &BTreeMap<CellId, String>) -> Vec<String> {
    let explainers = suite.explainers.iter().filter(|row| row.value.chosen.method.role() == Role::Explainer);
    let explainers = explainers.map(|row| {
        let mut settings = shown(&row.value.chosen.settings);
        settings.push(format!("pixel map: {}", row.value.map.shown()));
        format!("{}: {}", row.label, settings.join(", "))
    });
    let influences = suite.influences.iter().map(|row| {
        let settings = std::iter::once(row.value.method.convention().to_string()).chain(shown(&row.value.settings));
        format!("{}: {}", row.label, settings.collect::<Vec<_>>().join(", "))
    });
    // The variants that a sweep made are one line: what they share, and what each of them adds.
    let first = |m: &usize| suite.metrics[..*m].iter().all(|other| other.base() != suite.metrics[*m].base());
    let metrics = (0..suite.metrics.len()).filter(first).filter_map(|m| {
        let row = &suite.metrics[m];
        let swept = |setting: &String| keys(&row.sweep).any(|key| setting.starts_with(&format!("{key} = ")));
        let mut settings: Vec<String> = Vec::new();
        for variant in suite.metrics.iter().filter(|other| other.base() == row.base()) {
            for setting in shown(&variant.value.metric.settings) {
                if !swept(&setting) && !setting.starts_with("images.") && !settings.contains(&setting) {
                    settings.push(setting);
                }
            }
        }
        (!settings.is_empty()).then(|| format!("{}: {}", row.base(), settings.join(", ")))
    });
    let mut data: Vec<String> = Vec::new();
    for cell in &plan.cells {
        if let Task::Train(train) = &cell.task
            && let Ok(Some(record)) = store.record(cell.id)
        {
            let said = record["notes"].as_array().into_iter().flatten().filter_map(|note| note.as_str());
            let dataset = &suite.datasets[train.dataset].label;
            data.extend(said.map(|note| format!("{dataset}: {note}")));
        }
    }
    data.sort();
    data.dedup();
    let failures = failed.iter().map(|(id, error)| {
        let what = plan.cell(*id).map_or_else(|| id.to_string(), |cell| cell.task.describe(suite));
        format!("failed: {what}: {error}")
    });
    let missing = plan.goals.iter().filter(|id| !store.has(**id)).count();
    let missing = (missing > 0).then(|| {
        let all = plan.goals.len();
        format!("{missing} of {all} results are missing; the numbers that they belong to are made of the others")
    });
    let said = suite
        .warnings()
        .into_iter()
        .chain(explainers)
        .chain(influences)
        .chain(objectives(suite))
        .chain(metrics)
        .chain(draws(suite))
        .chain(legends(suite));
    said.chain(data).chain(missing).chain(failures).collect()
}

/// The names of the points of a metric's curves on a network.
pub fn points(suite: &Suite, metric: usize, (dataset, model): (usize, usize)) -> Vec<String> {
    let method = &suite.metrics[metric].value.metric.method;
    suite.network(dataset, model).map_or_else(Vec::new, |network| method.points(&network.graph))
}

/// What the points of curves are, once for each network and metric: "randomization on mnist/lenet: 1 = fc2, 2 = fc1".
fn legends(suite: &Suite) -> Vec<String> {
    let mut legends: Vec<String> = Vec::new();
    for (m, metric) in suite.metrics.iter().enumerate() {
        let table = &metric.value;
        let looks = |d: usize, m: usize| table.datasets.contains(&d) && table.models.contains(&m);
        for network in suite.networks.iter().filter(|network| looks(network.dataset, network.model)) {
            let points = points(suite, m, (network.dataset, network.model)).into_iter().enumerate();
            let points: Vec<String> = points.map(|(at, name)| format!("{} = {name}", at + 1)).collect();
            let on = format!("{}/{}", suite.datasets[network.dataset].label, suite.models[network.model].label);
            if !points.is_empty() {
                legends.push(format!("{}, points on {on}: {}", metric.label, points.join(", ")));
            }
        }
    }
    legends
}

/// What was minimised, where influence methods look at it: the divisor and the regulariser of "removed".
fn objectives(suite: &Suite) -> Vec<String> {
    let looked_at = |network: &&Network| {
        let metrics = suite.metrics.iter().filter(|row| row.value.metric.method.influences());
        metrics
            .map(|row| &row.value)
            .any(|table| table.datasets.contains(&network.dataset) && table.models.contains(&network.model))
    };
    let objective = |network: &Network| {
        let Origin::Trained(recipe) = &suite.models[network.model].value.origin else { return None };
        let on = format!("{}/{}", suite.datasets[network.dataset].label, suite.models[network.model].label);
        let n = suite.available(network.dataset, SplitName::Train);
        let (loss, l2) = (recipe.loss().words(), recipe.regulariser());
        let more = recipe.label_smoothing > 0.0 || recipe.robust.is_some() || recipe.augment != Default::default();
        let beside = if more { ", whatever else the training does" } else { "" };
        Some(format!(
            "objective on {on}: mean {loss} over n = {n} training examples + {l2} / 2 |theta|^2{beside}; trained anew without some \
             of them, the mean over those that stay and the same regulariser"
        ))
    };
    suite.networks.iter().filter(looked_at).filter_map(objective).collect()
}

/// How often what is random beside training is drawn, where some metric draws.
fn draws(suite: &Suite) -> Option<String> {
    let drawing = suite.metrics.iter().filter(|metric| metric.value.metric.method.draws());
    let drawing: Vec<&str> = drawing.map(|metric| metric.label.as_str()).collect();
    (!drawing.is_empty()).then(|| format!("layers are drawn anew {} times: {}", suite.draws.len(), drawing.join(", ")))
}

/// The keys of a sweep's part of a label, such as "[imputer=blur,unit=pixel]".
fn keys(sweep: &str) -> impl Iterator<Item = &str> {
    let parts = sweep.trim_start_matches('[').trim_end_matches(']').split(',');
    parts.filter_map(|part| part.split_once('=')).map(|(key, _)| key)
}

/// Every setting of a method, defaults too: what changes rankings is always stated.
fn shown(settings: &Settings) -> Vec<String> {
    let settings = settings.shown().into_iter().filter(|(key, _, _)| key != "use");
    settings.map(|(key, value, _)| format!("{} = {value}", key.trim_end_matches(".use"))).collect()
}
