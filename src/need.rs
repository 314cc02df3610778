//! How a metric asks for work. It never trains or explains inside `score`: it names what it needs, and the plan makes cells
//! of it, so that equal needs of different metrics are one cell: shared, cached, resumed and distributed alike.

use std::collections::BTreeMap;

use serde_json::Value;

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
    /// None of it: the network keeps the weights that it starts from.
    Nothing,
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
    /// What became of the row's recipe when it was trained anew on modified images. How a part of an image is modified is the
    /// asking metric's `removal`.
    Retrained(Retraining),
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
}

impl Known {
    /// The records that answer `need` (one per block of examples), once all of them are there.
    pub fn answer(&self, need: &Need) -> Option<&[Value]> {
        self.records.get(need).map(Vec::as_slice)
    }
}
