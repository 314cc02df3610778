//! Datasets in memory, loaded once and shared by the workers.

use std::sync::{Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use super::Context;
use crate::catalogue::Chosen;
use crate::datasets::{DataFolder, Dataset, Split};
use crate::error::{Error, Result};
use crate::imputers::Statistics;
use crate::noise::Noise;
use crate::plan::{DataRef, Train};
use crate::suite::{SplitName, Suite};
use crate::transforms::{Flips, Transform, flipped, permuted};

/// A dataset with what is computed from it once.
pub struct Loaded {
    pub dataset: Dataset,
    pub statistics: Statistics,
}

pub struct Cache {
    folder: DataFolder,
    /// One place per dataset of the suite and its counterpart. A tensor may be sent to another thread but not shared, so each
    /// user takes a handle of its own.
    loaded: Vec<[Mutex<Option<Loaded>>; 2]>,
}

impl Loaded {
    fn shallow_clone(&self) -> Self {
        Self { dataset: self.dataset.shallow_clone(), statistics: self.statistics.shallow_clone() }
    }

    pub fn split(&self, name: SplitName) -> &Split {
        match name {
            SplitName::Train => &self.dataset.train,
            SplitName::Test => &self.dataset.test,
        }
    }
}

impl Loaded {
    /// The training labels that a network sees on this form of the data.
    pub fn labels(&self, context: &Context, data: DataRef) -> Vec<i64> {
        let stated = &self.dataset.train.labels;
        match data {
            DataRef::PermutedLabels(_) => permuted(stated, &context.noise().purpose("data-randomization")),
            DataRef::Flipped(flips, draw) => {
                let classes = self.dataset.classes.len() as i64;
                let flips = Flips { share: flips.share.value(), of: flips.of, into: flips.into };
                flipped(stated, classes, flips, &context.noise().purpose("flipped-labels").index(draw))
            }
            DataRef::Stated | DataRef::Counterpart | DataRef::Nothing => stated.clone(),
        }
    }
}

impl Cache {
    pub fn new(folder: DataFolder, datasets: usize) -> Self {
        Self { folder, loaded: (0..datasets).map(|_| Default::default()).collect() }
    }

    /// What the network `of` is judged by, and learns from but for permuted labels.
    pub fn get(&self, suite: &Suite, of: &Train) -> Result<Loaded> {
        let place = &self.loaded[of.dataset][usize::from(of.data == DataRef::Counterpart)];
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = place.as_ref() {
            return Ok(loaded.shallow_clone());
        }
        let source = suite.datasets[of.dataset].value.source.method.clone();
        let source = match of.data {
            // The training alone permutes labels: images are judged by true ones.
            DataRef::Stated | DataRef::PermutedLabels(_) | DataRef::Flipped(..) | DataRef::Nothing => source,
            DataRef::Counterpart => source.counterpart().ok_or_else(|| Error::new("this data has no counterpart"))?,
        };
        let mut dataset = source.load(&self.folder)?;
        if let Some(transform) = &suite.datasets[of.dataset].value.transform {
            dataset = transformed(dataset, transform, &Noise::new(suite.seed).purpose("transform"))?;
        }
        let statistics = statistics(&dataset.train)?;
        Ok(place.insert(Loaded { dataset, statistics }).shallow_clone())
    }
}

/// The dataset that a suite speaks of, with a note of what was done.
fn transformed(data: Dataset, transform: &Chosen<dyn Transform>, noise: &Noise) -> Result<Dataset> {
    let labels = data.train.labels.clone();
    let mut data = transform.method.apply(data, noise)?;
    let changed = labels.iter().zip(&data.train.labels).filter(|(before, after)| before != after).count();
    let labels =
        if changed == 0 { String::new() } else { format!("; {changed} of {} training labels changed", labels.len()) };
    let settings = transform.settings.shown().into_iter().filter(|(key, _, _)| key != "use");
    let settings: String = settings.map(|(key, value, _)| format!(", {key} = {value}")).collect();
    data.notes.push(format!("transform {}{settings}{labels}", transform.entry));
    Ok(data)
}

/// The mean of each channel, in float64, a block at a time.
fn statistics(train: &Split) -> Result<Statistics> {
    let shape = train.shape();
    let mut sum = Tensor::f_zeros([shape[0]], (Kind::Double, Device::Cpu))?;
    for block in crate::explainers::pieces(train.len(), 512) {
        let images = train.images(&block.collect::<Vec<_>>(), Kind::Double, Device::Cpu)?;
        sum = sum.f_add(&images.f_sum_dim_intlist([0, 2, 3].as_slice(), false, Kind::Double)?)?;
    }
    Ok(Statistics { mean: sum.f_div_scalar((train.len() as i64 * shape[1] * shape[2]) as f64)? })
}
