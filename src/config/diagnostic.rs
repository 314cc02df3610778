//! Mistakes of a user's file and how they are printed: place, source line, carets, what was expected.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use super::Span;
use super::excerpt::Excerpt;

/// A file as it was read.
#[derive(Debug, PartialEq)]
pub struct Source {
    /// As the user wrote it, for messages.
    pub path: String,
    pub text: String,
}

/// One mistake, with its place.
#[derive(Debug, Clone)]
pub struct Mistake {
    pub source: Arc<Source>,
    /// In bytes of the source's text.
    pub span: Span,
    pub message: String,
    /// What would be right, printed beside the carets after the word "expected".
    pub expected: Option<String>,
    /// A remedy, printed on a line of its own.
    pub help: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let excerpt = Excerpt::new(&self.source.text, &self.span);
        let number = excerpt.line.to_string();
        let gutter = " ".repeat(number.len());
        writeln!(f, "error: {}", self.message)?;
        writeln!(f, "{gutter}--> {}:{number}:{}", self.source.path, excerpt.column)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} |{}", format!(" {}", excerpt.text).trim_end())?;
        write!(f, "{gutter} | {}{}", " ".repeat(excerpt.indent), "^".repeat(excerpt.carets))?;
        if let Some(expected) = &self.expected {
            write!(f, " expected {expected}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n{gutter} = help: {help}")?;
        }
        Ok(())
    }
}

/// All mistakes of one file, ordered by place, without repeats.
#[derive(Debug, Clone)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    pub(super) fn new(mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
        let mut kept: Vec<Mistake> = Vec::new();
        for mistake in mistakes {
            let mut here = kept.iter().rev().take_while(|other| other.span == mistake.span);
            if !here.any(|other| other.message == mistake.message) {
                kept.push(mistake);
            }
        }
        Self(kept)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.0 {
            write!(f, "{mistake}\n\n")?;
        }
        match self.0.as_slice() {
            [] => write!(f, "no mistakes"),
            [one] => write!(f, "1 mistake in {}", one.source.path),
            [first, ..] => write!(f, "{} mistakes in {}", self.0.len(), first.source.path),
        }
    }
}

impl std::error::Error for Mistakes {}

/// Where all sections of one file put their mistakes.
#[derive(Debug)]
pub(super) struct Collector {
    pub source: Arc<Source>,
    found: RefCell<Vec<Mistake>>,
}

impl Collector {
    pub fn new(path: &str, text: &str) -> Self {
        let source = Arc::new(Source { path: path.to_string(), text: text.to_string() });
        Self { source, found: RefCell::default() }
    }

    pub fn add(&self, span: Span, message: impl Into<String>, expected: Option<String>, help: Option<String>) {
        let source = self.source.clone();
        self.found.borrow_mut().push(Mistake { source, span, message: message.into(), expected, help });
    }

    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    pub fn mistakes(&self) -> Mistakes {
        Mistakes::new(self.found.borrow().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str, span: Span) -> Mistake {
        let source = Arc::new(Source { path: "a.toml".to_string(), text: text.to_string() });
        Mistake { source, span, message: "wrong".to_string(), expected: None, help: None }
    }

    #[test]
    fn shows_place_line_carets_expectation_and_help() {
        let text = format!("{}stesp = 64\n", "# one\n".repeat(11));
        let start = text.find("stesp").unwrap();
        let full = Mistake {
            message: "unknown key `stesp`".to_string(),
            expected: Some("one of: steps, rule, reference".to_string()),
            help: Some("did you mean `steps`?".to_string()),
            ..mistake(&text, start..start + 5)
        };
        let printed = "\
error: unknown key `stesp`
  --> a.toml:12:1
   |
12 | stesp = 64
   | ^^^^^ expected one of: steps, rule, reference
   = help: did you mean `steps`?";
        assert_eq!(full.to_string(), printed);
    }

    #[test]
    fn mistakes_are_ordered_counted_and_not_repeated() {
        let (first, second) = (mistake("a\nb", 0..1), mistake("a\nb", 2..3));
        let mistakes = Mistakes::new(vec![second.clone(), first.clone(), second.clone()]);
        assert_eq!(mistakes.to_string(), format!("{first}\n\n{second}\n\n2 mistakes in a.toml"));
        assert!(Mistakes::new(vec![first]).to_string().ends_with("\n\n1 mistake in a.toml"));
    }
}
