//! The network under explanation: a graph with its weights, what it says of inputs, and the gradients of that.

pub mod convex;
pub mod evaluate;
pub mod exported;
pub mod factor;
pub mod graph;
pub mod init;
pub mod layers;
mod memo;
pub mod ops;
pub mod randomize;
pub mod rules;
pub mod script;
mod smooth;
pub mod table;
pub mod train;
pub mod weights;

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

pub use graph::{Arg, Graph, Hook, Node, Role, WeightSpec};
pub use memo::Memo;
pub use ops::{Mode, Op};

use crate::error::{Error, Result};

/// Which number of a class is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    Logit,
    Probability,
    /// Its negative is the cross-entropy loss.
    LogProbability,
}

/// What a model was asked to do so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passes {
    /// Examples sent forward.
    pub forward: u64,
    /// Examples sent backward.
    pub backward: u64,
    /// Bytes of all layers' outputs in the largest call.
    pub peak_bytes: u64,
}

/// What the layers' outputs of one chunk may take. On a CPU a pass is fastest while they stay in its cache: LeNet and a
/// small residual network take twice as long per example at 256 MB as at 8; 16 still fits, and larger products pay.
const CPU_CHUNK_BYTES: u64 = 16 << 20;
const GPU_CHUNK_BYTES: u64 = 256 << 20;

/// How many times the input the outputs of all layers are taken to be where none can be seen. Small convolutional networks come
/// to 30 times (LeNet), residual ones for large images to 50, VGG to about 120.
const UNSEEN: i64 = 64;

/// What the layers' outputs of one chunk may take on a device: a constant, so that results do not follow the machine.
pub fn chunk_bytes(device: Device) -> u64 {
    if device == Device::Cpu { CPU_CHUNK_BYTES } else { GPU_CHUNK_BYTES }
}

/// A network. It can move to another thread but not be shared: each worker takes a [`Model::shallow_copy`].
pub struct Model {
    pub graph: Arc<Graph>,
    weights: Vec<Tensor>,
    activation_bytes: u64,
    passes: Cell<Passes>,
    memory: Option<memo::Memory>,
}

impl Model {
    /// `weights` in the order of `graph.weights`, all of one kind and on one device. They are taken as constants.
    pub fn new(graph: Arc<Graph>, weights: Vec<Tensor>) -> Result<Self> {
        for (spec, weight) in graph.weights.iter().zip(&weights) {
            if weight.size() != spec.shape {
                return Err(Error::new(format!("`{}` is {:?}, not {:?}", spec.name, weight.size(), spec.shape)));
            }
        }
        if weights.len() != graph.weights.len() {
            return Err(Error::new(format!("{} weights for a graph of {}", weights.len(), graph.weights.len())));
        }
        let weights: Vec<Tensor> = weights.iter().map(|weight| weight.f_detach()).collect::<Result<_, _>>()?;
        let mut numbers: i64 = graph.shapes()?.iter().map(|shape| shape.iter().product::<i64>()).sum();
        if graph.is_opaque() {
            numbers += UNSEEN * graph.input.iter().product::<i64>();
        }
        let model = Self { graph, weights, activation_bytes: 0, passes: Cell::default(), memory: None };
        let activation_bytes = numbers as u64 * model.options().0.elt_size_in_bytes() as u64;
        Ok(Self { activation_bytes, ..model })
    }

    /// The same network for another thread; counts its passes from nothing.
    pub fn shallow_copy(&self) -> Self {
        let weights = self.weights.iter().map(Tensor::shallow_clone).collect();
        Self {
            graph: self.graph.clone(),
            weights,
            activation_bytes: self.activation_bytes,
            passes: Cell::default(),
            memory: self.memory.as_ref().map(memo::Memory::shallow_copy),
        }
    }

    /// The same network, whose [`Model::shared_scores`] are shared through this memo.
    pub fn remembering(self, memo: Arc<Memo>) -> Result<Self> {
        let memory = memo::Memory::new(memo, &self.graph, &self.weights)?;
        Ok(Self { memory: Some(memory), ..self })
    }

    /// The same network on another device or in another precision.
    pub fn to(&self, device: Device, kind: Kind) -> Result<Self> {
        let weights = self.weights.iter().map(|weight| weight.f_to_device(device)?.f_to_kind(kind));
        Self::new(self.graph.clone(), weights.collect::<Result<_, _>>()?)
    }

    pub fn weights(&self) -> &[Tensor] {
        &self.weights
    }

    /// The precision and the place of its weights.
    pub fn options(&self) -> (Kind, Device) {
        self.weights.first().map_or((Kind::Float, Device::Cpu), |weight| (weight.kind(), weight.device()))
    }

    /// How many rows to send through at once, so that their layers' outputs take at most `bytes`.
    pub fn rows_within(&self, bytes: u64) -> usize {
        (bytes / self.activation_bytes.max(1)).clamp(1, 1 << 20) as usize
    }

    pub fn passes(&self) -> Passes {
        self.passes.get()
    }

    /// Takes over the passes of another network that was made for this one's sake, such as its smooth copy.
    pub fn also_count(&self, others: Passes) {
        let Passes { forward, backward, peak_bytes } = self.passes.get();
        self.passes.set(Passes {
            forward: forward + others.forward,
            backward: backward + others.backward,
            peak_bytes: peak_bytes.max(others.peak_bytes),
        });
    }

    /// Bytes of all layers' outputs for one example: what a forward pass on the tape keeps, more or less.
    pub fn activation_bytes(&self) -> u64 {
        self.activation_bytes
    }

    /// The logits, `[B, K]`, of a batch `[B, input..]`.
    pub fn logits(&self, x: &Tensor) -> Result<Tensor> {
        self.logits_with(x, &mut |_, _, _, output| Ok(output))
    }

    /// The logits while a hook sees, and may replace, what each node gives; see [`Graph::run`].
    pub fn logits_with(&self, x: &Tensor, hook: &mut Hook) -> Result<Tensor> {
        let logits = self.graph.run(&self.weights, x, Mode::Eval, hook)?;
        self.count_forward(x.size()[0] as u64);
        Ok(logits)
    }

    fn count_forward(&self, rows: u64) {
        let Passes { forward, backward, peak_bytes } = self.passes.get();
        let peak_bytes = peak_bytes.max(rows * self.activation_bytes);
        self.passes.set(Passes { forward: forward + rows, backward, peak_bytes });
    }

    /// The score, `[B]`, of each example's target class (`[B]`, int64).
    pub fn scores(&self, x: &Tensor, target: &Tensor, score: Score) -> Result<Tensor> {
        score.of(&self.logits(x)?, target)
    }

    /// The same as `scores`, for batches that others may ask about too: where there is a memo, what it knows is not computed
    /// again. Counts as if it were, so that costs do not depend on who came first.
    pub fn shared_scores(&self, x: &Tensor, target: &Tensor, score: Score) -> Result<Tensor> {
        let Some(memory) = &self.memory else { return self.scores(x, target, score) };
        let Some(question) = memory.question(x, target, score)? else { return self.scores(x, target, score) };
        if let Some(scores) = memory.recall(&question)? {
            self.count_forward(x.size()[0] as u64);
            return Ok(scores);
        }
        let start = Instant::now();
        let scores = self.scores(x, target, score)?;
        memory.keep(question, &scores, start.elapsed())?;
        Ok(scores)
    }

    /// What it took others to compute what `shared_scores` recalled so far.
    pub fn spared(&self) -> Duration {
        self.memory.as_ref().map_or(Duration::ZERO, memo::Memory::spared)
    }

    /// The gradient of each example's score with respect to the example, like `x`.
    pub fn gradient(&self, x: &Tensor, target: &Tensor, score: Score) -> Result<Tensor> {
        let x = x.f_detach()?.f_set_requires_grad(true)?;
        self.backward(&x, target, score, false)
    }

    /// The same on the tape, so that it can be differentiated in turn; `x` must require a gradient.
    ///
    /// Of a logit by a walk back, where each of the network's operations has a derivative that is cheaper to differentiate than
    /// libtorch's: that takes two thirds of the time.
    pub fn differentiable_gradient(&self, x: &Tensor, target: &Tensor, score: Score) -> Result<Tensor> {
        let walks = score == Score::Logit && self.graph.nodes.iter().all(|node| rules::knows(&node.op));
        if !walks {
            return self.backward(x, target, score, true);
        }
        let trace = self.trace(x, Arg::Input, true)?;
        trace.back(&trace.one_hot(target)?, &mut |_| Ok(None))
    }

    fn count_backward(&self, rows: u64) {
        let Passes { forward, backward, peak_bytes } = self.passes.get();
        self.passes.set(Passes { forward, backward: backward + rows, peak_bytes });
    }

    fn backward(&self, x: &Tensor, target: &Tensor, score: Score, differentiable: bool) -> Result<Tensor> {
        tch::with_grad(|| {
            // Examples do not meet in a network in eval mode, so the sum's gradient is each one's own.
            let total = self.scores(x, target, score)?.f_sum(None::<Kind>)?;
            // Such as a model of tokens, which are no numbers to be moved: libtorch would crash.
            if !total.requires_grad() {
                return Ok(x.f_zeros_like()?);
            }
            let gradient = Tensor::f_run_backward(&[total], &[x], differentiable, differentiable)?.remove(0);
            self.count_backward(x.size()[0] as u64);
            // Undefined: the score does not depend on the input.
            if gradient.defined() { Ok(gradient.f_contiguous()?) } else { Ok(x.f_zeros_like()?) }
        })
    }
}

impl Score {
    /// The score, `[B]`, of class `target` (`[B]`, int64) by `logits`, `[B, K]`.
    pub fn of(self, logits: &Tensor, target: &Tensor) -> Result<Tensor> {
        let kind = logits.kind();
        let of_classes = match self {
            Self::Logit => logits.shallow_clone(),
            Self::Probability => logits.f_softmax(-1, kind)?,
            Self::LogProbability => logits.f_log_softmax(-1, kind)?,
        };
        Ok(of_classes.f_gather(1, &target.f_unsqueeze(1)?, false)?.f_squeeze_dim(1)?)
    }
}

#[cfg(test)]
mod tests;
