//! # Definition
//! A few training examples are changed so little that no stored pixel would change, and the network is trained again: does it
//! still say the same of a test point? Which examples, and which way, the influence function says: those `examples` on which the
//! derivative of the test point's loss is largest (sum of magnitudes), each element a `step` along its sign, within `radius` of what
//! it was and within the range of pixels; after each iteration the network is fitted anew and the derivative taken anew, until the
//! predicted class changes or `iterations` are over.
//! - `flipped`: the share of test points whose predicted class changed;
//! - `change`: how much the test point's loss rose.
//!
//! Each has its control, `random-sign-*`: the same examples at plus or minus the radius at random, as many times as the attack
//! went round, the largest loss among them. Only for convex fits, which are solved again each time.
//!
//! # Parameters
//! - `examples` (1): how many training examples are changed for each test point.
//! - `radius` (0.5): in 1/255 of the range of pixels; half a step leaves the stored image as it is.
//! - `step` (0.02): alike.
//! - `iterations` (100): fits of the attack, at most; as many again for the control.
//!
//! # Cost
//! For each test point `iterations` Hessians with their factors and twice as many fits.
//!
//! # Reference
//! Koh and Liang, "Understanding Black-box Predictions via Influence Functions", ICML 2017, section 5.2.

use std::sync::Arc;

use crate::catalogue::Entry;
use crate::error::Result;
use crate::metrics::{ControlOf, Direction, Family, Influenced, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{Known, Need, Poison, Share};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "training-set-attack",
    summary: "whether invisible changes of training examples flip the prediction of a test point",
    reference: "Koh and Liang 2017",
    revision: 1,
    source: include_str!("training_set_attack.rs"),
    read: |section| {
        let positive = |number: &f64| *number > 0.0 && *number <= LEVELS;
        let levels = |key, default| {
            Share::new(section.get_if(key, default, positive, "a number above 0 and at most 255, in 1/255") / LEVELS)
        };
        Some(Arc::new(TrainingSetAttack {
            poison: Poison {
                examples: section.get_if("examples", 1, |count| *count >= 1, "an integer from 1"),
                radius: levels("radius", 0.5),
                step: levels("step", 0.02),
                iterations: section.get_if(
                    "iterations",
                    100,
                    |count| (1..=100_000).contains(count),
                    "an integer from 1",
                ),
            },
        }))
    },
};

/// Pixels of 8 bits have so many steps.
const LEVELS: f64 = 255.0;

struct TrainingSetAttack {
    poison: Poison,
}

const FLIPPED: [&str; 2] = ["flipped", "random-sign-flipped"];
const CHANGE: [&str; 2] = ["change", "random-sign-change"];

impl Metric for TrainingSetAttack {
    fn family(&self) -> Family {
        Family::Influence
    }

    fn measures(&self) -> Vec<Measure> {
        let of = |[own, control]: [&'static str; 2], smallest| {
            let measure = |name| Measure::new(name, Direction::None, smallest);
            [measure(own), measure(control).control_of(ControlOf { measure: own, words: ["attack", "random signs"] })]
        };
        [of(FLIPPED, 0.05), of(CHANGE, 0.02)].concat()
    }

    fn needs(&self, _: &Known) -> Vec<Need> {
        vec![Need::Poisoned(self.poison)]
    }

    fn influences(&self) -> bool {
        true
    }

    fn perturbs(&self) -> bool {
        true
    }

    fn judge(&self, given: &Influenced) -> Result<Scores> {
        let poisoned = (given.poisoned)(&self.poison)?;
        let of = |measure, values| Values { measure, at: vec![0.0], values };
        let shares = |flipped: &[bool]| flipped.iter().map(|flipped| f64::from(u8::from(*flipped))).collect();
        let [change, random] = poisoned.change;
        Ok(Scores {
            unit: ScoredUnit::TestPoint,
            ids: poisoned.ids,
            measures: vec![
                of(FLIPPED[0], shares(&poisoned.flipped[0])),
                of(FLIPPED[1], shares(&poisoned.flipped[1])),
                of(CHANGE[0], change),
                of(CHANGE[1], random),
            ],
            flags: Vec::new(),
        })
    }
}
