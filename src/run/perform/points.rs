//! The examples that influence methods look at: a network's training examples as it saw them, and a row's test points.

use tch::{Kind, Tensor};

use super::Context;
use super::data::Loaded;
use super::explain::{ids_of, predictions};
use crate::error::{Error, Result};
use crate::influence::Points;
use crate::model::train::Recipe;
use crate::plan::Train;
use crate::store::Content;
use crate::suite::{Images, Origin, SplitName};

/// All training examples, with the labels that the network saw.
pub fn training(context: &Context, network: &Train, loaded: &Loaded) -> Result<Points> {
    let split = &loaded.dataset.train;
    let labels = Tensor::f_from_slice(&loaded.labels(context, network.data))?.f_to_device(context.device)?;
    let places: Vec<usize> = (0..split.len()).collect();
    Ok(Points { x: split.all_images(Kind::Double, context.device)?, labels, ids: names(SplitName::Train, &places) })
}

/// The sample that a metric looks at; `sampled` is the row's network, whose predictions may decide.
pub fn test(context: &Context, images: &Images, loaded: &Loaded, sampled: &Content) -> Result<Points> {
    let split = loaded.split(images.split);
    let places = images.sample(&context.noise(), &split.labels, predictions(sampled, images.split)?);
    if places.is_empty() {
        return Err(Error::new("no test point is left: the network classifies none of them correctly"));
    }
    let labels: Vec<i64> = places.iter().map(|place| split.labels[*place]).collect();
    let labels = Tensor::f_from_slice(&labels)?.f_to_device(context.device)?;
    Ok(Points { x: split.images(&places, Kind::Double, context.device)?, labels, ids: names(images.split, &places) })
}

fn names(split: SplitName, places: &[usize]) -> Vec<u64> {
    ids_of(split, places).into_iter().map(|id| id as u64).collect()
}

/// How a row's model was trained.
pub fn recipe<'a>(context: &'a Context, network: &Train) -> Result<&'a Recipe> {
    match &context.suite.models[network.model].value.origin {
        Origin::Trained(recipe) => Ok(recipe),
        Origin::File(_) => Err(Error::new("a network that was loaded has no recipe")),
    }
}
