//! One row of any method table, and the reading of a suite's table through it.
//!
//! Every catalogue (datasets, explainers, imputers, metrics) is one literal `const ALL: &[Entry<..>]`: a new method is a
//! file and a row. Nothing registers itself.

use std::sync::Arc;

use crate::config::{Section, Settings, suggest};

/// One method of a catalogue.
pub struct Entry<T: ?Sized> {
    /// As suites call it; also the name of its file, with `_` for `-`.
    pub name: &'static str,
    /// One line for the list of methods.
    pub summary: &'static str,
    /// Where its definition comes from.
    pub reference: &'static str,
    /// Counts the changes of what it computes. Part of the identity of every cell that uses it.
    pub revision: u32,
    /// Its source file. Hashed into the identity too: an edited method is never answered from the store.
    pub source: &'static str,
    /// Reads the parameters; mistakes go to the section's collector, then the answer is `None`.
    pub read: fn(&Section) -> Option<Arc<T>>,
}

/// A method with its parameters, as one table of a suite chose it.
pub struct Chosen<T: ?Sized> {
    /// The entry's name.
    pub entry: &'static str,
    pub summary: &'static str,
    pub settings: Settings,
    /// Everything that decides what it computes, canonically.
    pub identity: String,
    pub method: Arc<T>,
}

impl<T: ?Sized> Clone for Chosen<T> {
    fn clone(&self) -> Self {
        Self {
            entry: self.entry,
            summary: self.summary,
            settings: self.settings.clone(),
            identity: self.identity.clone(),
            method: self.method.clone(),
        }
    }
}

/// Reads `use = ".."` and the chosen entry's parameters from `section`; `kind` is what an entry is called in messages.
pub fn choose<T: ?Sized>(section: &Section, kind: &str, all: &[Entry<T>]) -> Option<Chosen<T>> {
    let names = || all.iter().map(|entry| entry.name);
    let one_of = format!("one of: {}", names().collect::<Vec<_>>().join(", "));
    let name: String = section.required_if("use", |_| true, &one_of)?;
    let Some(entry) = all.iter().find(|entry| entry.name == name) else {
        let help = suggest(&name, names()).map(|near| format!("did you mean `{near}`?"));
        section.mistake("use", format!("there is no {kind} `{name}`"), Some(one_of), help);
        return None;
    };
    // Recorded before the parameters are read, so that a wrapper's settings hold those of what it wraps, revision included.
    section.record("use", &identity_of(entry));
    let method = (entry.read)(section);
    // Whether or not it could be read: the key that it lacks may be there, misspelt.
    section.finish();
    let method = method?;
    let settings = section.settings();
    let identity = settings.canonical();
    Some(Chosen { entry: entry.name, summary: entry.summary, settings, identity, method })
}

fn identity_of<T: ?Sized>(entry: &Entry<T>) -> String {
    let source = blake3::hash(entry.source.as_bytes()).to_hex();
    format!("{}@{}#{}", entry.name, entry.revision, &source[..16])
}

/// Reads a method given as a bare word, or as a table with its parameters: `key = "blur"`, `key = { use = "blur", sigma = 3 }`.
pub fn choose_word<T: ?Sized>(
    section: &Section,
    key: &str,
    default: &str,
    kind: &str,
    all: &[Entry<T>],
) -> Option<Chosen<T>> {
    choose(&section.word_or_table(key, "use", default)?, kind, all)
}
