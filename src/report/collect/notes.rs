//! What stands below the tables: warnings first, the settings that change rankings, and what went wrong.

use std::collections::BTreeMap;

use crate::config::Settings;
use crate::explainers::Role;
use crate::plan::{CellId, Plan, Task};
use crate::store::Store;
use crate::suite::Suite;

pub fn notes(suite: &Suite, plan: &Plan, store: &Store, failed: &BTreeMap<CellId, String>) -> Vec<String> {
    let explainers = suite.explainers.iter().filter(|row| row.value.chosen.method.role() == Role::Explainer);
    let explainers = explainers.map(|row| {
        let mut settings = shown(&row.value.chosen.settings);
        settings.push(format!("pixel map: {}", row.value.map.shown()));
        format!("{}: {}", row.label, settings.join(", "))
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
    suite.warnings().into_iter().chain(explainers).chain(metrics).chain(data).chain(missing).chain(failures).collect()
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
