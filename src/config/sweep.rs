//! Sweeps: a value written as `{ sweep = [..] }` stands for each of its items in turn.

use super::Section;
use super::tree::{Content, Field, Node};

/// A suite with more contenders than this from one table is a slip of the pen.
const MOST: usize = 1000;

/// One way to settle all sweeps in something: the labels of what was chosen, and the result.
struct Way<T> {
    labels: Vec<String>,
    value: T,
}

impl<T> Way<T> {
    fn fixed(value: T) -> Self {
        Self { labels: Vec::new(), value }
    }

    fn map<U>(self, change: impl FnOnce(T) -> U) -> Way<U> {
        Way { labels: self.labels, value: change(self.value) }
    }
}

impl Section {
    /// One section per combination of the sweeps in this table, at any depth, in the order of the file (the last sweep changes
    /// fastest), each with a suffix for its label: empty without sweeps, `[steps=16,of.samples=4]` with. Elements of arrays are
    /// counted from 1: `[layers.2.out=8]`. Each section starts with nothing asked, so ask for variants before anything else.
    /// More than 1000 combinations are a mistake, and none of them comes back.
    pub fn variants(&self) -> Vec<(String, Section)> {
        if product(self.0.fields.iter().map(|field| &field.node)) > MOST {
            let message = format!("`{}` sweeps over more than {MOST} combinations", self.name());
            self.mistake_at_header(message, None, None);
            return Vec::new();
        }
        let children = self.0.fields.iter().map(|field| (field.key.clone(), &field.node));
        let ways = self.settle_all(children).into_iter();
        ways.map(|way| (suffix(&way.labels), self.with_fields(refill(&self.0.fields, way.value)))).collect()
    }

    fn settle_all<'a>(&self, children: impl Iterator<Item = (String, &'a Node)>) -> Vec<Way<Vec<Node>>> {
        children.fold(vec![Way::fixed(Vec::new())], |ways, (path, node)| {
            let choices = self.settle(&path, node);
            let mut longer = Vec::new();
            for way in &ways {
                for choice in &choices {
                    let labels = [&way.labels[..], &choice.labels[..]].concat();
                    let value = way.value.iter().chain([&choice.value]).cloned().collect();
                    longer.push(Way { labels, value });
                }
            }
            longer
        })
    }

    fn settle(&self, path: &str, node: &Node) -> Vec<Way<Node>> {
        let rebuilt = |content| Node { span: node.span.clone(), content };
        match &node.content {
            Content::Table(fields) if fields.iter().any(|field| field.key == "sweep") => {
                self.settle_sweep(path, fields).unwrap_or_else(|| vec![Way::fixed(rebuilt(Content::Mistaken))])
            }
            Content::Table(fields) => {
                let children = fields.iter().map(|field| (format!("{path}.{}", field.key), &field.node));
                let ways = self.settle_all(children).into_iter();
                ways.map(|way| way.map(|nodes| rebuilt(Content::Table(refill(fields, nodes))))).collect()
            }
            Content::Array(items) => {
                let children = items.iter().enumerate().map(|(index, item)| (format!("{path}.{}", index + 1), item));
                let ways = self.settle_all(children).into_iter();
                ways.map(|way| way.map(|nodes| rebuilt(Content::Array(nodes)))).collect()
            }
            _ => vec![Way::fixed(node.clone())],
        }
    }

    /// None after a mistake.
    fn settle_sweep(&self, path: &str, fields: &[Field]) -> Option<Vec<Way<Node>>> {
        if let Some(extra) = fields.iter().find(|field| field.key != "sweep") {
            let message = format!("`{}` cannot stand beside `sweep`", extra.key);
            self.0.collector.add(extra.key_span.clone(), message, Some("`sweep` alone".to_string()), None);
            return None;
        }
        let list = &fields[0].node;
        let items = match &list.content {
            Content::Array(items) if !items.is_empty() => items,
            _ => {
                let expected = "a list of values, one for each contender".to_string();
                self.0.collector.add(list.span.clone(), format!("`{path}` sweeps over nothing"), Some(expected), None);
                return None;
            }
        };
        // A sweep inside an item shows in the item's own label.
        let values = items.iter().flat_map(|item| self.settle(path, item)).map(|way| way.value);
        let label = |value: &Node| format!("{path}={}", value.label(self.text()));
        Some(values.map(|value| Way { labels: vec![label(&value)], value }).collect())
    }
}

/// How many ways there are to settle all of the nodes, known before any is made.
fn product<'a>(nodes: impl Iterator<Item = &'a Node>) -> usize {
    nodes.map(ways).fold(1, usize::saturating_mul)
}

fn ways(node: &Node) -> usize {
    match &node.content {
        Content::Table(fields) => {
            match fields.iter().find(|field| field.key == "sweep").map(|field| &field.node.content) {
                Some(Content::Array(items)) => items.iter().map(ways).fold(0, usize::saturating_add).max(1),
                Some(_) => 1,
                None => product(fields.iter().map(|field| &field.node)),
            }
        }
        Content::Array(items) => product(items.iter()),
        _ => 1,
    }
}

fn refill(fields: &[Field], nodes: Vec<Node>) -> Vec<Field> {
    let pairs = fields.iter().zip(nodes);
    pairs.map(|(field, node)| Field { key: field.key.clone(), key_span: field.key_span.clone(), node }).collect()
}

fn suffix(labels: &[String]) -> String {
    if labels.is_empty() { String::new() } else { format!("[{}]", labels.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffixes(text: &str) -> Vec<String> {
        let root = Section::parse("a.toml", text).unwrap();
        let suffixes = root.variants().into_iter().map(|(suffix, _)| suffix).collect();
        root.check().unwrap();
        suffixes
    }

    #[test]
    fn without_sweeps_there_is_one_variant_without_suffix() {
        assert_eq!(suffixes("use = 'smoothgrad'\nof = { use = 'saliency' }\nsizes = [1, 2]"), [""]);
        assert_eq!(suffixes(""), [""]);
    }

    #[test]
    fn every_value_of_a_sweep_is_read_in_its_place() {
        let root = Section::parse("a.toml", "steps = { sweep = [16, 64] }\nrule = 'left'").unwrap();
        let read: Vec<(String, usize, String)> = root
            .variants()
            .iter()
            .map(|(suffix, section)| (suffix.clone(), section.get("steps", 1), section.get("rule", String::new())))
            .collect();
        let left = "left".to_string();
        assert_eq!(read, [("[steps=16]".to_string(), 16, left.clone()), ("[steps=64]".to_string(), 64, left)]);
        assert!(!root.has_mistakes());
    }

    #[test]
    fn several_sweeps_multiply_in_the_order_of_the_file() {
        let text = "steps = { sweep = [1, 2] }\nof = { use = 'a', lr = { sweep = [1e-3, 'b'] } }";
        let expected = ["[steps=1,of.lr=1e-3]", "[steps=1,of.lr=b]", "[steps=2,of.lr=1e-3]", "[steps=2,of.lr=b]"];
        assert_eq!(suffixes(text), expected);
        // The parser sorts by name; the labels must not.
        assert_eq!(suffixes("b = { sweep = [1] }\na = { sweep = [2] }"), ["[b=1,a=2]"]);
    }

    #[test]
    fn sweeps_are_found_in_arrays_headers_and_sweeps() {
        let layers = "layers = ['relu', { out = { sweep = [8, 9] } }]";
        assert_eq!(suffixes(layers), ["[layers.2.out=8]", "[layers.2.out=9]"]);
        assert_eq!(suffixes("[of]\nsamples.sweep = [4]"), ["[of.samples=4]"]);
        let nested = "fill = { sweep = ['black', { use = 'blur', size = { sweep = [3, 5] } }, [1, 2]] }";
        let expected = ["[fill=black]", "[fill={use=blur,size=3}]", "[fill={use=blur,size=5}]", "[fill=[1,2]]"];
        assert_eq!(suffixes(nested), expected);
    }

    #[test]
    fn a_mistake_in_a_swept_value_stands_at_that_value() {
        let root = Section::parse("a.toml", "steps = { sweep = [16, 'many'] }").unwrap();
        for (_, section) in root.variants() {
            section.get("steps", 1_usize);
        }
        let spans: Vec<_> = root.mistakes().iter().map(|mistake| mistake.span.clone()).collect();
        assert_eq!(spans.as_slice(), std::slice::from_ref(&(23..29)));
    }

    #[test]
    fn an_impossible_sweep_is_one_mistake() {
        let one_mistake = |text: &str| {
            let root = Section::parse("a.toml", text).unwrap();
            for (suffix, section) in root.variants() {
                assert_eq!(suffix, "");
                section.required::<usize>("steps");
                section.finish();
            }
            assert_eq!(root.mistakes().len(), 1, "{}", root.mistakes());
            root.mistakes().to_string()
        };
        let printed = "\
error: `steps` sweeps over nothing
 --> a.toml:1:19
  |
1 | steps = { sweep = [] }
  |                   ^^ expected a list of values, one for each contender

1 mistake in a.toml";
        assert_eq!(one_mistake("steps = { sweep = [] }"), printed);
        assert!(one_mistake("steps = { sweep = 3 }").contains("`steps` sweeps over nothing"));
        let printed = one_mistake("steps = { sweep = [1, 2], step = 3 }");
        assert!(
            printed.contains("a.toml:1:27\n") && printed.contains("`step` cannot stand beside `sweep`"),
            "{printed}"
        );
    }

    #[test]
    fn too_many_combinations_are_a_mistake_before_they_are_made() {
        let ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]";
        let text: String = (0..30).map(|key| format!("k{key} = {{ sweep = {ten} }}\n")).collect();
        let root = Section::parse("a.toml", &text).unwrap();
        assert!(root.variants().is_empty());
        assert!(root.mistakes().to_string().contains("`a.toml` sweeps over more than 1000 combinations"));
    }
}
