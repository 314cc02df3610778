//! A TOML document as an owned tree in which every key and value knows its place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Collector;

/// A range of bytes of the source's text.
pub type Span = std::ops::Range<usize>;

/// A value and its place. The place of a table is its header, or its braces.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub span: Span,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Array(Vec<Node>),
    /// In the order of the file.
    Table(Vec<Field>),
    /// What no setting can be: a date, or an integer beyond 128 bits.
    Unsupported,
    /// Already answered with a mistake: whoever reads it goes on with a default and adds no second one.
    Mistaken,
}

/// A key of a table and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub key: String,
    pub key_span: Span,
    pub node: Node,
}

/// What the parser says at the end of a file in which a list is still open.
const NEVER_CLOSED: &str = "unclosed array";

/// The fields of the document; all syntax errors go to the collector.
pub(super) fn parse(collector: &Collector) -> Vec<Field> {
    let (table, errors) = DeTable::parse_recoverable(&collector.source.text);
    let never_closed = errors.iter().any(|error| error.message().starts_with(NEVER_CLOSED));
    let help = |message: &str| {
        (never_closed && message.contains("array")).then(|| "the list that began before lacks its `]`".to_string())
    };
    for error in without_echoes(errors, never_closed, &collector.source.text) {
        let span = error.span().unwrap_or(0..0);
        match error.message().split_once(", expected ") {
            Some((message, expected)) => collector.add(span, message, Some(expected.to_string()), help(message)),
            None => collector.add(span, error.message(), None, help(error.message())),
        }
    }
    fields(table.into_inner())
}

/// The parser goes on after an error, and stumbles again: later in the same line, or all the way to the end of the file
/// where a list is never closed.
fn without_echoes(errors: Vec<toml::de::Error>, never_closed: bool, text: &str) -> Vec<toml::de::Error> {
    let mut kept: Vec<toml::de::Error> = Vec::new();
    let mut last_line = None;
    for error in errors {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count();
        let in_a_list = error.message().contains("array");
        if last_line.replace(line) != Some(line) {
            kept.push(error);
        }
        if never_closed && in_a_list {
            break;
        }
    }
    kept
}

fn fields(table: DeTable<'_>) -> Vec<Field> {
    let mut fields: Vec<Field> = table
        .into_iter()
        .map(|(key, value)| {
            let key_span = key.span();
            Field { key: key.into_inner().into_owned(), key_span, node: node(value) }
        })
        .collect();
    // The parser sorts keys by name; sweeps and messages follow the file.
    fields.sort_by_key(|field| field.key_span.start);
    fields
}

fn node(value: Spanned<DeValue<'_>>) -> Node {
    let span = value.span();
    let content = match value.into_inner() {
        DeValue::Boolean(value) => Content::Boolean(value),
        DeValue::Integer(value) => {
            i128::from_str_radix(value.as_str(), value.radix()).map_or(Content::Unsupported, Content::Integer)
        }
        DeValue::Float(value) => value.as_str().parse().map_or(Content::Unsupported, Content::Float),
        DeValue::String(value) => Content::Text(value.into_owned()),
        DeValue::Array(items) => Content::Array(items.into_iter().map(node).collect()),
        DeValue::Table(table) => Content::Table(fields(table)),
        DeValue::Datetime(_) => Content::Unsupported,
    };
    Node { span, content }
}

impl Node {
    /// The value in a few words, for "cannot be ..".
    pub(super) fn describe(&self, text: &str) -> String {
        const LONGEST: usize = 40;
        let written = text.get(self.span.clone()).unwrap_or_default();
        match self.content {
            Content::Table(_) => "a table".to_string(),
            _ if written.chars().count() <= LONGEST && !written.contains(char::is_control) => written.to_string(),
            Content::Array(_) => "this list".to_string(),
            Content::Text(_) => "such a long text".to_string(),
            _ => "such a long number".to_string(),
        }
    }

    /// The value in one short line, as the file writes it but for the quotes.
    pub(super) fn label(&self, text: &str) -> String {
        match &self.content {
            Content::Text(value) => value.clone(),
            Content::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| item.label(text)).collect();
                format!("[{}]", items.join(","))
            }
            Content::Table(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|field| format!("{}={}", field.key, field.node.label(text))).collect();
                format!("{{{}}}", fields.join(","))
            }
            _ => text.get(self.span.clone()).unwrap_or_default().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Item, Section};

    const SUITE: &str = r#"
question = "Wer findet, was ein Netz braucht? 漢字"
seeds = { model = 3, retrain = [1, 2] }
far.away.key = 0x1F

[images]
count = 1_000 # a seeded sample
fraction = 1e-3

[[model]]
name = 'cnn'
layers = [ { name = "conv1", conv2d = { out = 16 } }, 'relu', [1, 2.5, nan] ]
[model.train]
on = true

[[explainer]]
since = 1979-05-27T07:32:00Z
steps = { sweep = [16, 64] }
text = '''
two lines
'''
"#;

    /// Asks a section for everything in every way, as a reader gone wild would.
    fn read_all(section: &Section) {
        for (_, section) in section.variants() {
            for key in section.keys() {
                section.get(&key, 1_usize);
                section.get(&key, vec![1.0]);
                section.get(&key, String::new());
                section.required::<bool>(&format!("{key}s"));
                section.choice(&key, "a", &[("a", 1)]);
                section.section(&key).iter().for_each(read_all);
                section.sections(&key).iter().for_each(read_all);
                for item in section.list(&key) {
                    if let Item::Table(table) = item {
                        read_all(&table);
                    }
                }
            }
            section.finish();
            section.settings().canonical();
            section.settings().shown();
        }
    }

    /// Reads all and prints all; the number of mistakes.
    fn survives(text: &str) -> usize {
        let mistakes = match Section::parse("a.toml", text) {
            Ok(root) => {
                read_all(&root);
                root.mistakes()
            }
            Err(mistakes) => mistakes,
        };
        // A mistake takes five lines at least, and the count of mistakes one.
        assert!(mistakes.to_string().lines().count() > 5 * mistakes.len());
        mistakes.len()
    }

    #[test]
    fn fields_follow_the_file_and_know_their_places() {
        let root = Section::parse("a.toml", SUITE).unwrap();
        assert_eq!(root.keys(), ["question", "seeds", "far", "images", "model", "explainer"]);
        let seeds = root.field("seeds").unwrap();
        assert_eq!(&SUITE[seeds.key_span.clone()], "seeds");
        assert_eq!(&SUITE[seeds.node.span.clone()], "{ model = 3, retrain = [1, 2] }");
        assert_eq!(&SUITE[root.field("images").unwrap().node.span.clone()], "[images]");
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        for text in [
            format!("a = {}", "[".repeat(10_000)),
            format!("a = {}", "{a = ".repeat(10_000)),
            format!("{}a = 1", "a.".repeat(10_000)),
            format!("[{}a]", "a.".repeat(10_000)),
        ] {
            assert!(survives(&text) > 0);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            survives(&text);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            survives(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn any_heap_of_punctuation_is_read_or_refused(text in r#"[\[\]{}=.,'"\#ab1_ \n\t\\é漢-]{0,60}"#) {
            survives(&text);
        }

        #[test]
        fn any_edit_of_a_suite_is_read_or_refused(
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, r#"[\[\]{}=.,'"\#a1 \n漢-]{0,3}"#), 1..4),
        ) {
            let mut suite: Vec<char> = SUITE.chars().collect();
            for (at, removed, inserted) in edits {
                let start = at.index(suite.len() + 1);
                let end = (start + removed).min(suite.len());
                suite.splice(start..end, inserted.chars());
            }
            survives(&suite.into_iter().collect::<String>());
        }
    }
}
