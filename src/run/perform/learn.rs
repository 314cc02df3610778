//! A recipe followed on given images, from the weights that its noise draws: what Train and Retrain cells share.

use std::ops::ControlFlow;

use tch::Tensor;

use super::Context;
use crate::error::Result;
use crate::model::Model;
use crate::model::evaluate::outcome;
use crate::model::train::{self, Epoch, Recipe, TrainData, Trained};
use crate::noise::Noise;
use crate::suite::Network;

/// A network about to learn.
pub struct Lesson<'a> {
    pub network: &'a Network,
    pub recipe: &'a Recipe,
    pub data: TrainData<'a>,
    /// The weights it starts from, in the order of the graph's, where they are not drawn.
    pub from: Option<&'a [Tensor]>,
    pub noise: Noise,
}

/// What came of it; where the recipe names a training accuracy to be reached, also whether it was.
pub fn learn(context: &Context, lesson: &Lesson, progress: &dyn Fn(f64)) -> Result<(Trained, Option<bool>)> {
    let Lesson { network, recipe, data, from, noise } = lesson;
    let reaches = |weights: Vec<Tensor>| -> Result<Option<bool>> {
        let Some(until) = recipe.until else { return Ok(None) };
        let model = Model::new(network.graph.clone(), weights)?.to(context.device, data.images.kind())?;
        let (accuracy, _) = outcome(&model, data.images, data.labels, model.rows_within(context.chunk_bytes))?;
        Ok(Some(accuracy >= until))
    };
    if let Some(convex) = &recipe.convex {
        let fitted = convex.fit(&network.graph, data, *from, context.device, context.chunk_bytes)?;
        let reached = reaches(fitted.weights.iter().map(Tensor::shallow_clone).collect())?;
        return Ok((fitted, reached));
    }
    let mut reached = recipe.until.map(|_| false);
    let mut on_epoch = |epoch: &Epoch| {
        progress(epoch.number as f64 / recipe.epochs as f64);
        reached = reaches(epoch.weights.iter().map(Tensor::shallow_clone).collect())?;
        Ok(if reached == Some(true) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    let trained = train::train(&network.graph, recipe, data, *from, noise, context.device, &mut on_epoch)?;
    Ok((trained, reached))
}
