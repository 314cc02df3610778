//! How many rows of model input are alive at once.

use crate::model::Model;

/// Bytes of intermediate results that a chunk may take. A constant, never the machine's: on CPU the chunk is part of what a
/// cell computes, down to the last bit.
pub const CHUNK_BYTES: u64 = 256 << 20;

/// Rows whose intermediate results fit into `bytes`.
pub fn rows(model: &Model, bytes: u64) -> usize {
    (bytes / model.activation_bytes().max(1)).clamp(1, 1 << 20) as usize
}
