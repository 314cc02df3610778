//! Which trainings of each model there are.

use crate::config::{Content, Node, Section, Value};

/// `model = 3`, the seeds 0, 1 and 2; or `model = [5, 8]`, these.
#[derive(Clone, PartialEq)]
enum Seeds {
    Count(u64),
    List(Vec<u64>),
}

/// More trainings than this of one model are a slip of the pen.
const MOST: u64 = 10_000;

/// Beyond lie the seeds that no suite can name: those of siblings.
const LARGEST: u64 = 1 << 32;

impl Value for Seeds {
    const EXPECTED: &'static str = "a number of trainings from 1 to 10000, or a list of different seeds";

    fn read(node: &Node) -> Option<Self> {
        u64::read(node).map(Self::Count).or_else(|| Vec::read(node).map(Self::List))
    }

    fn culprit(node: &Node) -> (&Node, &'static str) {
        match node.content {
            Content::Array(_) => Vec::<u64>::culprit(node),
            _ => (node, Self::EXPECTED),
        }
    }

    fn canonical(&self) -> String {
        match self {
            Self::Count(count) => count.canonical(),
            Self::List(seeds) => seeds.canonical(),
        }
    }
}

impl Seeds {
    fn fit(&self) -> bool {
        match self {
            Self::Count(count) => (1..=MOST).contains(count),
            Self::List(seeds) => {
                let mut different = seeds.clone();
                different.sort_unstable();
                different.dedup();
                let small = seeds.iter().all(|seed| *seed < LARGEST);
                !seeds.is_empty() && different.len() == seeds.len() && seeds.len() as u64 <= MOST && small
            }
        }
    }
}

/// The seeds of each level.
pub struct Levels {
    pub model: Vec<u64>,
    pub retrain: Vec<u64>,
    pub draw: Vec<u64>,
    pub flip: Vec<u64>,
}

/// Draws of layers, where the suite does not say how many: they are the units of an interval.
const DRAWS: u64 = 10;

/// Draws of wrong labels, alike.
const FLIPS: u64 = 10;

/// Reads `seeds = { model = 3, retrain = 2, draw = 10 }` of the suite `root`.
pub fn read(root: &Section) -> Levels {
    let Some(section) = root.section("seeds") else {
        return Levels { model: vec![0], retrain: vec![0], draw: (0..DRAWS).collect(), flip: (0..FLIPS).collect() };
    };
    let seeds = |level, count| match section.get_if(level, Seeds::Count(count), Seeds::fit, Seeds::EXPECTED) {
        Seeds::Count(count) => (0..count).collect(),
        Seeds::List(seeds) => seeds,
    };
    let levels = Levels {
        model: seeds("model", 1),
        retrain: seeds("retrain", 1),
        draw: seeds("draw", DRAWS),
        flip: seeds("flip", FLIPS),
    };
    section.finish();
    levels
}

/// A level that no metric of the suite has use for.
pub fn unused(section: &Section, level: &str) {
    if section.keys().iter().any(|key| key == level) {
        section.expect(&[level]);
        let help = "take it out: it would change nothing".to_string();
        section.mistake_at_key(level, format!("no metric of this suite uses `seeds.{level}`"), None, Some(help));
    }
}
