//! The weights on their way through a training, for methods that follow it.

use tch::Tensor;

use super::Weights;
use crate::error::Result;

/// The weights after an epoch.
pub struct Checkpoint {
    /// From 1.
    pub epoch: usize,
    /// The sum of the learning rates of the steps since the checkpoint before, or since the start.
    pub rate: f64,
    /// In the order of the graph's.
    pub weights: Vec<Tensor>,
}

/// The epochs after which a training of so many keeps its weights: evenly spaced, the last one among them.
pub fn due(epochs: usize, checkpoints: usize) -> impl Fn(usize) -> bool {
    move |epoch| (1..=checkpoints).any(|at| (at * epochs).div_ceil(checkpoints) == epoch)
}

/// Those of a training under way.
#[derive(Default)]
pub(super) struct Keeper {
    pub kept: Vec<Checkpoint>,
    /// Since the last one.
    rate: f64,
}

impl Keeper {
    pub fn stepped(&mut self, rate: f64) {
        self.rate += rate;
    }

    pub fn keep(&mut self, epoch: usize, weights: &Weights) -> Result<()> {
        let rate = std::mem::take(&mut self.rate);
        self.kept.push(Checkpoint { epoch, rate, weights: weights.copies()? });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_evenly_spaced_and_end_at_the_end() {
        let epochs = |epochs, checkpoints| (1..=epochs).filter(|at| due(epochs, checkpoints)(*at)).collect::<Vec<_>>();
        assert_eq!(epochs(10, 2), [5, 10]);
        assert_eq!(epochs(5, 3), [2, 4, 5]);
        assert_eq!(epochs(4, 4), [1, 2, 3, 4]);
        assert_eq!(epochs(7, 1), [7]);
        assert!(epochs(7, 0).is_empty());
    }
}
