//! # Definition
//! The same as `white-box-fragility`, with the same measures and control, where the search asks for maps alone and takes no
//! derivative: squares of random place and sign, ever smaller, are put onto the best candidate so far. It takes as many
//! explanations of candidates; any explainer will do.
//!
//! What it finds is weaker than what a search by derivatives finds of the same explainer: a row here must not be compared with a
//! row there.
//!
//! # Parameters
//! - `attack` ("top-k"), `k`, `radii` ([1, 2, 4, 8]), `norm` ("linf"), `iterations` (100), `restarts` (1), `confidence` (any): as
//!   there.
//!
//! # Cost
//! For each image, radius and candidate two explanations, that of the attack and that of its control.
//!
//! # Reference
//! The search: Andriushchenko, Croce, Flammarion and Hein, "Square Attack", ECCV 2020; for explanations: this tool.

use std::sync::Arc;

use super::attacked::Attacked;
use crate::attacks::Method;
use crate::catalogue::Entry;
use crate::metrics::Metric;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "black-box-fragility",
    summary: "what is left of a map once a search without derivatives has moved the image a little",
    reference: "this tool; Andriushchenko et al. 2020",
    revision: 1,
    source: concat!(
        include_str!("black_box_fragility.rs"),
        include_str!("attacked.rs"),
        include_str!("../../attacks/mass_center.rs"),
        crate::similarities::sources!()
    ),
    read: |section| Some(Arc::new(Attacked::read(section, Method::Square)?)),
};
