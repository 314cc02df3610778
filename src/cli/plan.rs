//! `explainbench plan SUITE`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::session::Session;
use super::{Places, print, warnings};
use crate::error::Result;
use crate::need::About;
use crate::plan::{BLOCK, Cell, DataRef, PART, Plan, Task};
use crate::suite::{Origin, SplitName, Suite};

#[derive(Args)]
pub struct Arguments {
    /// The suite's TOML file
    suite: PathBuf,
    #[command(flatten)]
    places: Places,
    /// At most N images of each sample
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only what carries one of these labels
    #[arg(long, value_name = "LABEL", num_args = 1..)]
    only: Vec<String>,
}

/// What is still to be computed.
#[derive(Default)]
struct Estimate {
    cells: usize,
    trainings: usize,
    /// Rows of input that go forward through a network; about as many go backward in training and explaining.
    passes: u64,
    bytes: u64,
}

pub fn plan(arguments: &Arguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.suite, &arguments.places, &arguments.only, arguments.limit, None)?;
    let plan = session.plan()?;
    let mut text = String::new();
    let mut open = Estimate::default();
    let wanted = wanted(&session, &plan);
    for cell in &plan.cells {
        let state = match (session.store.has(cell.id), wanted.contains(&cell.id)) {
            (true, _) => "cached",
            (false, true) => "to do",
            (false, false) => "not needed",
        };
        if state == "to do" {
            open.add(cell, &session.suite);
        }
        text.push_str(&format!("{}  {state:10}  {}\n", cell.id, cell.task.describe(&session.suite)));
    }
    text.push_str(&format!(
        "\n{} cells, {} to do: {} trainings, about {:.2e} forward passes, about {} to be written\n",
        plan.cells.len(),
        open.cells,
        open.trainings,
        open.passes as f64,
        readable_bytes(open.bytes)
    ));
    if plan.later_rounds > 0 {
        text.push_str(&format!("up to {} further rounds, which depend on these results\n", plan.later_rounds));
    }
    text.push_str(&warnings(&session.suite));
    print(&text);
    session.tell();
    Ok(ExitCode::SUCCESS)
}

/// What `run` would compute: backwards from the goals.
fn wanted(session: &Session, plan: &Plan) -> std::collections::BTreeSet<crate::plan::CellId> {
    let mut wanted = std::collections::BTreeSet::new();
    let mut open: Vec<_> = plan.goals.clone();
    while let Some(id) = open.pop() {
        if !session.store.has(id) && wanted.insert(id) {
            open.extend(plan.cell(id).map(|cell| cell.needs.clone()).unwrap_or_default());
        }
    }
    wanted
}

impl Estimate {
    fn add(&mut self, cell: &Cell, suite: &Suite) {
        self.cells += 1;
        let network = cell.task.network();
        let described = &suite.datasets[network.dataset].value.described;
        let elements: u64 = described.shape.iter().product::<i64>() as u64;
        match &cell.task {
            Task::Train(train) => {
                if let Origin::Trained(recipe) = &suite.models[train.model].value.origin {
                    // At most: some trainings end when they have learnt enough.
                    let epochs = match train.data {
                        DataRef::Nothing => 0,
                        DataRef::PermutedLabels(fit) => recipe.epochs.saturating_mul(fit.patience),
                        DataRef::Stated | DataRef::Counterpart | DataRef::Flipped(..) => recipe.epochs,
                    };
                    self.trainings += usize::from(epochs > 0);
                    self.passes += epochs.saturating_mul(described.train) as u64;
                }
                let graph = suite.network(train.dataset, train.model);
                let weights =
                    graph.map_or(0, |n| n.graph.weights.iter().map(|w| w.shape.iter().product::<i64>() as u64).sum());
                self.passes += (described.train + described.test) as u64;
                self.bytes += 4 * weights + 8 * (described.train + described.test) as u64;
            }
            Task::Explain(explain) => {
                let method = &suite.explainers[explain.explainer].value.chosen.method;
                let available = if explain.images.split == SplitName::Test { described.test } else { described.train };
                let images =
                    explain.images.count.min(available).saturating_sub(explain.block * BLOCK).min(BLOCK) as u64;
                self.passes += if method.role() == crate::explainers::Role::Explainer {
                    images * method.rows(&described.shape) as u64
                } else {
                    0
                };
                self.bytes += images * elements * 4;
            }
            Task::Rank(rank) => {
                let method = &suite.explainers[rank.explainer].value.chosen.method;
                if method.role() == crate::explainers::Role::Explainer {
                    self.passes += rank.images.len() as u64 * method.rows(&described.shape) as u64;
                }
                let removal = suite.metrics[rank.metric].value.metric.method.removal();
                let features = removal.map_or(0, |removal| removal.ranking.count(&described.shape));
                let each = if features <= 1 << 16 { 2 } else { 8 };
                self.bytes += (each * features * rank.images.len()) as u64;
            }
            Task::Retrain(_) => {
                self.trainings += 1;
                let [train, test] =
                    [SplitName::Train, SplitName::Test].map(|split| suite.retrained(network.dataset, split));
                if let Origin::Trained(recipe) = &suite.models[network.model].value.origin {
                    self.passes += (recipe.epochs * train) as u64;
                }
                self.passes += (train + 2 * test) as u64;
            }
            Task::Perturb(perturb) => {
                let method = &suite.explainers[perturb.explainer].value.chosen.method;
                let metric = &suite.metrics[perturb.metric].value.metric.method;
                let Some(perturbation) = metric.perturbation(perturb.end) else { return };
                let left = suite.available(network.dataset, perturb.images.split).min(perturb.images.count);
                let images = left.saturating_sub(perturb.block * BLOCK + perturb.part * PART).min(PART) as u64;
                if method.role() == crate::explainers::Role::Explainer {
                    self.passes += images * (perturbation.explanations() * method.rows(&described.shape)) as u64;
                }
                self.bytes += images * perturbation.count() as u64 * elements * 12;
            }
            Task::Influence(influence) => {
                let test = influence.images.count.min(suite.available(network.dataset, influence.images.split)) as u64;
                // At least: solvers go round as often as they must.
                self.passes += described.train as u64 + test;
                self.bytes += match influence.about {
                    About::Test(..) => 8 * test * described.train as u64,
                    About::Itself(_) => 9 * described.train as u64,
                };
            }
            Task::Refit(refit) => {
                let test = refit.images.count.min(suite.available(network.dataset, refit.images.split)) as u64;
                let trainings = refit.part.len() as u64;
                if let (Origin::Trained(recipe), false) =
                    (&suite.models[network.model].value.origin, suite.is_convex(network.model))
                {
                    self.trainings += refit.part.len();
                    self.passes += trainings * recipe.epochs.saturating_mul(described.train) as u64;
                }
                self.passes += trainings * test;
                self.bytes += 8 * trainings * test * described.classes.len() as u64;
            }
            Task::Poison(poison) => self.passes += (2 * poison.change.iterations * described.train) as u64,
            Task::Score(score) => {
                let table = &suite.metrics[score.metric].value;
                let images = score.images.count.min(described.test.max(described.train)) as u64;
                let rows = table.metric.method.rows(&described.shape) as u64;
                self.passes += images * rows;
                self.bytes += images * 8 * (rows + 2);
            }
            Task::Picture(picture) => {
                self.bytes += picture.images.count.min(picture.shown.most()) as u64 * elements * 8
            }
        }
    }
}

fn readable_bytes(bytes: u64) -> String {
    let (mut size, mut unit) = (bytes as f64, "B");
    for larger in ["kB", "MB", "GB", "TB"] {
        if size >= 1000.0 {
            (size, unit) = (size / 1000.0, larger);
        }
    }
    format!("{size:.1} {unit}")
}
