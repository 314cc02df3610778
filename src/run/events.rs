//! What an executor tells while it works.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::plan::CellId;

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The cells that there are to do, before the first starts.
    Planned {
        cells: Vec<CellId>,
    },
    Started {
        id: CellId,
    },
    /// How far a long cell is, in 0..1.
    Progress {
        id: CellId,
        share: f64,
    },
    Finished {
        id: CellId,
        took: Duration,
    },
    /// Another process finished it.
    FinishedElsewhere {
        id: CellId,
    },
    Failed {
        id: CellId,
        error: String,
    },
    /// Not run, because a cell that it needs failed.
    Skipped {
        id: CellId,
    },
    /// Something that the user should know and that stops nothing.
    Notice(String),
}

/// How a run went, counted from its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    pub finished: usize,
    pub elsewhere: usize,
    pub failed: Vec<(CellId, String)>,
    /// Rounds may skip a cell again.
    pub skipped: BTreeSet<CellId>,
    pub notices: Vec<String>,
}

impl Summary {
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::Finished { .. } => self.finished += 1,
            Event::FinishedElsewhere { .. } => self.elsewhere += 1,
            Event::Failed { id, error } => self.failed.push((*id, error.clone())),
            Event::Skipped { id } => drop(self.skipped.insert(*id)),
            Event::Notice(text) => self.notices.push(text.clone()),
            Event::Planned { .. } | Event::Started { .. } | Event::Progress { .. } => {}
        }
    }
}
