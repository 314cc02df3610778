//! The one error type. Mistakes in a suite keep their places (`config::Mistakes`); everything else is a sentence that
//! says what was attempted, on what, and why it did not work.

use std::path::Path;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Mistakes of the user's file, each with its place.
    #[error("{0}")]
    Mistakes(#[from] crate::config::Mistakes),
    /// A sentence for the user.
    #[error("{0}")]
    Failed(String),
    /// The same with a remedy.
    #[error("{message}\n = help: {help}")]
    Refused { message: String, help: String },
}

impl Error {
    pub fn new(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// What went wrong, and what to do about it.
    pub fn refused(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), help: help.into() }
    }

    /// The remedy apart from the rest, where there is one.
    pub fn parts(&self) -> (String, Option<String>) {
        match self {
            Self::Refused { message, help } => (message.clone(), Some(help.clone())),
            other => (other.to_string(), None),
        }
    }

    /// A file operation that failed: what was done, to which file, and the system's word.
    pub fn io(doing: &str, path: &Path, error: std::io::Error) -> Self {
        Self::Failed(format!("cannot {doing} {}: {error}", path.display()))
    }
}

impl From<tch::TchError> for Error {
    /// libtorch answers with a C++ trace; its first line is the message.
    fn from(error: tch::TchError) -> Self {
        let text = error.to_string();
        Self::Failed(text.lines().next().unwrap_or("libtorch failed").to_string())
    }
}
