//! explainbench tests explanation methods the way `cargo test` tests code: a TOML suite names data, models, explainers and
//! metrics; the harness trains, explains and scores, and says with intervals who did better.
//!
//! ```text
//! suite.toml -> Section (spans) -> Suite (valid) -> Plan (cells) -> Executor -> Store (records) -> Report -> bytes
//! ```
//!
//! The modules stand in the order of the flow; each uses only those above it.
//!
//! # Words
//! *Attribution*: one number per input feature. *Explainer*: what yields attributions. *Control*: an explainer that does not
//! see the model. *Imputer*: what fills removed features. *Reference*: the input that path methods start from. *Score*: one
//! metric value for one image. *Estimate*: a point with its interval and the population it speaks of. *Cell*: one unit of
//! work, named by everything that decides its content. *Record*: what a finished cell stored.

pub mod error;
pub mod native;

pub mod noise;
pub mod stats;
pub mod tensor_file;

pub mod config;

pub mod catalogue;

pub mod datasets;

pub mod transforms;

pub mod model;

pub mod imputers;

pub mod similarities;

pub mod attacks;

pub mod explainers;

pub mod influence;

pub mod need;

pub mod metrics;

pub mod suite;

pub mod plan;

pub mod store;

pub mod run;

pub mod report;

pub mod cli;
