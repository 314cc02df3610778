//! What decides the content of each kind of cell.

use super::{CellId, DataRef, Explain, Identity, Outside, Picture, Score, Train, engine};
use crate::error::Result;
use crate::suite::{Origin, Suite};

/// What every cell of a suite depends on.
fn base(kind: &str, suite: &Suite, outside: &Outside) -> Identity {
    Identity::new(kind)
        .field("engine", engine::hash())
        .field("seed", suite.seed.to_string())
        .field("fresh", outside.fresh.as_deref().unwrap_or_default())
}

pub fn train(train: &Train, suite: &Suite, outside: &Outside) -> Result<CellId> {
    let data = &suite.datasets[train.dataset].value;
    let source = &data.source;
    let model = &suite.models[train.model].value;
    let weights = match &model.origin {
        Origin::File(file) => outside.contents(std::slice::from_ref(file))?,
        Origin::Trained(_) => String::new(),
    };
    Ok(base("train", suite, outside)
        .field("dataset", &source.identity)
        .field("data", outside.data_of(source)?)
        .field("transform", data.transform.as_ref().map_or("", |transform| &transform.identity))
        .field("model", model.settings.clone().without("weights").canonical())
        .field("weights", weights)
        .field("training", train.seed.to_string())
        .field("variant", variant(train.data))
        .finish())
}

/// Everything that decides what a network learns of its dataset.
fn variant(data: DataRef) -> String {
    match data {
        DataRef::PermutedLabels(fit) => {
            format!("permuted-labels until {:016x} within {}", fit.reach().to_bits(), fit.patience)
        }
        DataRef::Stated => String::new(),
        DataRef::Counterpart => "counterpart".to_string(),
        DataRef::Nothing => "nothing".to_string(),
    }
}

pub fn explain(explain: &Explain, suite: &Suite, outside: &Outside) -> Result<CellId> {
    let chosen = &suite.explainers[explain.explainer].value.chosen;
    Ok(base("explain", suite, outside)
        .field("explainer", &chosen.identity)
        .field("files", outside.contents(&chosen.method.files())?)
        .field("images", explain.images.identity())
        .field("block", explain.block.to_string())
        .need(explain.trained)
        .need(explain.sampled)
        .finish())
}

pub fn score(score: &Score, suite: &Suite, outside: &Outside) -> CellId {
    let map = &suite.explainers[score.explainer].value.map;
    let identity = base("score", suite, outside)
        .field("metric", &suite.metrics[score.metric].value.metric.identity)
        .field("map", map.shown())
        .need(score.trained);
    score.answers.iter().fold(identity, |identity, id| identity.need(*id)).finish()
}

pub fn picture(picture: &Picture, suite: &Suite, outside: &Outside) -> CellId {
    let map = &suite.explainers[picture.explainer].value.map;
    base("picture", suite, outside).field("map", map.shown()).need(picture.trained).need(picture.explained).finish()
}
