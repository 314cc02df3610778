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
    pub noise: Noise,
}

/// What came of it; where the recipe names a training accuracy to be reached, also whether it was.
pub fn learn(context: &Context, lesson: &Lesson, progress: &dyn Fn(f64)) -> Result<(Trained, Option<bool>)> {
    let Lesson { network, recipe, data, noise } = lesson;
    let mut reached = recipe.until.map(|_| false);
    let mut on_epoch = |epoch: &Epoch| {
        progress(epoch.number as f64 / recipe.epochs as f64);
        if let Some(until) = recipe.until {
            let weights = epoch.weights.iter().map(Tensor::shallow_clone).collect();
            let model = Model::new(network.graph.clone(), weights)?;
            let (accuracy, _) = outcome(&model, data.images, data.labels, model.rows_within(context.chunk_bytes))?;
            reached = Some(accuracy >= until);
        }
        Ok(if reached == Some(true) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    let trained = train::train(&network.graph, recipe, data, noise, context.device, &mut on_epoch)?;
    Ok((trained, reached))
}
