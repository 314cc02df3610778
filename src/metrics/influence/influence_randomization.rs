//! # Definition
//! The rank correlation, over the training examples, of what the method says of the trained network and of one that kept the
//! weights it started from, at each test point: `spearman`. A method that says the same of both does not look at what was learnt.
//! As for attributions, a low value is asked for and proves little.
//!
//! # Parameters
//! - `quantity` ("loss"): "loss", "margin" (log p / (1 - p)) or "logit", of the test point's label.
//!
//! # Cost
//! The influence on the test points a second time.
//!
//! # Reference
//! Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, for influence in the place of attributions.

use std::sync::Arc;

use super::actual::rows;
use crate::catalogue::Entry;
use crate::error::Result;
use crate::influence::Quantity;
use crate::metrics::{Direction, Family, Influenced, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{About, DataRef, Known, Need};
use crate::stats::spearman;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "influence-randomization",
    summary: "how much of an influence stays when the network is one that learnt nothing",
    reference: "Adebayo et al. 2018",
    revision: 1,
    source: concat!(include_str!("influence_randomization.rs"), include_str!("actual.rs")),
    read: |section| Some(Arc::new(InfluenceRandomization { quantity: Quantity::read(section, "loss") })),
};

struct InfluenceRandomization {
    quantity: Quantity,
}

const SPEARMAN: &str = "spearman";

impl Metric for InfluenceRandomization {
    fn family(&self) -> Family {
        Family::Influence
    }

    fn measures(&self) -> Vec<Measure> {
        vec![Measure::new(SPEARMAN, Direction::None, 0.05)]
    }

    fn needs(&self, _: &Known) -> Vec<Need> {
        [DataRef::Stated, DataRef::Nothing].map(|data| Need::Influence(About::Test(self.quantity, data))).to_vec()
    }

    fn influences(&self) -> bool {
        true
    }

    fn judge(&self, given: &Influenced) -> Result<Scores> {
        let said = |data| (given.said)(&About::Test(self.quantity, data));
        let (trained, untrained) = (said(DataRef::Stated)?, said(DataRef::Nothing)?);
        let (ids, trained, untrained) = (trained.ids, rows(&trained.values)?, rows(&untrained.values)?);
        let values: Vec<f64> = trained.iter().zip(&untrained).map(|(a, b)| spearman(a, b)).collect();
        Ok(Scores {
            unit: ScoredUnit::TestPoint,
            ids,
            measures: vec![Values { measure: SPEARMAN, at: vec![0.0], values }],
            flags: Vec::new(),
        })
    }
}
