//! Sweeps as a multiverse: which numbers belong to which way to choose.

use std::collections::BTreeSet;

use super::Collected;
use super::judge::{difference, estimate};
use crate::metrics::{Direction, Measure};
use crate::report::multiverse::{Choice, choices, combinations, fits};
use crate::report::{Multiverse, Role, Universe};
use crate::store::Content;
use crate::suite::Labelled;

/// What bears one label but for the sweeps: each variant's choices and its place in the suite.
struct Swept<'a> {
    label: &'a str,
    variants: Vec<(Vec<Choice>, usize)>,
}

impl Collected<'_> {
    /// One for each metric on a dataset and a model that has several universes and several explainers to rank.
    pub fn multiverses(&self, place: (usize, usize)) -> Vec<Multiverse> {
        let metrics = swept(&self.suite.metrics, |metric| {
            !metric.follows && metric.datasets.contains(&place.0) && metric.models.contains(&place.1)
        });
        let explainers = swept(&self.suite.explainers, |explainer| explainer.chosen.method.role() == Role::Explainer);
        metrics.iter().filter_map(|metric| self.multiverse(metric, &explainers, place)).collect()
    }

    fn multiverse(&self, metric: &Swept, explainers: &[Swept], place: (usize, usize)) -> Option<Multiverse> {
        let measures = self.suite.metrics[metric.variants.first()?.1].value.metric.method.measures();
        let ranks = |measure: &Measure| {
            measure.direction != Direction::None && measure.axis.is_none() && !measure.timing && !measure.is_derived()
        };
        let measure = measures.into_iter().find(|measure| ranks(measure) && !measure.minor)?;
        // A sweep that turns the better end round leaves nothing to rank by.
        let alike = |m: usize| {
            let measures = self.suite.metrics[m].value.metric.method.measures();
            measures.iter().any(|other| (other.name, other.direction) == (measure.name, measure.direction))
        };
        if !metric.variants.iter().all(|(_, m)| alike(*m)) {
            return None;
        }
        let ways = combinations(explainers.iter().flat_map(|swept| &swept.variants).map(|(own, _)| own.as_slice()))?;

        // Universe by universe: what each explainer scored there.
        let mut chosen: Vec<Vec<Choice>> = Vec::new();
        let mut scores: Vec<Vec<Option<&[Content]>>> = Vec::new();
        for (own, m) in &metric.variants {
            for way in &ways {
                chosen.push([own.as_slice(), way].concat());
                let of = |swept: &Swept| {
                    let (_, e) = swept.variants.iter().find(|(own, _)| fits(own, way))?;
                    self.scores.get(&(place.0, place.1, *e, *m)).map(Vec::as_slice)
                };
                scores.push(explainers.iter().map(of).collect());
            }
        }
        let defined = |contents: &Option<&[Content]>| {
            let point = contents.map(|contents| estimate(&self.inference, contents, &measure, 0).0);
            point.filter(|estimate| estimate.point.is_finite())
        };
        let estimates: Vec<Vec<_>> = scores.iter().map(|scores| scores.iter().map(defined).collect()).collect();
        let everywhere = |e: &usize| estimates.iter().all(|estimates| estimates[*e].is_some());
        // Who is scored nowhere was never asked for.
        let scored = (0..explainers.len()).filter(|e| estimates.iter().any(|estimates| estimates[*e].is_some()));
        let (kept, left_out): (Vec<usize>, Vec<usize>) = scored.partition(everywhere);
        if chosen.len() < 2 || kept.len() < 2 {
            return None;
        }
        let labels = |places: &[usize]| places.iter().map(|e| explainers[*e].label.to_string()).collect();
        let universes = chosen.into_iter().zip(&estimates).map(|(choices, estimates)| Universe {
            choices,
            estimates: kept.iter().filter_map(|e| estimates[*e]).collect(),
        });
        let multiverse = Multiverse {
            dataset: self.suite.datasets[place.0].label.clone(),
            model: self.suite.models[place.1].label.clone(),
            metric: metric.label.to_string(),
            measure: measure.name.to_string(),
            direction: measure.direction,
            explainers: labels(&kept),
            universes: universes.collect(),
            pairs: Vec::new(),
            left_out: labels(&left_out),
            warnings: distinct(metric.variants.iter().filter_map(|(_, m)| self.suite.warning(*m))),
        };
        Some(multiverse.arranged(|universe, first, second| {
            let of = |e: usize| scores[universe][kept[e]].unwrap_or_default();
            difference(&self.inference, of(first), of(second), &measure)
        }))
    }
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.collect::<BTreeSet<String>>().into_iter().collect()
}

/// The rows that `shown` picks, variants of one label together.
fn swept<T>(rows: &[Labelled<T>], shown: impl Fn(&T) -> bool) -> Vec<Swept<'_>> {
    let mut all: Vec<Swept> = Vec::new();
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| shown(&row.value)) {
        let label = row.base();
        let variant = (choices(&row.sweep), index);
        match all.iter_mut().find(|swept| swept.label == label) {
            Some(swept) => swept.variants.push(variant),
            None => all.push(Swept { label, variants: vec![variant] }),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_of_one_label_stand_together() {
        let row = |base: &str, sweep: &str, value: bool| Labelled {
            label: format!("{base}{sweep}"),
            sweep: sweep.into(),
            value,
        };
        let rows = [row("a", "[n=1]", true), row("b", "", true), row("a", "[n=2]", true), row("c", "[n=1]", false)];
        let swept = swept(&rows, |value| *value);
        let found: Vec<_> = swept.iter().map(|swept| (swept.label, swept.variants.len())).collect();
        assert_eq!(found, [("a", 2), ("b", 1)]);
        assert_eq!(swept[0].variants[1], (choices("[n=2]"), 2));
    }
}
