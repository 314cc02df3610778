//! An explainer as attacks see it: what makes maps of candidates, and which of them the network takes for the same.

use tch::Tensor;

use super::{Contender, Scene};
use crate::attacks::Victim;
use crate::error::{Error, Result};
use crate::model::Model;

/// An explainer and its network, as an attack sees them.
pub struct Explained<'a> {
    contender: &'a Contender,
    scene: &'a Scene<'a>,
    smooth: Option<&'a Model>,
    /// What the network predicts for the images, int64 [B].
    predicted: Tensor,
    /// With what probability, and how far that may move.
    confidence: Option<(Tensor, f64)>,
}

impl<'a> Explained<'a> {
    /// `smooth`: the copy that derivatives are taken of. `margin`: how far the probability of the predicted class may move.
    pub fn new(
        contender: &'a Contender,
        scene: &'a Scene<'a>,
        smooth: Option<&'a Model>,
        margin: Option<f64>,
    ) -> Result<Self> {
        let logits = tch::no_grad(|| scene.model.logits(&scene.x))?;
        let predicted = logits.f_argmax(1, false)?;
        let confidence =
            margin.map(|margin| Ok::<_, Error>((probability(&logits, &predicted)?, margin))).transpose()?;
        Ok(Self { contender, scene, smooth, predicted, confidence })
    }

    fn explain(&self, x: &Tensor, model: &Model, differentiable: bool) -> Result<Tensor> {
        // What an explainer does not ask for would be copied with every candidate.
        let evidence = match self.contender.chosen.method.needs_truth() {
            true => self.scene.part(0..self.scene.len())?.evidence,
            false => None,
        };
        let scene = Scene {
            model,
            x: x.shallow_clone(),
            target: self.scene.target.shallow_clone(),
            evidence,
            ids: self.scene.ids.clone(),
            // The rows were chosen so that they fit together.
            chunk: usize::MAX >> 1,
            differentiable,
            ..*self.scene
        };
        self.contender.map.reduce(&self.contender.chosen.method.explain(&scene)?.values)
    }
}

fn probability(logits: &Tensor, class: &Tensor) -> Result<Tensor> {
    let probabilities = logits.f_softmax(1, logits.kind())?;
    Ok(probabilities.f_gather(1, &class.f_unsqueeze(1)?, false)?.f_squeeze_dim(1)?)
}

impl Victim for Explained<'_> {
    fn maps(&self, x: &Tensor) -> Result<Tensor> {
        tch::no_grad(|| self.explain(x, self.scene.model, false))
    }

    fn smooth_maps(&self, x: &Tensor) -> Result<Tensor> {
        let smooth = self.smooth.ok_or_else(|| Error::new("this search takes no derivatives"))?;
        self.explain(x, smooth, true)
    }

    fn admits(&self, x: &Tensor, rows: &Tensor) -> Result<Tensor> {
        let logits = tch::no_grad(|| self.scene.model.logits(x))?;
        let predicted = self.predicted.f_index_select(0, rows)?;
        let same = logits.f_argmax(1, false)?.f_eq_tensor(&predicted)?;
        Ok(match &self.confidence {
            None => same,
            Some((before, margin)) => {
                let before = before.f_index_select(0, rows)?;
                let moved = probability(&logits, &predicted)?.f_sub(&before)?.f_abs()?;
                same.f_logical_and(&moved.f_le(*margin)?)?
            }
        })
    }
}
