//! An executor that computes nothing: each cell's outcome is scripted. Scheduling, needs, failures and rounds are tested
//! with it in milliseconds.

use std::cell::RefCell;
use std::time::Duration;

use super::pending::{Pending, Status};
use super::{Event, Executor};
use crate::error::{Error, Result};
use crate::plan::{Cell, Plan};
use crate::store::{Claim, Content, Store};

type Script<'a> = dyn FnMut(&Cell) -> Result<Content> + 'a;

pub struct Mock<'a> {
    script: RefCell<Box<Script<'a>>>,
}

impl<'a> Mock<'a> {
    /// `script` answers with the content of a cell, or with the error that it fails with.
    pub fn new(script: impl FnMut(&Cell) -> Result<Content> + 'a) -> Self {
        Self { script: RefCell::new(Box::new(script)) }
    }
}

impl Executor for Mock<'_> {
    fn execute(&self, plan: &Plan, store: &Store, on: &mut dyn FnMut(Event)) -> Result<()> {
        let mut pending = Pending::new(plan, &|id| store.has(id));
        on(Event::Planned { cells: pending.listed() });
        pending.give_up().into_iter().for_each(|id| on(Event::Skipped { id }));
        while let Some(id) = pending.ready() {
            let cell = plan.cell(id).ok_or_else(|| Error::new(format!("{id} is not in the plan")))?;
            on(Event::Started { id });
            match (self.script.borrow_mut())(cell) {
                Ok(content) => {
                    if let Claim::Yours(writer) = store.claim(id)? {
                        writer.publish(&content)?;
                    }
                    pending.set(id, Status::Done);
                    on(Event::Finished { id, took: Duration::ZERO });
                }
                Err(error) => {
                    let skipped = pending.fail(id);
                    on(Event::Failed { id, error: error.to_string() });
                    skipped.into_iter().for_each(|id| on(Event::Skipped { id }));
                }
            }
        }
        Ok(())
    }
}
