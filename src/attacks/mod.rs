//! Attacks on explanations: what a search within a ball around an image makes of its map. One file per aim, one row of `ALL` each.
//!
//! An attack knows no explainer: it sees maps, and a [`Victim`] that makes them.

use tch::{Kind, Tensor};

use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::error::Result;

mod ball;
mod mass_center;
mod search;
mod settings;
mod targeted;
mod top_k;

pub use ball::{Ball, Norm};
pub use mass_center::center;
pub use search::{Found, Method, Subject, Victim, search};
pub use settings::{LEVELS, Nearby, Perturbation, Settings};
pub use top_k::too_many;

/// What is known of the maps before an attack.
pub struct Original {
    /// [B, H, W], those of the network itself.
    pub maps: Tensor,
    /// Where the evidence is, bool [B, H, W], on data that knows.
    pub evidence: Option<Tensor>,
}

impl Original {
    /// The rows from `start` on.
    pub fn part(&self, start: usize, rows: usize) -> Result<Self> {
        let cut = |tensor: &Tensor| tensor.f_narrow(0, start as i64, rows as i64);
        Ok(Self { maps: cut(&self.maps)?, evidence: self.evidence.as_ref().map(cut).transpose()? })
    }
}

/// What is to become large, [B], of maps [B, H, W]. On the tape where the maps are; NaN where a map has nothing to be compared.
pub type Objective = Box<dyn Fn(&Tensor) -> Result<Tensor>>;

/// What an attack aims at.
pub trait Attack: Send + Sync {
    /// The objective of maps that were `original` once. A search asks it of every candidate, so that what follows from `original`
    /// alone is worked out here.
    fn objective(&self, original: &Original) -> Result<Objective>;

    /// How many of the highest pixels it looks at, where it is said.
    fn k(&self) -> Option<i64> {
        None
    }

    /// Whether it looks at where the evidence is.
    fn needs_truth(&self) -> bool {
        false
    }

    /// Why it cannot aim at maps of `height` x `width` pixels, in the words of a mistake.
    fn misfit(&self, _height: i64, _width: i64) -> Option<String> {
        None
    }
}

pub const ALL: &[Entry<dyn Attack>] = &[top_k::ENTRY, mass_center::ENTRY, targeted::ENTRY];

/// Reads `key = "top-k"` or `key = { use = "top-k", .. }` of `section`.
pub fn choose(section: &Section, key: &str, default: &str) -> Option<Chosen<dyn Attack>> {
    crate::catalogue::choose_word(section, key, default, "attack", ALL)
}

/// Maps [B, H, W] divided by the mean of their magnitudes, so that a map cannot look weaker by being smaller everywhere.
fn scaled(maps: &Tensor) -> Result<Tensor> {
    let mean = maps.f_abs()?.f_mean_dim([1, 2].as_slice(), true, maps.kind())?;
    Ok(maps.f_div(&mean)?)
}

/// The mean, [B], of `values` [B, H, W] where `mask`, of the same shape and kind, is 1 and not 0.
fn mean_within(values: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let sum = |x: &Tensor| x.f_sum_dim_intlist([1, 2].as_slice(), false, None::<Kind>);
    Ok(sum(&values.f_mul(mask)?)?.f_div(&sum(mask)?)?)
}
