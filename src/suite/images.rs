//! Which images are explained, and for which class.

use crate::config::Section;
use crate::noise::Noise;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitName {
    Train,
    Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    All,
    /// Those that the network classifies correctly.
    Correct,
}

/// The class whose score is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// What the network under explanation predicts for the unmodified image.
    Prediction,
    /// What the data says.
    Label,
}

/// `[images]`: a seeded sample of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    pub split: SplitName,
    pub count: usize,
    pub only: Only,
    pub target: Target,
}

impl Default for Images {
    fn default() -> Self {
        Self { split: SplitName::Test, count: 1000, only: Only::All, target: Target::Prediction }
    }
}

impl Images {
    /// What a table changes of `default`.
    pub fn read(section: &Section, default: &Self) -> Self {
        let word = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
        let images = Self {
            split: section.choice(
                "split",
                word(default.split == SplitName::Test, "test", "train"),
                &[("train", SplitName::Train), ("test", SplitName::Test)],
            ),
            count: section.get_if("count", default.count, |count| *count >= 1, "an integer of 1 or more"),
            only: section.choice(
                "only",
                word(default.only == Only::All, "all", "correct"),
                &[("all", Only::All), ("correct", Only::Correct)],
            ),
            target: section.choice(
                "target",
                word(default.target == Target::Prediction, "prediction", "label"),
                &[("prediction", Target::Prediction), ("label", Target::Label)],
            ),
        };
        section.finish();
        images
    }

    /// Everything that decides the sample, canonically.
    pub fn identity(&self) -> String {
        format!("{:?} {} {:?} {:?}", self.split, self.count, self.only, self.target)
    }

    /// The sample: places in the split of `labels`, for a network that predicts `predictions`.
    pub fn sample(&self, noise: &Noise, labels: &[i64], predictions: &[i64]) -> Vec<usize> {
        let wanted = |place: &usize| self.only == Only::All || labels[*place] == predictions[*place];
        let order = noise.purpose("images").permutation(labels.len());
        order.into_iter().filter(wanted).take(self.count).collect()
    }

    /// For captions, where they are looked at as examples and not explained.
    pub fn as_points(&self) -> String {
        let split = if self.split == SplitName::Test { "test" } else { "training" };
        let only = if self.only == Only::Correct { " that the network classifies correctly" } else { "" };
        format!("{split} points drawn by seed{only}")
    }

    /// For captions.
    pub fn shown(&self) -> String {
        let split = if self.split == SplitName::Test { "test" } else { "training" };
        let only = if self.only == Only::Correct { " that the network classifies correctly" } else { "" };
        let target = if self.target == Target::Prediction { "the predicted class" } else { "the labelled class" };
        format!("{split} images drawn by seed{only}; {target} is explained")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_sample_begins_with_the_smaller_one_and_only_correct_leaves_out_the_wrong() {
        let noise = Noise::new(3);
        let (labels, predictions) = (vec![0; 50], (0..50).map(|i| i % 2).collect::<Vec<i64>>());
        let sample = |count, only| Images { count, only, ..Images::default() }.sample(&noise, &labels, &predictions);
        assert_eq!(sample(5, Only::All), sample(20, Only::All)[..5]);
        let correct = sample(100, Only::Correct);
        assert_eq!(correct.len(), 25);
        assert!(correct.iter().all(|place| place % 2 == 0));
    }
}
