//! # Definition
//! The model randomization test: a map that explains a network is another one once what the network learnt is gone. Layers of the
//! trained network are drawn anew step by step; after each step the explainer's maps of the same images are compared with those
//! of the trained network. A step is one module with parameters in the order of execution, or one of the suite's `blocks`.
//!
//! Two classes are explained, and both are reported:
//! - `fixed-*`: the class that was explained before; what changes are the weights alone. For every explainer that is odd in the
//!   last layer (gradients, what multiplies them by the input, their averages) the expected signed correlation is exactly 0 after
//!   the first step, whatever the explainer is worth: `fixed-spearman-magnitude`, the mean of |rho|, shows what the mean hides.
//! - `reselected-*`: the class that the randomized network itself predicts, as in the published numbers.
//!
//! The curves have a point for each step and never one average over layers; the report says which layer each point is. Beside them
//! stand two points of the re-selected Spearman curve: `first-step-spearman` and `last-step-spearman`. All maps of one draw share
//! its layers, so the draw (`seeds.draw`) is the unit: each value is the mean over the images of a draw, without those for which
//! it is undefined, such as the rank correlation with a constant map; these are counted.
//!
//! None of it ranks: noise that changes with everything passes, a map that does not look at the network has 1 throughout. The
//! smoothed variant of the test (sMPRT, Hedstroem et al. 2024) is this metric on `smoothgrad` of the explainer.
//!
//! # Parameters
//! - `order` ("cascading"): "cascading" from the output down, what was drawn stays drawn; "bottom-up" the same from the input;
//!   "independent" one step at a time, all else as trained, from the output down.
//! - `blocks` (each module): lists of module paths that are drawn together, such as `[["conv1", "bn1"], ["fc"]]`; a path stands for
//!   everything below it. What no block names stays as trained.
//! - `init` ("training"): "training" draws each layer as its training starts it (PyTorch's default); "truncated-normal" with
//!   standard deviation 0.1 and biases 0.1, as the original code for MNIST does; "file" takes the safetensors file `weights`, and
//!   there is one draw.
//! - `statistics` ("kept"): the running statistics of batch norm are "kept", as in the original code, or "reset" with their module.
//! - `similarities` (all but "kendall", "top-k-overlap" and "hog"): which are reported.
//!
//! # Cost
//! For each example two explanations for each step and draw, and a forward pass.
//!
//! # Reference
//! Adebayo, Gilmer, Muelly, Goodfellow, Hardt and Kim, "Sanity Checks for Saliency Maps", NeurIPS 2018. Bottom-up: Binder, Weber,
//! Lapuschkin, Montavon, Mueller and Samek, "Shortcomings of Top-Down Randomization-Based Sanity Checks", CVPR 2023.

use std::sync::Arc;

use super::{Compared, read_similarities};
use crate::catalogue::Entry;
use crate::config::Section;
use crate::error::Result;
use crate::metrics::{Direction, Family, Given, Measure, Metric, ScoredUnit, Scores, Values};
use crate::model::Graph;
use crate::model::randomize::{Randomized, Redraw, Step, Unfit, steps};
use crate::need::{Class, Known, Maps, ModelRef, Need};
use crate::similarities::{self, Side, Similarity, Spearman};

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "model-randomization",
    summary: "how alike maps stay while the network's layers are drawn anew, layer by layer",
    reference: "Adebayo et al. 2018; Binder et al. 2023",
    revision: 1,
    source: concat!(include_str!("model_randomization.rs"), include_str!("mod.rs"), similarities::sources!()),
    read: |section| Some(Arc::new(ModelRandomization::read(section)?)),
};

struct ModelRandomization {
    order: Order,
    blocks: Vec<Vec<String>>,
    redraw: Redraw,
    statistics: bool,
    similarities: Vec<Compared>,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Cascading,
    BottomUp,
    Independent,
}

const AXIS: &str = "layers randomized";
/// Differences of a correlation that are of no interest.
const SMALLEST_EFFECT: f64 = 0.05;
const CLASSES: [Class; 2] = [Class::Row, Class::Predicted];

impl ModelRandomization {
    fn read(section: &Section) -> Option<Self> {
        let orders =
            [("cascading", Order::Cascading), ("bottom-up", Order::BottomUp), ("independent", Order::Independent)];
        let order = section.choice("order", "cascading", &orders);
        let whole = |blocks: &Vec<Vec<String>>| blocks.iter().all(|block| !block.is_empty());
        let blocks = section.get_if("blocks", Vec::new(), whole, "lists of at least one module path each");
        let inits = [("training", 0), ("truncated-normal", 1), ("file", 2)];
        let redraw = match section.choice("init", "training", &inits) {
            0 => Some(Redraw::Training),
            1 => Some(Redraw::TruncatedNormal),
            _ => section.required_file("weights").map(Redraw::File),
        };
        let statistics = section.choice("statistics", "kept", &[("kept", false), ("reset", true)]);
        let similarities = read_similarities(section)?;
        Some(Self { order, blocks, redraw: redraw?, statistics, similarities })
    }

    /// What is other than as trained at each point, with the name of the layer that is new there.
    fn points_on(&self, graph: &Graph) -> Vec<(String, Vec<Step>)> {
        let mut steps = steps(graph, &self.blocks).unwrap_or_default();
        if self.order != Order::BottomUp {
            steps.reverse();
        }
        let at = |point: usize| match self.order {
            Order::Independent => steps[point..=point].to_vec(),
            Order::Cascading | Order::BottomUp => steps[..=point].to_vec(),
        };
        (0..steps.len()).map(|point| (steps[point].name.clone(), at(point))).collect()
    }

    fn randomized(&self, steps: &[Step], draw: u64) -> Randomized {
        let modules = steps.iter().flat_map(|step| step.modules.iter().cloned()).collect();
        Randomized { modules, redraw: self.redraw.clone(), statistics: self.statistics, draw }
    }

    fn maps(&self, steps: &[Step], draw: u64, class: Class) -> Maps {
        Maps { randomized: Some(self.randomized(steps, draw)), class, by: None }
    }

    /// A file has the same weights in every draw.
    fn different<'a>(&self, draws: &'a [u64]) -> &'a [u64] {
        if matches!(self.redraw, Redraw::File(_)) { &draws[..draws.len().min(1)] } else { draws }
    }
}

impl Metric for ModelRandomization {
    fn family(&self) -> Family {
        Family::Randomization
    }

    fn measures(&self) -> Vec<Measure> {
        let number = |name| Measure::new(name, Direction::None, SMALLEST_EFFECT);
        let mut measures = vec![number("first-step-spearman"), number("last-step-spearman")];
        let curve = |name| number(name).along(AXIS);
        for compared in &self.similarities {
            measures.extend(compared.curves.map(curve));
        }
        measures.push(curve("fixed-spearman-magnitude"));
        measures
    }

    fn needs(&self, known: &Known) -> Vec<Need> {
        let mut needs = vec![Need::Attributions(ModelRef::Original)];
        let points = known.graph.as_ref().map_or_else(Vec::new, |graph| self.points_on(graph));
        for &draw in self.different(&known.draws) {
            for (_, steps) in &points {
                needs.extend(CLASSES.map(|class| Need::Maps(self.maps(steps, draw, class))));
            }
        }
        needs
    }

    fn draws(&self) -> bool {
        !matches!(self.redraw, Redraw::File(_))
    }

    fn unfit(&self, graph: &Graph) -> Option<Unfit> {
        steps(graph, &self.blocks).and_then(|steps| self.randomized(&steps, 0).check(graph)).err()
    }

    fn points(&self, graph: &Graph) -> Vec<String> {
        self.points_on(graph).into_iter().map(|(name, _)| name).collect()
    }

    /// Those of the first draw, for the class that was explained before.
    fn steps(&self, known: &Known) -> Vec<(String, Maps)> {
        let points = known.graph.as_ref().map_or_else(Vec::new, |graph| self.points_on(graph));
        let Some(&draw) = known.draws.first() else { return Vec::new() };
        let title = |at: usize, name: String| match (at, self.order) {
            (0, _) | (_, Order::Independent) => name,
            _ => format!("+ {name}"),
        };
        let points = points.into_iter().enumerate();
        points.map(|(at, (name, steps))| (title(at, name), self.maps(&steps, draw, Class::Row))).collect()
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let own = Side::pieces(&given.pixel_map()?)?;
        let (images, points) = (given.scene.len(), self.points_on(&given.scene.model.graph));
        let draws = self.different(&given.beside.draws);
        let at: Vec<f64> = (1..=points.len()).map(|point| point as f64).collect();
        let curve =
            |measure| Values { measure, at: at.clone(), values: vec![f64::NAN; draws.len() * images * points.len()] };
        let mut curves: Vec<[Values; 2]> =
            self.similarities.iter().map(|compared| compared.curves.map(curve)).collect();
        // Spearman is always there, for what stands beside the curves.
        let mut spearman = [curve("fixed-spearman-magnitude"), curve("")];
        for (d, &draw) in draws.iter().enumerate() {
            for (point, (_, steps)) in points.iter().enumerate() {
                for (c, class) in CLASSES.into_iter().enumerate() {
                    let maps = Side::pieces(&given.beside.maps(&self.maps(steps, draw, class))?)?;
                    let mut first = d * images;
                    for (own, other) in own.iter().zip(&maps) {
                        let put = |values: &mut Values, similarity: &dyn Similarity| -> Result<()> {
                            let column = Vec::<f64>::try_from(similarity.compare(own, other)?)?;
                            for (row, value) in (first..).zip(column) {
                                values.values[row * points.len() + point] = value;
                            }
                            Ok(())
                        };
                        put(&mut spearman[c], &Spearman)?;
                        for (compared, curves) in self.similarities.iter().zip(&mut curves) {
                            put(&mut curves[c], &*compared.method)?;
                        }
                        first += own.len();
                    }
                }
            }
        }
        let ids = draws.iter().flat_map(|draw| std::iter::repeat_n(*draw, images)).collect();
        let [mut fixed, reselected] = spearman;
        let rows = |values: &Values| -> Vec<bool> {
            values.values.chunks(points.len().max(1)).map(|row| row.iter().any(|value| value.is_nan())).collect()
        };
        let undefined = rows(&fixed).into_iter().zip(rows(&reselected)).filter(|(a, b)| *a || *b).count();
        let one = |measure, point: usize| {
            let values = reselected.values.chunks(points.len().max(1)).map(|row| row[point]).collect();
            Values { measure, at: vec![0.0], values }
        };
        fixed.values.iter_mut().for_each(|rho| *rho = rho.abs());
        let ends = [one("first-step-spearman", 0), one("last-step-spearman", points.len() - 1)];
        let measures = ends.into_iter().chain(curves.into_iter().flatten()).chain([fixed]).collect();
        let flags = if undefined > 0 { vec![("no rank correlation", undefined)] } else { Vec::new() };
        Ok(Scores { unit: ScoredUnit::Repetition, ids, measures, flags })
    }
}
