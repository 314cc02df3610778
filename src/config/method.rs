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
            self.refuse(key, &node, &node, &format!("a name, or a table with `{inner}`"));
            return None;
        }
        let field = Field { key: inner.to_string(), key_span: node.span.clone(), node };
        let section = self.with_fields(vec![field]);
        self.note(key, Reading::Section(section.clone()));
        Some(section)
    }

    /// The path of a file that is there, which the key names as seen from the folder of the file that holds the key.
    pub fn file(&self, key: &str) -> Option<PathBuf> {
        let path: PathBuf = self.optional(key)?;
        let folder = Path::new(self.source_path()).parent().unwrap_or(Path::new(""));
        let path = folder.join(path);
        // Not just anything that exists: reading a pipe would wait for ever.
        let there = path.is_file();
        if !there {
            let from = if folder == Path::new("") { Path::new("the current folder") } else { folder };
            let expected = format!("the path of a file, seen from {}", from.display());
            self.mistake(key, format!("there is no file {}", path.display()), Some(expected), None);
        }
        there.then_some(path)
    }

    /// As `file`; where the key is absent, a mistake at the header.
    pub fn required_file(&self, key: &str) -> Option<PathBuf> {
        if !self.has(key) {
            self.lacks(key, PathBuf::EXPECTED);
        }
        self.file(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_for_a_table_and_a_table_for_itself() {
        let root = Section::parse("a.toml", "a = 'x'\nb = { use = 'y', n = 2 }\nc = 3\n").unwrap();
        for (key, expected) in [("a", "x"), ("b", "y"), ("absent", "z")] {
            let section = root.word_or_table(key, "use", "z").unwrap();
            assert_eq!(section.required::<String>("use").as_deref(), Some(expected));
        }
        assert!(!root.has_mistakes());
        assert!(root.word_or_table("c", "use", "z").is_none());
        assert!(root.mistakes().to_string().contains("`c` cannot be 3"));
    }

    #[test]
    fn a_file_is_found_from_the_folder_of_the_file_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.bin"), []).unwrap();
        let suite = folder.path().join("a.toml");
        let root = Section::parse(&suite.display().to_string(), "there = 'w.bin'\nabsent = 'v.bin'\nfolder = '.'\n");
        let root = root.unwrap();
        assert_eq!(root.required_file("there"), Some(folder.path().join("w.bin")));
        assert!(root.check().is_ok());
        assert_eq!((root.file("absent"), root.file("folder"), root.required_file("weights")), (None, None, None));
        let messages: Vec<String> = root.mistakes().iter().map(|mistake| mistake.message.clone()).collect();
        assert!(messages[0].ends_with("lacks `weights`") && messages[1].starts_with("there is no file"));
        assert_eq!(messages.len(), 3);
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
