//! Who is better than whom: every explainer against the best control and against the best explainer.

use super::Collected;
use super::judge::difference;
use crate::metrics::{Direction, Measure};
use crate::report::{Cell, Group, Role};
use crate::stats::Estimate;
use crate::store::Content;

impl Collected<'_> {
    /// Fills in the differences of one column: of metric `m` on a dataset and a model.
    pub fn compare(&self, group: &mut Group, column: usize, m: usize, measure: &Measure, place: (usize, usize)) {
        if measure.axis.is_some() || measure.is_derived() {
            return;
        }
        let rival = |role| group.best(column, role).and_then(|(label, _)| self.contents(label, m, place));
        let (control, best) = (rival(Role::Control), rival(Role::Explainer));
        for contender in group.contenders.iter_mut().filter(|contender| contender.role == Role::Explainer) {
            let own = self.contents(&contender.label, m, place);
            let against = |rival: Option<&[Content]>| Some(difference(&self.inference, own?, rival?, measure));
            if let Cell::Number { against_control, beats_control, against_best, .. } = &mut contender.cells[column] {
                *against_control = against(control);
                *beats_control = against_control.as_ref().and_then(|difference| beats(measure.direction, difference));
                *against_best = against(best);
            }
        }
    }

    /// What the contender of this label scored, network by network.
    fn contents(&self, label: &str, m: usize, place: (usize, usize)) -> Option<&[Content]> {
        // An explainer and an influence method may share a label, but no metric looks at both.
        let labelled = (0..self.suite.contenders()).filter(|contender| self.suite.contender_label(*contender) == label);
        labelled
            .map(|contender| (place.0, place.1, contender, m))
            .find_map(|place| self.scores.get(&place))
            .map(Vec::as_slice)
    }
}

/// Whether the whole interval of a difference lies on the better side of 0; `None` without an interval.
pub fn beats(direction: Direction, difference: &Estimate) -> Option<bool> {
    if difference.low.is_nan() || difference.high.is_nan() {
        return None;
    }
    Some(match direction {
        Direction::Lower => difference.high < 0.0,
        Direction::Higher => difference.low > 0.0,
        Direction::None => return None,
    })
}
