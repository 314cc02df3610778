//! What only several tables together can get wrong.

use tch::{Device, Kind};

use super::read::Read;
use super::{Data, MetricTable, ModelTable, Network, Origin, SplitName};
use crate::catalogue::Chosen;
use crate::config::{Section, suggest};
use crate::explainers::{Contender, Unit};
use crate::influence::InfluenceMethod;
use crate::model::exported::EXPORT;
use crate::model::randomize::Unfit;
use crate::model::weights;
use crate::need::{Known, ModelRef, Need, Perturbed};
use crate::stats::Population;

/// What an attack can aim at where nothing is known of the data.
const BOX: &str = "aim at a box of pixels, `attack = { use = \"targeted\", region = { top = .., left = .., height = .., \
                   width = .. } }`, or use data that knows, such as \"planted\"";

/// Pairs that cannot work are mistakes of the suite, not rows to be skipped.
pub fn check(datasets: &[Read<Data>], explainers: &[Read<Contender>], metrics: &[Read<MetricTable>]) {
    for (index, dataset) in datasets.iter().enumerate() {
        if dataset.value.as_ref().is_none_or(|data| data.described.truth) {
            continue;
        }
        let metrics = metrics.iter().filter_map(|row| Some((row, row.value.as_ref()?)));
        let metrics: Vec<_> = metrics.filter(|(_, table)| table.datasets.contains(&index)).collect();
        for (metric, _) in metrics.iter().filter(|(_, table)| table.metric.method.needs_truth()) {
            let message = format!("metric `{}` {}", metric.label, lacking(&dataset.label));
            let (key, help) = match metric.section.has("attack") {
                // Not the metric needs to know where the evidence is, but what it aims at.
                true => ("attack", Some(BOX.to_string())),
                false => ("use", narrower("datasets")),
            };
            metric.section.mistake(key, message, None, help);
        }
        for (index, explainer) in explainers.iter().enumerate() {
            let sees_truth = explainer.value.as_ref().is_some_and(|value| value.chosen.method.needs_truth());
            let asking = metrics.iter().filter(|(_, table)| table.contenders.contains(&index));
            let asking: Vec<&str> = asking.map(|(metric, _)| metric.label.as_str()).collect();
            if sees_truth && !asking.is_empty() {
                let by = format!("asked for by: {}", asking.join(", "));
                let message = format!("explainer `{}` {} ({by})", explainer.label, lacking(&dataset.label));
                explainer.section.mistake("use", message, None, narrower("explainers"));
            }
        }
    }
}

/// What a metric asks of data and maps beyond the truth.
pub fn check_asked(datasets: &[Read<Data>], explainers: &[Read<Contender>], metrics: &[Read<MetricTable>]) {
    for (metric, table) in metrics.iter().filter_map(|row| Some((row, row.value.as_ref()?))) {
        if table.metric.method.needs_counterpart() && table.images.split == SplitName::Train {
            let message =
                format!("metric `{}` compares two networks on test images, which alone are the same", metric.label);
            let help = "set `images = { split = \"test\" }`".to_string();
            metric.section.mistake("use", message, None, Some(help));
        }
        let data = |index: &usize| Some((&datasets[*index], datasets[*index].value.as_ref()?));
        for (dataset, data) in table.datasets.iter().filter_map(data) {
            if table.metric.method.needs_counterpart() && data.source.method.counterpart().is_none() {
                let message = format!(
                    "metric `{}` needs data with a counterpart in which the cue says nothing, which dataset `{}` does not have",
                    metric.label, dataset.label
                );
                metric.section.mistake("use", message, None, narrower_to("clever-hans"));
            }
            // Of one channel, a pixel is an element.
            if table.metric.method.ranks_elements() && data.described.shape.first() != Some(&1) {
                let maps = |row: &&Read<Contender>| row.value.as_ref().is_some_and(ranks_pixels);
                let looked_at = table.contenders.iter().filter_map(|index| explainers.get(*index));
                for explainer in looked_at.filter(maps) {
                    let message = format!(
                        "metric `{}` ranks single elements, and `{}` gives one number per pixel",
                        metric.label, explainer.label
                    );
                    let help = "rank pixels with `unit = \"pixel\"`, or narrow the metric with `explainers = [..]`";
                    explainer.section.mistake("use", message, None, Some(help.to_string()));
                }
            }
        }
    }
}

fn ranks_pixels(contender: &Contender) -> bool {
    contender.chosen.method.unit() == Unit::Pixel
}

fn lacking(dataset: &str) -> String {
    format!("needs boxes or masks, which dataset `{dataset}` does not have")
}

fn narrower(key: &str) -> Option<String> {
    Some(format!("narrow the metric with `{key} = [..]`, or use data that knows, such as \"planted\""))
}

fn narrower_to(dataset: &str) -> Option<String> {
    Some(format!("narrow the metric with `datasets = [..]`, or use data such as \"{dataset}\""))
}

/// The key that names the file which the weights come from.
fn source(model: &Read<ModelTable>) -> &'static str {
    if model.section.has("file") { "file" } else { "weights" }
}

/// A network from a file was trained once, and a convex fit is the same each time, so nothing can be said of new trainings of them.
pub fn check_population(over: Population, models: &[Read<ModelTable>]) {
    let loaded =
        |row: &&Read<ModelTable>| row.value.as_ref().is_some_and(|table| matches!(table.origin, Origin::File(_)));
    for model in models.iter().filter(loaded).filter(|_| over == Population::Recipe) {
        let message = "intervals over new trainings need a recipe, and this network is loaded";
        let help = "set `[inference] over = \"model\"` to speak of these networks".to_string();
        model.section.mistake(source(model), message, Some("`train = { .. }`".to_string()), Some(help));
    }
    let fitted = |row: &&Read<ModelTable>| {
        let origin = row.value.as_ref().map(|table| &table.origin);
        matches!(origin, Some(Origin::Trained(recipe)) if recipe.is_convex())
    };
    for model in models.iter().filter(fitted).filter(|_| over == Population::Recipe) {
        let message = "intervals over new trainings need some that differ, and this fit has one solution";
        let help = "set `[inference] over = \"model\"` to speak of these networks".to_string();
        model.section.mistake("train", message.to_string(), None, Some(help));
    }
}

/// A metric that asks for other trainings of a recipe cannot look at a network that was trained elsewhere.
pub fn check_recipes(networks: &[Network], models: &[Read<ModelTable>], metrics: &[Read<MetricTable>]) {
    let loaded =
        |index: &&usize| models[**index].value.as_ref().is_some_and(|table| matches!(table.origin, Origin::File(_)));
    for (metric, table) in metrics.iter().filter_map(|row| Some((row, row.value.as_ref()?))) {
        let known = Known { repetitions: vec![0], flips: vec![0], ..Known::default() };
        let needs = table.metric.method.needs(&known);
        let trains = |need: &Need| {
            matches!(need, Need::Model(of) | Need::Attributions(of) if *of != ModelRef::Original)
                || matches!(need, Need::Retrained(_) | Need::Influence(_) | Need::Refitted(_) | Need::Poisoned(_))
        };
        for model in table.models.iter().filter(loaded).filter(|_| needs.iter().any(trains)) {
            let label = &models[*model].label;
            let message =
                format!("metric `{}` needs other trainings of the recipe, and model `{label}` is loaded", metric.label);
            let opaque = networks.iter().any(|network| network.model == *model && network.graph.is_opaque());
            let train =
                if opaque { format!("export the model with {EXPORT} and give it") } else { "give the model".into() };
            let help = format!("{train} a `train` table, or narrow the metric with `models = [..]`");
            metric.section.mistake("use", message, None, Some(help));
        }
    }
}

/// An explainer that looks inside is only for networks that have what it looks for.
pub fn check_inside(
    networks: &[Network],
    models: &[Read<ModelTable>],
    explainers: &[Read<Contender>],
    metrics: &[Read<MetricTable>],
) {
    for (index, explainer) in explainers.iter().enumerate() {
        let Some(contender) = &explainer.value else { continue };
        let mut said = Vec::new();
        for network in networks {
            let tables = metrics.iter().filter_map(|metric| metric.value.as_ref());
            let explained = tables.into_iter().any(|table| table.names(network.dataset, network.model, index));
            // Of several datasets, one is enough.
            if !explained || said.contains(&network.model) {
                continue;
            }
            if let Err(misfit) = contender.chosen.method.check(&network.graph) {
                said.push(network.model);
                let message = format!("{} model `{}`", misfit.message, models[network.model].label);
                let Some((key, tables)) = misfit.keys.split_last() else { continue };
                let section = tables
                    .iter()
                    .fold(explainer.section.clone(), |section, key| section.section(key).unwrap_or(section));
                section.mistake(key, message, misfit.expected, misfit.help);
            }
        }
    }
}

/// What metrics that ask for further maps ask of networks and explainers.
pub fn check_maps(
    root: &Section,
    networks: &[Network],
    models: &[Read<ModelTable>],
    explainers: &[Read<Contender>],
    metrics: &[Read<MetricTable>],
) {
    let tables = || metrics.iter().filter_map(|row| Some((row, row.value.as_ref()?)));
    let draws = metrics.iter().any(|row| row.value.as_ref().is_none_or(|table| table.metric.method.draws()));
    if let (false, false, Some(seeds)) = (draws, metrics.is_empty(), root.section("seeds")) {
        super::seeds::unused(&seeds, "draw");
    }
    let flips = metrics.iter().any(|row| row.value.as_ref().is_none_or(|table| table.metric.method.flips()));
    if let (false, Some(seeds)) = (flips, root.section("seeds")) {
        super::seeds::unused(&seeds, "flip");
    }
    for (metric, table) in tables() {
        let looks =
            |network: &&Network| table.datasets.contains(&network.dataset) && table.models.contains(&network.model);
        let unfit = networks.iter().filter(looks).find_map(|network| table.metric.method.unfit(&network.graph));
        if let Some(Unfit { key, message, expected, help }) = unfit {
            metric.section.mistake(key, message, expected, help);
        }
        if let Some(beside) = table.metric.method.beside()
            && !explainers.iter().any(|row| row.label == beside)
        {
            let labels = || explainers.iter().map(|row| row.label.as_str());
            let expected = format!("labels of this suite: {}", labels().collect::<Vec<_>>().join(", "));
            let help = suggest(beside, labels()).map(|near| format!("did you mean `{near}`?"));
            let message = format!("`with` names `{beside}`, which is not in the suite");
            metric.section.mistake("with", message, Some(expected), help);
        }
        // What the other explainer looks for has to be there on every network that is looked at, whatever its own `models` says.
        let other = table.metric.method.beside().and_then(|label| explainers.iter().find(|row| row.label == label));
        if let Some(contender) = other.and_then(|row| row.value.as_ref())
            && let Some(network) =
                networks.iter().filter(looks).find(|n| contender.chosen.method.check(&n.graph).is_err())
        {
            let message = format!("the explainer of `with` does not fit model `{}`", models[network.model].label);
            let help = Some("narrow the metric with `models = [..]`".to_string());
            metric.section.mistake("with", message, None, help);
        }
    }
}

/// What influence methods ask of networks.
pub fn check_influences(
    networks: &[Network],
    models: &[Read<ModelTable>],
    influences: &[Read<Chosen<dyn InfluenceMethod>>],
    metrics: &[Read<MetricTable>],
    before: usize,
) {
    for (place, influence) in influences.iter().enumerate() {
        let Some(chosen) = &influence.value else { continue };
        let looked_at = |network: &&Network| {
            let tables = metrics.iter().filter_map(|metric| metric.value.as_ref());
            tables.into_iter().any(|table| table.names(network.dataset, network.model, before + place))
        };
        let unfit = |network: &Network| Some((network.model, chosen.method.check(&network.graph).err()?));
        if let Some((model, misfit)) = networks.iter().filter(looked_at).find_map(unfit) {
            let message = format!("{} model `{}`", misfit.message, models[model].label);
            let key = misfit.keys.last().copied().unwrap_or("use");
            influence.section.mistake(key, message, misfit.expected, misfit.help);
        }
        let asks = |table: &MetricTable| table.metric.method.perturbs() && table.contenders.contains(&(before + place));
        if let Some(metric) = metrics.iter().find(|metric| metric.value.as_ref().is_some_and(asks))
            && chosen.entry != "influence-function"
        {
            let message = format!(
                "metric `{}` asks what a change of an example does, which only `influence-function` says",
                metric.label
            );
            let help = "narrow the metric with `influences = [..]`".to_string();
            influence.section.mistake("use", message, None, Some(help));
        }
    }
}

/// What metrics that move images ask of explainers.
pub fn check_moved(explainers: &[Read<Contender>], metrics: &[Read<MetricTable>]) {
    let ends = [Perturbed::Attacked, Perturbed::Nearby];
    for (metric, table) in metrics.iter().filter_map(|row| Some((row, row.value.as_ref()?))) {
        let method = &table.metric.method;
        if ends.iter().all(|end| method.perturbation(*end).is_none()) {
            continue;
        }
        let help = |other: &str| Some(format!("narrow the metric with `explainers = [..]`{other}"));
        for explainer in table.contenders.iter().filter_map(|index| explainers.get(*index)) {
            let Some(contender) = &explainer.value else { continue };
            let (label, asking) = (&explainer.label, &metric.label);
            if contender.chosen.entry == "precomputed" {
                let message =
                    format!("metric `{asking}` explains moved images, and the file of `{label}` has no maps of them");
                explainer.section.mistake("use", message, None, help(""));
            } else if method.needs_derivatives() && !contender.chosen.method.differentiable() {
                let message = format!("metric `{asking}` needs the derivative of maps, which `{label}` does not have");
                explainer.section.mistake(
                    "use",
                    message,
                    None,
                    help(", or search without derivatives by `black-box-fragility`"),
                );
            }
        }
    }
}

/// Weights that do not fit their layers are found before anything runs.
pub fn check_weights(networks: &[Network], models: &[Read<ModelTable>]) {
    for network in networks {
        let model = &models[network.model];
        if let Some(ModelTable { origin: Origin::File(file), .. }) = &model.value
            && let Err(error) = weights::read(&network.graph, file, Kind::Float, Device::Cpu)
        {
            model.section.mistake(source(model), error.to_string(), None, None);
        }
    }
}
