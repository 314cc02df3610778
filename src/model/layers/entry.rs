//! One element of a layer list: a bare word, or a table of a kind with its parameters and perhaps a name.

use super::kinds::{KINDS, Kind};
use crate::config::{Item, Section, suggest};

pub struct Entry<'a> {
    item: &'a Item,
    pub word: String,
    pub kind: Kind,
    pub name: Option<String>,
    /// The parameters. A bare word reads those of an empty table.
    pub section: Section,
}

impl<'a> Entry<'a> {
    /// None: a mistake was made.
    pub fn open(item: &'a Item) -> Option<Self> {
        match item {
            Item::Word(word) => {
                let kind = find(item, &word.text)?;
                Some(Self { item, word: word.text.clone(), kind, name: None, section: Section::parse("", "").ok()? })
            }
            Item::Table(table) => {
                let name = table.optional::<String>("name");
                if name.as_ref().is_some_and(String::is_empty) {
                    table.mistake("name", "the name of a layer cannot be empty", None, None);
                }
                let words: Vec<String> = table.keys().into_iter().filter(|key| key != "name").collect();
                let [word] = &words[..] else {
                    let message = format!("a layer has one kind, this one has {}", words.len());
                    table.mistake_at_header(message, Some("a kind and, if you like, a name".into()), None);
                    return None;
                };
                let kind = find(item, word)?;
                Some(Self { item, word: word.clone(), kind, name, section: table.section(word)? })
            }
        }
    }

    /// A mistake of this layer as a whole.
    pub fn mistake(&self, message: impl Into<String>, expected: Option<String>, help: Option<String>) {
        mistake(self.item, &self.word, message.into(), expected, help);
    }

    /// The layers that this one holds.
    pub fn layers(&self) -> Option<Vec<Item>> {
        self.section.required_list("layers", "a list of layers")
    }

    /// Says what nobody asked for and, of a bare word, which parameters it cannot do without.
    pub fn close(&self) {
        match self.item {
            Item::Table(_) => self.section.finish(),
            Item::Word(_) => {
                let lacking: Vec<String> =
                    self.section.mistakes().iter().filter_map(|mistake| mistake.expected.clone()).collect();
                if !lacking.is_empty() {
                    let help = format!("write {{ {} = {{ .. }} }}", self.word);
                    self.mistake(format!("`{}` needs parameters", self.word), Some(lacking.join("; ")), Some(help));
                }
            }
        }
    }
}

fn find(item: &Item, word: &str) -> Option<Kind> {
    let kind = KINDS.iter().find(|(name, _)| *name == word).map(|&(_, kind)| kind);
    if kind.is_none() {
        let names = || KINDS.iter().map(|&(name, _)| name);
        // Where the dimension alone is missing, images are meant.
        let image_kind = names().find(|name| name.strip_suffix("2d") == Some(word)).map(str::to_string);
        let help = image_kind.or_else(|| suggest(word, names())).map(|name| format!("did you mean `{name}`?"));
        let expected = format!("one of: {}", names().collect::<Vec<_>>().join(", "));
        mistake(item, word, format!("unknown layer `{word}`"), Some(expected), help);
    }
    kind
}

fn mistake(item: &Item, word: &str, message: String, expected: Option<String>, help: Option<String>) {
    match item {
        Item::Word(word) => word.mistake(message, expected, help),
        Item::Table(table) => table.mistake_at_key(word, message, expected, help),
    }
}
