//! # Definition
//! Remove and retrain. The original network explains every training and test image for the class that it predicts. For each
//! of `fractions`, that share of the features with the highest rank is replaced in every image of both splits, and the same
//! recipe is trained from a fresh initialisation on the modified training images. `accuracy` is that of the retrained
//! networks on the modified test images, from fraction 0, where nothing is removed; lower is better: a map has found what the
//! class can be told from if it can no longer be told without it. `area` is the area between the curve of the control
//! `random` (fixed for each image) and the explainer's, over the fractions from 0 on, by the trapezoid rule: above 0, the map
//! removes more than noise does. `advantage` is the difference of the two curves, and `resolution` half the width of its
//! interval: smaller differences cannot be told with these trainings.
//!
//! Beside them, for each fraction: `without-retraining`, the accuracy of the original network on the same modified test images;
//! `mask-only`, the accuracy of the same recipe trained and tested on nothing but the masks, 1 where a feature was replaced: what
//! is above chance, the shape of the mask tells, and not what is left of the image; `changed`, the share of the pixels of the
//! training images that the removal changed at all (black pixels before a black background stay as they are);
//! `train-accuracy`, that which the trainings reached on their own images (of `random` redrawn, on those of the last epoch);
//! `unranked`, the share of the images of both splits whose maps are constant or not finite, so that their order is noise. A
//! repetition with maps that are not finite has no values.
//!
//! The unit is the repetition: `seeds = { model = M, retrain = R }` are M original networks with R retrainings each. Contenders
//! share initialisations and the order of examples. With one original network the numbers speak of its maps (`over =
//! "model"`); three or more speak of the method.
//!
//! # Parameters
//! - `fractions` ([0.1, 0.3, 0.5, 0.7, 0.9]): shares of the features that are removed, ascending, in (0, 1); their number is
//!   rounded to the nearest, and no two of them may come to the same number, to none or to all.
//! - `unit` ("pixel"): what is removed at once: "pixel" (all its channels, ranked by the map), "element" (one channel of one
//!   pixel) or "region" (`region` pixels a side, ranked by the sum of the map in it).
//! - `region` (4): for `unit = "region"`.
//! - `ties` ("random"): order of equal features: "random" (drawn once per image, the same for every contender) or "stable".
//! - `sign` ("map"): what becomes of the sign of a pixel's number: "map" (as the explainer's `map` says), "signed", "absolute",
//!   "positive" or "square".
//! - `imputer` ("mean"): what takes their place; "mean" is the training images' mean per channel.
//! - `score` ("accuracy"): what is compared: "accuracy", or the mean "probability" of the true class.
//! - `masks` (true): whether networks are trained on the masks alone, too.
//! - `converged` (0.95): a training that ends below this training accuracy, and whose loss still fell by more than 2 % in its last
//!   epoch, is flagged as not converged. Where little is left of the images, a training may end low because there is no more to
//!   learn; that is no fault of its length.
//! - `splits` ("both"): "train" leaves the test images as they are. That is the mistake of public code whose numbers circulate
//!   as ROAR: every map looks far better than random. It is here as a negative control, and flagged wherever it is shown.
//!
//! # Cost
//! Explanations of all images, and R (1 + 3 F) trainings per network and explainer for F fractions, of which R (1 + F) are
//! shared by all explainers; R F fewer without `masks`.
//!
//! # Reference
//! Hooker, Erhan, Kindermans and Kim, "A Benchmark for Interpretability Methods in Deep Neural Networks", NeurIPS 2019. Masks
//! alone: Rong et al., ICML 2022. Not taken over from the released code: the ranking of single elements, the squaring of
//! every map, and ImageNet's mean for all data.

use std::sync::Arc;

use super::retraining::{Removal, Retrain};
use crate::catalogue::Entry;
use crate::error::{Error, Result};
use crate::metrics::{Family, Given, Measure, Metric, Scores};
use crate::need::{Known, Need};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "roar",
    summary: "accuracy of networks trained anew without what a map ranks highest",
    reference: "Hooker et al. 2019",
    revision: 1,
    source: concat!(include_str!("roar.rs"), include_str!("retraining.rs"), include_str!("features.rs")),
    read: |section| Some(Arc::new(Retraining(Retrain::read(section, false)?))),
};

/// This metric, and `kar`, which differs in what stays.
pub struct Retraining(pub Retrain);

impl Metric for Retraining {
    fn family(&self) -> Family {
        Family::Removal
    }

    fn measures(&self) -> Vec<Measure> {
        self.0.measures()
    }

    fn needs(&self, known: &Known) -> Vec<Need> {
        self.0.needs(known)
    }

    fn removal(&self) -> Option<&Removal> {
        Some(&self.0.removal)
    }

    fn ranks_elements(&self) -> bool {
        self.0.ranks_elements()
    }

    fn warning(&self) -> Option<String> {
        self.0.warning()
    }

    fn score(&self, _: &Given) -> Result<Scores> {
        Err(Error::new("a retraining metric scores trainings, not images"))
    }

    fn settle(&self, known: &Known) -> Result<Scores> {
        self.0.settle(known)
    }
}
