//! # Definition
//! The data randomization test: a network that learnt permuted labels by heart knows nothing of the classes, so a map that
//! explains what was learnt is another one for it. The explainer's maps of the row's network are compared, on the same images
//! and for the same classes, with its maps of three other networks of the same recipe:
//! - `random-labels`: trained on the training labels permuted once, until it says `reach` of them;
//! - `other-seed`: trained on the true labels: how alike two networks of equal worth are;
//! - `untrained`: the weights that the other two start from.
//!
//! The three share one training seed, which is not the row's: what they start from and the order of their images are the same, so
//! that they differ in what they learnt alone. Each is compared by `spearman` (signs kept), `absolute-spearman` and `ssim` of the
//! pixel maps, reduced as the explainer's row says; the first two are the same for maps without signs.
//!
//! None of these ranks: noise passes, and so does a bad explanation that changes; a map that does not look at the network has
//! exactly 1, and its Spearman is undefined where it is constant. A map shows that it depends on what was learnt if
//! `random-labels` lies below `other-seed`. Maps that multiply by the image keep its outline: read the signed column.
//!
//! The accuracy is measured after each epoch, in evaluation mode, on the training images without augmentation. Schedules run
//! over the longer training. Where the accuracy is not reached, the numbers carry the flag "random labels not fitted": they
//! are then of a network halfway.
//!
//! # Parameters
//! - `reach` (0.95): the training accuracy on permuted labels at which training ends, above 0 and at most 1.
//! - `patience` (10): train on them for at most so many times the recipe's epochs.
//!
//! # Cost
//! For each row's network two further trainings, one of them up to `patience` times as long; all explainers share them. For each
//! example the explanations of three further networks.
//!
//! # Reference
//! Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity Checks for Saliency Maps", NeurIPS 2018. The network of another
//! seed beside it: this tool.

use std::sync::Arc;

use tch::Kind;

use crate::catalogue::Entry;
use crate::error::{Error, Result};
use crate::metrics::{Direction, Family, Given, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{DataRef, Fit, Known, ModelRef, Need};
use crate::similarities::{self, AbsoluteSpearman, Side, Similarity, Spearman, Ssim};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "data-randomization",
    summary: "how alike maps are of a network that learnt permuted labels, beside one of another seed and an untrained one",
    reference: "Adebayo et al. 2018",
    revision: 1,
    source: concat!(include_str!("data_randomization.rs"), similarities::sources!()),
    read: |section| {
        let accuracy = |reach: &f64| *reach > 0.0 && *reach <= 1.0;
        let reach = section.get_if("reach", 0.95, accuracy, "an accuracy, above 0 and at most 1");
        let patience = section.get_if("patience", 10, |times| (1..=1000).contains(times), "an integer from 1 to 1000");
        Some(Arc::new(DataRandomization { fit: Fit::new(reach, patience) }))
    },
};

struct DataRandomization {
    fit: Fit,
}

/// The names of one network's measures, for `spearman`, `absolute-spearman` and `ssim`.
type Names = [&'static str; 3];

const RANDOM_LABELS: Names = ["random-labels-spearman", "random-labels-absolute-spearman", "random-labels-ssim"];
const OTHER_SEED: Names = ["other-seed-spearman", "other-seed-absolute-spearman", "other-seed-ssim"];
const UNTRAINED: Names = ["untrained-spearman", "untrained-absolute-spearman", "untrained-ssim"];

/// Differences of a correlation that are of no interest.
const SMALLEST_EFFECT: f64 = 0.05;

impl DataRandomization {
    /// The networks that the row's own is compared with.
    fn networks(&self) -> [(Names, ModelRef); 3] {
        [
            (RANDOM_LABELS, ModelRef::Sibling(DataRef::PermutedLabels(self.fit))),
            (OTHER_SEED, ModelRef::Sibling(DataRef::Stated)),
            (UNTRAINED, ModelRef::Sibling(DataRef::Nothing)),
        ]
    }
}

impl Metric for DataRandomization {
    fn family(&self) -> Family {
        Family::Randomization
    }

    fn measures(&self) -> Vec<Measure> {
        let measure = |(place, name): (usize, &'static str)| {
            let measure = Measure::new(name, Direction::None, SMALLEST_EFFECT);
            if place == 0 { measure } else { measure.minor() }
        };
        self.networks().iter().flat_map(|(names, _)| names.iter().copied().enumerate().map(measure)).collect()
    }

    fn needs(&self, _: &Known) -> Vec<Need> {
        let others = self.networks().map(|(_, reference)| Need::Attributions(reference));
        std::iter::once(Need::Attributions(ModelRef::Original)).chain(others).collect()
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let own = Side::new(given.pixel_map()?);
        let similarities: [&dyn Similarity; 3] = [&Spearman, &AbsoluteSpearman, &Ssim];
        let (mut measures, mut flags) = (Vec::new(), Vec::new());
        for (names, reference) in self.networks() {
            let other = given.other(&reference)?;
            let attribution = other.attribution.as_ref();
            let attribution = attribution.ok_or_else(|| Error::new("data-randomization: a network is unexplained"))?;
            let map = Side::new(given.map.reduce(attribution)?.f_to_kind(Kind::Double)?);
            for (measure, similarity) in names.into_iter().zip(similarities) {
                let values = Vec::<f64>::try_from(similarity.compare(&own, &map)?)?;
                measures.push(Values { measure, at: vec![0.0], values });
            }
            // A recipe of the suite may miss an accuracy of its own, with true labels: that is no fault of this test.
            if names == RANDOM_LABELS && other.training["reached"] == false {
                flags.push(("random labels not fitted", given.scene.len()));
            }
        }
        Ok(Scores { unit: ScoredUnit::Example, ids: given.scene.ids.clone(), measures, flags })
    }
}
