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
}

/// Something that must be there before a metric can score.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The network itself, with what its training recorded.
    Model(ModelRef),
    /// The attributions of the row's explainer for the row's images and classes, made of a network.
    Attributions(ModelRef),
}

/// What the needs of earlier rounds answered: the record of each finished one. A metric is asked again each time what it
/// asked for is there, until it asks nothing new.
#[derive(Default)]
pub struct Known {
    pub records: BTreeMap<Need, Vec<Value>>,
}

impl Known {
    /// The records that answer `need` (one per block of examples), once all of them are there.
    pub fn answer(&self, need: &Need) -> Option<&[Value]> {
        self.records.get(need).map(Vec::as_slice)
    }
}
