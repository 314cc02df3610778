//! What was read from a section, for identity and for printing.

use std::collections::BTreeMap;

use super::value::quote;

/// Settings sorted by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings(pub(super) BTreeMap<String, Setting>);

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Setting {
    Value { canonical: String, shown: String, is_default: bool },
    Section(Settings),
    List(Vec<Setting>),
}

impl Settings {
    /// Everything that differs from its default, sorted by key: equal settings give equal text, different ones different text.
    /// Floats are the hexadecimal digits of their bits; a nested section that is there is written even when it changes nothing.
    pub fn canonical(&self) -> String {
        let settings = self.0.iter().filter(|(_, setting)| !matches!(setting, Setting::Value { is_default: true, .. }));
        let texts: Vec<String> =
            settings.map(|(key, setting)| format!("{}={}", plain(key), setting.canonical())).collect();
        texts.join(",")
    }

    /// (key, value, whether it is the default) of every setting, defaults too; keys of nested sections are dotted.
    pub fn shown(&self) -> Vec<(String, String, bool)> {
        let mut rows = Vec::new();
        for (key, setting) in &self.0 {
            match setting {
                Setting::Value { is_default, .. } => rows.push((key.clone(), setting.shown(), *is_default)),
                Setting::List(_) => rows.push((key.clone(), setting.shown(), false)),
                Setting::Section(nested) => rows.extend(
                    nested
                        .shown()
                        .into_iter()
                        .map(|(inner, shown, is_default)| (format!("{key}.{inner}"), shown, is_default)),
                ),
            }
        }
        rows
    }

    /// The settings but for one key, such as a label that names the thing and does not change it.
    pub fn without(mut self, key: &str) -> Self {
        self.0.remove(key);
        self
    }
}

impl Setting {
    fn canonical(&self) -> String {
        match self {
            Self::Value { canonical, .. } => canonical.clone(),
            Self::Section(settings) => format!("{{{}}}", settings.canonical()),
            Self::List(items) => format!("[{}]", items.iter().map(Self::canonical).collect::<Vec<_>>().join(",")),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Value { shown, .. } => shown.clone(),
            Self::Section(settings) => {
                let fields: Vec<String> =
                    settings.shown().into_iter().map(|(key, shown, _)| format!("{key} = {shown}")).collect();
                format!("{{ {} }}", fields.join(", "))
            }
            Self::List(items) => format!("[{}]", items.iter().map(Self::shown).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// A key as it is, quoted where it could be taken for something else.
fn plain(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if bare { key.to_string() } else { quote(key) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Section;

    fn read(text: &str) -> Section {
        let root = Section::parse("a.toml", text).unwrap();
        root.get("steps", 16_usize);
        root.get("alpha", 0.5);
        root.get("rule", "left".to_string());
        root.get("sizes", vec![1_i64]);
        root.optional::<bool>("exact");
        if let Some(of) = root.section("of") {
            of.get("samples", 4_usize);
        }
        root.list("layers");
        root.check().unwrap();
        root
    }

    #[test]
    fn canonical_holds_what_differs_from_the_defaults_sorted_by_key() {
        let text = r#"
            steps = 64
            rule = 'le"ft'
            alpha = 1
            exact = false
            layers = ['relu', { a = 1 }]
            of.samples = 5
        "#;
        // 1.0 has the bits 0x3ff0_0000_0000_0000.
        let canonical =
            r#"alpha=f3ff0000000000000,exact=false,layers=["relu",{}],of={samples=5},rule="le\"ft",steps=64"#;
        assert_eq!(read(text).settings().canonical(), canonical);
    }

    #[test]
    fn equal_settings_are_equal_however_they_are_written() {
        let plain = read("steps = 64\n[of]\nsamples = 4").settings().canonical();
        let other = "of = { samples = 4 }\nalpha = 5e-1\nrule = \"left\"\nsteps = 0x40";
        assert_eq!(read(other).settings().canonical(), plain);
        assert_eq!(read("").settings().canonical(), "");
        assert_eq!(read("alpha = -0.0").settings(), read("alpha = 0").settings());
    }

    #[test]
    fn shown_holds_everything() {
        let rows = read("steps = 64\nof = {}\nlayers = ['relu']").settings().shown();
        let row = |(key, value, is_default)| format!("{key} = {value} {is_default}");
        let rows: Vec<String> = rows.into_iter().map(row).collect();
        let expected = [
            "alpha = 0.5 true",
            "layers = [\"relu\"] false",
            "of.samples = 4 true",
            "rule = \"left\" true",
            "sizes = [1] true",
            "steps = 64 false",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_label_can_be_left_out() {
        let root = Section::parse("a.toml", "name = 'a'\nsteps = 2").unwrap();
        root.optional::<String>("name");
        root.optional::<usize>("steps");
        assert_eq!(root.settings().without("name").canonical(), "steps=2");
    }

    fn canonical(alpha: f64, words: &[String], rule: &str) -> String {
        // For these characters Debug writes what TOML reads.
        let text = format!("alpha = {alpha:?}\nwords = {words:?}\nrule = {rule:?}");
        let root = Section::parse("a.toml", &text).unwrap();
        root.get("alpha", 0.5);
        root.get("words", Vec::<String>::new());
        root.get("rule", String::new());
        root.check().unwrap();
        root.settings().canonical()
    }

    /// Lists of words made of what canonical text itself is made of.
    fn words() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(r#"[a"\\,=\[\]]{0,2}"#, 0..3)
    }

    proptest! {
        #[test]
        fn canonical_text_is_equal_exactly_for_equal_settings(
            a in -1_i32..2, b in -1_i32..2, v in words(), w in words(), r in "[a,\"]{0,1}", s in "[a,\"]{0,1}",
        ) {
            let equal = canonical(a.into(), &v, &r) == canonical(b.into(), &w, &s);
            prop_assert_eq!(equal, a == b && v == w && r == s);
        }

        #[test]
        fn neighbouring_floats_differ(a in any::<f64>().prop_filter("a setting is finite", |a| a.is_finite())) {
            prop_assume!(a.next_up().is_finite());
            prop_assert_ne!(canonical(a, &[], ""), canonical(a.next_up(), &[], ""));
        }
    }
}
