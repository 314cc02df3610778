//! Runs plans: executors that draw ready cells until none is left, and what a cell does when it is drawn.

mod events;
mod local;
mod mock;
mod pending;
mod perform;

pub use events::{Event, Summary};
pub use local::Local;
pub use mock::Mock;
pub use perform::{Context, Outcome};

use crate::error::Result;
use crate::plan::Plan;
use crate::store::Store;

/// Something that can work through a plan. Every ready cell may run in any order, twice, or on another machine: an executor
/// decides only where and when.
pub trait Executor {
    fn execute(&self, plan: &Plan, store: &Store, on: &mut dyn FnMut(Event)) -> Result<()>;
}
