//! # Definition
//! The ground truth itself: 1 where the evidence is, 0 elsewhere. Needs data that knows (boxes or masks). What it scores is
//! what a perfect map would score, which for removal metrics need not be the best score that can be had.
//!
//! # Reference
//! Control of this tool.

use std::sync::Arc;

use tch::Tensor;

use super::control::Control;
use super::{Explainer, Role, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::{Error, Result};

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "oracle",
    summary: "control that sees the truth: the mask of the evidence",
    reference: "this tool",
    revision: 1,
    source: include_str!("oracle.rs"),
    read: |_| Some(Arc::new(Control { role: Role::Oracle, unit: Unit::Pixel, map })),
};

fn map(on: &Scene) -> Result<Tensor> {
    let evidence = on.evidence.as_ref().ok_or_else(|| Error::new("oracle: this data has no boxes or masks"))?;
    Ok(evidence.mask.f_unsqueeze(1)?.f_to_kind(on.x.kind())?)
}
