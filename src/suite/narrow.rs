//! A smaller suite: fewer labels, fewer images.

use super::{Labelled, Suite};
use crate::config::suggest;
use crate::error::{Error, Result};

impl Suite {
    /// Keeps what carries one of `labels`, table by table: a table none of whose labels is named stays whole.
    pub fn keep_only(&mut self, labels: &[String]) -> Result<()> {
        if labels.is_empty() {
            return Ok(());
        }
        let known: Vec<&str> = names(&self.datasets)
            .chain(names(&self.models))
            .chain(names(&self.explainers))
            .chain(names(&self.influences))
            .chain(names(&self.metrics))
            .collect();
        for label in labels {
            if !known.contains(&label.as_str()) {
                let near = suggest(label, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
                return Err(Error::new(format!(
                    "--only: nothing in the suite is called `{label}`{}",
                    near.unwrap_or_default()
                )));
            }
        }
        let (datasets, models) = (kept(&self.datasets, labels), kept(&self.models, labels));
        // Contenders are one table each, but one list.
        let first = self.explainers.len();
        let mut contenders = kept(&self.explainers, labels);
        contenders.extend(kept(&self.influences, labels).into_iter().map(|place| first + place));
        let metrics = kept(&self.metrics, labels);
        let mut place = 0..;
        self.metrics.retain(|row| place.next().is_some_and(|place| row.value.follows || metrics.contains(&place)));
        for metric in &mut self.metrics {
            metric.value.datasets.retain(|index| datasets.contains(index));
            metric.value.models.retain(|index| models.contains(index));
            metric.value.contenders.retain(|index| contenders.contains(index));
        }
        self.networks.retain(|network| datasets.contains(&network.dataset) && models.contains(&network.model));
        Ok(())
    }

    /// At most `limit` images of each sample.
    pub fn limit_images(&mut self, limit: usize) {
        self.limit = Some(limit);
        for metric in &mut self.metrics {
            metric.value.images.count = metric.value.images.count.min(limit);
        }
    }
}

fn names<T>(rows: &[Labelled<T>]) -> impl Iterator<Item = &str> {
    rows.iter().map(|row| row.label.as_str())
}

/// The rows that are named, or all of them if none is.
fn kept<T>(rows: &[Labelled<T>], labels: &[String]) -> Vec<usize> {
    let named: Vec<usize> = (0..rows.len()).filter(|index| labels.contains(&rows[*index].label)).collect();
    if named.is_empty() { (0..rows.len()).collect() } else { named }
}
