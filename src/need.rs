//! How a metric asks for work. It never trains or explains inside `score`: it names what it needs, and the plan makes cells
//! of it, so that equal needs of different metrics are one cell: shared, cached, resumed and distributed alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::influence::Quantity;
use crate::model::Graph;
use crate::model::randomize::Randomized;

/// A network, seen from one row of a table: the row has a dataset, a model and a training seed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModelRef {
    /// The row's own network, as trained.
    Original,
    /// The same recipe from another training seed.
    Reseeded(u64),
    /// The same recipe and seed, trained on the counterpart of the row's data, in which the evidence says nothing.
    Counterpart,
    /// The same recipe from a training seed of its own, which follows from the row's and which no other row has; trained on this
    /// form of the row's data. All siblings of a row share that seed, and so where they start and in which order they learn.
    Sibling(DataRef),
}

/// Which form of a dataset a network learns from. Always explained and judged on the images and labels of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataRef {
    Stated,
    /// Its counterpart, in which the evidence says nothing.
    Counterpart,
    /// Its training labels permuted once, learnt until they are fitted.
    PermutedLabels(Fit),
    /// Some of its training labels turned into wrong ones, drawn once for each number.
    Flipped(Flips, u64),
    /// None of it: the network keeps the weights that it starts from.
    Nothing,
}

/// Which training labels are turned into wrong ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flips {
    /// So many of those that may be.
    pub share: Share,
    /// Those of this class alone.
    pub of: Option<usize>,
    /// All into this class, in which no label may be turned then; into any other where there is none.
    pub into: Option<usize>,
}

/// How long a network learns what cannot be learnt but by heart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fit {
    /// The bits of the training accuracy: positive floats are ordered as their bits.
    reach: u64,
    /// At most so many times the epochs of the recipe.
    pub patience: usize,
}

impl Fit {
    /// Until the training accuracy is `reach`, above 0 and at most 1.
    pub fn new(reach: f64, patience: usize) -> Self {
        Self { reach: reach.to_bits(), patience }
    }

    /// The training accuracy that is enough.
    pub fn reach(self) -> f64 {
        f64::from_bits(self.reach)
    }
}

impl DataRef {
    /// As the plan names it beside the dataset; empty for the dataset itself.
    pub fn words(self) -> &'static str {
        match self {
            Self::Stated => "",
            Self::Counterpart => "counterpart",
            Self::PermutedLabels(_) => "with permuted labels",
            Self::Flipped(..) => "with flipped labels",
            Self::Nothing => "unseen",
        }
    }
}

/// Something that must be there before a metric can score.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The network itself, with what its training recorded.
    Model(ModelRef),
    /// The attributions of the row's explainer for the row's images and classes, made of a network.
    Attributions(ModelRef),
    /// Other maps of the row's images, made of the row's network or of what remains of it.
    Maps(Maps),
    /// The row's images moved within a ball around each, with their maps by the row's explainer. How far, and to what end, is
    /// the asking metric's `perturbation`.
    Perturbed(Perturbed),
    /// What became of the row's recipe when it was trained anew on modified images. How a part of an image is modified is the
    /// asking metric's `removal`.
    Retrained(Retraining),
    /// What the row's influence method says of training examples.
    Influence(About),
    /// What becomes of the row's test points when the row's network is trained without some training examples.
    Refitted(Refit),
    /// What becomes of each of the row's test points when some training examples are changed against it.
    Poisoned(Poison),
}

/// An attack on a test point through the training examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Poison {
    /// How many training examples are changed.
    pub examples: usize,
    /// How far each of their elements may move, and by how much it does in one iteration, as shares of the range of pixels.
    pub radius: Share,
    pub step: Share,
    pub iterations: usize,
}

/// On what training examples have an influence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// On the row's test points, of a network that saw this form of the data.
    Test(Quantity, DataRef),
    /// Each on its own loss, of a network that saw this form of the data and from the labels that it saw.
    Itself(DataRef),
}

/// Trainings without some examples.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refit {
    pub left_out: LeftOut,
    pub start: Start,
}

/// Which training examples are left out, training by training.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// None: what the others are held against.
    Nothing,
    /// `count` times `size` random ones.
    Random { count: usize, size: usize },
    /// For each test point those `count` times `size` with the largest influence by magnitude, as the row's method says: ranks 1 to
    /// `size`, then the next.
    Top { count: usize, size: usize, of: Quantity },
    /// For each test point the `size` with the largest influence together, of those that lower the loss or raise the rest.
    Helpful { size: usize, of: Quantity },
    /// The same for single test points, each with its place among them and a size of its own.
    HelpfulTo { each: Vec<(usize, usize)>, of: Quantity },
    /// All but a random share, `count` times.
    Rest { count: usize, share: Share },
}

impl LeftOut {
    /// How many trainings it takes for so many test points.
    pub fn problems(&self, test: usize) -> usize {
        match self {
            Self::Nothing => 1,
            Self::Random { count, .. } | Self::Rest { count, .. } => *count,
            Self::Top { count, .. } => count * test,
            Self::Helpful { .. } => test,
            Self::HelpfulTo { each, .. } => each.len(),
        }
    }

    /// Whose influence decides, if anybody's.
    pub fn follows(&self) -> Option<Quantity> {
        match self {
            Self::Top { of, .. } | Self::Helpful { of, .. } | Self::HelpfulTo { of, .. } => Some(*of),
            Self::Nothing | Self::Random { .. } | Self::Rest { .. } => None,
        }
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            Self::Nothing => "with all examples".to_string(),
            Self::Random { size, .. } => format!("without {size} random"),
            Self::Top { size, .. } => format!("without {size} of the most influential"),
            Self::Helpful { size, .. } => format!("without the {size} most helpful"),
            Self::HelpfulTo { each, .. } => {
                let sizes = || each.iter().map(|(_, size)| *size);
                match (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0)) {
                    (least, most) if least == most => format!("without the {most} most helpful to each"),
                    (least, most) => format!("without the {least} to {most} most helpful to each"),
                }
            }
            Self::Rest { share, .. } => format!("on a random {} %", 100.0 * share.value()),
        }
    }
}

/// Where a network's training without some examples begins. A convex fit has one solution, wherever it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// From the trained weights.
    Warm,
    /// From weights of its own, the same for all trainings of a repetition.
    Cold(u64),
    /// No training: the proximal Bregman response of the trained weights, with this damping beside the regulariser.
    Proximal(Share),
}

/// To what end images are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Perturbed {
    /// By an attack on their maps.
    Attacked,
    /// By as many random candidates, chosen as the attack chooses: its control.
    Random,
    /// To random places nearby, without any choice.
    Nearby,
}

/// Maps of the row's images. The default are the row's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Maps {
    /// What of the row's network is drawn anew before it is explained.
    pub randomized: Option<Randomized>,
    pub class: Class,
    /// The label of the explainer that makes them, if it is not the row's.
    pub by: Option<String>,
}

/// Whose score is explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The row's.
    #[default]
    Row,
    /// The class that the explained network itself predicts.
    Predicted,
    /// One of the classes that are not the row's, drawn by seed for each image.
    Another,
}

impl Maps {
    /// For people; empty for the row's own.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        if let Some(Randomized { modules, draw, .. }) = &self.randomized {
            let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
            words.push(format!("{} drawn anew, draw {draw}", modules.join("+")));
        }
        match self.class {
            Class::Row => {}
            Class::Predicted => words.push("its own prediction".to_string()),
            Class::Another => words.push("another class".to_string()),
        }
        words.join(", ")
    }
}

/// A training from a fresh initialisation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retraining {
    pub on: Modified,
    /// Which repetition: its own initialisation and order of examples, shared by all contenders of a row's network.
    pub repetition: u64,
}

/// What a network that is trained anew sees.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Modified {
    /// The images as they are.
    Not,
    /// The images, of which the top part of a ranking was removed or alone was kept.
    Images(Ranked, Share),
    /// Nothing but where that part lies: 1 where a feature was replaced, 0 elsewhere.
    Masks(Ranked, Share),
}

/// Whose maps say which features are on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ranked {
    /// Those of the row's explainer.
    Row,
    /// Those of the control `random`.
    Random,
}

/// A share from 0 to 1 that can be compared and ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u64);

impl Share {
    /// Of a number of 0 or more: their bits are ordered as they are.
    pub fn new(share: f64) -> Self {
        debug_assert!(share >= 0.0);
        Self((share + 0.0).to_bits())
    }

    pub fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// What the needs of earlier rounds answered: the record of each finished one. A metric is asked again each time what it
/// asked for is there, until it asks nothing new.
#[derive(Default)]
pub struct Known {
    pub records: BTreeMap<Need, Vec<Value>>,
    /// The repetitions that the suite asks of every retraining.
    pub repetitions: Vec<u64>,
    /// The draws that the suite asks of everything random beside training.
    pub draws: Vec<u64>,
    /// The draws of wrong labels that the suite asks for.
    pub flips: Vec<u64>,
    /// The row's network; not there while a suite is read.
    pub graph: Option<Arc<Graph>>,
}

impl Known {
    /// The records that answer `need` (one per block of examples), once all of them are there.
    pub fn answer(&self, need: &Need) -> Option<&[Value]> {
        self.records.get(need).map(Vec::as_slice)
    }
}
