//! # Definition
//! Networks are trained on `subsets` random shares of the training examples; for each, the sum of the influences of what was left
//! out predicts a quantity of each test point. `lds`: the rank correlation of predicted and actual quantity over the subsets, one
//! value for each test point. Large subsets are heard above the noise of retraining where single examples are not.
//!
//! Its interval resamples subsets and test points: over test points alone it would cover the truth a third of the time, since
//! they share the subsets. With several `seeds.retrain` the quantity is the mean over them, and `ceiling` says what noise leaves
//! for any prediction to reach.
//!
//! # Parameters
//! - `quantity` ("loss"): "loss", "margin" (log p / (1 - p)) or "logit", of the test point's label.
//! - `subsets` (50): how many.
//! - `share` (0.5): of the training examples in each.
//!
//! # Cost
//! `subsets` trainings for each repetition.
//!
//! # Reference
//! Ilyas, Park, Engstrom, Leclerc and Madry, "Datamodels", ICML 2022; Park, Georgiev, Ilyas, Leclerc and Madry, "TRAK", ICML 2023.

use std::sync::Arc;

use tch::Tensor;

use super::actual::{Actual, Retraining};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::influence::Quantity;
use crate::metrics::{Direction, Family, Influenced, Line, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{About, DataRef, Known, LeftOut, Need, Share};
use crate::noise::Noise;
use crate::stats::{average_ranks, spearman};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "linear-datamodelling-score",
    summary: "rank correlation of what summed influences predict with what training on subsets gives",
    reference: "Ilyas et al. 2022; Park et al. 2023",
    revision: 1,
    source: concat!(include_str!("linear_datamodelling_score.rs"), include_str!("actual.rs")),
    read: |section| {
        let count = |count: &usize| (3..=100_000).contains(count);
        let share = section.get_if("share", 0.5, |share| *share > 0.0 && *share < 1.0, "a share between 0 and 1");
        Some(Arc::new(LinearDatamodellingScore {
            quantity: Quantity::read(section, "loss"),
            subsets: section.get_if("subsets", 50, count, "an integer from 3"),
            share: Share::new(share),
        }))
    },
};

struct LinearDatamodellingScore {
    quantity: Quantity,
    subsets: usize,
    share: Share,
}

const LDS: &str = "lds";
const CEILING: &str = "ceiling";
const RESAMPLED: &str = "lds-resampled";
/// Draws of subsets for the interval.
const DRAWS: usize = 400;
const NONE: &[Line] = &[Line::Chance(0.0)];

impl LinearDatamodellingScore {
    fn subsets(&self) -> LeftOut {
        LeftOut::Rest { count: self.subsets, share: self.share }
    }
}

impl Metric for LinearDatamodellingScore {
    fn family(&self) -> Family {
        Family::Influence
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new(LDS, Direction::Higher, 0.02).against(NONE).resampled_by(RESAMPLED),
            Measure::new(CEILING, Direction::None, 0.02).minor(),
            Measure::new(RESAMPLED, Direction::None, 0.0).minor().hidden(),
        ]
    }

    fn needs(&self, known: &Known) -> Vec<Need> {
        let said = Need::Influence(About::Test(self.quantity, DataRef::Stated));
        let sets = [LeftOut::Nothing, self.subsets()];
        let refits = sets.iter().flat_map(|set| Retraining::Cold.needs(&known.repetitions, set));
        std::iter::once(said).chain(refits).collect()
    }

    fn influences(&self) -> bool {
        true
    }

    fn repeats(&self) -> bool {
        true
    }

    fn judge(&self, given: &Influenced) -> Result<Scores> {
        let said = (given.said)(&About::Test(self.quantity, DataRef::Stated))?.values;
        let actual = Actual::of(given, Retraining::Cold, &self.subsets(), self.quantity)?;
        let subsets: Vec<usize> = (0..actual.refitted.left_out.len()).collect();
        let predicted = actual.predicted(&said)?;
        let points = 0..predicted.len();
        let changes: Vec<Vec<f64>> = points.clone().map(|point| actual.mean(&actual.all(), &subsets, point)).collect();
        let scores = points.clone().map(|point| spearman(&predicted[point], &changes[point])).collect();
        let ceilings = points.map(|point| actual.ceiling(&subsets, point, spearman)).collect();
        let resampled = resampled(&predicted, &changes, &given.noise)?;
        let of = |measure, at: Vec<f64>, values| Values { measure, at, values };
        Ok(Scores {
            unit: ScoredUnit::TestPoint,
            ids: actual.refitted.ids.clone(),
            measures: vec![
                of(LDS, vec![0.0], scores),
                of(CEILING, vec![0.0], ceilings),
                of(RESAMPLED, (0..DRAWS).map(|draw| draw as f64).collect(), resampled),
            ],
            flags: vec![("not converged", actual.unconverged)],
        })
    }
}

/// Test point by test point the correlation of ranks over subsets that are drawn again with replacement, `DRAWS` times: the same
/// draws for every test point and every method, so that they stay paired. The ranks are those among all subsets, so that an
/// interval is a few products of matrices.
fn resampled(predicted: &[Vec<f64>], changes: &[Vec<f64>], noise: &Noise) -> Result<Vec<f64>> {
    let subsets = predicted.first().map_or(0, Vec::len);
    let noise = noise.purpose("resampled-subsets");
    let mut counts = vec![0f64; DRAWS * subsets];
    for draw in 0..DRAWS {
        let noise = noise.index(draw as u64);
        (0..subsets as u64).for_each(|at| counts[draw * subsets + noise.below(at, subsets as u64) as usize] += 1.0);
    }
    // The means over each draw's subsets, [T, DRAWS], of values [T, m].
    let counts = Tensor::f_from_slice(&counts)?.f_view([DRAWS as i64, subsets as i64])?.f_div_scalar(subsets as f64)?;
    let mean = |values: &Tensor| -> Result<Tensor> { Ok(values.f_matmul(&counts.f_tr()?)?) };
    let ranks = |rows: &[Vec<f64>]| -> Result<Tensor> {
        let ranks: Vec<f64> = rows.iter().flat_map(|row| average_ranks(row)).collect();
        // Around their middle, so that squares lose no digits.
        let middle = (subsets as f64 + 1.0) / 2.0;
        Ok(Tensor::f_from_slice(&ranks)?.f_view([-1, subsets as i64])?.f_sub_scalar(middle)?)
    };
    let (x, y) = (ranks(predicted)?, ranks(changes)?);
    let (means, other) = (mean(&x)?, mean(&y)?);
    let spread = |values: &Tensor, means: &Tensor| -> Result<Tensor> {
        Ok(mean(&values.f_square()?)?.f_sub(&means.f_square()?)?.f_clamp_min(0.0)?.f_sqrt()?)
    };
    let together = mean(&x.f_mul(&y)?)?.f_sub(&means.f_mul(&other)?)?;
    let correlation = together.f_div(&spread(&x, &means)?.f_mul(&spread(&y, &other)?)?)?;
    // A draw of a single subset has none.
    let correlation = correlation.f_where_self(&correlation.f_isfinite()?, &correlation.f_full_like(f64::NAN)?)?;
    Ok(Vec::try_from(correlation.f_flatten(0, -1)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Around the correlation of all, and as far from it as subsets drawn anew would lead: 0.7 with 200 subsets has a standard
    /// error of about (1 - 0.7²) / sqrt(200) = 0.036.
    #[test]
    fn draws_lie_around_the_score() {
        let noise = Noise::new(4);
        let normal = |purpose| {
            let ids: Vec<u64> = (0..200).collect();
            let drawn = noise.purpose(purpose).normal(&ids, &[], tch::Kind::Double, tch::Device::Cpu).unwrap();
            Vec::<f64>::try_from(drawn).unwrap()
        };
        let (x, e) = (normal("x"), normal("e"));
        let y: Vec<f64> = x.iter().zip(&e).map(|(x, e)| x + e).collect();
        let score = spearman(&x, &y);
        let draws = resampled(&[x], &[y], &noise).unwrap();
        let mean = draws.iter().sum::<f64>() / DRAWS as f64;
        let deviation = (draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / DRAWS as f64).sqrt();
        assert!((mean - score).abs() < 0.01, "{mean} {score}");
        assert!((0.025..0.055).contains(&deviation), "{deviation}");
    }
}
