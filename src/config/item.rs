//! Elements of an array that may be bare words or tables, such as the layers of a model.

use std::rc::Rc;

use super::Section;
use super::diagnostic::Collector;
use super::settings::Setting;
use super::tree::Span;
use super::value::Value;

/// One element of an array that may be a bare word or a table.
#[derive(Debug, Clone)]
pub enum Item {
    Word(Word),
    Table(Section),
}

/// A word and its place.
#[derive(Debug, Clone)]
pub struct Word {
    pub text: String,
    pub(super) span: Span,
    pub(super) collector: Rc<Collector>,
}

impl Word {
    /// A mistake at this word.
    pub fn mistake(&self, message: impl Into<String>, expected: Option<String>, help: Option<String>) {
        self.collector.add(self.span.clone(), message, expected, help);
    }
}

impl Item {
    pub(super) fn setting(&self) -> Setting {
        match self {
            Self::Table(section) => Setting::Section(section.settings()),
            Self::Word(Word { text, .. }) => {
                Setting::Value { canonical: text.canonical(), shown: text.shown(), is_default: false }
            }
        }
    }
}
