//! What leaving training examples out did, and what an influence method said that it would do.

use tch::{Kind, Tensor};

use crate::config::Section;
use crate::error::{Error, Result};
use crate::influence::Quantity;
use crate::metrics::{Influenced, Refitted};
use crate::need::{LeftOut, Need, Refit, Share, Start};

/// How networks are trained without some examples.
#[derive(Clone, Copy, Debug)]
pub enum Retraining {
    Warm,
    Cold,
    /// Not trained: a proximal Bregman response, with this damping.
    Proximal(Share),
}

impl Retraining {
    pub fn read(section: &Section) -> Self {
        let proximal = Self::Proximal(Share::new(0.0));
        let chosen =
            section.choice("start", "warm", &[("warm", Self::Warm), ("cold", Self::Cold), ("proximal", proximal)]);
        match chosen {
            Self::Proximal(_) => {
                let expected = "a number of 0 or more";
                let damping =
                    section.get_if("damping", 0.01, |damping| *damping >= 0.0 && damping.is_finite(), expected);
                Self::Proximal(Share::new(damping))
            }
            other => other,
        }
    }

    /// Each with all examples as often as without some, so that the two are compared from one start.
    pub fn starts(self, repetitions: &[u64]) -> Vec<Start> {
        match self {
            Self::Warm => vec![Start::Warm],
            Self::Proximal(damping) => vec![Start::Proximal(damping)],
            Self::Cold => repetitions.iter().map(|repetition| Start::Cold(*repetition)).collect(),
        }
    }

    pub fn needs(self, repetitions: &[u64], left_out: &LeftOut) -> Vec<Need> {
        let starts = self.starts(repetitions).into_iter();
        starts.map(|start| Need::Refitted(Refit { left_out: left_out.clone(), start })).collect()
    }

    pub fn is_cold(self) -> bool {
        matches!(self, Self::Cold)
    }
}

/// A ceiling below this: the noise of retraining hides whatever is predicted.
const RESOLUTION: f64 = 0.3;

/// What became of one quantity, training by training and test point by test point.
pub struct Actual {
    /// The trainings, of which all repetitions left the same examples out.
    pub refitted: Refitted,
    /// Repetition by repetition, training by training, the change at each test point.
    pub changes: Vec<Vec<Vec<f64>>>,
    /// The same of the predicted class: 1 where it is another than with all examples, from the same start.
    pub flips: Vec<Vec<Vec<f64>>>,
    /// How many trainings, of any repetition, did not come to their end; those with all examples among them.
    pub unconverged: usize,
}

impl Actual {
    /// The changes of `quantity` against trainings with all examples from the same start.
    pub fn of(given: &Influenced, retraining: Retraining, left_out: &LeftOut, quantity: Quantity) -> Result<Self> {
        let (mut changes, mut flips, mut unconverged) = (Vec::new(), Vec::new(), 0);
        let mut last = None;
        for start in retraining.starts(&given.repetitions) {
            let read = |left_out: &LeftOut| (given.refitted)(&Refit { left_out: left_out.clone(), start });
            let (with, without) = (read(&LeftOut::Nothing)?, read(left_out)?);
            let base = values(given, quantity, &with.logits.f_get(0)?, &with.labels)?;
            let rows = (0..without.left_out.len() as i64).map(|at| {
                let after = values(given, quantity, &without.logits.f_get(at)?, &without.labels)?;
                Ok(after.iter().zip(&base).map(|(after, base)| after - base).collect())
            });
            changes.push(rows.collect::<Result<Vec<Vec<f64>>>>()?);
            let was = with.logits.f_get(0)?.f_argmax(1, false)?;
            let now = without.logits.f_argmax(2, false)?.f_ne_tensor(&was)?;
            flips.push(self::rows(&now)?);
            unconverged += with.unconverged + without.unconverged;
            last = Some(without);
        }
        let refitted = last.ok_or_else(|| Error::new("nothing was trained anew"))?;
        Ok(Self { refitted, changes, flips, unconverged })
    }

    /// The mean over `repetitions`, by their places, of the changes at a test point, of these trainings.
    pub fn mean(&self, repetitions: &[usize], trainings: &[usize], point: usize) -> Vec<f64> {
        let mean = |training: &usize| {
            let of = repetitions.iter().map(|repetition| self.changes[*repetition][*training][point]);
            of.sum::<f64>() / repetitions.len() as f64
        };
        trainings.iter().map(mean).collect()
    }

    /// All repetitions.
    pub fn all(&self) -> Vec<usize> {
        (0..self.changes.len()).collect()
    }

    /// What limits any prediction: the root of the reliability of the mean over all repetitions, from the correlation of the means
    /// of two halves by Spearman and Brown's formula; of an odd number, the last is in neither half. NaN with a single repetition.
    pub fn ceiling(&self, trainings: &[usize], point: usize, correlation: fn(&[f64], &[f64]) -> f64) -> f64 {
        let all = self.changes.len();
        let half = all / 2;
        if half == 0 {
            return f64::NAN;
        }
        let (even, odd): (Vec<usize>, Vec<usize>) = (0..2 * half).partition(|at| at % 2 == 0);
        let alike = correlation(&self.mean(&even, trainings, point), &self.mean(&odd, trainings, point));
        // A maximum with NaN would be 0, and look like a ceiling.
        if alike.is_nan() {
            return f64::NAN;
        }
        reliability(alike, half as f64, all as f64).max(0.0).sqrt()
    }

    /// How many of these ceilings leave nothing to be told; of a single repetition nobody knows.
    pub fn below_resolution(&self, ceilings: &[f64]) -> usize {
        let hidden = |ceiling: &&f64| ceiling.is_nan() || **ceiling < RESOLUTION;
        if self.changes.len() > 1 { ceilings.iter().filter(hidden).count() } else { 0 }
    }

    /// What the sums of the influences [T, N] of the examples that are left out predict, [T][m]: test point by test point,
    /// training by training.
    pub fn predicted(&self, influence: &Tensor) -> Result<Vec<Vec<f64>>> {
        let (_, examples) = influence.size2()?;
        let influence = influence.f_to_kind(Kind::Double)?;
        let size = self.refitted.left_out.iter().map(Vec::len).max().unwrap_or(0);
        if 8 * size < examples as usize {
            let of = |row: Vec<f64>| {
                let sum = |places: &Vec<usize>| places.iter().map(|place| row[*place]).sum();
                self.refitted.left_out.iter().map(sum).collect()
            };
            return Ok(rows(&influence)?.into_iter().map(of).collect());
        }
        // Many at once are a product of matrices.
        let mut without = vec![0f64; self.refitted.left_out.len() * examples as usize];
        for (training, places) in self.refitted.left_out.iter().enumerate() {
            places.iter().for_each(|place| without[training * examples as usize + place] = 1.0);
        }
        let without = Tensor::f_from_slice(&without)?.f_view([-1, examples])?.f_to_device(influence.device())?;
        rows(&influence.f_matmul(&without.f_tr()?)?)
    }
}

/// Of the mean of `all` repetitions, where means of `half` of them correlate by `alike`.
fn reliability(alike: f64, half: f64, all: f64) -> f64 {
    let one = alike / (half - (half - 1.0) * alike);
    all * one / (1.0 + (all - 1.0) * one)
}

/// A quantity of logits [T, K].
fn values(given: &Influenced, quantity: Quantity, logits: &Tensor, labels: &Tensor) -> Result<Vec<f64>> {
    let values = quantity.of(given.loss, logits, labels)?;
    Ok(Vec::try_from(values.f_to_kind(Kind::Double)?)?)
}

/// Row by row, what a method said: [T][N].
pub fn rows(said: &Tensor) -> Result<Vec<Vec<f64>>> {
    let said = said.f_to_kind(Kind::Double)?.f_contiguous()?;
    (0..said.size()[0]).map(|row| Ok(Vec::try_from(said.f_get(row)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::reliability;

    /// Signal and noise alike: one repetition has a reliability of 1/2, means of two of 2/3, of three of 3/4, of four of 4/5.
    #[test]
    fn reliabilities_by_hand() {
        for (alike, half, all, expected) in [
            (1.0 / 2.0, 1.0, 2.0, 2.0 / 3.0),
            (1.0 / 2.0, 1.0, 3.0, 3.0 / 4.0),
            (2.0 / 3.0, 2.0, 4.0, 4.0 / 5.0),
            (2.0 / 3.0, 2.0, 5.0, 5.0 / 6.0),
        ] {
            assert!((reliability(alike, half, all) - expected).abs() < 1e-15);
        }
        assert_eq!((reliability(1.0, 3.0, 7.0), reliability(0.0, 1.0, 2.0)), (1.0, 0.0));
    }
}
