//! What metrics that train networks anew ask of the rest of a suite.

use super::read::Read;
use super::{Data, MetricTable, Target, is_random};
use crate::config::Section;
use crate::explainers::Contender;
use crate::metrics::Removal;

pub fn check(root: &Section, datasets: &[Read<Data>], explainers: &[Read<Contender>], metrics: &[Read<MetricTable>]) {
    let tables = metrics.iter().filter_map(|row| Some((row, row.value.as_ref()?)));
    let retraining = tables.filter_map(|(row, table)| Some((row, table, table.metric.method.removal()?)));
    let retraining: Vec<_> = retraining.collect();
    let read = metrics.iter().all(|metric| metric.value.is_some());
    let repeats = metrics.iter().filter_map(|row| row.value.as_ref()).any(|table| table.metric.method.repeats());
    if let (true, Some(seeds)) = (retraining.is_empty() && !repeats && read, root.section("seeds")) {
        super::seeds::unused(&seeds, "retrain");
    }
    for (metric, table, removal) in retraining {
        check_target(root, metric, table);
        let data = table.datasets.iter().map(|index| &datasets[*index]);
        let shapes = data.filter_map(|row| Some((row.label.as_str(), row.value.as_ref()?.described.shape.as_slice())));
        let shapes: Vec<(&str, &[i64])> = shapes.collect();
        check_random(metric, table, explainers, shapes.iter().any(|(_, shape)| shape.first() != Some(&1)));
        check_files(metric, table, explainers);
        shapes.iter().for_each(|(label, shape)| check_fractions(metric, removal, label, shape));
    }
}

/// A map of a test image's label would write the answer into the image.
fn check_target(root: &Section, metric: &Read<MetricTable>, table: &MetricTable) {
    if table.images.target == Target::Label {
        let message = format!("metric `{}` cannot explain the labelled class", metric.label);
        let expected = "the class that the original network predicts, for training and test images alike".to_string();
        let help = "take out `target = \"label\"`: a map of the label writes the answer into the test images; the control \
                    `label-leak` shows what that does";
        let section = metric.section.section("images").or_else(|| root.section("images"));
        section.as_ref().unwrap_or(&metric.section).mistake("target", message, Some(expected), Some(help.into()));
    }
}

/// The area is measured from the curve of noise, which ranks what the metric ranks.
fn check_random(metric: &Read<MetricTable>, table: &MetricTable, explainers: &[Read<Contender>], coloured: bool) {
    let elements = table.metric.method.ranks_elements() && coloured;
    let fits = |contender: &Contender| is_random(contender, elements) || !coloured && is_random(contender, !elements);
    let known = explainers.iter().any(|row| row.value.as_ref().is_none_or(fits));
    if !known && !explainers.is_empty() {
        let (of, with) = if elements { (" of single elements", ", unit = \"element\"") } else { ("", "") };
        let message =
            format!("metric `{}` measures from the curve of `random`{of}, which is not in the suite", metric.label);
        let help = format!("add an explainer: `{{ use = \"random\"{with} }}`");
        metric.section.mistake("use", message, None, Some(help));
    }
}

/// Maps from a file are those of one split, and both are ranked.
fn check_files(metric: &Read<MetricTable>, table: &MetricTable, explainers: &[Read<Contender>]) {
    for explainer in table.contenders.iter().filter_map(|index| explainers.get(*index)) {
        if explainer.value.as_ref().is_some_and(|value| !value.chosen.method.files().is_empty()) {
            let message = format!(
                "metric `{}` needs maps of training and test images, and the file of `{}` holds those of one split",
                metric.label, explainer.label
            );
            let help = "narrow the metric with `explainers = [..]`".to_string();
            explainer.section.mistake("use", message, None, Some(help));
        }
    }
}

/// Shares of so few features that two of them are the same number, or none, or all.
fn check_fractions(metric: &Read<MetricTable>, removal: &Removal, dataset: &str, shape: &[i64]) {
    let features = removal.ranking.count(shape);
    let counts: Vec<usize> = removal.fractions.iter().map(|share| Removal::top(*share, features)).collect();
    let good = counts.is_sorted_by(|a, b| a < b) && counts.first() > Some(&0) && counts.last() < Some(&features);
    if !good && !counts.is_empty() {
        let shown: Vec<String> = counts.iter().map(usize::to_string).collect();
        let message = format!(
            "the fractions of `{}` are {} of the {features} features of an image of `{dataset}`",
            metric.label,
            shown.join(", ")
        );
        let expected = "different numbers of features, more than none and fewer than all".to_string();
        let help = "take other `fractions`, or a finer `unit`".to_string();
        let key = if metric.section.has("fractions") { "fractions" } else { "use" };
        metric.section.mistake(key, message, Some(expected), Some(help));
    }
}
