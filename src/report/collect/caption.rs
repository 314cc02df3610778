//! What a table's reader has to know about its numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Collected;
use crate::plan::CellId;
use crate::report::{Contender, Role};
use crate::suite::SplitName;

impl Collected<'_> {
    pub fn caption(
        &self,
        place: (usize, usize),
        trained: &[Value],
        contenders: &[Contender],
        failed: &BTreeMap<CellId, String>,
    ) -> String {
        let failed = if failed.is_empty() { String::new() } else { format!(" {} cells failed.", failed.len()) };
        format!(
            "{}. {}. {}.{}{failed}",
            self.networks(place.1, trained),
            self.images(place),
            self.inference_words(|m| self.looks_at(m, place)),
            controls(contenders, !self.suite.explainers.is_empty())
        )
    }

    /// Whether a metric that the suite states looks at a dataset and a model.
    fn looks_at(&self, m: usize, place: (usize, usize)) -> bool {
        let table = &self.suite.metrics[m].value;
        !table.follows && table.datasets.contains(&place.0) && table.models.contains(&place.1)
    }

    /// "3 networks (training seeds 0, 1, 2), test accuracy 0.954 to 0.986"
    fn networks(&self, model: usize, trained: &[Value]) -> String {
        let seeds: Vec<String> = self.suite.seeds_of(model).iter().map(u64::to_string).collect();
        let plural = if seeds.len() == 1 { "" } else { "s" };
        let accuracies = || trained.iter().filter_map(|record| record["test_accuracy"].as_f64());
        let accuracy = match (accuracies().reduce(f64::min), accuracies().reduce(f64::max)) {
            (Some(low), Some(high)) if low < high => format!("test accuracy {low:.3} to {high:.3}"),
            (Some(low), _) => format!("test accuracy {low:.3}"),
            _ => "not trained".to_string(),
        };
        format!("{} network{plural} (training seed{plural} {}), {accuracy}", seeds.len(), seeds.join(", "))
    }

    /// How many images were explained and how they were chosen; which metric saw which, where they differ.
    fn images(&self, place: (usize, usize)) -> String {
        let mut samples: Vec<(String, Vec<&str>)> = Vec::new();
        for (m, metric) in self.suite.metrics.iter().enumerate() {
            let table = &metric.value;
            if !self.looks_at(m, place) {
                continue;
            }
            let words = if table.metric.method.flips() {
                format!("{} draws of wrong labels", self.counts(place, m))
            } else if table.metric.method.influences() {
                format!("{} {}", self.counts(place, m), table.images.as_points())
            } else if table.metric.method.retrains() {
                let [train, test] =
                    [SplitName::Train, SplitName::Test].map(|split| self.suite.retrained(place.0, split));
                let all = if self.suite.limit.is_none() { "all " } else { "only " };
                format!("{all}{train} training and {test} test images")
            } else {
                format!("{} {}", self.counts(place, m), table.images.shown())
            };
            match samples.iter_mut().find(|(held, _)| *held == words) {
                Some((_, metrics)) if metrics.contains(&metric.base()) => {}
                Some((_, metrics)) => metrics.push(metric.base()),
                None => samples.push((words, vec![metric.base()])),
            }
        }
        let each = if self.suite.model_seeds.len() == 1 { "" } else { "For each: " };
        let alone = samples.len() == 1;
        let samples = samples.into_iter().map(|(words, metrics)| match alone {
            true => words,
            false => format!("{words} ({})", metrics.join(", ")),
        });
        format!("{each}{}", samples.collect::<Vec<_>>().join(" / "))
    }

    /// How many images a metric saw of a network.
    fn counts(&self, place: (usize, usize), m: usize) -> String {
        let contents = self.scores.iter().filter(|(at, _)| (at.0, at.1, at.3) == (place.0, place.1, m));
        // What is scored by repetition says how many images stand behind each.
        let counts = contents.flat_map(|(_, contents)| contents).filter_map(|content| {
            let ids = content.arrays.get("ids")?.shape[0];
            Some(content.record["images"].as_u64().map_or(ids, |images| images as usize))
        });
        let counts: BTreeSet<usize> = counts.collect();
        match (counts.first(), counts.last()) {
            (Some(low), Some(high)) if low < high => format!("{low} to {high}"),
            (Some(low), _) => low.to_string(),
            _ => "no".to_string(),
        }
    }
}

/// The controls by name. Those of influence methods may see the model.
fn controls(contenders: &[Contender], blind: bool) -> String {
    let of = |role: Role, words: &str| {
        let labels = contenders.iter().filter(|contender| contender.role == role);
        let labels: Vec<&str> = labels.map(|contender| contender.label.as_str()).collect();
        if labels.is_empty() { String::new() } else { format!(" {words}: {}.", labels.join(", ")) }
    };
    let blind = of(Role::Control, if blind { "Controls that do not see the model" } else { "Controls" });
    let leak = of(Role::Leak, "Writes the class into its map");
    format!("{blind}{leak}{}", of(Role::Oracle, "Sees the truth"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn controls_are_named_by_what_they_see() {
        let mut contenders = sample::group().contenders;
        assert_eq!(controls(&contenders, true), " Controls that do not see the model: random, input.");
        contenders[3].role = Role::Oracle;
        assert_eq!(controls(&contenders, true), " Controls that do not see the model: random. Sees the truth: input.");
        contenders[2].role = Role::Leak;
        assert_eq!(controls(&contenders, true), " Writes the class into its map: random. Sees the truth: input.");
        assert_eq!(controls(&contenders[..2], true), "");
    }
}
