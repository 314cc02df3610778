//! What the methods share: a network's parameters as one vector, the gradients of single examples by it without a matrix of all
//! of them, and products with the curvature of the training objective.

mod curvature;
mod gradients;
mod layer;
mod parameters;
mod place;
mod tape;

pub use curvature::{Curvature, Hessian, small_enough};
pub use gradients::{Gradients, View};
pub use parameters::{Parameters, check};
pub use place::{Place, Unfolded};
pub use tape::Tape;

/// What a block of gradients, or of vectors as long as them, may take.
const BYTES: i64 = 64 << 20;

/// How many vectors of `length` float64 numbers a block holds.
pub fn rows_of(length: i64) -> usize {
    (BYTES / (8 * length.max(1))).max(1) as usize
}

/// The places of `count` rows in blocks of `rows`.
pub fn blocks(count: i64, rows: usize) -> impl Iterator<Item = (i64, i64)> {
    let rows = rows.max(1) as i64;
    (0..count).step_by(rows as usize).map(move |start| (start, rows.min(count - start)))
}
