//! What is claimed of a quantile, and whether it holds: one sentence for each explainer and bar.

use super::Collected;
use crate::metrics::{Bar, Bound};
use crate::report::{Cell, Group, Role};
use crate::stats::{Estimate, Population, quantile_needs};

impl Collected<'_> {
    /// The verdicts on one dataset and model, in the order of the table.
    pub fn verdicts(&self, place: (usize, usize), group: &Group) -> Vec<String> {
        let columns = self.columns(place);
        let mut verdicts = Vec::new();
        for contender in &group.contenders {
            for (cell, (m, measure)) in contender.cells.iter().zip(&columns) {
                if let (Some(bar), Cell::Number { estimate, .. }) = (&measure.bar, cell) {
                    let metric = &self.suite.metrics[*m];
                    let with = metric.value.metric.method.beside().unwrap_or_default();
                    // A map agrees with itself.
                    if contender.label == with || contender.role != Role::Explainer {
                        continue;
                    }
                    let on = format!("{} on {}/{}", metric.label, group.dataset, group.model);
                    let said = sentence(bar, estimate, self.suite.alpha);
                    verdicts.push(format!("{on}: {} with {with}: {said}", contender.label));
                }
            }
        }
        verdicts
    }
}

/// Such as "the 5 % quantile of cosine is 0.9992 [0.9991, 0.9995], at least 0.999: holds".
fn sentence(bar: &Bar, estimate: &Estimate, alpha: f64) -> String {
    let words = match bar.bound {
        Bound::AtLeast(number) => format!("at least {number}"),
        Bound::AtMost(number) => format!("at most {number}"),
    };
    let verdict = match bar.bound.judge(estimate.low, estimate.high) {
        Some(true) => "holds",
        Some(false) => "does not hold",
        None => "undecided",
    };
    let needed = quantile_needs(bar.quantile, alpha);
    let interval = match (estimate.low.is_nan(), estimate.covers) {
        (false, _) => format!("[{:.4}, {:.4}]", estimate.low, estimate.high),
        (true, Population::Model) => format!("without an interval, which takes {needed} images"),
        (true, Population::Recipe) => "without an interval, which takes 2 trainings".to_string(),
    };
    // 100 (1 - 0.05) is not 95 to the last bit.
    let percent = (100.0 * bar.quantile * 1e6).round() / 1e6;
    let undefined = match estimate.invalid {
        0 => String::new(),
        count => format!(" ({count} undefined, which miss it)"),
    };
    format!("the {percent} % quantile of {} is {:.4} {interval}, {words}{undefined}: {verdict}", bar.of, estimate.point)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bound: Bound, low: f64, high: f64, covers: Population) -> String {
        let bar = Bar { of: "cosine", quantile: 0.05, bound };
        sentence(&bar, &Estimate { point: 0.5, low, high, n: 80, invalid: 0, covers }, 0.05)
    }

    #[test]
    fn a_bar_within_the_interval_decides_nothing() {
        let of = |bound, low, high| said(bound, low, high, Population::Model);
        let at_least = "the 5 % quantile of cosine is 0.5000 [0.4000, 0.6000], at least";
        assert_eq!(of(Bound::AtLeast(0.4), 0.4, 0.6), format!("{at_least} 0.4: holds"));
        assert_eq!(of(Bound::AtLeast(0.5), 0.4, 0.6), format!("{at_least} 0.5: undecided"));
        assert_eq!(of(Bound::AtLeast(0.7), 0.4, 0.6), format!("{at_least} 0.7: does not hold"));
        let at_most = "the 5 % quantile of cosine is 0.5000 [0.4000, 0.6000], at most";
        assert_eq!(of(Bound::AtMost(0.6), 0.4, 0.6), format!("{at_most} 0.6: holds"));
        assert_eq!(of(Bound::AtMost(0.5), 0.4, 0.6), format!("{at_most} 0.5: undecided"));
        assert_eq!(of(Bound::AtMost(0.3), 0.4, 0.6), format!("{at_most} 0.3: does not hold"));
    }

    #[test]
    fn without_an_interval_nothing_is_decided() {
        let of = |covers| said(Bound::AtLeast(0.1), f64::NAN, f64::NAN, covers);
        assert!(of(Population::Model).ends_with("takes 72 images, at least 0.1: undecided"));
        assert!(of(Population::Recipe).ends_with("takes 2 trainings, at least 0.1: undecided"));
    }
}
