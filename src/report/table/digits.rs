//! How many digits a number is worth. An estimate is written to two significant digits of its interval's half-width
//! and never to more than four decimals; the bounds share the point's digits.

use crate::stats::Estimate;

/// Stands for the interval where there are too few units for one.
pub const UNDEFINED_INTERVAL: &str = "[-]";
const MOST_DECIMALS: i32 = 4;
/// Below this, four decimals would leave fewer than two significant digits, so a power of ten is written out.
const SMALL: f64 = 1e-3;

/// A way to write the numbers of one estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Digits {
    decimals: usize,
    /// Numbers are written as multiples of 10^exponent.
    exponent: i32,
}

impl Digits {
    pub fn of(estimate: &Estimate) -> Self {
        let size = [estimate.point, estimate.low, estimate.high].iter().fold(0.0, |size: f64, x| size.max(x.abs()));
        let exponent = if size > 0.0 && size < SMALL { magnitude(size, 1) } else { 0 };
        let scale = 10f64.powi(exponent);
        let half_width = (estimate.high - estimate.low) / 2.0 / scale;
        let point = estimate.point / scale;
        let decimals = if half_width.is_finite() && half_width > 0.0 {
            1 - magnitude(half_width, 1)
        } else if point.fract() == 0.0 || !point.is_finite() {
            0
        } else {
            2 - magnitude(point.abs(), 2)
        };
        Self { decimals: decimals.clamp(0, MOST_DECIMALS) as usize, exponent }
    }

    pub fn write(&self, value: f64) -> String {
        if value.is_infinite() {
            return if value > 0.0 { "∞" } else { "-∞" }.into();
        }
        let text = format!("{:.*}", self.decimals, value / 10f64.powi(self.exponent));
        // A small negative number must not read as "-0.00".
        let text = match text.strip_prefix('-') {
            Some(digits) if digits.chars().all(|digit| matches!(digit, '0' | '.')) => digits.to_string(),
            _ => text,
        };
        if self.exponent == 0 { text } else { format!("{text}e{}", self.exponent) }
    }

    /// "[0.101, 0.145]", or nothing where all units are equal.
    pub fn interval(&self, estimate: &Estimate) -> Option<String> {
        let Estimate { point, low, high, .. } = *estimate;
        if low.is_nan() || high.is_nan() {
            return (!point.is_nan()).then(|| UNDEFINED_INTERVAL.into());
        }
        (low < high).then(|| format!("[{}, {}]", self.write(low), self.write(high)))
    }
}

/// The power of ten of a positive number once it is rounded to `decimals + 1` significant digits: 0.0999 is 1.0e-1.
fn magnitude(value: f64, decimals: usize) -> i32 {
    let text = format!("{value:.decimals$e}");
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

/// A unit that a column of numbers reads well in: its factor and its name. Bytes go by 1024; a unit without
/// multiples is kept. The middle magnitude decides, so that one odd value does not make the others unreadable.
pub fn readable_unit(unit: &str, values: impl Iterator<Item = f64>) -> (f64, &str) {
    let multiples: &[(f64, &str)] = match unit {
        "s" => &[(1e-6, "µs"), (1e-3, "ms"), (1.0, "s")],
        "B" => &[(1.0, "B"), (1024.0, "KiB"), (1048576.0, "MiB"), (1073741824.0, "GiB")],
        _ => return (1.0, unit),
    };
    let mut sizes: Vec<f64> = values.map(f64::abs).filter(|size| *size > 0.0 && size.is_finite()).collect();
    sizes.sort_by(f64::total_cmp);
    let Some(middle) = sizes.get(sizes.len() / 2) else { return (1.0, unit) };
    *multiples.iter().rev().find(|(factor, _)| factor <= middle).unwrap_or(&multiples[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Population;

    fn estimate(point: f64, low: f64, high: f64) -> Estimate {
        Estimate { point, low, high, n: 3, invalid: 0, covers: Population::Recipe }
    }

    #[test]
    fn two_digits_of_the_half_width() {
        const NAN: f64 = f64::NAN;
        // (point, low, high), the half-width in a comment, the text
        let cases = [
            ((0.12345, 0.10111, 0.14511), "0.123 [0.101, 0.145]"), // 0.022: thousandths
            ((0.5, 0.4001, 0.5999), "0.50 [0.40, 0.60]"),          // 0.0999 rounds to 0.10: hundredths
            ((0.5, 0.49999, 0.50001), "0.5000 [0.5000, 0.5000]"),  // 0.00001: held at four decimals
            ((12.34, 10.2, 14.6), "12.3 [10.2, 14.6]"),            // 2.2: tenths
            ((1234.5, 1200.1, 1268.8), "1234 [1200, 1269]"),       // 34: units (half to even)
            ((123456.0, 120000.0, 127000.0), "123456 [120000, 127000]"), // 3500: never before the point
            ((-0.001, -0.03, 0.028), "-0.001 [-0.030, 0.028]"),    // 0.029
            ((-0.0001, -0.02, 0.02), "0.000 [-0.020, 0.020]"),     // no negative zero
            ((3.1e-6, 2.9e-6, 3.3e-6), "3.10e-6 [2.90e-6, 3.30e-6]"), // 0.2e-6: hundredths of 1e-6
            ((64.0, 64.0, 64.0), "64"),                            // all units equal
            ((0.98765, NAN, NAN), "0.988 [-]"),                    // no interval: three digits
            ((0.0, 0.0, 0.0), "0"),
            ((NAN, NAN, NAN), "NaN"),
            ((f64::INFINITY, NAN, NAN), "∞ [-]"),
            ((4.0, 1.0, f64::INFINITY), "4 [1, ∞]"),
        ];
        for ((point, low, high), expected) in cases {
            let estimate = estimate(point, low, high);
            let digits = Digits::of(&estimate);
            let text: Vec<String> = std::iter::once(digits.write(point)).chain(digits.interval(&estimate)).collect();
            assert_eq!(text.join(" "), expected);
        }
    }

    #[test]
    fn units_follow_the_middle_of_the_column() {
        let cases: [(&str, &[f64], (f64, &str)); 6] = [
            ("s", &[0.002, 0.004, 70.0], (1e-3, "ms")),
            ("s", &[3e-9], (1e-6, "µs")),
            ("s", &[], (1.0, "s")),
            ("B", &[100.0, 3e6, 4e6], (1048576.0, "MiB")),
            ("B", &[f64::NAN, 0.0], (1.0, "B")),
            ("px", &[3e6], (1.0, "px")),
        ];
        for (unit, values, expected) in cases {
            assert_eq!(readable_unit(unit, values.iter().copied()), expected);
        }
    }

    proptest::proptest! {
        /// What is read back differs from the number by at most half of the last digit written.
        #[test]
        fn nothing_is_lost_but_the_digits_cut_off(point in -1e4..1e4f64, half_width in 1e-6..1e3f64) {
            let estimate = estimate(point, point - half_width, point + half_width);
            let digits = Digits::of(&estimate);
            let last_digit = 10f64.powi(digits.exponent - digits.decimals as i32);
            for value in [estimate.point, estimate.low, estimate.high] {
                let read: f64 = digits.write(value).parse().unwrap();
                proptest::prop_assert!((read - value).abs() <= 0.5000001 * last_digit);
            }
            // Two digits of the half-width, unless four decimals or the decimal point are reached first.
            let coarsest = last_digit <= 0.1 * half_width * 1.06;
            proptest::prop_assert!(coarsest || digits.decimals == 4 || digits.decimals == 0);
        }
    }
}
