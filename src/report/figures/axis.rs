//! A linear axis: from values to places, with ticks at round numbers.

/// Maps values between `low` and `high` to places between `from` and `to`.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    pub low: f64,
    pub high: f64,
    pub from: f64,
    pub to: f64,
}

impl Axis {
    /// An axis that shows all finite values; with none of them, or only one value, a span of one around it.
    pub fn around(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let finite = values.into_iter().filter(|value| value.is_finite());
        let (low, high) =
            finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = match (low.is_finite(), low == high) {
            (false, _) => (0.0, 1.0),
            (true, true) => (low - 0.5 * low.abs().max(1.0), low + 0.5 * low.abs().max(1.0)),
            (true, false) => (low, high),
        };
        Self { low, high, from, to }
    }

    /// The same axis with `share` of its span added at both ends.
    pub fn padded(self, share: f64) -> Self {
        let margin = (self.high - self.low) * share;
        Self { low: self.low - margin, high: self.high + margin, ..self }
    }

    pub fn place(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// About `count` round numbers within the axis and their texts, all with the decimals that the step needs; never fewer than
    /// two, without which nothing can be read off.
    pub fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        // Twenty divisions of any span hold two round numbers.
        let mut finer = (count.max(1)..20).map(|count| self.divided(count));
        finer.find(|ticks| ticks.len() > 1).unwrap_or_else(|| self.divided(20))
    }

    /// The same where only whole numbers mean something, such as epochs.
    pub fn whole_ticks(&self, count: usize) -> Vec<(f64, String)> {
        let whole = self.ticks(count).into_iter().filter(|(value, _)| value.fract() == 0.0);
        whole.map(|(value, _)| (value, format!("{value:.0}"))).collect()
    }

    fn divided(&self, count: usize) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / count as f64;
        let unit = 10f64.powf(rough.log10().floor());
        let round = [1.0, 2.0, 2.5, 5.0].into_iter().find(|round| round * unit >= rough * 0.999).unwrap_or(10.0);
        let step = round * unit;
        // Rounding must not drop a tick at an end.
        let first = (self.low / step - 1e-6).ceil() as i64;
        let last = (self.high / step + 1e-6).floor() as i64;
        let finest = match round {
            2.5 => unit / 10.0,
            10.0 => step,
            _ => unit,
        };
        let decimals = (-finest.log10().round()).max(0.0) as usize;
        let scientific = decimals > 5 || self.low.abs().max(self.high.abs()) >= 1e6;
        (first..=last)
            .map(|index| index as f64 * step)
            .map(|value| (value, if scientific { format!("{value:.1e}") } else { format!("{value:.decimals$}") }))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(low: f64, high: f64, count: usize) -> Vec<String> {
        Axis { low, high, from: 0.0, to: 1.0 }.ticks(count).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn nothing_happens_between_epochs() {
        let axis = Axis { low: 0.9, high: 15.1, from: 0.0, to: 1.0 };
        let texts: Vec<String> = axis.whole_ticks(6).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["5", "10", "15"]);
    }

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(texts(0.0, 1.0, 5), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(0.13, 0.21, 4), ["0.14", "0.16", "0.18", "0.20"]);
        assert_eq!(texts(-3.0, 12.0, 3), ["0", "5", "10"]);
        assert_eq!(texts(0.0, 0.1, 4), ["0.000", "0.025", "0.050", "0.075", "0.100"]);
        assert_eq!(texts(-0.2, 16.7, 1), ["0", "10"], "two at least");
        assert_eq!(texts(0.0, 2e7, 2), ["0.0e0", "1.0e7", "2.0e7"]);
    }

    #[test]
    fn a_single_value_has_room_around_it() {
        let axis = Axis::around([0.3, f64::NAN], 0.0, 10.0);
        assert!((axis.place(0.3) - 5.0).abs() < 1e-12);
        assert!((Axis::around([], 0.0, 10.0).place(0.25) - 2.5).abs() < 1e-12);
    }
}
