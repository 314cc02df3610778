//! What is wrong with a section: mistakes at a key, at a value or at the header, and keys that nobody asked for.

use super::Section;
use super::diagnostic::Mistakes;
use super::suggest::suggest;
use super::tree::{Content, Node};

impl Section {
    /// A mistake at the value of the key, or at the header where it is absent.
    pub fn mistake(&self, key: &str, message: impl Into<String>, expected: Option<String>, help: Option<String>) {
        let span = self.field(key).map_or(&self.0.header, |field| &field.node.span);
        self.0.collector.add(span.clone(), message, expected, help);
    }

    /// A mistake at the key itself, or at the header where it is absent.
    pub fn mistake_at_key(
        &self,
        key: &str,
        message: impl Into<String>,
        expected: Option<String>,
        help: Option<String>,
    ) {
        let span = self.field(key).map_or(&self.0.header, |field| &field.key_span);
        self.0.collector.add(span.clone(), message, expected, help);
    }

    /// A mistake of the table as a whole.
    pub fn mistake_at_header(&self, message: impl Into<String>, expected: Option<String>, help: Option<String>) {
        self.0.collector.add(self.0.header.clone(), message, expected, help);
    }

    /// A mistake of the table, which cannot do without the key.
    pub fn lacks(&self, key: &str, expected: &str) {
        let message = format!("`{}` lacks `{key}`", self.name());
        self.mistake_at_header(message, Some(format!("`{key}`, {expected}")), None);
    }

    /// A mistake at one item, counted from 0, of the list that the key holds.
    pub fn mistake_at_item(
        &self,
        key: &str,
        index: usize,
        message: impl Into<String>,
        expected: Option<String>,
        help: Option<String>,
    ) {
        let item = self.field(key).and_then(|field| match &field.node.content {
            Content::Array(items) => items.get(index),
            _ => None,
        });
        match item {
            Some(item) => self.0.collector.add(item.span.clone(), message, expected, help),
            None => self.mistake(key, message, expected, help),
        }
    }

    /// Makes a mistake of every key that was never asked for. Sections below finish themselves.
    pub fn finish(&self) {
        let asked = self.0.asked.borrow();
        let known: Vec<&str> = asked.iter().map(|(key, _)| key.as_str()).collect();
        let expected = if known.is_empty() { "no key here".to_string() } else { one_of(&known) };
        for field in self.0.fields.iter().filter(|field| !known.contains(&field.key.as_str())) {
            let message = format!("unknown key `{}`", field.key);
            self.mistake_at_key(&field.key, message, Some(expected.clone()), did_you_mean(&field.key, &known));
        }
    }

    /// All mistakes found so far in the file.
    pub fn mistakes(&self) -> Mistakes {
        self.0.collector.mistakes()
    }

    /// Whether any mistake was found so far in the file.
    pub fn has_mistakes(&self) -> bool {
        !self.0.collector.is_empty()
    }

    /// All mistakes found so far in the file, as an error if there are any.
    pub fn check(&self) -> Result<(), Mistakes> {
        if self.has_mistakes() { Err(self.mistakes()) } else { Ok(()) }
    }

    /// A mistake at a value that cannot be read: the value of the key, or one within it.
    pub(super) fn refuse(&self, key: &str, value: &Node, culprit: &Node, expected: &str) {
        if culprit.content != Content::Mistaken {
            let verb = if culprit.span == value.span { "be" } else { "hold" };
            let message = format!("`{key}` cannot {verb} {}", culprit.describe(self.text()));
            self.0.collector.add(culprit.span.clone(), message, Some(expected.to_string()), None);
        }
    }
}

pub(super) fn one_of(names: &[&str]) -> String {
    format!("one of: {}", names.join(", "))
}

pub(super) fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    suggest(word, known.iter().copied()).map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_nobody_asked_for_are_mistakes() {
        let root = Section::parse("a.toml", "[images]\nsplit = 'test'\ncuont = 3\n").unwrap();
        let images = root.section("images").unwrap();
        images.get("split", String::new());
        images.get("count", 1000_usize);
        images.finish();
        root.finish();
        let printed = "\
error: unknown key `cuont`
 --> a.toml:3:1
  |
3 | cuont = 3
  | ^^^^^ expected one of: split, count
  = help: did you mean `count`?

1 mistake in a.toml";
        assert_eq!(images.check().unwrap_err().to_string(), printed);
    }

    #[test]
    fn a_table_without_keys_of_its_own_says_so() {
        let root = Section::parse("a.toml", "steps = 1\n").unwrap();
        root.finish();
        assert!(root.mistakes().to_string().contains("^^^^^ expected no key here\n"));
    }

    #[test]
    fn mistakes_stand_at_the_value_the_key_or_the_header() {
        let root = Section::parse("a.toml", "[images]\nsplit = 'test'\n").unwrap();
        let images = root.section("images").unwrap();
        images.mistake("split", "value", None, None);
        images.mistake_at_key("split", "key", None, None);
        images.mistake("count", "absent value", None, None);
        images.mistake_at_key("count", "absent key", None, None);
        images.mistake_at_header("header", None, None);
        images.mistake_at_item("split", 0, "no list", None, None);
        let spans: Vec<_> = root.mistakes().iter().map(|mistake| mistake.span.clone()).collect();
        assert_eq!(spans, [0..8, 0..8, 0..8, 9..14, 17..23, 17..23]);
    }
}
