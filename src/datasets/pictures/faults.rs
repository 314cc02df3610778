//! What is wrong with single files, and what follows from it.

use crate::config::Section;
use crate::error::{Error, Result};

/// What is wrong with one file, without its name.
pub type Fault = String;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The first broken file is an error.
    Stop,
    /// Broken files are left out and counted.
    Skip,
}

impl OnError {
    /// Parameter `on_error` ("stop"): "stop" or "skip".
    pub fn read(section: &Section) -> Self {
        section.choice("on_error", "stop", &[("stop", Self::Stop), ("skip", Self::Skip)])
    }
}

/// The broken files that were met so far.
pub struct Faults {
    pub on_error: OnError,
    /// Each with its place.
    found: Vec<String>,
}

/// How many broken files a note names.
const NAMED: usize = 3;

impl Faults {
    pub fn new(on_error: OnError) -> Self {
        Self { on_error, found: Vec::new() }
    }

    /// A fault of the file at `place`.
    ///
    /// # Errors
    /// The fault itself, unless faults are skipped.
    pub fn add(&mut self, place: &str, fault: &str) -> Result<()> {
        let sentence = format!("{place} {fault}");
        match self.on_error {
            OnError::Stop => Err(Error::new(sentence)),
            OnError::Skip => {
                self.found.push(sentence);
                Ok(())
            }
        }
    }

    /// What a reader of the results must know of them.
    pub fn note(&self) -> Option<String> {
        let (count, rest) = (self.found.len(), self.found.len().saturating_sub(NAMED));
        let named = self.found[..count - rest].join("; ");
        let files = if count == 1 { "1 broken file was" } else { &format!("{count} broken files were") };
        let more = if rest == 0 { String::new() } else { format!("; and {rest} more") };
        (count > 0).then(|| format!("{files} skipped: {named}{more}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_stops_or_is_counted() {
        assert_eq!(Faults::new(OnError::Stop).add("a.png", "is empty").unwrap_err().to_string(), "a.png is empty");
        let mut faults = Faults::new(OnError::Skip);
        assert_eq!(faults.note(), None);
        faults.add("a", "is empty").unwrap();
        assert_eq!(faults.note().unwrap(), "1 broken file was skipped: a is empty");
        ["b", "c", "d", "e"].iter().for_each(|place| faults.add(place, "is cut").unwrap());
        let note = faults.note().unwrap();
        assert_eq!(note, "5 broken files were skipped: a is empty; b is cut; c is cut; and 2 more");
    }
}
