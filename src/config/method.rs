//! Keys that hold methods and files, and keys that someone else reads.

use std::path::{Path, PathBuf};

use super::Section;
use super::section::Reading;
use super::settings::Setting;
use super::tree::{Content, Field, Node};
use super::value::{Value, quote};

impl Section {
    /// Keys that are read elsewhere: known, but no settings of this table's method.
    pub fn expect(&self, keys: &[&str]) {
        for key in keys {
            self.ask(key);
        }
    }

    /// The value if the key holds one of this type; neither a setting nor a mistake comes of it.
    pub fn peek<T: Value>(&self, key: &str) -> Option<T> {
        self.field(key).and_then(|field| T::read(&field.node))
    }

    /// Puts `canonical` in the place of what was read from the key, for identity.
    pub fn record(&self, key: &str, canonical: &str) {
        let shown = self.peek::<String>(key).map_or_else(|| canonical.to_string(), |word| quote(&word));
        self.note(key, Reading::Value(Setting::Value { canonical: quote(canonical), shown, is_default: false }));
    }

    /// A table that may be shortened to the value of one of its keys: `of = "gradient"` for `of = { use = "gradient" }`.
    /// Where the key is absent, the table of the default word.
    pub fn word_or_table(&self, key: &str, inner: &str, default: &str) -> Option<Section> {
        let node = match self.ask(key) {
            Some(Node { content: Content::Table(_), .. }) => return self.section(key),
            Some(node) => node.clone(),
            None => Node { span: self.header().clone(), content: Content::Text(default.to_string()) },
        };
        if !matches!(node.content, Content::Text(_)) {
            self.mistake(key, format!("`{key}` cannot be this"), Some(format!("a name, or a table with `{inner}`")), None);
            return None;
        }
        let field = Field { key: inner.to_string(), key_span: node.span.clone(), node };
        let section = self.with_fields(vec![field]);
        self.note(key, Reading::Section(section.clone()));
        Some(section)
    }

    /// A path, as it is from the folder of the file that names it.
    pub fn file(&self, key: &str) -> Option<PathBuf> {
        let path: PathBuf = self.optional(key)?;
        let folder = Path::new(self.source_path()).parent().unwrap_or(Path::new(""));
        Some(folder.join(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_for_a_table_and_a_table_for_itself() {
        let root = Section::parse("folder/a.toml", "a = 'x'\nb = { use = 'y', n = 2 }\nc = 3\nfile = 'w.bin'\n").unwrap();
        for (key, expected) in [("a", "x"), ("b", "y"), ("absent", "z")] {
            let section = root.word_or_table(key, "use", "z").unwrap();
            assert_eq!(section.required::<String>("use").as_deref(), Some(expected));
        }
        assert!(!root.has_mistakes());
        assert_eq!(root.file("file"), Some(PathBuf::from("folder/w.bin")));
        assert!(root.word_or_table("c", "use", "z").is_none());
        assert!(root.has_mistakes());
    }

    #[test]
    fn what_is_recorded_replaces_what_was_read_and_what_is_expected_is_no_setting() {
        let root = Section::parse("a.toml", "use = 'x'\nname = 'mine'\n").unwrap();
        root.expect(&["name"]);
        root.required::<String>("use");
        root.record("use", "x@2");
        root.finish();
        assert!(!root.has_mistakes());
        assert_eq!(root.settings().canonical(), "use=\"x@2\"");
    }
}
