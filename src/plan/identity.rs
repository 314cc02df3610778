//! What decides the content of each kind of cell.

use super::{
    CellId, DataRef, Explain, Identity, Influence, Outside, Perturb, Picture, Poison, Rank, Refit, Retrain, Score,
    Train, engine,
};
use crate::attacks::Settings;
use crate::error::{Error, Result};
use crate::explainers::Map;
use crate::metrics::Removal;
use crate::model::randomize::{Randomized, Redraw};
use crate::need::{Flips, Maps, Modified};
use crate::suite::{Origin, SplitName, Suite};

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
    let weights = match (&model.origin, &model.file) {
        (Origin::File(file), _) | (Origin::Trained(_), Some(file)) => outside.contents(std::slice::from_ref(file))?,
        (Origin::Trained(_), None) => String::new(),
    };
    Ok(base("train", suite, outside)
        .field("dataset", &source.identity)
        .field("data", outside.data_of(source)?)
        .field("transform", data.transform.as_ref().map_or("", |transform| &transform.identity))
        .field("model", model.settings.clone().without("weights").without("file").canonical())
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
        DataRef::Flipped(Flips { share, of, into }, draw) => {
            let class = |word, class: Option<usize>| class.map_or(String::new(), |class| format!(" {word} {class}"));
            let share = share.value().to_bits();
            format!("flipped-labels {share:016x}{}{} draw {draw}", class("of", of), class("into", into))
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
        .field("maps", maps(&explain.maps, outside)?)
        .field("images", explain.images.identity())
        .field("block", explain.block.to_string())
        .need(explain.trained)
        .need(explain.sampled)
        .finish())
}

/// What of the network is drawn anew, and which class is explained; who explains is a field of its own.
fn maps(maps: &Maps, outside: &Outside) -> Result<String> {
    let randomized = match &maps.randomized {
        None => String::new(),
        Some(Randomized { modules, redraw, statistics, draw }) => {
            let redraw = match redraw {
                Redraw::File(file) => outside.contents(std::slice::from_ref(file))?,
                Redraw::Training | Redraw::TruncatedNormal => format!("{redraw:?}"),
            };
            format!("{modules:?} {redraw} statistics {statistics} draw {draw}")
        }
    };
    Ok(format!("{:?} {randomized}", maps.class))
}

pub fn rank(rank: &Rank, suite: &Suite, outside: &Outside) -> Result<CellId> {
    let contender = &suite.explainers[rank.explainer].value;
    let removal = removal(suite, rank.metric)?;
    Ok(base("rank", suite, outside)
        .field("explainer", &contender.chosen.identity)
        .field("files", outside.contents(&contender.chosen.method.files())?)
        .field("map", Map { sign: removal.sign.unwrap_or(contender.map.sign), ..contender.map }.shown())
        .field("ranking", removal.ranking.identity())
        .field("source", Removal::SOURCE)
        .field("images", format!("{:?} {:?}", rank.split, rank.images))
        .need(rank.trained)
        .finish())
}

/// The original network's name holds data, model and seed.
pub fn retrain(retrain: &Retrain, suite: &Suite, outside: &Outside) -> Result<CellId> {
    let removal = removal(suite, retrain.metric)?;
    let images = [SplitName::Train, SplitName::Test].map(|split| suite.retrained(retrain.network.dataset, split));
    let identity = base("retrain", suite, outside)
        .field("repetition", retrain.retraining.repetition.to_string())
        .field("images", format!("{images:?}"))
        .field("source", Removal::SOURCE)
        .need(retrain.trained);
    let part = |identity: Identity, share: f64| {
        let identity =
            identity.field("share", share.to_bits().to_le_bytes()).field("part", format!("keep {}", removal.keep));
        retrain.ranks.iter().flatten().fold(identity, |identity, id| identity.need(*id))
    };
    Ok(match &retrain.retraining.on {
        Modified::Not => identity,
        Modified::Images(_, share) => part(identity, share.value())
            .field("imputer", &removal.imputer.identity)
            .field("splits", format!("train only {}", removal.train_only)),
        Modified::Masks(_, share) => part(identity, share.value()).field("masks", ""),
    }
    .finish())
}

fn removal(suite: &Suite, metric: usize) -> Result<&Removal> {
    let metric = &suite.metrics[metric];
    let removal = metric.value.metric.method.removal();
    removal.ok_or_else(|| Error::new(format!("metric `{}` removes nothing before a training", metric.label)))
}

pub fn perturb(perturb: &Perturb, suite: &Suite, outside: &Outside) -> Result<CellId> {
    let contender = &suite.explainers[perturb.explainer].value;
    let metric = &suite.metrics[perturb.metric];
    let perturbation = metric.value.metric.method.perturbation(perturb.end);
    let perturbation = perturbation.ok_or_else(|| Error::new(format!("metric `{}` moves no images", metric.label)))?;
    Ok(base("perturb", suite, outside)
        .field("explainer", &contender.chosen.identity)
        .field("files", outside.contents(&contender.chosen.method.files())?)
        .field("map", contender.map.shown())
        .field("perturbation", perturbation.identity())
        .field("source", Settings::SOURCE)
        .field("images", perturb.images.identity())
        .field("part", format!("{} of {}", perturb.part, perturb.block))
        .need(perturb.trained)
        .need(perturb.explained)
        .finish())
}

pub fn influence(influence: &Influence, suite: &Suite, outside: &Outside) -> Result<CellId> {
    let method = suite.influence(influence.contender)?;
    let identity = base("influence", suite, outside)
        .field("method", &method.identity)
        .field("about", format!("{:?}", influence.about))
        .field("images", influence.images.identity())
        .need(influence.trained)
        .need(influence.sampled);
    Ok(influence.siblings.iter().fold(identity, |identity, (_, id)| identity.need(*id)).finish())
}

pub fn refit(refit: &Refit, suite: &Suite, outside: &Outside) -> CellId {
    let identity = base("refit", suite, outside)
        .field("without", format!("{:?}", refit.without))
        .field("images", refit.images.identity())
        .field("part", format!("{:?}", refit.part))
        .need(refit.trained);
    refit.follows.iter().fold(identity, |identity, (_, id)| identity.need(*id)).finish()
}

pub fn poison(poison: &Poison, suite: &Suite, outside: &Outside) -> Result<CellId> {
    Ok(base("poison", suite, outside)
        .field("method", &suite.influence(poison.contender)?.identity)
        .field("change", format!("{:?}", poison.change))
        .field("source", Settings::SOURCE)
        .field("images", poison.images.identity())
        .field("point", poison.point.to_string())
        .need(poison.trained)
        .finish())
}

pub fn score(score: &Score, suite: &Suite, outside: &Outside) -> CellId {
    let map = suite.explainers.get(score.contender).map_or(String::new(), |row| row.value.map.shown());
    let identity = base("score", suite, outside)
        .field("metric", &suite.metrics[score.metric].value.metric.identity)
        .field("map", map)
        .need(score.trained);
    let cells = score.answers.iter().flat_map(|(_, cells)| cells);
    cells.fold(identity, |identity, id| identity.need(*id)).finish()
}

pub fn picture(picture: &Picture, suite: &Suite, outside: &Outside) -> CellId {
    let map = &suite.explainers[picture.explainer].value.map;
    base("picture", suite, outside)
        .field("map", map.shown())
        .field("most", picture.shown.most().to_string())
        .need(picture.trained)
        .need(picture.explained)
        .finish()
}
