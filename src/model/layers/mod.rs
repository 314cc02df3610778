//! A list of layers in a suite, lowered to a [`Graph`].
//!
//! A layer is a bare word (`"relu"`) or a table of one kind and its parameters
//! (`{ name = "conv1", conv2d = { out = 16, kernel = 3 } }`). Two kinds hold layers of their own: `residual` adds what
//! its `layers` give to what its `shortcut` gives (nothing: the input itself), `repeat` stands for its `layers`
//! `times` over.
//!
//! Names. A layer without a name is called after its kind, without the dimension, and how many of that kind its list
//! has had so far, named ones too: `conv1`, `relu1`, `conv2`. In names within a repeat, `{}` is the number of the
//! repetition, from 1 or `first`. The layers of a residual `block` are `block.conv1`, .., those of its shortcut
//! `block.shortcut.conv1`, ..; a repeat that has a name puts it before its layers' names likewise.

mod entry;
mod kinds;
mod names;

use entry::Entry;
use kinds::{Kind, Layer, Read, Weight, required_count};
use names::{Counts, Scope};

use std::collections::HashSet;

use super::graph::{Arg, Graph, Node, WeightSpec};
use super::ops::{self, Op};
use crate::config::{Item, Section};

/// Reads `layers` and `preprocess` of a `[[model]]` table for examples of shape `input` in `classes` classes. Mistakes,
/// shapes that do not fit among them, are left with the section; with any, there is no graph.
pub fn read(section: &Section, input: &[i64], classes: Option<i64>) -> Option<Graph> {
    lower(section, Some(input), classes)
}

/// Leaves the mistakes that can be found in `layers` and `preprocess` without examples with the section.
pub fn check(section: &Section) {
    lower(section, None, None);
}

fn lower(section: &Section, input: Option<&[i64]>, classes: Option<i64>) -> Option<Graph> {
    let graph = Graph { input: input.unwrap_or_default().to_vec(), nodes: Vec::new(), weights: Vec::new(), output: 0 };
    let flow = Flow { arg: Arg::Input, shape: input.map(<[i64]>::to_vec) };
    let mut lowering = Lowering { graph, flow, names: HashSet::new() };
    lowering.preprocess(section);
    let items = section.required_list("layers", "a list of layers")?;
    lowering.list(&items, &Scope::default(), &mut Counts::default());
    let shape = lowering.flow.shape?;
    if let Some(classes) = classes
        && shape != [classes]
    {
        let flatten = if shape.len() > 1 { "\"flatten\", " } else { "" };
        let message = format!("the last layer gives {shape:?}, but there are {classes} classes");
        let help = format!("end with {flatten}{{ linear = {{ out = {classes} }} }}");
        section.mistake("layers", message, Some(format!("layers that end in [{classes}]")), Some(help));
    }
    let Arg::Node(output) = lowering.flow.arg else { return None };
    (!section.has_mistakes()).then_some(Graph { output, ..lowering.graph })
}

/// Reads `preprocess` of a `[[model]]` table: what is done to pixels before the network proper.
pub fn preprocess(model: &Section, channels: Option<usize>) -> Option<Op> {
    let section = model.section("preprocess")?;
    let read = |key: &str, least: f64, range: &str| {
        let fits = |given: &Vec<f64>| {
            !given.is_empty()
                && channels.is_none_or(|channels| [1, channels].contains(&given.len()))
                && given.iter().all(|number| *number > least)
        };
        let each = match channels {
            Some(1) => ", for the one channel of the images".to_string(),
            Some(channels) => format!(", or of {channels}, one per channel"),
            None => ", or of one per channel".to_string(),
        };
        let expected = format!("a list of one number{range}{each}");
        let given = section.required_if(key, fits, &expected)?;
        Some(if given.len() == 1 { vec![given[0]; channels.unwrap_or(1)] } else { given })
    };
    let (mean, std) = (read("mean", f64::NEG_INFINITY, ""), read("std", 0.0, " above 0"));
    section.finish();
    Some(Op::Normalise { mean: mean?, std: std? })
}

/// Tensors of more numbers are not built: it keeps products of lengths far from overflow.
const LARGEST: i64 = 1 << 31;

/// Repeats within repeats multiply.
const MOST_NODES: usize = 10_000;

/// What flows from layer to layer. The shape is unknown after a mistake: what follows is still read, for its own
/// mistakes, but not checked against it.
#[derive(Clone)]
struct Flow {
    arg: Arg,
    shape: Option<Vec<i64>>,
}

struct Lowering {
    graph: Graph,
    flow: Flow,
    /// Of the nodes so far.
    names: HashSet<String>,
}

impl Lowering {
    fn preprocess(&mut self, model: &Section) {
        let channels = self.flow.shape.as_ref().and_then(|shape| shape.first()).map(|&channels| channels as usize);
        if let Some(op) = preprocess(model, channels) {
            self.flow.arg = self.push("preprocess".into(), op, vec![Arg::Input]);
        }
    }

    fn list(&mut self, items: &[Item], scope: &Scope, counts: &mut Counts) {
        for item in items {
            let Some(entry) = Entry::open(item) else {
                self.flow.shape = None;
                continue;
            };
            let automatic = counts.next(&entry.word);
            let name = scope.name(entry.name.as_ref().unwrap_or(&automatic));
            match entry.kind {
                Kind::Layer(read) => self.layer(&entry, name, read),
                Kind::Residual => self.residual(&entry, name, scope),
                Kind::Repeat if entry.name.is_some() => {
                    self.repeat(&entry, &scope.within(&name), &mut Counts::default());
                }
                Kind::Repeat => self.repeat(&entry, scope, counts),
            }
            entry.close();
        }
    }

    fn repeat(&mut self, entry: &Entry, scope: &Scope, counts: &mut Counts) {
        let times = required_count(&entry.section, "times").unwrap_or(1) as u64;
        let last = u64::from(u32::MAX);
        let first = entry.section.get_if("first", 1, |given| *given <= last, &format!("an integer from 0 to {last}"));
        let Some(items) = entry.layers() else {
            self.flow.shape = None;
            return;
        };
        for number in first..first + times {
            self.list(&items, &scope.repetition(number), counts);
            if self.graph.nodes.len() > MOST_NODES {
                entry.mistake(format!("the model has more than {MOST_NODES} layers"), None, None);
                self.flow.shape = None;
            }
            // What is wrong once is wrong each time.
            if self.flow.shape.is_none() {
                break;
            }
        }
    }

    fn residual(&mut self, entry: &Entry, name: String, scope: &Scope) {
        let start = self.flow.clone();
        let inner = scope.within(&name);
        match entry.layers() {
            Some(items) => self.list(&items, &inner, &mut Counts::default()),
            None => self.flow.shape = None,
        }
        let main = std::mem::replace(&mut self.flow, start);
        self.list(&entry.section.list("shortcut"), &inner.within(&inner.name("shortcut")), &mut Counts::default());
        let shortcut = self.flow.clone();
        self.node(entry, name, Layer { op: Op::Add, weights: Vec::new() }, vec![main, shortcut]);
    }

    fn layer(&mut self, entry: &Entry, name: String, read: Read) {
        // Where the shape is unknown any will do to read the parameters.
        let input = self.flow.shape.clone().unwrap_or_else(|| vec![1; 3]);
        match read(&entry.section, &input) {
            Some(layer) => self.node(entry, name, layer, vec![self.flow.clone()]),
            None => self.flow.shape = None,
        }
    }

    /// Adds a node and its weights, and lets what it gives flow on.
    fn node(&mut self, entry: &Entry, name: String, layer: Layer, inputs: Vec<Flow>) {
        if !self.names.insert(name.clone()) {
            let expected =
                "a name of its own; within a repeat it can hold `{}`, the number of the repetition".to_string();
            entry.mistake(format!("two layers are called `{name}`"), Some(expected), None);
        }
        let Layer { op, weights } = layer;
        let shape = inputs.iter().map(|flow| flow.shape.as_deref()).collect::<Option<Vec<_>>>().and_then(|shapes| {
            let shapes = [shapes, weights.iter().map(|weight| &weight.shape[..]).collect()].concat();
            shape(&op, &shapes)
                .map_err(|(error, help)| entry.mistake(format!("layer `{name}` {error}"), None, help))
                .ok()
        });
        let mut args: Vec<Arg> = inputs.iter().map(|flow| flow.arg).collect();
        for Weight { name: part, shape, role, init } in weights {
            args.push(Arg::Weight(self.graph.weights.len()));
            self.graph.weights.push(WeightSpec { name: format!("{name}.{part}"), shape, role, init });
        }
        self.flow = Flow { arg: self.push(name, op, args), shape };
    }

    fn push(&mut self, name: String, op: Op, inputs: Vec<Arg>) -> Arg {
        self.graph.nodes.push(Node { module: name.clone(), name, op, inputs });
        Arg::Node(self.graph.nodes.len() - 1)
    }
}

/// The shape a layer gives, or what is wrong and what helps.
fn shape(op: &Op, shapes: &[&[i64]]) -> Result<Vec<i64>, (String, Option<String>)> {
    if let (Op::Linear, [input, ..]) = (op, shapes)
        && input.len() > 1
    {
        return Err((format!("expects a vector [D], got {input:?}"), Some("put \"flatten\" before it".into())));
    }
    let help = (*op == Op::Add).then(|| "let `shortcut` give the shape that `layers` give".into());
    let shape = ops::shape(op, shapes).map_err(|error| (error, help))?;
    let most = shapes
        .iter()
        .copied()
        .chain([&shape[..]])
        .map(|shape| shape.iter().fold(1, |size: i64, length| size.saturating_mul(*length)))
        .max();
    match most {
        Some(LARGEST..) => Err(("expects tensors of fewer than 2^31 numbers".into(), None)),
        _ => Ok(shape),
    }
}

#[cfg(test)]
mod tests;
