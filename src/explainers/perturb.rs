//! What explainers that perturb share: the network's answers to versions of an image from which something was removed.

use std::ops::Range;
use std::sync::Arc;

use tch::Tensor;

use super::{Scene, pieces};
use crate::config::Section;
use crate::error::Result;
use crate::imputers::Imputer;
use crate::model::Score;

const SCORES: &[(&str, Score)] =
    &[("logit", Score::Logit), ("probability", Score::Probability), ("log-probability", Score::LogProbability)];

/// How a removal is carried out and what is read off afterwards.
pub struct Probe {
    pub imputer: Arc<dyn Imputer>,
    pub score: Score,
}

impl Probe {
    /// Reads `imputer` and `score`, with these defaults.
    pub fn read(section: &Section, imputer: &str, score: &str) -> Option<Self> {
        let imputer = crate::imputers::choose(section, "imputer", imputer);
        let score = section.choice("score", score, SCORES);
        Some(Self { imputer: imputer?.method, score })
    }

    /// The score of the explained class for `versions` versions of each example, [B, versions] in the kind of `on.x`.
    ///
    /// `removed(examples, versions)` says which pixels those versions of those examples lack: bool [b, n, 1, H, W], or
    /// [1, n, 1, H, W] where all examples lack the same. It is asked piece by piece, so that at most `on.chunk` versions
    /// are alive at once.
    pub fn scores(
        &self,
        on: &Scene,
        versions: usize,
        removed: impl Fn(Range<usize>, Range<usize>) -> Result<Tensor>,
    ) -> Result<Tensor> {
        // Filled in place: small results kept between large temporary ones would tear holes into the heap that it never closes.
        let shape = [on.len() as i64, versions as i64];
        let scores = Tensor::f_zeros(shape, (on.x.kind(), on.x.device()))?;
        for examples in pieces(on.len(), on.chunk / versions) {
            let part = on.part(examples.clone())?;
            let of_part = scores.f_narrow(0, examples.start as i64, examples.len() as i64)?;
            for versions in pieces(versions, on.chunk) {
                let mut of_versions = of_part.f_narrow(1, versions.start as i64, versions.len() as i64)?;
                let removed = removed(examples.clone(), versions)?;
                let (examples, versions) = (part.len() as i64, removed.size()[1]);
                let removed = removed.f_expand([&[examples], &removed.size()[1..]].concat(), false)?;
                let inputs = self.imputer.impute(&part.x, &removed, &part.surroundings())?;
                let target = part.target.f_repeat_interleave_self_int(versions, 0, None)?;
                let answers = on.model.shared_scores(&inputs.f_flatten(0, 1)?, &target, self.score)?;
                of_versions.f_copy_(&answers.f_view([examples, versions])?)?;
            }
        }
        Ok(scores)
    }
}
