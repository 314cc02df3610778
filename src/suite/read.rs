//! From the tables of a file to a suite.

use std::path::Path;
use std::sync::Arc;

use super::{Data, Images, Labelled, MetricTable, ModelTable, Network, Origin, Suite};
use crate::config::{Section, suggest};
use crate::datasets::DataFolder;
use crate::error::{Error, Result};
use crate::explainers::Contender;
use crate::model::layers;
use crate::model::train::Recipe;
use crate::stats::Population;

/// Reads and checks the suite in the file `path`.
pub fn load(path: &Path, data: &DataFolder) -> Result<Suite> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read the suite", path, error))?;
    read(&path.display().to_string(), &text, data)
}

/// Reads and checks a suite; `path` names it in messages. All mistakes come in one go.
pub fn read(path: &str, text: &str, data: &DataFolder) -> Result<Suite> {
    let root = Section::parse(path, text)?;
    let suite = read_root(path, &root, data);
    root.check()?;
    suite.ok_or_else(|| Error::new(format!("{path}: the suite could not be read")))
}

fn read_root(path: &str, root: &Section, data: &DataFolder) -> Option<Suite> {
    let question = root.get("question", String::new());
    let analysis = root.get("analysis", String::new());
    let seed = root.get("seed", 0u64);
    let model_seeds = read_seeds(root);
    let (over, alpha) = read_inference(root, model_seeds.len());
    let images = root.section("images").map_or_else(Images::default, |s| Images::read(&s, &Images::default()));

    let datasets = table(root, "dataset", |section| read_dataset(section, data));
    let models = table(root, "model", |section| Some((section.clone(), section.clone())));
    let explainers = table(root, "explainer", |section| Some((section.clone(), crate::explainers::read(section)?)));
    let networks = read_networks(&datasets, &models);
    let models = model_tables(models, &smallest(&datasets));
    let metrics = table(root, "metric", |section| {
        Some((section.clone(), read_metric(section, &images, &datasets, &models, &explainers)?))
    });
    root.finish();

    super::check::check(&datasets, &explainers, &metrics);
    let values = |labelled: Vec<Read<Data>>| labelled.into_iter().map(|row| row.labelled).collect();
    Some(Suite {
        name: Path::new(path).file_stem()?.to_string_lossy().into_owned(),
        question,
        analysis,
        seed,
        model_seeds,
        over,
        alpha,
        datasets: values(datasets),
        models: models.into_iter().map(|row| row.labelled).collect(),
        explainers: explainers.into_iter().map(|row| row.labelled).collect(),
        metrics: metrics.into_iter().map(|row| row.labelled).collect(),
        networks,
    })
}

/// A row of a table with its place in the file.
pub(super) struct Read<T> {
    pub section: Section,
    /// The label before sweeps append their keys: a narrowing list may name all of a sweep by it.
    pub base: String,
    pub labelled: Labelled<T>,
}

/// All rows of the tables called `key`, sweeps unfolded, labels told apart.
fn table<T>(root: &Section, key: &str, read: impl Fn(&Section) -> Option<(Section, T)>) -> Vec<Read<T>> {
    let sections = root.sections(key);
    if sections.is_empty() && !root.has(key) {
        root.mistake_at_header(format!("the suite has no `[[{key}]]`"), Some(format!("at least one `[[{key}]]` table")), None);
    }
    let mut rows: Vec<Read<T>> = Vec::new();
    for (suffix, section) in sections.iter().flat_map(Section::variants) {
        // A model has no `use`: without a name it goes by its kind.
        let base = section.peek::<String>("name").or_else(|| section.peek("use")).unwrap_or_else(|| key.to_string());
        let label = format!("{base}{suffix}");
        section.expect(&["name"]);
        if rows.iter().any(|row| row.labelled.label == label) {
            let help = "give one of them a `name`".to_string();
            section.mistake_at_header(format!("two `[[{key}]]` tables are called `{label}`"), None, Some(help));
        }
        if let Some((section, value)) = read(&section) {
            rows.push(Read { section, base, labelled: Labelled { label, value } });
        }
    }
    rows
}

fn read_seeds(root: &Section) -> Vec<u64> {
    let Some(section) = root.section("seeds") else { return vec![0] };
    for unused in ["retrain", "flip", "draw"] {
        if section.has(unused) {
            section.mistake_at_key(unused, format!("no metric of this suite uses `seeds.{unused}`"), None, None);
        }
    }
    let expected = "a number of trainings of 1 or more, or a list of different seeds";
    let seeds = match section.peek::<Vec<u64>>("model") {
        Some(_) => {
            let different = |seeds: &Vec<u64>| {
                let mut sorted = seeds.clone();
                sorted.sort_unstable();
                sorted.dedup();
                !seeds.is_empty() && sorted.len() == seeds.len()
            };
            section.get_if("model", vec![0], different, expected)
        }
        None => (0..section.get_if("model", 1u64, |count| (1..=10_000).contains(count), expected)).collect(),
    };
    section.finish();
    seeds
}

fn read_inference(root: &Section, trainings: usize) -> (Population, f64) {
    let default = if trainings > 1 { "recipe" } else { "model" };
    let words = &[("recipe", Population::Recipe), ("model", Population::Model)];
    let Some(section) = root.section("inference") else {
        return (if trainings > 1 { Population::Recipe } else { Population::Model }, 0.05);
    };
    let over = section.choice("over", default, words);
    if over == Population::Recipe && trainings < 2 {
        section.mistake(
            "over",
            "intervals over new trainings need at least 2 trainings, and this suite has 1",
            None,
            Some("set `seeds = { model = 3 }`, or `over = \"model\"` to speak of this one network".to_string()),
        );
    }
    let expected = "a number above 0 and at most 0.5";
    let alpha = section.get_if("alpha", 0.05, |alpha| *alpha > 0.0 && *alpha <= 0.5, expected);
    section.finish();
    (over, alpha)
}

fn read_dataset(section: &Section, data: &DataFolder) -> Option<(Section, Data)> {
    let source = crate::datasets::choose(section)?;
    match source.method.describe(data) {
        Ok(described) => Some((section.clone(), Data { source, described })),
        Err(error) => {
            section.mistake("use", error.to_string(), None, None);
            None
        }
    }
}

/// Builds every model for every dataset; wrong shapes are mistakes under the layer's name.
fn read_networks(datasets: &[Read<Data>], models: &[Read<Section>]) -> Vec<Network> {
    let mut networks = Vec::new();
    for (d, dataset) in datasets.iter().enumerate() {
        let described = &dataset.labelled.value.described;
        for (m, model) in models.iter().enumerate() {
            let classes = Some(described.classes.len() as i64);
            if let Some(graph) = layers::read(&model.labelled.value, &described.shape, classes) {
                networks.push(Network { dataset: d, model: m, graph: Arc::new(graph) });
            }
        }
    }
    networks
}

/// The shape of the smallest images: what fits it, fits all.
fn smallest(datasets: &[Read<Data>]) -> Vec<i64> {
    let shapes = datasets.iter().map(|dataset| dataset.labelled.value.described.shape.clone());
    shapes.min_by_key(|shape| shape.iter().skip(1).copied().min()).unwrap_or_default()
}

/// Reads where the weights come from, once the layers have been read from the same section.
fn model_tables(models: Vec<Read<Section>>, input: &[i64]) -> Vec<Read<ModelTable>> {
    let rows = models.into_iter().filter_map(|row| {
        let section = row.section;
        section.expect(&["layers", "preprocess"]);
        let origin = read_origin(&section, input);
        section.finish();
        let value = ModelTable { settings: section.settings(), origin: origin? };
        Some(Read { section, base: row.base, labelled: Labelled { label: row.labelled.label, value } })
    });
    rows.collect()
}

fn read_origin(section: &Section, input: &[i64]) -> Option<Origin> {
    let train = section.section("train").map(|train| Recipe::read(&train, input));
    let weights = section.file("weights");
    match (train, weights) {
        (Some(recipe), None) => Some(Origin::Trained(recipe)),
        (None, Some(file)) => Some(Origin::File(file)),
        (Some(_), Some(_)) => {
            section.mistake_at_key("weights", "a model has either `train` or `weights`", None, None);
            None
        }
        (None, None) => {
            let expected = "`train = { epochs = .. }`, or `weights = \"file.safetensors\"`".to_string();
            section.mistake_at_header("the model is neither trained nor loaded", Some(expected), None);
            None
        }
    }
}

fn read_metric(
    section: &Section,
    images: &Images,
    datasets: &[Read<Data>],
    models: &[Read<ModelTable>],
    explainers: &[Read<Contender>],
) -> Option<MetricTable> {
    let images = section.section("images").map_or_else(|| images.clone(), |own| Images::read(&own, images));
    let datasets = narrow(section, "datasets", datasets);
    let models = narrow(section, "models", models);
    let explainers = narrow(section, "explainers", explainers);
    let metric = crate::metrics::read(section)?;
    Some(MetricTable { metric, images, datasets, models, explainers })
}

/// The rows that a metric's list names; all of them without a list.
fn narrow<T>(section: &Section, key: &str, rows: &[Read<T>]) -> Vec<usize> {
    let Some(names) = section.peek::<Vec<String>>(key) else {
        // Asked for with its type, so that anything but a list of strings is a mistake.
        let _ = section.optional::<Vec<String>>(key);
        return (0..rows.len()).collect();
    };
    section.expect(&[key]);
    let mut chosen = Vec::new();
    for name in names {
        let matching = |row: &Read<T>| row.labelled.label == name || row.base == name;
        let found: Vec<usize> = (0..rows.len()).filter(|i| matching(&rows[*i])).collect();
        if found.is_empty() {
            let labels: Vec<&str> = rows.iter().map(|row| row.labelled.label.as_str()).collect();
            let help = suggest(&name, labels.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let expected = format!("labels of this suite: {}", labels.join(", "));
            section.mistake(key, format!("`{key}` names `{name}`, which is not in the suite"), Some(expected), help);
        }
        chosen.extend(found);
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}
