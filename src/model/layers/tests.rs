use proptest::prelude::*;

use super::read;
use crate::config::Section;
use crate::model::graph::{Arg, Graph};
use crate::model::ops::Op;
use crate::model::tests::graph;

/// What is said of a list of layers for images of 1 x 28 x 28 in 10 classes.
fn mistakes(layers: &str) -> String {
    let section = Section::parse("model.toml", layers).unwrap();
    assert!(read(&section, &[1, 28, 28], Some(10)).is_none());
    section.mistakes().to_string()
}

fn names(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| &node.name[..]).collect()
}

#[test]
fn layers_without_a_name_are_called_after_their_kind() {
    let graph = graph(
        r#"layers = [{ conv2d = { out = 2, kernel = 3 } }, "relu", { name = "second", conv2d = { out = 2, kernel = 3 } },
            "relu", { conv2d = { out = 2, kernel = 3 } }, "flatten", { linear = { out = 10 } }]"#,
        &[1, 28, 28],
        10,
    );
    assert_eq!(names(&graph), ["conv1", "relu1", "second", "relu2", "conv3", "flatten1", "linear1"]);
    let weights: Vec<&str> = graph.weights.iter().map(|weight| &weight.name[..]).collect();
    assert_eq!(weights[..4], ["conv1.weight", "conv1.bias", "second.weight", "second.bias"]);
}

#[test]
fn residuals_and_repeats_name_what_they_hold() {
    let graph = graph(
        r#"layers = [
            { repeat = { times = 2, first = 0, layers = [
                { name = "block{}", residual = { layers = [{ conv2d = { out = 2, kernel = 1 } }, "relu"],
                                                 shortcut = [{ conv2d = { out = 2, kernel = 1 } }] } }] } },
            { name = "tail", repeat = { times = 2, layers = ["relu"] } },
            "flatten", { linear = { out = 10 } }]"#,
        &[1, 4, 4],
        10,
    );
    let expected = [
        "block0.conv1",
        "block0.relu1",
        "block0.shortcut.conv1",
        "block0",
        "block1.conv1",
        "block1.relu1",
        "block1.shortcut.conv1",
        "block1",
        "tail.relu1",
        "tail.relu2",
        "flatten1",
        "linear1",
    ];
    assert_eq!(names(&graph), expected);
}

#[test]
fn a_mistake_is_said_at_its_layer() {
    let text = mistakes(
        "layers = [\n    { name = \"big\", conv2d = { out = 4, kernel = 40 } },\n    \"flatten\", { linear = { out = 10 } },\n]",
    );
    let expected = "\
error: layer `big` expects an input at least as large as its kernel, which spans 40, got 28
 --> model.toml:2:21
  |
2 |     { name = \"big\", conv2d = { out = 4, kernel = 40 } },
  |                     ^^^^^^

1 mistake in model.toml";
    assert_eq!(text, expected);
}

#[test]
fn every_kind_of_mistake_says_what_helps() {
    let end = r#""flatten", { linear = { out = 10 } }"#;
    let cases = [
        (r#"{ name = "fc", linear = { out = 10 } }"#, "layer `fc` expects a vector [D], got [1, 28, 28]"),
        (r#"{ name = "fc", linear = { out = 10 } }"#, "put \"flatten\" before it"),
        (
            r#"{ conv2d = { out = 4, kernel = 3, groups = 3 } }"#,
            "expects groups that divide 1 input and 4 output channels",
        ),
        (r#"{ conv2d = { out = 4, kernel = [3, 3, 3] } }"#, "or a pair of them"),
        (r#"{ conv2d = { out = 4, kernel = 0 } }"#, "an integer from 1 to 65536"),
        (r#"{ conv2d = { kernel = 3 } }"#, "lacks `out`"),
        (r#"{ conv2d = { out = 4, kernel = 3, strid = 2 } }"#, "did you mean `stride`?"),
        (r#""conv2d""#, "`conv2d` needs parameters"),
        (r#""conv2d""#, "write { conv2d = { .. } }"),
        (r#"{ conv1d = { out = 4, kernel = 3 } }"#, "layer `conv1` expects a signal [C, L], got [1, 28, 28]"),
        (r#""rellu""#, "did you mean `relu`?"),
        (r#"{ linaer = { out = 10 } }"#, "did you mean `linear`?"),
        (r#"{ name = "x" }"#, "a layer has one kind, this one has 0"),
        (r#"{ max_pool = { kernel = 2 } }"#, "did you mean `max_pool2d`?"),
        (r#"{ relu = {}, tanh = {} }"#, "a layer has one kind, this one has 2"),
        (r#"{ name = "", relu = {} }"#, "cannot be empty"),
        (r#"{ name = "a", relu = {} }, { name = "a", relu = {} }"#, "two layers are called `a`"),
        (r#"{ repeat = { times = 2, layers = [{ name = "a", relu = {} }] } }"#, "can hold `{}`"),
        (r#"{ repeat = { layers = ["relu"] } }"#, "lacks `times`"),
        (r#"{ repeat = { times = 2 } }"#, "`repeat` lacks `layers`"),
        (r#"{ residual = { layers = [{ conv2d = { out = 4, kernel = 1 } }] } }"#, "got [4, 28, 28] and [1, 28, 28]"),
        (r#"{ residual = { layers = [{ conv2d = { out = 4, kernel = 1 } }] } }"#, "let `shortcut` give the shape"),
        (r#"{ max_pool2d = { kernel = 2, padding = 2 } }"#, "expects a padding of at most half its kernel"),
        (r#"{ dropout = { probability = 2 } }"#, "a number from 0 to 1"),
        (r#"{ softplus = { beta = 0 } }"#, "a number above 0"),
        (r#"{ layer_norm = { dimensions = 4 } }"#, "an integer from 1 to 3"),
        (r#"{ adaptive_avg_pool2d = { size = 65536 } }"#, "expects tensors of fewer than 2^31 numbers"),
    ];
    for (layers, expected) in cases {
        let text = mistakes(&format!("layers = [{layers}, {end}]"));
        assert!(text.contains(expected), "{layers} does not say {expected}:\n{text}");
    }
}

#[test]
fn after_a_wrong_shape_only_other_mistakes_are_said() {
    let text = mistakes(
        r#"layers = [{ max_pool2d = { kernel = 99 } }, { conv2d = { out = 4, kernel = 30 } }, "flatten", "rellu"]"#,
    );
    assert!(
        text.contains("layer `max_pool1`") && text.contains("`rellu`") && text.ends_with("2 mistakes in model.toml")
    );
}

#[test]
fn the_end_must_give_the_classes() {
    let text = mistakes("layers = [\"relu\", { max_pool2d = { kernel = 2 } }]");
    assert!(text.contains("the last layer gives [1, 14, 14], but there are 10 classes"), "{text}");
    assert!(text.contains("end with \"flatten\", { linear = { out = 10 } }"), "{text}");
    assert!(mistakes("name = \"empty\"").contains("lacks `layers`"));
}

#[test]
fn repeats_of_repeats_have_an_end() {
    let text = mistakes(
        r#"layers = [{ repeat = { times = 65536, layers = [{ repeat = { times = 65536, layers = ["relu"] } }] } }]"#,
    );
    assert!(text.contains("more than 10000 layers"), "{text}");
}

#[test]
fn preprocess_comes_first_with_one_number_for_all_channels_or_one_each() {
    let rest = r#"layers = ["flatten", { linear = { out = 2 } }]"#;
    let graph = graph(&format!("preprocess = {{ mean = [0.5], std = [0.1, 0.2] }}\n{rest}"), &[2, 3, 3], 2);
    assert_eq!(graph.nodes[0].op, Op::Normalise { mean: vec![0.5, 0.5], std: vec![0.1, 0.2] });
    assert_eq!(graph.nodes[0].inputs, [Arg::Input]);
    let text = mistakes(&format!("preprocess = {{ mean = [0.1, 0.2], std = [0] }}\n{rest}"));
    assert!(text.contains("of one number, for the one channel") && text.contains("of one number above 0"), "{text}");
}

/// Layers of every kind, so that random edits reach all readers.
const VALID: &str = r#"layers = [
    { name = "a{}", conv2d = { out = 2, kernel = [3, 2], stride = 1, padding = [1, 0], dilation = 1, groups = 1 } },
    { repeat = { times = 2, first = 0, layers = ["relu", { leaky_relu = { slope = 0.1 } }, "batch_norm"] } },
    { residual = { layers = [{ elu = { alpha = 2 } }], shortcut = ["silu", { gelu = { approximate = "tanh" } }] } },
    { max_pool2d = { kernel = 2, ceil = true } }, { avg_pool2d = { kernel = 2, padding = 1 } },
    { adaptive_avg_pool2d = { size = 2 } }, { layer_norm = { dimensions = 1 } }, "flatten", { linear = { out = 10 } }]"#;

#[test]
fn layers_of_many_kinds_fit_together() {
    assert_eq!(graph(VALID, &[1, 28, 28], 10).shapes().unwrap().pop(), Some(vec![10]));
}

proptest! {
    /// Whatever replaces one character, there is a graph or a mistake.
    #[test]
    fn random_edits_give_a_graph_or_a_mistake(at in 0..VALID.len(), with in "[0-9a-z{}\\[\\]\",.=-]{0,3}") {
        let edited = format!("{}{with}{}", &VALID[..at], &VALID[at + 1..]);
        if let Ok(section) = Section::parse("model.toml", &edited) {
            let graph = read(&section, &[1, 28, 28], Some(10));
            prop_assert_eq!(graph.is_some(), !section.has_mistakes());
        }
    }
}

/// Without `stride` a pool steps by its kernel, so no number is its default.
#[test]
fn a_stride_of_one_is_another_setting_than_none() {
    let settings = |pool: &str| {
        let text =
            format!("layers = [{{ max_pool2d = {{ kernel = 2{pool} }} }}, 'flatten', {{ linear = {{ out = 10 }} }}]");
        let section = Section::parse("model.toml", &text).unwrap();
        read(&section, &[1, 28, 28], Some(10)).unwrap();
        section.settings().canonical()
    };
    assert_ne!(settings(", stride = 1"), settings(""));
}
