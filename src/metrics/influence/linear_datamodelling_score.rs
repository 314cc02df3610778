//! # Definition
//! Networks are trained on `subsets` random shares of the training examples; for each, the sum of the influences of what was left
//! out predicts a quantity of each test point. `lds`: the rank correlation of predicted and actual quantity over the subsets, one
//! value for each test point. Large subsets are heard above the noise of retraining where single examples are not.
//!
//! Its interval resamples subsets, the repetitions of their trainings (`seeds.retrain`) and test points: over test points alone it
//! would cover the truth a third of the time, since they share the subsets. The quantity is the mean over the repetitions, and
//! `ceiling` says what noise leaves for any prediction to reach. A single repetition has no ceiling, and its noise is not in the
//! interval. Test points whose ceiling is undefined or below 0.3 are counted: "below resolution".
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

use std::collections::BTreeMap;
use std::sync::Arc;

use tch::Tensor;

use super::actual::{Actual, Retraining};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::influence::Quantity;
use crate::metrics::{Direction, Family, Influenced, Line, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{About, DataRef, Known, LeftOut, Need, Share};
use crate::noise::Noise;
use crate::stats::{average_ranks, mean, spearman};

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
        let changes = |point: usize| actual.mean(&actual.all(), &subsets, point);
        let scores = points.clone().map(|point| spearman(&predicted[point], &changes(point))).collect();
        let ceilings: Vec<f64> = points.map(|point| actual.ceiling(&subsets, point, spearman)).collect();
        let hidden = actual.below_resolution(&ceilings);
        let resampled = resampled(&predicted, &actual, &given.noise)?;
        let of = |measure, at: Vec<f64>, values| Values { measure, at, values };
        Ok(Scores {
            unit: ScoredUnit::TestPoint,
            ids: actual.refitted.ids.clone(),
            measures: vec![
                of(LDS, vec![0.0], scores),
                of(CEILING, vec![0.0], ceilings),
                of(RESAMPLED, (0..DRAWS).map(|draw| draw as f64).collect(), resampled),
            ],
            flags: vec![("not converged", actual.unconverged), ("below resolution", hidden)],
        })
    }
}

/// Test point by test point the correlation of ranks over subsets that are drawn again with replacement, and so are the repetitions
/// of their trainings, `DRAWS` times: the same draws for every test point and every method, so that they stay paired. The ranks are
/// those among all subsets, so that an interval is a few products of matrices for every choice of repetitions that is drawn.
fn resampled(predicted: &[Vec<f64>], actual: &Actual, noise: &Noise) -> Result<Vec<f64>> {
    let (points, subsets) = (predicted.len(), predicted.first().map_or(0, Vec::len));
    let noise = noise.purpose("resampled-subsets");
    let drawn = |noise: &Noise, count: usize| -> Vec<usize> {
        (0..count as u64).map(|at| noise.below(at, count as u64) as usize).collect()
    };
    let mut draws_of: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for draw in 0..DRAWS {
        let mut repetitions = drawn(&noise.purpose("repetitions").index(draw as u64), actual.changes.len());
        repetitions.sort_unstable();
        draws_of.entry(repetitions).or_default().push(draw);
    }
    let ranks = |rows: Vec<Vec<f64>>| -> Result<Tensor> {
        // Around their middle, so that squares lose no digits.
        let middle = (subsets as f64 + 1.0) / 2.0;
        let ranks: Vec<f64> = rows.iter().flat_map(|row| average_ranks(row)).collect();
        Ok(Tensor::f_from_slice(&ranks)?.f_view([-1, subsets as i64])?.f_sub_scalar(middle)?)
    };
    let (x, all) = (ranks(predicted.to_vec())?, (0..subsets).collect::<Vec<usize>>());
    let mut resampled = vec![f64::NAN; points * DRAWS];
    let mut alike: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (repetitions, draws) in draws_of {
        let y = ranks((0..points).map(|point| actual.mean(&repetitions, &all, point)).collect())?;
        let mut counts = vec![0f64; draws.len() * subsets];
        for (at, draw) in draws.iter().enumerate() {
            let drawn = drawn(&noise.index(*draw as u64), subsets);
            drawn.into_iter().for_each(|subset| counts[at * subsets + subset] += 1.0);
        }
        let counts = Tensor::f_from_slice(&counts)?.f_view([-1, subsets as i64])?.f_div_scalar(subsets as f64)?;
        let correlations = Vec::<f64>::try_from(correlation(&x, &y, &counts)?.f_flatten(0, -1)?)?;
        for (point, row) in correlations.chunks(draws.len()).enumerate() {
            draws.iter().zip(row).for_each(|(draw, correlation)| resampled[point * DRAWS + draw] = *correlation);
        }
        let mut times: Vec<usize> = repetitions.chunk_by(|one, next| one == next).map(<[usize]>::len).collect();
        times.sort_unstable();
        alike.entry(times).or_default().extend(draws);
    }
    // The same repetition twice is a mean with more noise in it than two of them, which lowers every correlation: no error of
    // theirs. So draws that repeat as much are moved to the mean of all.
    for row in resampled.chunks_mut(DRAWS) {
        let all = mean(&row.iter().copied().filter(|value| value.is_finite()).collect::<Vec<_>>());
        for draws in alike.values() {
            let own: Vec<f64> = draws.iter().map(|draw| row[*draw]).filter(|value| value.is_finite()).collect();
            let shift = all - mean(&own);
            draws.iter().for_each(|draw| row[*draw] += shift);
        }
    }
    Ok(resampled)
}

/// Pearson's correlation of the rows of `x` and `y`, [T, m], with weights [D, m] that sum to 1: [T, D]. NaN where a weighed row is
/// constant.
fn correlation(x: &Tensor, y: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let mean = |values: &Tensor| -> Result<Tensor> { Ok(values.f_matmul(&weights.f_tr()?)?) };
    let (mean_x, mean_y) = (mean(x)?, mean(y)?);
    let spread = |values: &Tensor, means: &Tensor| -> Result<Tensor> {
        Ok(mean(&values.f_square()?)?.f_sub(&means.f_square()?)?.f_clamp_min(0.0)?.f_sqrt()?)
    };
    let together = mean(&x.f_mul(y)?)?.f_sub(&mean_x.f_mul(&mean_y)?)?;
    let correlation = together.f_div(&spread(x, &mean_x)?.f_mul(&spread(y, &mean_y)?)?)?;
    Ok(correlation.f_where_self(&correlation.f_isfinite()?, &correlation.f_full_like(f64::NAN)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Refitted;

    const SUBSETS: usize = 200;

    fn normal(purpose: &str) -> Vec<f64> {
        let ids: Vec<u64> = (0..SUBSETS as u64).collect();
        let drawn = Noise::new(4).purpose(purpose).normal(&ids, &[], tch::Kind::Double, tch::Device::Cpu).unwrap();
        Vec::try_from(drawn).unwrap()
    }

    /// The mean and the standard deviation of the draws for one test point.
    fn drawn(predicted: &[f64], repetitions: &[Vec<f64>]) -> (f64, f64) {
        let rows = |values: &Vec<f64>| values.iter().map(|value| vec![*value]).collect::<Vec<Vec<f64>>>();
        let actual = Actual {
            refitted: Refitted {
                left_out: vec![Vec::new(); SUBSETS],
                aimed: vec![None; SUBSETS],
                logits: Tensor::new(),
                before: Tensor::new(),
                labels: Tensor::new(),
                ids: vec![0],
                unconverged: 0,
            },
            changes: repetitions.iter().map(rows).collect(),
            flips: Vec::new(),
            unconverged: 0,
        };
        let draws = resampled(&[predicted.to_vec()], &actual, &Noise::new(4)).unwrap();
        let mean = draws.iter().sum::<f64>() / DRAWS as f64;
        (mean, (draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / DRAWS as f64).sqrt())
    }

    /// Around the correlation of all, and as far from it as subsets drawn anew would lead: 0.7 with 200 subsets has a standard
    /// error of about (1 - 0.7²) / sqrt(200) = 0.036.
    #[test]
    fn draws_lie_around_the_score() {
        let (x, e) = (normal("x"), normal("e"));
        let y: Vec<f64> = x.iter().zip(&e).map(|(x, e)| x + e).collect();
        let (mean, deviation) = drawn(&x, std::slice::from_ref(&y));
        assert!((mean - spearman(&x, &y)).abs() < 0.01, "{mean}");
        assert!((0.025..0.055).contains(&deviation), "{deviation}");
        // Repetitions that say the same add nothing; only the means of the draws are moved onto each other.
        let same = drawn(&x, &[y.clone(), y.clone()]).1;
        assert!((same - deviation).abs() < 0.02 * deviation, "{same} {deviation}");
        // One that knows the answer beside one that knows nothing: which of them is drawn moves the score.
        let (_, apart) = drawn(&x, &[x.clone(), e]);
        assert!(apart > 0.2, "{apart}");
    }
}
