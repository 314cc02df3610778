//! What a metric reports: the columns of its tables, and how they are to be read. None of it decides a number that is stored.

use serde::{Deserialize, Serialize};

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Lower,
    Higher,
    /// No ranking: noise may pass, or a constant win.
    None,
}

impl Direction {
    /// Whether `a` is better than `b`; never without a direction or with an undefined value.
    pub fn better(self, a: f64, b: f64) -> bool {
        match self {
            Self::Lower => a < b,
            Self::Higher => a > b,
            Self::None => false,
        }
    }

    /// The better end in words, for axes.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Lower => Some("lower is better"),
            Self::Higher => Some("higher is better"),
            Self::None => None,
        }
    }
}

/// One quantity that a metric reports.
#[derive(Clone, Debug)]
pub struct Measure {
    pub name: &'static str,
    pub direction: Direction,
    /// Differences below this are of no interest, in the measure's unit.
    pub smallest_effect: f64,
    /// "", "s", "B".
    pub unit: &'static str,
    /// What `at` counts, for curves.
    pub axis: Option<&'static str>,
    /// Whether it stands among the further measures instead of the main table; a curve, whether it stands in a later figure.
    pub minor: bool,
    /// Whether its mean is the mean over classes of the means of each class.
    pub over_classes: bool,
    /// What to compare it with.
    pub lines: &'static [Line],
    /// Whether it differs from run to run, as seconds do: then it stays out of the files that are compared.
    pub timing: bool,
    /// Which units count, where one that does not count for one contender is left out of all of them.
    pub among: Option<Among>,
    /// Whose control it is: a figure draws the two of them together.
    pub control_of: Option<ControlOf>,
    /// The measure of the same metric whose interval's half-width it is: then it has no values of its own.
    pub half_width_of: Option<&'static str>,
    /// The measure of the same metric whose median and range over the units it is: then it has no values of its own.
    pub spread_of: Option<&'static str>,
    /// The curve of the same metric whose values it holds as they were with half of the search done: where the two are apart the
    /// row is flagged.
    pub halfway_of: Option<&'static str>,
    /// The curve of the same metric that holds its values over draws of what its units share, draw by draw: its interval is over
    /// those draws and the units.
    pub resampled_by: Option<&'static str>,
    /// Whether it stands in no table and no figure: other measures are made of it.
    pub hidden: bool,
    /// What is claimed of another measure of the same metric: then it is that one's quantile, and has no values of its own.
    pub bar: Option<Bar>,
}

impl Measure {
    /// A number without a unit that a table shows.
    pub const fn new(name: &'static str, direction: Direction, smallest_effect: f64) -> Self {
        Self {
            name,
            direction,
            smallest_effect,
            unit: "",
            axis: None,
            minor: false,
            over_classes: false,
            lines: &[],
            timing: false,
            among: None,
            control_of: None,
            half_width_of: None,
            spread_of: None,
            halfway_of: None,
            resampled_by: None,
            hidden: false,
            bar: None,
        }
    }

    pub const fn minor(self) -> Self {
        Self { minor: true, ..self }
    }

    pub const fn over_classes(self) -> Self {
        Self { over_classes: true, ..self }
    }

    pub const fn against(self, lines: &'static [Line]) -> Self {
        Self { lines, ..self }
    }

    /// The same as a curve over `axis`.
    pub const fn along(self, axis: &'static str) -> Self {
        Self { axis: Some(axis), ..self }
    }

    pub const fn in_unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    pub const fn timing(self) -> Self {
        Self { timing: true, ..self }
    }

    pub const fn among(self, among: Among) -> Self {
        Self { among: Some(among), ..self }
    }

    pub const fn control_of(self, control_of: ControlOf) -> Self {
        Self { control_of: Some(control_of), ..self }
    }

    /// Half the width of the interval of another measure of the same metric, point by point: what difference these units can
    /// show. The report fills it in; scores hold no values of it.
    pub const fn half_width_of(self, name: &'static str) -> Self {
        Self { half_width_of: Some(name), ..self }
    }

    /// The median of another number of the same metric over its units, and from which to which they go. A mean says less where
    /// units differ much, or where the value of some is infinite. The report fills it in; scores hold no values of it.
    pub const fn spread_of(self, name: &'static str) -> Self {
        Self { spread_of: Some(name), ..self }
    }

    /// What another measure's values were when half of the search was done. Whether they went on to change by its smallest effect
    /// the report says in a flag.
    pub const fn halfway_of(self, name: &'static str) -> Self {
        Self { halfway_of: Some(name), hidden: true, ..self }
    }

    /// Units share what was drawn at random, so that an interval over the units alone is too short. `name` is a hidden curve of
    /// the same metric: unit by unit, the value for each draw of that anew, the same draws for all units and contenders.
    pub const fn resampled_by(self, name: &'static str) -> Self {
        Self { resampled_by: Some(name), ..self }
    }

    pub const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// A quantile over the units of another measure of the same metric, with a verdict on it. The report fills it in; scores
    /// hold no values of it.
    pub const fn judged_by(self, bar: Bar) -> Self {
        Self { bar: Some(bar), ..self }
    }

    /// Whether it is made of another measure, and has no values of its own.
    pub const fn is_derived(&self) -> bool {
        self.half_width_of.is_some() || self.spread_of.is_some() || self.bar.is_some()
    }
}

/// Units that count for every contender: all then have the mean of the same units, point by point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Among {
    /// Curves of the same metric with a 1 for every unit that counts. A number goes by their last points.
    pub curves: &'static [&'static str],
    /// The units and what those did that count, such as ["images", "kept their class"].
    pub words: [&'static str; 2],
}

/// A measure of the same metric, taken of the same units in the same way where nothing was aimed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ControlOf {
    pub measure: &'static str,
    /// What is measured there, and what is measured here, such as ["attack", "random signs"].
    pub words: [&'static str; 2],
}

/// Two hidden curves of a metric: unit by unit what was predicted, point by point, and what came true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scatter {
    /// What the points are, such as "random removals".
    pub of: &'static str,
    pub predicted: &'static str,
    pub actual: &'static str,
}

/// A bar that a quantile over units has to pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// The measure whose values these are.
    pub of: &'static str,
    /// In (0, 1).
    pub quantile: f64,
    pub bound: Bound,
}

/// On which side of a number a quantile has to lie; the number itself will do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    /// Whether all of an interval passes, or none of it; `None` where part of it does, or where there is no interval.
    pub fn judge(self, low: f64, high: f64) -> Option<bool> {
        let (passes, fails) = match self {
            Self::AtLeast(bar) => (low >= bar, high < bar),
            Self::AtMost(bar) => (high <= bar, low > bar),
        };
        (passes || fails).then_some(passes)
    }
}

/// A level that a measure is held against: it is drawn across its figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line {
    /// What a map that knows nothing scores.
    Chance(f64),
    /// The same where it differs from image to image: the mean of another measure of the same metric.
    ChanceMeasure(&'static str),
    /// One divided by the number of classes.
    ChanceOfClass,
    /// The curve's value where nothing was changed.
    Unmodified,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_judged_by_the_whole_interval() {
        let at_least = |low, high| Bound::AtLeast(0.5).judge(low, high);
        assert_eq!([at_least(0.5, 0.9), at_least(0.4, 0.5), at_least(0.1, 0.4)], [Some(true), None, Some(false)]);
        let at_most = |low, high| Bound::AtMost(0.5).judge(low, high);
        assert_eq!([at_most(0.5, 0.9), at_most(0.4, 0.5), at_most(0.6, 0.7)], [None, Some(true), Some(false)]);
        assert_eq!((at_least(f64::NAN, f64::NAN), at_most(f64::NAN, f64::NAN)), (None, None));
    }
}
