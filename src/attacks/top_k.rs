//! # Definition
//! What the k highest pixels of the original map have of the changed one is made small: the objective is
//! - mean of s'_i / mean |s'| over the k pixels i that were highest. Which pixels these are stays as it was.
//!
//! # Parameters
//! - `k` (a tenth of the pixels): how many.
//!
//! # Cost
//! None beside the maps.
//!
//! # Reference
//! Ghorbani, Abid and Zou, "Interpretation of Neural Networks Is Fragile", AAAI 2019.

use std::sync::Arc;

use super::{Attack, Objective, Original, mean_within, scaled};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::similarities::{count, top};

pub const ENTRY: Entry<dyn Attack> = Entry {
    name: "top-k",
    summary: "takes relevance away from the pixels that had most of it",
    reference: "Ghorbani et al. 2019",
    revision: 1,
    source: concat!(include_str!("top_k.rs"), include_str!("../similarities/top_k_overlap.rs")),
    read: |section| {
        let k = section.optional_if("k", |k| *k >= 1, "a number of pixels, from 1");
        Some(Arc::new(TopK { k }))
    },
};

pub struct TopK {
    /// A tenth of the pixels where it is not said.
    pub k: Option<i64>,
}

impl Attack for TopK {
    fn objective(&self, original: &Original) -> Result<Objective> {
        let size = original.maps.size();
        let top = top(&original.maps, count(self.k, size[1] * size[2]))?.f_to_kind(original.maps.kind())?;
        Ok(Box::new(move |maps| Ok(mean_within(&scaled(maps)?, &top)?.f_neg()?)))
    }

    fn k(&self) -> Option<i64> {
        self.k
    }

    fn misfit(&self, height: i64, width: i64) -> Option<String> {
        too_many(self.k?, height * width)
    }
}

/// Why the `k` highest of so many pixels say nothing, in the words of a mistake: where all are, none can leave them.
pub fn too_many(k: i64, pixels: i64) -> Option<String> {
    (k >= pixels)
        .then(|| format!("the {k} highest of {pixels} pixels are all of them in any map: `k` has to be smaller"))
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;

    fn map(values: [f64; 4]) -> Tensor {
        Tensor::from_slice(&values).view([1, 2, 2])
    }

    /// The top pixel was the third; it now has -2 of magnitudes 1, 1, 2, 0, whose mean is 1.
    #[test]
    fn the_objective_by_hand() {
        let original = Original { maps: map([0.0, 1.0, 5.0, 2.0]), evidence: None };
        let objective = TopK { k: Some(1) }.objective(&original).unwrap();
        assert_eq!(objective(&map([1.0, -1.0, -2.0, 0.0])).unwrap().double_value(&[0]), 2.0);
        let larger = objective(&map([10.0, -10.0, -20.0, 0.0])).unwrap();
        assert_eq!(larger.double_value(&[0]), 2.0, "the size of a map is no matter");
    }
}
