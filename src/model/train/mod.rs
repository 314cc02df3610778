//! Training: a graph, a recipe and a dataset give weights, the same ones wherever and whenever it runs.

pub mod augment;
pub mod checkpoints;
pub mod convex;
pub mod optimizer;
pub mod proximal;
pub mod recipe;
pub mod robust;
pub mod schedule;

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use tch::{Device, Kind, Reduction, Tensor};

pub use checkpoints::Checkpoint;
pub use convex::Convergence;
pub use recipe::Recipe;

use checkpoints::Keeper;
use optimizer::Descent;
use robust::Network;

use super::Mode;
use super::evaluate::pixels;
use super::graph::{Graph, Role};
use crate::error::{Error, Result};
use crate::noise::Noise;

/// The label that libtorch passes over; ours start at 0.
const NO_LABEL: i64 = -100;

/// What a network is trained on.
pub struct TrainData<'a> {
    /// `[N, input..]`, numbers in [0, 1] or bytes.
    pub images: &'a Tensor,
    /// `[N]`, int64
    pub labels: &'a Tensor,
    /// Who the examples are. The order, shifts and dropout masks follow these, so that trainings with and without one
    /// example differ by that example only.
    pub ids: &'a [u64],
    /// The images of an epoch, where they are not always the same ones; shape and kind of `images`.
    pub redrawn: Option<&'a dyn Fn(usize) -> Result<Tensor>>,
}

/// What came of a training.
pub struct Trained {
    /// In the order of the graph's.
    pub weights: Vec<Tensor>,
    /// The mean training loss of each epoch, measured on the way.
    pub loss: Vec<f64>,
    /// The share of examples that each epoch's batches got right as they passed: in training mode, before their step.
    pub accuracy: Vec<f64>,
    pub seconds: f64,
    pub steps: u64,
    /// As many as the recipe says; fewer where it ended before its last epoch. The last one is the end.
    pub checkpoints: Vec<Checkpoint>,
    /// Of a fit, which takes no such steps.
    pub convergence: Option<Convergence>,
}

/// What is known after an epoch.
pub struct Epoch<'a> {
    /// From 1.
    pub number: usize,
    /// The mean training loss, measured on the way.
    pub loss: f64,
    /// As they are now, in the order of the graph's.
    pub weights: &'a [Tensor],
}

/// Trains by steps, in the precision of the images (bytes: float), from the weights `from` in the order of the graph's, or from
/// those that the noise draws; nothing else that it draws depends on where it starts. `on_epoch` hears of each epoch and says whether another follows;
/// after `recipe.epochs` none does. Whether `recipe.until` is reached is for `on_epoch` to say.
pub fn train(
    graph: &Graph,
    recipe: &Recipe,
    data: &TrainData,
    from: Option<&[Tensor]>,
    noise: &Noise,
    device: Device,
    on_epoch: &mut dyn FnMut(&Epoch) -> Result<ControlFlow<()>>,
) -> Result<Trained> {
    let started = Instant::now();
    let mut run = Run::start(graph, recipe, data, from, noise, device)?;
    let due = checkpoints::due(recipe.epochs, recipe.checkpoints);
    let (mut loss, mut accuracy) = (Vec::with_capacity(recipe.epochs), Vec::with_capacity(recipe.epochs));
    for epoch in 0..recipe.epochs {
        let (mean, right) = run.epoch(epoch)?;
        let finite = run.weights.parameters.f_isfinite()?.f_all()?.f_int64_value(&[])? == 1;
        if !mean.is_finite() || !finite {
            return Err(Error::new(format!("the training diverged in epoch {}: the loss is {mean}", epoch + 1)));
        }
        loss.push(mean);
        accuracy.push(right);
        let ends = on_epoch(&Epoch { number: epoch + 1, loss: mean, weights: &run.weights.all })?.is_break();
        if due(epoch + 1) || ends && recipe.checkpoints > 0 {
            run.keeper.keep(epoch + 1, &run.weights)?;
        }
        if ends {
            break;
        }
    }
    let weights = run.weights.copies()?;
    let (checkpoints, seconds, steps) = (run.keeper.kept, started.elapsed().as_secs_f64(), run.steps);
    Ok(Trained { weights, loss, accuracy, seconds, steps, checkpoints, convergence: None })
}

/// The weights that a training with this noise starts from, in the order of the graph's.
pub fn untrained(graph: &Graph, noise: &Noise, kind: Kind, device: Device) -> Result<Vec<Tensor>> {
    graph.weights.iter().map(|spec| spec.draw(noise, kind, device)).collect()
}

/// Copies of the weights that another training came to.
fn started_from(graph: &Graph, weights: &[Tensor], kind: Kind, device: Device) -> Result<Vec<Tensor>> {
    if weights.len() != graph.weights.len()
        || graph.weights.iter().zip(weights).any(|(spec, weight)| weight.size() != spec.shape)
    {
        return Err(Error::new("the weights to start from are not those of the network"));
    }
    weights.iter().map(|weight| Ok(weight.f_detach_copy()?.f_to_device(device)?.f_to_kind(kind)?)).collect()
}

/// A training under way.
struct Run<'a> {
    graph: &'a Graph,
    recipe: &'a Recipe,
    noise: &'a Noise,
    images: Tensor,
    redrawn: Option<&'a dyn Fn(usize) -> Result<Tensor>>,
    labels: Tensor,
    ids: &'a [u64],
    batches: Vec<Range<usize>>,
    kind: Kind,
    weights: Weights,
    descent: Descent,
    steps: u64,
    keeper: Keeper,
}

impl<'a> Run<'a> {
    fn start(
        graph: &'a Graph,
        recipe: &'a Recipe,
        data: &TrainData<'a>,
        from: Option<&[Tensor]>,
        noise: &'a Noise,
        device: Device,
    ) -> Result<Self> {
        let images = data.images.f_to_device(device)?;
        let labels = data.labels.f_to_device(device)?;
        let examples = data.ids.len();
        if examples == 0 || images.size()[0] != examples as i64 || labels.size() != [examples as i64] {
            let (images, labels) = (images.size(), labels.size());
            return Err(Error::new(format!("cannot train on {examples} ids, images {images:?} and labels {labels:?}")));
        }
        let kind = if images.kind() == Kind::Uint8 { Kind::Float } else { images.kind() };
        let start = match from {
            Some(weights) => started_from(graph, weights, kind, device)?,
            None => untrained(graph, noise, kind, device)?,
        };
        let weights = Weights::new(graph, start)?;
        let descent = recipe.optimizer.start(&weights.parameters)?;
        let batches = batches(examples, recipe.batch);
        let redrawn = data.redrawn;
        Ok(Self {
            graph,
            recipe,
            noise,
            images,
            redrawn,
            labels,
            ids: data.ids,
            batches,
            kind,
            weights,
            descent,
            steps: 0,
            keeper: Keeper::default(),
        })
    }

    /// One pass through the data; the mean loss and the accuracy on the way.
    fn epoch(&mut self, epoch: usize) -> Result<(f64, f64)> {
        let device = self.images.device();
        if let Some(images_of) = self.redrawn {
            self.images = images_of(epoch)?.f_to_device(device)?;
        }
        let noise = |purpose: &str| self.noise.purpose(purpose).index(epoch as u64);
        let draws = Draws { masks: noise("dropout"), moves: noise("robust") };
        let shifts = noise("augment");
        let order = order(self.ids, &noise("order"));
        let places: Vec<i64> = order.iter().map(|&at| at as i64).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(device)?;
        // Summed on the device: reading every loss would make it wait.
        let mut total = Tensor::f_zeros([], (Kind::Double, device))?;
        let mut hits = Tensor::f_zeros([], (Kind::Int64, device))?;
        for batch in self.batches.clone() {
            let rows = places.f_narrow(0, batch.start as i64, batch.len() as i64)?;
            let ids: Vec<u64> = order[batch].iter().map(|&at| self.ids[at]).collect();
            let x = pixels(&self.images.f_index_select(0, &rows)?, self.kind)?;
            let x = self.recipe.augment.apply(x, &shifts, &ids)?;
            let (loss, right) = self.step(&x, &self.labels.f_index_select(0, &rows)?, draws, &ids)?;
            let _ = total.f_add_(&loss.f_mul_scalar(ids.len() as f64)?)?;
            let _ = hits.f_add_(&right)?;
        }
        let examples = self.ids.len() as f64;
        Ok((total.f_double_value(&[])? / examples, hits.f_int64_value(&[])? as f64 / examples))
    }

    /// One step on a batch; its mean loss and how many it got right, before the step.
    fn step(&mut self, x: &Tensor, labels: &Tensor, draws: Draws, ids: &[u64]) -> Result<(Tensor, Tensor)> {
        let step =
            Step { graph: self.graph, weights: &self.weights.all, mode: Mode::Train { noise: draws.masks, ids } };
        let smoothing = self.recipe.label_smoothing;
        let (loss, logits) = match &self.recipe.robust {
            None => {
                let logits = step.logits(x)?;
                let mean = Reduction::Mean;
                (logits.f_cross_entropy_loss::<Tensor>(labels, None, mean, NO_LABEL, smoothing)?, logits)
            }
            Some(robust) => {
                let loss = |logits: &Tensor| robust::cross_entropy(logits, labels, smoothing);
                robust.loss(&step, x, &loss, &draws.moves, ids)?
            }
        };
        let gradient = self.weights.gradient(&loss)?;
        let factor = self.recipe.schedule.factor(self.steps, self.batches.len() as u64, self.recipe.epochs);
        self.descent.step(&mut self.weights.parameters, &gradient, factor)?;
        self.steps += 1;
        self.keeper.stepped(self.recipe.optimizer.rate() * factor);
        let right = logits.f_detach()?.f_argmax(-1, false)?.f_eq_tensor(labels)?.f_sum(Kind::Int64)?;
        Ok((loss.f_detach()?, right))
    }
}

/// The draws of an epoch.
#[derive(Clone, Copy)]
struct Draws {
    masks: Noise,
    moves: Noise,
}

/// The network at one step.
struct Step<'a> {
    graph: &'a Graph,
    weights: &'a [Tensor],
    mode: Mode<'a>,
}

impl Network for Step<'_> {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        self.graph.run(self.weights, x, self.mode, &mut |_, _, _, output| Ok(output))
    }

    fn logits_as_evaluated(&self, x: &Tensor) -> Result<Tensor> {
        self.graph.run(self.weights, x, Mode::Eval, &mut |_, _, _, output| Ok(output))
    }
}

/// Weights in training. All parameters lie in one vector, so that a step of the optimiser is a few operations whatever
/// the number of layers; the graph sees its parts.
struct Weights {
    parameters: Tensor,
    /// In the order of the graph's: views of `parameters`, and buffers of their own.
    all: Vec<Tensor>,
    /// Which of them are parameters.
    leaves: Vec<usize>,
}

impl Weights {
    /// From those that a training starts from, which nobody else may hold: running statistics are updated in place.
    fn new(graph: &Graph, mut all: Vec<Tensor>) -> Result<Self> {
        let leaves: Vec<usize> = (0..all.len()).filter(|&at| graph.weights[at].role == Role::Parameter).collect();
        if leaves.is_empty() {
            return Err(Error::new("the model has no parameters to train"));
        }
        let parameters = flat(leaves.iter().map(|&at| &all[at]))?;
        let mut start = 0;
        for &at in &leaves {
            let length = all[at].numel() as i64;
            let part = parameters.f_narrow(0, start, length)?.f_view(&graph.weights[at].shape[..])?;
            all[at] = part.f_detach()?.f_set_requires_grad(true)?;
            start += length;
        }
        Ok(Self { parameters, all, leaves })
    }

    /// The weights as they are now, in memory of their own.
    fn copies(&self) -> Result<Vec<Tensor>> {
        Ok(self.all.iter().map(|weight| weight.f_detach_copy()).collect::<Result<_, _>>()?)
    }

    /// The gradient of `loss` with respect to all parameters, as one vector.
    fn gradient(&self, loss: &Tensor) -> Result<Tensor> {
        let leaves: Vec<&Tensor> = self.leaves.iter().map(|&at| &self.all[at]).collect();
        flat(Tensor::f_run_backward(&[loss], &leaves, false, false)?.iter())
    }
}

fn flat<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Result<Tensor> {
    let flat: Vec<Tensor> = tensors.map(|tensor| tensor.f_reshape([-1])).collect::<Result<_, _>>()?;
    Ok(Tensor::f_cat(&flat, 0)?)
}

/// The places of the examples in an epoch's order: by a number drawn for each, so that leaving one out does not change
/// the order of the others.
fn order(ids: &[u64], noise: &Noise) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_cached_key(|&at| noise.uniform_u64(ids[at]));
    order
}

/// Steps of `size` examples. A single one left at the end joins the step before: batch norm needs two.
fn batches(examples: usize, size: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> =
        (0..examples).step_by(size).map(|start| start..(start + size).min(examples)).collect();
    if let [.., before, last] = &mut batches[..]
        && last.len() == 1
    {
        before.end = examples;
        batches.pop();
    }
    batches
}

#[cfg(test)]
mod tests;
