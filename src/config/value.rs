//! What a key can hold, and how a value is written for identity and for people.

use std::path::PathBuf;

use super::tree::{Content, Node};

/// A type that a key of a table can be read as.
pub trait Value: Clone + PartialEq {
    /// What the file should have held, after the word "expected".
    const EXPECTED: &'static str;
    /// The same for a list of such values.
    const LIST: &'static str = "a list";

    /// None: the node is something else.
    fn read(node: &Node) -> Option<Self>;

    /// Where a node that cannot be read goes wrong, and what was expected there.
    fn culprit(node: &Node) -> (&Node, &'static str) {
        (node, Self::EXPECTED)
    }

    /// For identity: equal values give equal text and different ones different text, on every machine.
    fn canonical(&self) -> String;

    /// For people, in the notation of TOML.
    fn shown(&self) -> String {
        self.canonical()
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";
    const LIST: &'static str = "a list of true and false";

    fn read(node: &Node) -> Option<Self> {
        match node.content {
            Content::Boolean(value) => Some(value),
            _ => None,
        }
    }

    fn canonical(&self) -> String {
        self.to_string()
    }
}

macro_rules! integer {
    ($type:ty, $expected:literal, $list:literal) => {
        impl Value for $type {
            const EXPECTED: &'static str = $expected;
            const LIST: &'static str = $list;

            fn read(node: &Node) -> Option<Self> {
                match node.content {
                    Content::Integer(value) => value.try_into().ok(),
                    _ => None,
                }
            }

            fn canonical(&self) -> String {
                self.to_string()
            }
        }
    };
}

integer!(i64, "an integer", "a list of integers");
integer!(u64, "an integer of 0 or more", "a list of integers of 0 or more");
integer!(usize, "an integer of 0 or more", "a list of integers of 0 or more");

/// Accepts integers too; refuses nan and the infinities.
impl Value for f64 {
    const EXPECTED: &'static str = "a number";
    const LIST: &'static str = "a list of numbers";

    fn read(node: &Node) -> Option<Self> {
        let value = match node.content {
            Content::Integer(value) => value as f64,
            Content::Float(value) => value,
            _ => return None,
        };
        // Adding zero turns -0.0 into 0.0: they are equal as settings, so they must not differ in their bits.
        value.is_finite().then_some(value + 0.0)
    }

    fn canonical(&self) -> String {
        format!("f{:016x}", self.to_bits())
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl Value for String {
    const EXPECTED: &'static str = "a string";
    const LIST: &'static str = "a list of strings";

    fn read(node: &Node) -> Option<Self> {
        match &node.content {
            Content::Text(value) => Some(value.clone()),
            _ => None,
        }
    }

    fn canonical(&self) -> String {
        quote(self)
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "a path in quotes";
    const LIST: &'static str = "a list of paths in quotes";

    fn read(node: &Node) -> Option<Self> {
        String::read(node).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    fn canonical(&self) -> String {
        quote(&self.to_string_lossy())
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl<T: Value> Value for Vec<T> {
    const EXPECTED: &'static str = T::LIST;
    const LIST: &'static str = "a list of lists";

    fn read(node: &Node) -> Option<Self> {
        match &node.content {
            Content::Array(items) => items.iter().map(T::read).collect(),
            _ => None,
        }
    }

    fn culprit(node: &Node) -> (&Node, &'static str) {
        let wrong = match &node.content {
            Content::Array(items) => items.iter().find(|item| T::read(item).is_none()),
            _ => None,
        };
        wrong.map_or((node, Self::EXPECTED), T::culprit)
    }

    fn canonical(&self) -> String {
        bracket(self.iter().map(T::canonical), ",")
    }

    fn shown(&self) -> String {
        bracket(self.iter().map(T::shown), ", ")
    }
}

fn bracket(items: impl Iterator<Item = String>, separator: &str) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(separator))
}

/// Quotes a text unambiguously. The escapes of `Debug` would follow the Unicode tables of the compiler.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::super::Section;
    use super::*;

    /// What the text is read as, or what was expected instead.
    fn read<T: Value>(text: &str) -> Result<T, String> {
        let root = Section::parse("a.toml", &format!("key = {text}")).unwrap();
        root.optional("key").ok_or_else(|| root.mistakes().iter().next().unwrap().expected.clone().unwrap())
    }

    #[test]
    fn integers_know_their_range() {
        assert_eq!(read("0x10"), Ok(16_usize));
        assert_eq!(read("1_000"), Ok(1000_usize));
        assert_eq!(read("-9223372036854775808"), Ok(i64::MIN));
        assert_eq!(read("18446744073709551615"), Ok(u64::MAX));
        for text in ["-1", "1.0", "18446744073709551616", "'1'", "[1]", "{ a = 1 }", "true", "2020-01-01"] {
            assert_eq!(read::<usize>(text), Err("an integer of 0 or more".to_string()), "{text}");
        }
        assert_eq!(read::<i64>("9223372036854775808"), Err("an integer".to_string()));
    }

    #[test]
    fn numbers_are_finite_and_may_be_written_as_integers() {
        assert_eq!(read("3"), Ok(3.0));
        assert_eq!(read("-1e-3"), Ok(-0.001));
        assert_eq!(read::<f64>("-0.0").map(f64::to_bits), Ok(0));
        for text in ["nan", "-nan", "inf", "-inf", "1e999", "'1'", "999999999999999999999999999999999999999999"] {
            assert_eq!(read::<f64>(text), Err("a number".to_string()), "{text}");
        }
    }

    #[test]
    fn words_and_paths_are_strings() {
        assert_eq!(read("'a'"), Ok("a".to_string()));
        assert_eq!(read("'data/a.csv'"), Ok(PathBuf::from("data/a.csv")));
        assert_eq!(read::<PathBuf>("''"), Err("a path in quotes".to_string()));
        assert_eq!(read::<String>("1979-05-27T07:32:00Z"), Err("a string".to_string()));
        assert_eq!(read::<bool>("'true'"), Err("true or false".to_string()));
    }

    #[test]
    fn lists_nest_and_say_what_belongs_into_them() {
        assert_eq!(read("[[1, 2], []]"), Ok(vec![vec![1_i64, 2], vec![]]));
        assert_eq!(read::<Vec<i64>>("3"), Err("a list of integers".to_string()));
        assert_eq!(read::<Vec<i64>>("[3, 'a']"), Err("an integer".to_string()));
        assert_eq!(read::<Vec<Vec<i64>>>("[3]"), Err("a list of integers".to_string()));
        assert_eq!(read::<Vec<Vec<i64>>>("3"), Err("a list of lists".to_string()));
    }

    #[test]
    fn people_see_the_notation_of_toml() {
        assert_eq!(1e-5.shown(), "1e-5");
        assert_eq!(16.0.shown(), "16.0");
        assert_eq!(vec!["a\"b".to_string()].shown(), r#"["a\"b"]"#);
    }
}
