//! The images on which explainers do worst: a gallery that shows only what was drawn by seed hides them.

use std::collections::{BTreeMap, BTreeSet};

use super::scores::{Place, sample};
use crate::explainers::Role;
use crate::metrics::Direction;
use crate::store::Content;
use crate::suite::Suite;

pub struct Worst {
    /// The ids of the worst tenth of the images.
    pub images: BTreeSet<i64>,
    /// The measure, in the words of the suite.
    pub of: String,
}

/// The worst tenth by the first measure of the main table that ranks, averaged over the explainers under test on the network
/// of the first training seed. `None` where nothing ranks.
pub fn worst(suite: &Suite, scores: &BTreeMap<Place, Vec<Content>>, place: (usize, usize)) -> Option<Worst> {
    // What is scored by retraining has no value of single images.
    let by_image = suite.metrics.iter().enumerate().filter(|(_, metric)| !metric.value.metric.method.retrains());
    let measures = by_image.flat_map(|(m, metric)| {
        metric.value.metric.method.measures().into_iter().map(move |measure| (m, &metric.label, measure))
    });
    let mut ranking = measures.filter(|(_, _, measure)| {
        measure.direction != Direction::None
            && measure.axis.is_none()
            && !measure.minor
            && !measure.timing
            && !measure.is_derived()
    });
    let (m, label, measure) =
        ranking.find(|(m, _, _)| scores.keys().any(|at| (at.0, at.1, at.3) == (place.0, place.1, *m)))?;
    let mut values: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for (e, explainer) in suite.explainers.iter().enumerate() {
        let Some(contents) = scores.get(&(place.0, place.1, e, m)) else { continue };
        if explainer.value.chosen.method.role() == Role::Explainer {
            let network = sample(contents, measure.name, 0).networks.into_iter().next().unwrap_or_default();
            for (id, value) in network.into_iter().filter(|(_, value)| !value.is_nan()) {
                values.entry(id as i64).or_default().push(value);
            }
        }
    }
    Some(Worst { images: tenth(&values, measure.direction), of: format!("{label} {}", measure.name) })
}

/// The images whose mean value is worst, a tenth of them rounded up.
fn tenth(values: &BTreeMap<i64, Vec<f64>>, direction: Direction) -> BTreeSet<i64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mut images: Vec<(i64, f64)> = values.iter().map(|(id, values)| (*id, mean(values))).collect();
    images.sort_by(|a, b| a.1.total_cmp(&b.1));
    // Ascending, so that the worst come first where higher is better.
    if direction == Direction::Lower {
        images.reverse();
    }
    images.iter().take(images.len().div_ceil(10)).map(|(id, _)| *id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_from_the_worse_end() {
        // Image i has the values i - 1 and i + 1, whose mean is i.
        let values = (0..15).map(|id| (id, vec![id as f64 - 1.0, id as f64 + 1.0])).collect();
        assert_eq!(tenth(&values, Direction::Higher), [0, 1].into());
        assert_eq!(tenth(&values, Direction::Lower), [13, 14].into());
        assert_eq!(tenth(&BTreeMap::new(), Direction::Lower), [].into());
    }
}
