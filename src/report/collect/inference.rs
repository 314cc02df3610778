//! What the intervals are, in words. Not every metric has the same units: one that trains networks anew speaks of new
//! retrainings where others speak of new images.

use super::Collected;
use crate::stats::Population;

impl Collected<'_> {
    /// What the intervals of the stated metrics that `shown` picks are; which are what, where they differ.
    pub fn inference_words(&self, shown: impl Fn(usize) -> bool) -> String {
        let metrics = (0..self.suite.metrics.len()).filter(|m| !self.suite.metrics[*m].value.follows && shown(*m));
        let mut kinds: Vec<(&str, Vec<usize>)> = Vec::new();
        for m in metrics {
            match kinds.iter_mut().find(|(units, _)| *units == self.units(m)) {
                Some((_, metrics)) => metrics.push(m),
                None => kinds.push((self.units(m), vec![m])),
            }
        }
        match kinds.as_slice() {
            // Networks alone.
            [] => self.over_trainings(),
            [(_, metrics)] => self.inference_of(metrics[0]),
            kinds => {
                let kinds = kinds.iter().map(|(units, metrics)| {
                    let mut labels: Vec<&str> = metrics.iter().map(|m| self.suite.metrics[*m].base()).collect();
                    labels.dedup();
                    format!("over new {units} ({})", labels.join(", "))
                });
                let kinds: Vec<String> = kinds.collect();
                format!("{} % intervals, for these networks: {}", self.percent(), kinds.join(", "))
            }
        }
    }

    /// What the intervals of one metric are.
    pub fn inference_of(&self, m: usize) -> String {
        match self.suite.over {
            Population::Recipe => self.over_trainings(),
            Population::Model => {
                format!("{} % intervals over new {}, for these networks", self.percent(), self.units(m))
            }
        }
    }

    /// What the intervals of a metric imagine to be drawn again.
    pub fn units(&self, m: usize) -> &'static str {
        if self.suite.over == Population::Recipe {
            return "networks";
        }
        let contents = self.scores.iter().filter(|(place, _)| place.3 == m).flat_map(|(_, contents)| contents);
        let unit = contents.filter_map(|content| content.record["unit"].as_str()).next();
        // Before the first score it says so itself.
        let retrained = self.suite.metrics[m].value.metric.method.retrains();
        let method = &self.suite.metrics[m].value.metric.method;
        if method.influences() {
            return if method.flips() { "draws of wrong labels" } else { "test points" };
        }
        let drawn = method.draws();
        match unit.map_or(retrained || drawn, |unit| unit == "repetition") {
            true if retrained => "retrainings",
            true => "draws",
            false => "images",
        }
    }

    fn over_trainings(&self) -> String {
        format!("{} % intervals over new trainings of the recipe", self.percent())
    }

    fn percent(&self) -> f64 {
        100.0 * (1.0 - self.suite.alpha)
    }
}
