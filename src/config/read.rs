//! Reading single values from a section.

use super::Section;
use super::check::{did_you_mean, one_of};
use super::section::Reading;
use super::settings::Setting;
use super::value::Value;

impl Section {
    /// The value, or the default where the key is absent or (a mistake) holds something else.
    pub fn get<T: Value>(&self, key: &str, default: T) -> T {
        self.get_if(key, default, |_| true, T::EXPECTED)
    }

    /// The value if `ok` accepts it; otherwise a mistake that names what was `expected`, and the default.
    pub fn get_if<T: Value>(&self, key: &str, default: T, ok: impl Fn(&T) -> bool, expected: &str) -> T {
        let given = self.read(key, ok, expected);
        let is_default = given.as_ref().is_none_or(|value| *value == default);
        let value = given.unwrap_or(default);
        self.note_value(key, &value, is_default);
        value
    }

    /// The value if the key is there. It then counts as differing from the default.
    pub fn optional<T: Value>(&self, key: &str) -> Option<T> {
        self.optional_if(key, |_| true, T::EXPECTED)
    }

    /// The value if the key is there and `ok` accepts it; otherwise a mistake that names what was `expected`.
    pub fn optional_if<T: Value>(&self, key: &str, ok: impl Fn(&T) -> bool, expected: &str) -> Option<T> {
        let value = self.read(key, ok, expected)?;
        self.note_value(key, &value, false);
        Some(value)
    }

    /// The value; where the key is absent, a mistake at the header.
    pub fn required<T: Value>(&self, key: &str) -> Option<T> {
        self.required_if(key, |_| true, T::EXPECTED)
    }

    /// The value if `ok` accepts it; otherwise, and where the key is absent, a mistake that names what was `expected`.
    pub fn required_if<T: Value>(&self, key: &str, ok: impl Fn(&T) -> bool, expected: &str) -> Option<T> {
        if !self.has(key) {
            self.lacks(key, expected);
        }
        self.optional_if(key, ok, expected)
    }

    /// What one of several words stands for.
    ///
    /// # Panics
    /// If the default is not one of the options.
    pub fn choice<T: Copy>(&self, key: &str, default: &str, options: &[(&str, T)]) -> T {
        let names: Vec<&str> = options.iter().map(|&(name, _)| name).collect();
        let meaning = |word: &str| options.iter().find(|(name, _)| *name == word).map(|&(_, meaning)| meaning);
        let word = self.get_if(key, default.to_string(), |_| true, &one_of(&names));
        meaning(&word).unwrap_or_else(|| {
            let help = did_you_mean(&word, &names);
            self.mistake(key, format!("`{key}` cannot be `{word}`"), Some(one_of(&names)), help);
            meaning(default).expect("the default is one of the options")
        })
    }

    fn read<T: Value>(&self, key: &str, ok: impl Fn(&T) -> bool, expected: &str) -> Option<T> {
        let node = self.ask(key)?;
        let Some(value) = T::read(node) else {
            let (culprit, wanted) = T::culprit(node);
            self.refuse(key, node, culprit, if culprit.span == node.span { expected } else { wanted });
            return None;
        };
        let accepted = ok(&value);
        if !accepted {
            self.refuse(key, node, node, expected);
        }
        accepted.then_some(value)
    }

    fn note_value<T: Value>(&self, key: &str, value: &T, is_default: bool) {
        let setting = Setting::Value { canonical: value.canonical(), shown: value.shown(), is_default };
        self.note(key, Reading::Value(setting));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Section {
        Section::parse("a.toml", text).unwrap()
    }

    #[test]
    fn absent_keys_give_the_default_without_a_mistake() {
        let root = root("");
        assert_eq!(root.get("steps", 16_usize), 16);
        assert_eq!(root.optional::<usize>("chunk"), None);
        assert_eq!(root.choice("rule", "left", &[("left", 1), ("right", 2)]), 1);
        assert!(root.check().is_ok());
    }

    #[test]
    fn a_wrong_type_is_a_mistake_and_gives_the_default() {
        let root = root("steps = 'many'\n");
        assert_eq!(root.get("steps", 16_usize), 16);
        let printed = "\
error: `steps` cannot be 'many'
 --> a.toml:1:9
  |
1 | steps = 'many'
  |         ^^^^^^ expected an integer of 0 or more

1 mistake in a.toml";
        assert_eq!(root.mistakes().to_string(), printed);
    }

    #[test]
    fn a_refused_value_is_a_mistake_with_its_own_expectation() {
        let root = root("steps = 0\n");
        assert_eq!(root.get_if("steps", 16_usize, |&steps| steps > 0, "an integer above 0"), 16);
        let printed = root.mistakes().to_string();
        assert!(printed.contains("error: `steps` cannot be 0\n"), "{printed}");
        assert!(printed.contains("^ expected an integer above 0\n"), "{printed}");
    }

    #[test]
    fn a_wrong_element_is_pointed_at_in_its_list() {
        let root = root("fractions = [0.1, [0.2], 0.3]\n");
        root.get("fractions", vec![0.5]);
        let printed = "\
error: `fractions` cannot hold [0.2]
 --> a.toml:1:19
  |
1 | fractions = [0.1, [0.2], 0.3]
  |                   ^^^^^ expected a number

1 mistake in a.toml";
        assert_eq!(root.mistakes().to_string(), printed);
    }

    #[test]
    fn a_missing_key_is_a_mistake_at_the_header() {
        let root = root("# models\n[[model]]\nname = 'cnn'\n");
        let models = root.sections("model");
        assert_eq!(models[0].required::<String>("use"), None);
        let printed = "\
error: `[[model]]` lacks `use`
 --> a.toml:2:1
  |
2 | [[model]]
  | ^^^^^^^^^ expected `use`, a string

1 mistake in a.toml";
        assert_eq!(root.mistakes().to_string(), printed);
    }

    /// An optional setting means something else when absent, whatever its value: it must show in the identity.
    #[test]
    fn an_optional_value_is_never_a_default() {
        let root = root("step = 1\nsize = 0\n");
        let positive = |&number: &usize| number > 0;
        assert_eq!(root.optional_if("step", positive, "an integer above 0"), Some(1));
        assert_eq!(root.optional_if("size", positive, "an integer above 0"), None);
        assert_eq!(root.required_if("count", positive, "an integer above 0"), None);
        assert_eq!(root.settings().canonical(), "step=1");
        let printed = root.mistakes().to_string();
        assert!(printed.contains("`size` cannot be 0") && printed.contains("expected `count`, an integer above 0"));
    }

    #[test]
    fn a_misspelt_choice_is_answered_with_the_nearest_word() {
        let root = root("rule = 'midpont'\n");
        assert_eq!(root.choice("rule", "left", &[("left", 1), ("midpoint", 2)]), 1);
        let printed = "\
error: `rule` cannot be `midpont`
 --> a.toml:1:8
  |
1 | rule = 'midpont'
  |        ^^^^^^^^^ expected one of: left, midpoint
  = help: did you mean `midpoint`?

1 mistake in a.toml";
        assert_eq!(root.mistakes().to_string(), printed);
    }

    #[test]
    fn what_was_expected_is_said_for_a_wrong_type_too() {
        let root = root("rule = 3\nsteps = 'many'\n");
        root.choice("rule", "left", &[("left", 1), ("midpoint", 2)]);
        root.get_if("steps", 16_usize, |&steps| steps > 0, "an integer above 0");
        let expected: Vec<_> = root.mistakes().iter().filter_map(|mistake| mistake.expected.clone()).collect();
        assert_eq!(expected, ["one of: left, midpoint", "an integer above 0"]);
    }
}
