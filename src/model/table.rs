//! A `[[model]]` table: a list of layers, or `file`, what PyTorch exported (.pt2) or TorchScript.

use std::path::Path;

use super::exported::{self, EXPORT, Exported, FileKind};
use super::graph::Graph;
use super::layers;
use super::script;
use super::train::Recipe;
use crate::config::Section;
use crate::error::Error;

/// The keys that say what a network computes, whatever its weights.
pub const KEYS: &[&str] = &["layers", "preprocess", "file", "classes"];

/// Reads the network of a `[[model]]` table for examples of shape `input` in `classes` classes. Mistakes are left with the
/// section; with any, there is no graph.
pub fn read(section: &Section, input: &[i64], classes: Option<i64>) -> Option<Graph> {
    let graph = read_graph(section, input, classes)?;
    // What can be asked for beside `train` is asked for first, for those who are told.
    section.expect(KEYS);
    if section.keys().iter().any(|key| key == "train")
        && let Some(train) = section.section("train")
    {
        Recipe::check(&train, &graph);
    }
    Some(graph)
}

fn read_graph(section: &Section, input: &[i64], classes: Option<i64>) -> Option<Graph> {
    if !section.has("file") {
        return layers::read(section, input, classes);
    }
    let stated = check_file(section);
    let channels = input.first().and_then(|channels| usize::try_from(*channels).ok());
    let preprocess = layers::preprocess(section, channels);
    let path = section.file("file")?;
    if section.has_mistakes() {
        return None;
    }
    let graph = match is_script(&path) {
        true => script::read(&path, input, preprocess),
        false => exported::read(&path, input, preprocess),
    };
    let graph = match graph {
        Ok(graph) => graph,
        Err(error) => {
            refuse(section, &error);
            return None;
        }
    };
    let gives = graph.shapes().ok()?.get(graph.output)?.first().copied()?;
    if let Some(stated) = stated.filter(|stated| *stated != gives) {
        section.mistake("classes", format!("the model gives {gives} logits, not {stated}"), None, None);
    }
    if let Some(classes) = classes.filter(|classes| *classes != gives) {
        let message = format!("the model gives {gives} logits, but there are {classes} classes");
        section.mistake("file", message, Some(format!("a model that gives {classes}")), None);
    }
    (!section.has_mistakes()).then_some(graph)
}

/// Leaves the mistakes that can be found without examples with the section.
pub fn check(section: &Section) {
    if !section.has("file") {
        return layers::check(section);
    }
    check_file(section);
    layers::preprocess(section, None);
    if let Some(path) = section.file("file")
        && !section.has_mistakes()
        && let Err(error) = if is_script(&path) { script::check(&path) } else { Exported::open(&path).map(drop) }
    {
        refuse(section, &error);
    }
}

fn is_script(path: &Path) -> bool {
    matches!(exported::kind_of(path), Ok(FileKind::TorchScript))
}

fn refuse(section: &Section, error: &Error) {
    let (message, help) = error.parts();
    section.mistake("file", message, None, help);
}

/// What is wrong with the table or the kind of its file; the number of classes that it states.
fn check_file(section: &Section) -> Option<i64> {
    for (key, why) in [("layers", "which layers it has"), ("weights", "its weights")] {
        if section.has(key) {
            section.expect(&[key]);
            let help = format!("take out `{key}`, or `file`");
            section.mistake_at_key(key, format!("`file` already says {why}"), None, Some(help));
        }
    }
    if let Some(path) = section.file("file") {
        if is_script(&path) {
            if section.has("train") {
                let message = "TorchScript cannot be trained here, as its layers cannot be seen".to_string();
                let help = format!("export the model with {EXPORT}, or take out `train` to use it as it is");
                section.mistake_at_key("train", message, None, Some(help));
            }
            return stated_classes(section);
        }
        match exported::refusal(&path) {
            Ok(None) => {}
            Ok(Some(refusal)) => refuse(section, &refusal),
            Err(error) => refuse(section, &error),
        }
    }
    stated_classes(section)
}

fn stated_classes(section: &Section) -> Option<i64> {
    section.optional_if("classes", |classes| *classes >= 1, "the number of logits that the model gives")
}
