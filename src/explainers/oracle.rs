//! # Definition
//! The ground truth itself: 1 where the evidence is, 0 elsewhere. Needs data that knows (boxes or masks). What it scores is
//! what a perfect map would score, which for removal metrics need not be the best score that can be had.
//!
//! # Reference
//! Control of this tool.

use std::sync::Arc;

use super::{Access, Attribution, Explainer, Role, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::{Error, Result};

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "oracle",
    summary: "control that sees the truth: the mask of the evidence",
    reference: "this tool",
    revision: 1,
    source: include_str!("oracle.rs"),
    read: |_| Some(Arc::new(Oracle)),
};

pub struct Oracle;

impl Explainer for Oracle {
    fn access(&self) -> Access {
        Access::Outputs
    }

    fn role(&self) -> Role {
        Role::Oracle
    }

    fn unit(&self) -> Unit {
        Unit::Pixel
    }

    fn needs_truth(&self) -> bool {
        true
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let truth = on.truth.as_ref().ok_or_else(|| Error::new("oracle: this data has no boxes or masks"))?;
        Ok(Attribution::pixels(truth.f_unsqueeze(1)?.f_to_kind(on.x.kind())?))
    }
}
