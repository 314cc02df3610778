//! # Definition
//! What an explanation takes, per example: `passes`, rows of input that went forward or backward through the network;
//! `memory`, bytes of intermediate results alive at the fullest moment, divided by the examples explained together;
//! `seconds`, of the clock on one worker. A column of every table: a method that is better and costs a thousand times as
//! much is another method.
//!
//! # Cost
//! None: read from the record of the explanation.
//!
//! # Reference
//! This tool.

use std::sync::Arc;

use super::{Direction, Family, Given, Measure, Metric, ScoredUnit, Scores, Values};
use crate::catalogue::Entry;
use crate::error::Result;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "cost",
    summary: "passes, memory and seconds per explained example; always there",
    reference: "this tool",
    revision: 1,
    source: include_str!("cost.rs"),
    read: |_| Some(Arc::new(Cost)),
};

pub struct Cost;

impl Metric for Cost {
    fn family(&self) -> Family {
        Family::Cost
    }

    fn measures(&self) -> Vec<Measure> {
        vec![
            Measure::new("passes", Direction::None, 0.5),
            Measure::new("memory", Direction::None, 1.0).in_unit("B"),
            Measure::new("seconds", Direction::None, 0.0).in_unit("s").timing(),
        ]
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let cost = &given.cost;
        let each = |total: f64| vec![total / cost.examples as f64; given.scene.len()];
        let passes = cost.passes.forward + cost.passes.backward;
        let values = |measure, values| Values { measure, at: vec![0.0], values };
        Ok(Scores {
            unit: ScoredUnit::Example,
            ids: given.scene.ids.clone(),
            measures: vec![
                values("passes", each(passes as f64)),
                values("memory", vec![cost.passes.peak_bytes as f64 / cost.together as f64; given.scene.len()]),
                values("seconds", each(cost.seconds)),
            ],
            flags: Vec::new(),
        })
    }
}
