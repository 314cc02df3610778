//! A TOML table with places, which remembers the keys that were asked for.

use std::cell::RefCell;
use std::rc::Rc;

use super::diagnostic::{Collector, Mistakes};
use super::item::{Item, Word};
use super::settings::{Setting, Settings};
use super::tree::{self, Content, Field, Node, Span};

/// A TOML table. Clones are the same table: they share what was asked for, and all sections of a file share its mistakes.
#[derive(Debug, Clone)]
pub struct Section(pub(super) Rc<Table>);

#[derive(Debug)]
pub(super) struct Table {
    pub collector: Rc<Collector>,
    name: String,
    pub header: Span,
    pub fields: Vec<Field>,
    /// In the order of asking.
    pub asked: RefCell<Vec<(String, Reading)>>,
}

/// What came of asking for a key.
#[derive(Debug, Clone)]
pub(super) enum Reading {
    /// No setting: the key is absent, or was only looked for.
    Known,
    Value(Setting),
    Section(Section),
    List(Vec<Item>),
}

impl Section {
    /// The root table of a file; otherwise all its syntax errors.
    pub fn parse(path: &str, text: &str) -> Result<Self, Mistakes> {
        let collector = Rc::new(Collector::new(path, text));
        let fields = tree::parse(&collector);
        // After a syntax error the tree has gaps, which would be reported as mistakes of their own.
        if !collector.is_empty() {
            return Err(collector.mistakes());
        }
        Ok(Self::new(collector, path.to_string(), 0..0, fields))
    }

    fn new(collector: Rc<Collector>, name: String, header: Span, fields: Vec<Field>) -> Self {
        Self(Rc::new(Table { collector, name, header, fields, asked: RefCell::default() }))
    }

    /// A table below this one: named by its header, or by the key that holds it.
    fn child(&self, key: &str, header: &Span, fields: &[Field]) -> Self {
        let written = self.text().get(header.clone()).filter(|text| text.starts_with('['));
        let name = written.unwrap_or(key).to_string();
        Self::new(self.0.collector.clone(), name, header.clone(), fields.to_vec())
    }

    /// The same table with other values, of which nothing was asked yet.
    pub(super) fn with_fields(&self, fields: Vec<Field>) -> Self {
        Self::new(self.0.collector.clone(), self.0.name.clone(), self.0.header.clone(), fields)
    }

    /// How the file calls this table: `[[model]]`, `train`; the root by its path.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// All keys, in the order of the file. Does not count as asking for them.
    pub fn keys(&self) -> Vec<String> {
        self.0.fields.iter().map(|field| field.key.clone()).collect()
    }

    /// Whether the key is there. Counts as asking for it.
    pub fn has(&self, key: &str) -> bool {
        self.ask(key).is_some()
    }

    /// A sub-table, if it is there. Asking again gives the same section.
    pub fn section(&self, key: &str) -> Option<Section> {
        let node = self.ask(key)?;
        if let Some(Reading::Section(section)) = self.noted(key) {
            return Some(section);
        }
        let Content::Table(fields) = &node.content else {
            self.refuse(key, node, node, "a table");
            return None;
        };
        let section = self.child(key, &node.span, fields);
        self.note(key, Reading::Section(section.clone()));
        Some(section)
    }

    /// The tables under a key that holds one table or an array of them; empty where it is absent.
    pub fn sections(&self, key: &str) -> Vec<Section> {
        let table = |item| if let Item::Table(section) = item { Some(section) } else { None };
        self.items(key, false).into_iter().filter_map(table).collect()
    }

    /// As `sections`, but none at all is a mistake.
    pub fn required_sections(&self, key: &str) -> Vec<Section> {
        let expected = format!("at least one table `[[{key}]]`");
        match self.ask(key).map(|node| &node.content) {
            None => self.mistake_at_header(format!("there is no `[[{key}]]`"), Some(expected), None),
            Some(content) => self.refuse_empty(key, content, &expected),
        }
        self.sections(key)
    }

    /// The elements of an array of words and tables, at least one. None: a mistake was made.
    pub fn required_list(&self, key: &str, expected: &str) -> Option<Vec<Item>> {
        match self.ask(key).map(|node| &node.content) {
            None => self.lacks(key, expected),
            Some(content) => self.refuse_empty(key, content, expected),
        }
        Some(self.list(key)).filter(|items| !items.is_empty())
    }

    fn refuse_empty(&self, key: &str, content: &Content, expected: &str) {
        if matches!(content, Content::Array(items) if items.is_empty()) {
            self.mistake(key, format!("`{key}` is empty"), Some(expected.to_string()), None);
        }
    }

    /// The elements of an array of words and tables; empty where the key is absent.
    pub fn list(&self, key: &str) -> Vec<Item> {
        self.items(key, true)
    }

    fn items(&self, key: &str, words: bool) -> Vec<Item> {
        let Some(list) = self.ask(key) else { return Vec::new() };
        if let Some(Reading::List(items)) = self.noted(key) {
            return items;
        }
        let nodes = match &list.content {
            Content::Array(nodes) => nodes.as_slice(),
            Content::Table(_) if !words => std::slice::from_ref(list),
            _ => {
                self.refuse(key, list, list, if words { "a list of words and tables" } else { "a table or tables" });
                return Vec::new();
            }
        };
        let item = |node: &Node| match &node.content {
            Content::Table(fields) => Some(Item::Table(self.child(key, &node.span, fields))),
            Content::Text(text) if words => {
                let collector = self.0.collector.clone();
                Some(Item::Word(Word { text: text.clone(), span: node.span.clone(), collector }))
            }
            _ => {
                self.refuse(key, list, node, if words { "a word or a table" } else { "a table" });
                None
            }
        };
        let items: Vec<Item> = nodes.iter().filter_map(item).collect();
        self.note(key, Reading::List(items.clone()));
        items
    }

    /// Everything that was read, here and in the sections below.
    pub fn settings(&self) -> Settings {
        let asked = self.0.asked.borrow();
        Settings(asked.iter().filter_map(|(key, reading)| Some((key.clone(), reading.setting()?))).collect())
    }

    pub(super) fn text(&self) -> &str {
        &self.0.collector.source.text
    }

    pub(super) fn header(&self) -> &Span {
        &self.0.header
    }

    pub(super) fn source_path(&self) -> &str {
        &self.0.collector.source.path
    }

    pub(super) fn field(&self, key: &str) -> Option<&Field> {
        self.0.fields.iter().find(|field| field.key == key)
    }

    pub(super) fn ask(&self, key: &str) -> Option<&Node> {
        if self.noted(key).is_none() {
            self.note(key, Reading::Known);
        }
        self.field(key).map(|field| &field.node)
    }

    fn noted(&self, key: &str) -> Option<Reading> {
        self.0.asked.borrow().iter().find(|(known, _)| known == key).map(|(_, reading)| reading.clone())
    }

    pub(super) fn note(&self, key: &str, reading: Reading) {
        let mut asked = self.0.asked.borrow_mut();
        match asked.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = reading,
            None => asked.push((key.to_string(), reading)),
        }
    }
}

impl Reading {
    fn setting(&self) -> Option<Setting> {
        match self {
            Self::Known => None,
            Self::Value(setting) => Some(setting.clone()),
            Self::Section(section) => Some(Setting::Section(section.settings())),
            Self::List(items) => Some(Setting::List(items.iter().map(Item::setting).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Section {
        Section::parse("a.toml", text).unwrap()
    }

    #[test]
    fn all_syntax_errors_come_at_once() {
        let mistakes = Section::parse("a.toml", "a = 1\na = 2\nb = = 3\n").unwrap_err();
        let lines: Vec<usize> = mistakes
            .iter()
            .map(|mistake| mistake.source.text[..mistake.span.start].matches('\n').count() + 1)
            .collect();
        assert_eq!((lines.first(), lines.last()), (Some(&2), Some(&3)), "{mistakes}");
    }

    #[test]
    fn a_table_is_named_as_the_file_names_it() {
        let root = root("train = { optimizer.lr = 1 }\n[images]\n[[model]]\n[model.train]\nx = 1\n[far.away]\n");
        let train = root.section("train").unwrap();
        let model = root.sections("model").remove(0);
        assert_eq!(root.name(), "a.toml");
        assert_eq!(train.name(), "train");
        assert_eq!(train.section("optimizer").unwrap().name(), "optimizer");
        assert_eq!(root.section("images").unwrap().name(), "[images]");
        assert_eq!(model.name(), "[[model]]");
        assert_eq!(model.section("train").unwrap().name(), "[model.train]");
        assert_eq!(root.section("far").unwrap().name(), "far");
    }

    #[test]
    fn one_table_counts_as_an_array_of_one() {
        for text in ["[model]\nuse = 'a'", "[[model]]\nuse = 'a'", "model = { use = 'a' }", "model = [{ use = 'a' }]"] {
            let root = root(text);
            let models = root.sections("model");
            assert_eq!(models.len(), 1);
            assert_eq!(models[0].required::<String>("use").as_deref(), Some("a"));
            assert_eq!(root.settings().canonical(), "model=[{use=\"a\"}]");
        }
        assert!(root("").sections("model").is_empty());
    }

    #[test]
    fn words_and_tables_keep_their_order_and_place() {
        let root = root("layers = ['relu', { linear = { out = 2 } }, 3]");
        let items = root.list("layers");
        let [Item::Word(word), Item::Table(table)] = items.as_slice() else { panic!("{items:?}") };
        assert_eq!(table.keys(), ["linear"]);
        word.mistake("no such layer", None, None);
        let spans: Vec<Span> = root.mistakes().iter().map(|mistake| mistake.span.clone()).collect();
        assert_eq!(spans, [10..16, 44..45]);
        assert!(root.mistakes().to_string().contains("error: `layers` cannot hold 3\n"));
    }

    #[test]
    fn a_required_list_has_one_mistake_for_each_way_to_be_none() {
        for (text, message) in [
            ("", "`a.toml` lacks `layers`"),
            ("layers = []", "`layers` is empty"),
            ("layers = 3", "`layers` cannot be 3"),
            ("layers = [3]", "`layers` cannot hold 3"),
        ] {
            let root = root(text);
            assert!(root.required_list("layers", "a list of layers").is_none());
            let mistakes = root.mistakes();
            assert_eq!(mistakes.iter().map(|mistake| &mistake.message).collect::<Vec<_>>(), [message]);
        }
    }

    #[test]
    fn keys_follow_the_file_and_do_not_count_as_asked() {
        let root = root("b = 1\na = 2\n");
        assert_eq!(root.keys(), ["b", "a"]);
        root.finish();
        assert_eq!(root.mistakes().len(), 2);
    }

    #[test]
    fn a_section_asked_for_twice_is_one_section() {
        let root = root("train = { epochs = 2, extra = 1 }");
        root.section("train").unwrap().get("epochs", 1_usize);
        root.section("train").unwrap().get("extra", 0_usize);
        root.section("train").unwrap().finish();
        assert!(!root.has_mistakes());
        assert_eq!(root.settings().canonical(), "train={epochs=2,extra=1}");
    }
}
