//! What only several tables together can get wrong.

use super::read::Read;
use super::{Data, MetricTable};
use crate::explainers::Contender;

/// Pairs that cannot work are mistakes of the suite, not rows to be skipped.
pub fn check(datasets: &[Read<Data>], explainers: &[Read<Contender>], metrics: &[Read<MetricTable>]) {
    for metric in metrics {
        let table = &metric.labelled.value;
        for dataset in table.datasets.iter().map(|index| &datasets[*index]) {
            let data = &dataset.labelled.value.described;
            if !data.truth && table.metric.method.needs_truth() {
                metric.section.mistake(
                    "use",
                    format!(
                        "`{}` needs boxes or masks, which dataset `{}` does not have",
                        metric.labelled.label, dataset.labelled.label
                    ),
                    None,
                    narrower("datasets"),
                );
            }
            for explainer in table.explainers.iter().map(|index| &explainers[*index]) {
                if !data.truth && explainer.labelled.value.chosen.method.needs_truth() {
                    explainer.section.mistake(
                        "use",
                        format!(
                            "explainer `{}` needs boxes or masks, which dataset `{}` of metric `{}` does not have",
                            explainer.labelled.label, dataset.labelled.label, metric.labelled.label
                        ),
                        None,
                        narrower("explainers"),
                    );
                }
            }
        }
    }
}

fn narrower(key: &str) -> Option<String> {
    Some(format!("narrow the metric with `{key} = [..]`, or use data that knows, such as \"planted\""))
}
