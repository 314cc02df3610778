//! What was predicted against what came true, for the figures of metrics that ask for one.

use super::Collected;
use super::scores::{points_of, sample};
use crate::explainers::Role;
use crate::metrics;
use crate::report::{Scatter, ScatterPanel};
use crate::store::Content;

impl Collected<'_> {
    /// One for each metric that draws one, of the first network of a dataset and a model. Explainers stand before controls.
    pub fn scatters(&self, (dataset, model): (usize, usize)) -> Vec<Scatter> {
        let mut scatters = Vec::new();
        for (m, metric) in self.suite.metrics.iter().enumerate() {
            let kinds = metric.value.metric.method.scatters();
            let mut contenders: Vec<usize> = (0..self.suite.contenders()).collect();
            contenders.sort_by_key(|contender| (self.suite.contender_role(*contender) != Role::Explainer, *contender));
            let panel = |contender: usize| {
                let contents = self.scores.get(&(dataset, model, contender, m))?.first()?;
                Some(ScatterPanel {
                    label: self.suite.contender_label(contender).to_string(),
                    role: self.suite.contender_role(contender),
                    points: kinds.iter().map(|kind| points(contents, kind)).collect(),
                })
            };
            let panels: Vec<ScatterPanel> = contenders.into_iter().filter_map(panel).collect();
            if !kinds.is_empty() && !panels.is_empty() {
                scatters.push(Scatter {
                    dataset: self.suite.datasets[dataset].label.clone(),
                    model: self.suite.models[model].label.clone(),
                    metric: metric.label.clone(),
                    kinds: kinds.iter().map(|kind| kind.of).collect(),
                    panels,
                });
            }
        }
        scatters
    }
}

/// All units' points; those of a unit in which nothing changed have no scale, and are left out.
fn points(content: &Content, kind: &metrics::Scatter) -> Vec<(f64, f64)> {
    let contents = std::slice::from_ref(content);
    let column =
        |name: &str, point: usize| sample(contents, name, point).networks.into_iter().flatten().map(|(_, v)| v);
    let count = points_of(contents, kind.actual).len();
    let pairs: Vec<Vec<(f64, f64)>> =
        (0..count).map(|at| column(kind.predicted, at).zip(column(kind.actual, at)).collect()).collect();
    let units = pairs.first().map_or(0, Vec::len);
    let mut points = Vec::new();
    for unit in 0..units {
        let of: Vec<(f64, f64)> = pairs.iter().map(|pair| pair[unit]).collect();
        let mean = of.iter().map(|(_, actual)| actual).sum::<f64>() / count as f64;
        let spread = (of.iter().map(|(_, actual)| (actual - mean).powi(2)).sum::<f64>() / count as f64).sqrt();
        if spread > 0.0 {
            points.extend(of.iter().map(|(predicted, actual)| (predicted / spread, actual / spread)));
        }
    }
    points
}
