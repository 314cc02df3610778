//! What localization metrics judge: which examples are valid, which pixels count, and how both are recorded.
//!
//! An example is invalid, and counted under the first reason that holds, if
//! - the explained class is not the one that the evidence speaks for ("class without evidence"),
//! - it has no evidence ("no evidence"),
//! - its evidence covers more than the share `largest` of the image, or all of it ("evidence too large"),
//! - its map holds a NaN or an infinity ("not finite"), or
//! - its map is the same everywhere ("constant map").
//!
//! Ignored pixels belong neither to the evidence nor to the rest: they are left out, also of areas and of what makes a
//! map constant.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::config::Section;
use crate::error::{Error, Result};
use crate::explainers::Evidence;
use crate::metrics::{Given, ScoredUnit, Scores, Values};

/// Parameter `largest`: the share of the image up to which evidence can be missed at all.
pub fn largest(section: &Section) -> f64 {
    section.get_if("largest", 0.5, |&share| 0.0 < share && share <= 1.0, "a share above 0 and at most 1")
}

/// A block of examples whose images have D pixels.
pub struct Judged {
    /// One number per pixel, float64 [B, D], the image's rows one after another.
    pub map: Tensor,
    /// Where the evidence is, bool [B, D]; never where pixels are ignored.
    pub truth: Tensor,
    /// Where it does not matter what the map says, bool [B, D].
    pub ignored: Option<Tensor>,
    /// How many pixels are evidence, float64 [B].
    pub inside: Tensor,
    /// How many pixels are judged, float64 [B].
    pub pixels: Tensor,
    /// Why there is nothing to find in an example.
    unanswerable: Vec<Option<&'static str>>,
    /// Why there is nothing to judge in its map.
    unreadable: Vec<Option<&'static str>>,
    ids: Vec<u64>,
}

impl Judged {
    /// # Errors
    /// When the data does not know where the evidence is.
    pub fn new(given: &Given, largest: f64) -> Result<Self> {
        Self::of_map(given, &given.pixel_map()?, largest)
    }

    /// The same of another map of the same images, float64 [B, H, W].
    pub fn of_map(given: &Given, map: &Tensor, largest: f64) -> Result<Self> {
        let evidence = evidence(given)?;
        let map = map.f_flatten(1, 2)?;
        let ignored = evidence.ignored.as_ref().map(|ignored| ignored.f_flatten(1, 2)).transpose()?;
        Self::of(map, evidence.mask.f_flatten(1, 2)?, ignored, &evidence.applies, largest, &given.scene.ids)
    }

    /// All tensors [B, D].
    fn of(
        map: Tensor,
        truth: Tensor,
        ignored: Option<Tensor>,
        applies: &[bool],
        largest: f64,
        ids: &[u64],
    ) -> Result<Self> {
        let (truth, pixels) = match &ignored {
            Some(ignored) => {
                let judged = ignored.f_logical_not()?;
                (truth.f_logical_and(&judged)?, count(&judged)?)
            }
            None => {
                let all = map.f_new_full([truth.size()[0]], truth.size()[1] as f64, (Kind::Double, map.device()))?;
                (truth, all)
            }
        };
        let inside = count(&truth)?;
        let shares = numbers(&inside.f_div(&pixels)?)?;
        let unanswerable = shares.iter().zip(applies).map(|(&share, &applies)| match share {
            _ if !applies => Some("class without evidence"),
            // Nothing divided by nothing: all pixels are ignored.
            _ if share.is_nan() || share == 0.0 => Some("no evidence"),
            _ if share > largest || share == 1.0 => Some("evidence too large"),
            _ => None,
        });
        let (unanswerable, unreadable) = (unanswerable.collect(), unreadable(&map, ignored.as_ref())?);
        Ok(Self { map, truth, ignored, inside, pixels, unanswerable, unreadable, ids: ids.to_vec() })
    }

    /// The map for comparisons: below every other number where pixels are ignored.
    pub fn ordered(&self) -> Result<Tensor> {
        self.filled(f64::NEG_INFINITY)
    }

    /// The map with `value` where pixels are ignored.
    pub fn filled(&self, value: f64) -> Result<Tensor> {
        filled(&self.map, self.ignored.as_ref(), value)
    }

    pub fn is_valid(&self, example: usize) -> bool {
        self.unanswerable[example].is_none() && self.unreadable[example].is_none()
    }

    /// `values` [B] where the example is valid, NaN elsewhere.
    pub fn valid(&self, values: &Tensor) -> Result<Vec<f64>> {
        Ok(self.valid_numbers(numbers(values)?))
    }

    /// The same of numbers that are on the host already.
    pub fn valid_numbers(&self, mut values: Vec<f64>) -> Vec<f64> {
        values.iter_mut().enumerate().filter(|(i, _)| !self.is_valid(*i)).for_each(|(_, value)| *value = f64::NAN);
        values
    }

    /// The share of the judged pixels that `found` [B] of them are, whatever the map says; NaN where there is nothing
    /// to find.
    pub fn area(&self, found: &Tensor) -> Result<Vec<f64>> {
        let shares = numbers(&found.f_div(&self.pixels)?)?.into_iter().zip(&self.unanswerable);
        Ok(shares.map(|(share, reason)| if reason.is_none() { share } else { f64::NAN }).collect())
    }

    /// The share of the judged pixels that are evidence: what a map that knows nothing scores.
    pub fn chance(&self) -> Result<Vec<f64>> {
        self.area(&self.inside)
    }

    /// The record of these measures, with what befell how many examples. `own`: what only this metric can tell, for
    /// each example; counted where the example is valid.
    pub fn scores(&self, measures: Vec<(&'static str, Vec<f64>)>, own: &[(&'static str, Vec<bool>)]) -> Scores {
        let mut flags: BTreeMap<&'static str, usize> = BTreeMap::new();
        for example in 0..self.ids.len() {
            let fault = self.unanswerable[example].or(self.unreadable[example]);
            let own = own.iter().filter(|(_, holds)| fault.is_none() && holds[example]).map(|(flag, _)| *flag);
            fault.into_iter().chain(own).for_each(|flag| *flags.entry(flag).or_default() += 1);
        }
        let measures = measures.into_iter().map(|(measure, values)| Values { measure, at: vec![0.0], values });
        Scores {
            unit: ScoredUnit::Example,
            ids: self.ids.clone(),
            measures: measures.collect(),
            flags: flags.into_iter().collect(),
        }
    }
}

/// # Errors
/// When the data does not know where the evidence is.
pub fn evidence<'a>(given: &'a Given) -> Result<&'a Evidence> {
    given.scene.evidence.as_ref().ok_or_else(|| Error::new("this data has no boxes or masks"))
}

fn unreadable(map: &Tensor, ignored: Option<&Tensor>) -> Result<Vec<Option<&'static str>>> {
    let (low, high) = map.f_aminmax(1, false)?;
    let (lowest, highest) = match ignored {
        Some(_) => (
            filled(map, ignored, f64::INFINITY)?.f_amin(1, false)?,
            filled(map, ignored, f64::NEG_INFINITY)?.f_amax(1, false)?,
        ),
        None => (low.shallow_clone(), high.shallow_clone()),
    };
    // A NaN anywhere in a map makes its extremes NaN.
    let finite = flags(&low.f_isfinite()?.f_logical_and(&high.f_isfinite()?)?)?;
    let constant = flags(&lowest.f_ge_tensor(&highest)?)?;
    let reason = |(finite, constant)| match (finite, constant) {
        (false, _) => Some("not finite"),
        (true, true) => Some("constant map"),
        (true, false) => None,
    };
    Ok(finite.into_iter().zip(constant).map(reason).collect())
}

fn filled(map: &Tensor, ignored: Option<&Tensor>, value: f64) -> Result<Tensor> {
    Ok(match ignored {
        Some(ignored) => map.f_masked_fill(ignored, value)?,
        None => map.shallow_clone(),
    })
}

/// How many of each row [B, D] are true, float64 [B].
pub fn count(rows: &Tensor) -> Result<Tensor> {
    Ok(rows.f_sum_dim_intlist(1, false, Kind::Double)?)
}

/// On the host.
pub fn numbers(values: &Tensor) -> Result<Vec<f64>> {
    Ok(Vec::try_from(values)?)
}

/// On the host.
pub fn flags(values: &Tensor) -> Result<Vec<bool>> {
    Ok(Vec::try_from(values)?)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn mask(pixels: &[u8]) -> Tensor {
        Tensor::from_slice(pixels).to_kind(Kind::Bool).unsqueeze(0)
    }

    /// One example of an image of one row.
    pub fn one(map: &[f64], truth: &[u8], ignored: &[u8]) -> Judged {
        with(map, truth, ignored, true, 0.5)
    }

    fn with(map: &[f64], truth: &[u8], ignored: &[u8], applies: bool, largest: f64) -> Judged {
        let ignored = ignored.contains(&1).then(|| mask(ignored));
        Judged::of(Tensor::from_slice(map).unsqueeze(0), mask(truth), ignored, &[applies], largest, &[7]).unwrap()
    }

    /// Flags, the measure, and its chance.
    fn record(judged: &Judged) -> (Vec<(&'static str, usize)>, f64, f64) {
        let values = judged.valid_numbers(vec![3.0]);
        let scores = judged.scores(vec![("x", values)], &[("own", vec![true])]);
        assert_eq!((scores.ids.as_slice(), scores.unit), ([7].as_slice(), ScoredUnit::Example));
        (scores.flags, scores.measures[0].values[0], judged.chance().unwrap()[0])
    }

    #[test]
    fn a_valid_example_keeps_its_value_and_flags() {
        assert_eq!(record(&one(&[1., 2., 3., 4.], &[1, 0, 0, 0], &[0; 4])), (vec![("own", 1)], 3.0, 0.25));
    }

    #[test]
    fn what_has_no_answer_is_counted_under_its_first_reason_and_has_no_chance() {
        let map = [f64::NAN, 2., 3., 4.];
        for (judged, reason) in [
            (with(&map, &[0; 4], &[0; 4], false, 0.5), "class without evidence"),
            (one(&map, &[0; 4], &[0; 4]), "no evidence"),
            (one(&map, &[1, 0, 0, 0], &[1, 0, 0, 0]), "no evidence"),
            (one(&map, &[0; 4], &[1; 4]), "no evidence"),
            (one(&map, &[1, 1, 1, 0], &[0; 4]), "evidence too large"),
            // 2 of the 3 judged pixels.
            (one(&map, &[1, 1, 0, 0], &[0, 0, 0, 1]), "evidence too large"),
            (with(&map, &[1; 4], &[0; 4], true, 1.0), "evidence too large"),
        ] {
            let (flags, value, chance) = record(&judged);
            assert_eq!(flags, [(reason, 1)]);
            assert!(value.is_nan() && chance.is_nan() && !judged.is_valid(0), "{reason}");
        }
        assert!(with(&[1., 2., 3., 4.], &[1, 1, 1, 0], &[0; 4], true, 1.0).is_valid(0));
    }

    /// Chance speaks of the data and not of the map, so every map of one image has the same.
    #[test]
    fn a_map_that_cannot_be_judged_keeps_its_chance() {
        for (map, ignored, reason, expected) in [
            ([f64::NAN, 2., 3., 4.], [0; 4], "not finite", 0.25),
            ([1., f64::INFINITY, 3., 4.], [0; 4], "not finite", 0.25),
            ([1., 2., 3., f64::NEG_INFINITY], [0, 0, 0, 1], "not finite", 1.0 / 3.0),
            ([2.; 4], [0; 4], "constant map", 0.25),
            ([2., 2., 2., 9.], [0, 0, 0, 1], "constant map", 1.0 / 3.0),
        ] {
            let (flags, value, chance) = record(&one(&map, &[1, 0, 0, 0], &ignored));
            assert_eq!((flags.as_slice(), chance), ([(reason, 1)].as_slice(), expected));
            assert!(value.is_nan(), "{reason}");
        }
    }

    #[test]
    fn ignored_pixels_are_no_evidence_and_lie_below_all_others() {
        let judged = one(&[1., 2., -3., 4., 0.], &[1, 0, 0, 1, 0], &[0, 0, 0, 1, 0]);
        assert_eq!(flags(&judged.truth.squeeze_dim(0)).unwrap(), [true, false, false, false, false]);
        assert_eq!((numbers(&judged.inside).unwrap(), numbers(&judged.pixels).unwrap()), (vec![1.0], vec![4.0]));
        let ordered = judged.ordered().unwrap();
        assert_eq!(numbers(&ordered.squeeze_dim(0)).unwrap(), [1., 2., -3., f64::NEG_INFINITY, 0.]);
    }
}
