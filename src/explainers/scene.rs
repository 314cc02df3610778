//! What an explainer is given, and the one place where examples are expanded to rows and cut into chunks.

use std::ops::Range;

use tch::Tensor;

use crate::datasets::Rect;
use crate::error::Result;
use crate::imputers::{Statistics, Surroundings};
use crate::model::Model;
use crate::noise::Noise;

/// A batch under explanation: the network, the images, the classes to explain.
pub struct Scene<'a> {
    pub model: &'a Model,
    /// Pixels in [0, 1], [B, C, H, W].
    pub x: Tensor,
    /// The class whose score is explained, int64 [B].
    pub target: Tensor,
    /// Where the evidence is, on data that knows.
    pub evidence: Option<Evidence>,
    /// Names of the examples: draws are keyed by them, so that an example sees the same noise in any batch.
    pub ids: Vec<u64>,
    pub noise: Noise,
    pub statistics: &'a Statistics,
    /// The most rows of model input that may be alive at once.
    pub chunk: usize,
    /// Whether a derivative of the attribution will be asked for: then the tape is kept.
    pub differentiable: bool,
}

/// What data knows about the evidence for the label of each image.
pub struct Evidence {
    /// Where it is, bool [B, H, W].
    pub mask: Tensor,
    /// Where it does not matter what a map says, bool [B, H, W].
    pub ignored: Option<Tensor>,
    pub boxes: Vec<Vec<Rect>>,
    /// Whether the explained class is the one that the evidence speaks for.
    pub applies: Vec<bool>,
    /// The same images without the evidence, [B, C, H, W], where the data can make them.
    pub without: Option<Tensor>,
}

impl Evidence {
    /// That of the examples at `places`, in their order.
    fn at(&self, places: impl Iterator<Item = usize> + Clone) -> Result<Self> {
        let index: Vec<i64> = places.clone().map(|place| place as i64).collect();
        let index = Tensor::from_slice(&index).to_device(self.mask.device());
        let pick = |tensor: &Tensor| tensor.f_index_select(0, &index);
        Ok(Self {
            mask: pick(&self.mask)?,
            ignored: self.ignored.as_ref().map(pick).transpose()?,
            boxes: places.clone().map(|place| self.boxes[place].clone()).collect(),
            applies: places.map(|place| self.applies[place]).collect(),
            without: self.without.as_ref().map(pick).transpose()?,
        })
    }
}

impl<'a> Scene<'a> {
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The examples of `range`.
    pub fn part(&self, range: Range<usize>) -> Result<Scene<'a>> {
        let cut = |tensor: &Tensor| tensor.f_narrow(0, range.start as i64, range.len() as i64);
        Ok(Scene {
            x: cut(&self.x)?,
            target: cut(&self.target)?,
            evidence: self.evidence.as_ref().map(|known| known.at(range.clone())).transpose()?,
            ids: self.ids[range.clone()].to_vec(),
            ..self.shared()
        })
    }

    /// The examples at `places`, in that order.
    pub fn pick(&self, places: &[i64]) -> Result<Scene<'a>> {
        let index = Tensor::from_slice(places).to_device(self.x.device());
        let pick = |tensor: &Tensor| tensor.f_index_select(0, &index);
        Ok(Scene {
            x: pick(&self.x)?,
            target: pick(&self.target)?,
            evidence: self.evidence.as_ref().map(|known| known.at(places.iter().map(|i| *i as usize))).transpose()?,
            ids: places.iter().map(|place| self.ids[*place as usize]).collect(),
            ..self.shared()
        })
    }

    /// The same examples, each with several inputs: `rows` [B, n, C, H, W]. The scene that results has B x n examples.
    pub fn rows(&self, rows: &Tensor) -> Result<Scene<'a>> {
        let draws = rows.size()[1];
        let repeated = || (0..self.len()).flat_map(|example| std::iter::repeat_n(example, draws as usize));
        Ok(Scene {
            x: rows.f_flatten(0, 1)?,
            target: self.target.f_repeat_interleave_self_int(draws, 0, None)?,
            evidence: self.evidence.as_ref().map(|known| known.at(repeated())).transpose()?,
            ids: repeated().map(|example| self.ids[example]).collect(),
            ..self.shared()
        })
    }

    /// What imputers know of these images.
    pub fn surroundings(&self) -> Surroundings<'_> {
        Surroundings { statistics: self.statistics.like(&self.x), noise: self.noise, ids: &self.ids }
    }

    /// Calls `sum` on parts of at most `chunk` rows, where each example takes part in `draws` draws of `rows` rows each,
    /// and adds up what it returns for the draws of an example. `sum(part, draws)` gives [part.len(), ..].
    pub fn sum_over_draws(
        &self,
        draws: usize,
        rows: usize,
        mut sum: impl FnMut(&Scene, Range<usize>) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let examples = (self.chunk / (draws * rows)).max(1);
        let at_once = if examples > 1 { draws } else { (self.chunk / rows).clamp(1, draws) };
        let mut parts = Vec::new();
        for examples in pieces(self.len(), examples) {
            let part = self.part(examples)?;
            let mut total: Option<Tensor> = None;
            for draws in pieces(draws, at_once) {
                let more = sum(&part, draws)?;
                total = Some(match total {
                    Some(total) => total.f_add(&more)?,
                    None => more,
                });
            }
            parts.extend(total);
        }
        Ok(Tensor::f_cat(&parts, 0)?)
    }

    fn shared(&self) -> Scene<'a> {
        Scene {
            model: self.model,
            x: Tensor::new(),
            target: Tensor::new(),
            evidence: None,
            ids: Vec::new(),
            noise: self.noise,
            statistics: self.statistics,
            chunk: self.chunk,
            differentiable: self.differentiable,
        }
    }
}

/// 0..`total` in pieces of `size`.
pub fn pieces(total: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..total).step_by(size.max(1)).map(move |start| start..(start + size.max(1)).min(total))
}
