//! From the tables of a file to a suite.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::{Data, Images, Labelled, MetricTable, ModelTable, Network, Origin, Suite};
use crate::catalogue::Chosen;
use crate::config::{Section, suggest};
use crate::datasets::DataFolder;
use crate::error::{Error, Result};
use crate::explainers::Contender;
use crate::influence::InfluenceMethod;
use crate::model::table as model_table;
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
    let seeds = super::seeds::read(root);
    let (over, alpha) = read_inference(root, seeds.model.len());
    let images = root.section("images").map_or_else(Images::default, |s| Images::read(&s, &Images::default()));

    let datasets = table(root, "dataset", |section| read_dataset(section, data));
    let models = table(root, "model", |_| Some(()));
    tell_half(root);
    let (explainers, mut apart) = read_contenders(root, "explainer", &models, crate::explainers::read);
    let (influences, further) = read_contenders(root, "influence", &models, crate::influence::choose);
    apart.extend(further.into_iter().map(|(place, model)| (explainers.len() + place, model)));
    let contenders = Contenders { explainers: &explainers, influences: &influences };
    let metrics = table(root, "metric", |section| Some(Narrowed::read(section, &datasets, &models, &contenders)));
    let networks = read_networks(&datasets, &models, &metrics);
    let models = model_tables(models, &smallest(&datasets));
    let metrics = metric_tables(metrics, &images, &apart, &contenders);
    tell_pairs(&metrics, &contenders);
    root.finish();

    super::check::check(&datasets, &explainers, &metrics);
    super::check::check_asked(&datasets, &explainers, &metrics);
    super::check_retraining::check(root, &datasets, &explainers, &metrics);
    super::check::check_population(over, &models);
    super::check::check_weights(&networks, &models);
    super::check::check_inside(&networks, &models, &explainers, &metrics);
    super::check::check_recipes(&networks, &models, &metrics);
    super::check::check_maps(root, &networks, &models, &explainers, &metrics);
    super::check::check_moved(&explainers, &metrics);
    super::check::check_influences(&networks, &models, &influences, &metrics, explainers.len());
    let mut metrics = labelled(metrics)?;
    metrics.extend(cost(&metrics, explainers.len()));
    Some(Suite {
        name: Path::new(path).file_stem()?.to_string_lossy().into_owned(),
        question,
        analysis,
        seed,
        model_seeds: seeds.model,
        repetitions: seeds.retrain,
        draws: seeds.draw,
        flips: seeds.flip,
        limit: None,
        over,
        alpha,
        datasets: labelled(datasets)?,
        models: labelled(models)?,
        explainers: labelled(explainers)?,
        influences: labelled(influences)?,
        metrics,
        networks,
    })
}

/// A suite without explainers and metrics is one of networks alone; with only one of the two it lacks the other.
fn tell_half(root: &Section) {
    for (there, lacking) in [("explainer", "metric"), ("influence", "metric"), ("metric", "explainer")] {
        // Whether a metric looks at explainers or at influence methods is not known yet.
        let instead = lacking == "explainer" && root.has("influence");
        if root.has(there) && !root.has(lacking) && !instead {
            let expected = format!("at least one table `[[{lacking}]]`, as there is `[[{there}]]`");
            let help = "a suite that only trains its networks has neither".to_string();
            root.mistake_at_header(format!("there is no `[[{lacking}]]`"), Some(expected), Some(help));
        }
    }
}

/// What looks at one kind of contender needs some of that kind, and what nothing looks at is a slip of the pen.
fn tell_pairs(metrics: &[Read<MetricTable>], contenders: &Contenders) {
    if contenders.influences.is_empty() && contenders.explainers.is_empty() {
        return;
    }
    let influences = |row: &Read<MetricTable>| Some(row.value.as_ref()?.metric.method.influences());
    for (row, influences) in metrics.iter().filter_map(|row| Some((row, influences(row)?))) {
        let (table, none) = match influences {
            true => ("influence", contenders.influences.is_empty()),
            false => ("explainer", contenders.explainers.is_empty()),
        };
        if none {
            let message = format!("metric `{}` looks at tables `[[{table}]]`, and there is none", row.label);
            row.section.mistake("use", message, None, None);
        }
        let other = if influences { "explainers" } else { "influences" };
        if row.section.keys().iter().any(|key| key == other) {
            let message = format!("metric `{}` does not look at {other}", row.label);
            let help = format!("narrow it with `{table}s = [..]`");
            row.section.mistake_at_key(other, message, None, Some(help));
        }
    }
    let unseen = |kind: bool| metrics.iter().all(|row| influences(row).is_some_and(|influences| influences != kind));
    let sections = [
        (contenders.influences.first().map(|row| &row.section), true, "influence methods"),
        (contenders.explainers.first().map(|row| &row.section), false, "explainers"),
    ];
    for (section, kind, words) in sections {
        if let Some(section) = section.filter(|_| !metrics.is_empty() && unseen(kind)) {
            section.mistake("use", format!("no metric of this suite looks at {words}"), None, None);
        }
    }
}

/// What explanations cost is a column of every table, stated or not.
fn cost(metrics: &[Labelled<MetricTable>], explainers: usize) -> Option<Labelled<MetricTable>> {
    if metrics.iter().all(|metric| metric.value.metric.method.influences())
        || metrics.iter().any(|metric| metric.value.metric.entry == "cost")
    {
        return None;
    }
    let metric = crate::metrics::read(&Section::parse("", "use = 'cost'").ok()?)?;
    let all = |pick: fn(&MetricTable) -> &Vec<usize>| {
        let named = metrics.iter().flat_map(|metric| pick(&metric.value).iter().copied());
        named.collect::<BTreeSet<usize>>().into_iter().collect()
    };
    let mut contenders: Vec<usize> = all(|table| &table.contenders);
    contenders.retain(|contender| *contender < explainers);
    let value = MetricTable {
        metric,
        images: metrics[0].value.images.clone(),
        datasets: all(|table| &table.datasets),
        models: all(|table| &table.models),
        contenders,
        apart: metrics[0].value.apart.clone(),
        follows: true,
    };
    Some(Labelled { label: "cost".to_string(), sweep: String::new(), value })
}

/// A row of a table with its place in the file.
pub(super) struct Read<T> {
    pub section: Section,
    /// The label before sweeps append their keys: a narrowing list may name all of a sweep by it.
    pub base: String,
    pub label: String,
    /// None: a mistake was made. The row is kept, so that naming it is not a second one.
    pub value: Option<T>,
}

fn labelled<T>(rows: Vec<Read<T>>) -> Option<Vec<Labelled<T>>> {
    let rows = rows.into_iter().map(|row| {
        let sweep = row.label.strip_prefix(&row.base).unwrap_or_default().to_string();
        Some(Labelled { label: row.label, sweep, value: row.value? })
    });
    rows.collect()
}

/// All rows of the tables called `key`, sweeps unfolded, labels told apart. Whether explainers and metrics may be absent is
/// for the suite as a whole to say.
fn table<T>(root: &Section, key: &str, read: impl Fn(&Section) -> Option<T>) -> Vec<Read<T>> {
    let mut rows: Vec<Read<T>> = Vec::new();
    let optional = ["explainer", "influence", "metric"].contains(&key) && !root.has(key);
    let sections = if optional { root.sections(key) } else { root.required_sections(key) };
    for (suffix, section) in sections.iter().flat_map(Section::variants) {
        // A model has no `use`: without a name it goes by its kind.
        let base = read_name(&section).or_else(|| section.peek("use")).unwrap_or_else(|| key.to_string());
        let label = format!("{base}{suffix}");
        if rows.iter().any(|row| row.label == label) {
            let help = if suffix.is_empty() { "give one of them a `name`" } else { "sweep over each value once" };
            let message = format!("two `[[{key}]]` tables are called `{label}`");
            section.mistake_at_header(message, None, Some(help.to_string()));
        }
        let value = read(&section);
        rows.push(Read { section, base, label, value });
    }
    rows
}

/// A name is no setting: it labels a row and changes nothing in it.
fn read_name(section: &Section) -> Option<String> {
    let printable = |name: &String| !name.trim().is_empty() && !name.contains(char::is_control);
    let name = section.peek("name").filter(printable);
    if name.is_none() {
        section.optional_if("name", printable, "a text of one line, not empty");
    }
    section.expect(&["name"]);
    name
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

fn read_dataset(section: &Section, data: &DataFolder) -> Option<Data> {
    section.expect(&["transform"]);
    let source = crate::datasets::choose(section);
    let transform = crate::transforms::choose(section, "transform");
    let source = source?;
    match source.method.describe(data) {
        Ok(mut described) => {
            described.truth &= transform.as_ref().is_none_or(|transform| transform.method.keeps_places());
            Some(Data { source, transform, described })
        }
        Err(error) => {
            // Said at the key that decides what there is to take images from.
            let keys = section.keys();
            let origin = ["file", "folder", "of", "test"].into_iter().find(|key| keys.iter().any(|known| known == key));
            section.mistake(origin.unwrap_or("use"), error.to_string(), None, None);
            None
        }
    }
}

/// Builds the models for the datasets on which some metric looks at them, for all of them without a metric; wrong shapes are mistakes under the layer's name.
fn read_networks(datasets: &[Read<Data>], models: &[Read<()>], metrics: &[Read<Narrowed>]) -> Vec<Network> {
    let narrowed = metrics.iter().filter_map(|metric| metric.value.as_ref());
    let looked_at = |d: &usize, m: &usize| {
        metrics.is_empty() || narrowed.clone().any(|rows| rows.datasets.contains(d) && rows.models.contains(m))
    };
    let mut networks = Vec::new();
    let mut unread: Vec<bool> = vec![true; models.len()];
    for (d, dataset) in datasets.iter().enumerate() {
        let Some(Data { described, .. }) = &dataset.value else { continue };
        for (m, model) in models.iter().enumerate().filter(|(m, _)| looked_at(&d, m)) {
            unread[m] = false;
            let classes = Some(described.classes.len() as i64);
            if let Some(graph) = model_table::read(&model.section, &described.shape, classes) {
                networks.push(Network { dataset: d, model: m, graph: Arc::new(graph) });
            }
        }
    }
    // Without a dataset a model still has mistakes of its own.
    models.iter().zip(unread).filter(|(_, unread)| *unread).for_each(|(model, _)| model_table::check(&model.section));
    networks
}

/// The shape of the smallest images: what fits it, fits all.
fn smallest(datasets: &[Read<Data>]) -> Vec<i64> {
    let shapes = datasets.iter().filter_map(|dataset| Some(dataset.value.as_ref()?.described.shape.clone()));
    shapes.min_by_key(|shape| shape.iter().skip(1).copied().min()).unwrap_or_default()
}

/// Reads where the weights come from, once the layers have been read from the same section.
fn model_tables(models: Vec<Read<()>>, input: &[i64]) -> Vec<Read<ModelTable>> {
    let rows = models.into_iter().map(|Read { section, base, label, .. }| {
        section.expect(model_table::KEYS);
        let origin = read_origin(&section, input);
        section.finish();
        let file = section.has("file").then(|| section.file("file")).flatten();
        let value = origin.map(|origin| ModelTable { settings: section.settings(), origin, file });
        Read { section, base, label, value }
    });
    rows.collect()
}

fn read_origin(section: &Section, input: &[i64]) -> Option<Origin> {
    match (section.has("train"), section.has("weights")) {
        // With a recipe too, the file's weights are not those of the suite. Beside `weights` it is a mistake, which was said.
        (false, _) if section.has("file") => section.file("file").map(Origin::File),
        (true, false) => section.section("train").map(|train| Origin::Trained(Recipe::read(&train, input))),
        (false, true) => section.file("weights").map(Origin::File),
        (true, true) => {
            let help = "keep `train` to train it here, or `weights` to load what was trained elsewhere".to_string();
            section.mistake_at_key("weights", "a model has either `train` or `weights`", None, Some(help));
            None
        }
        (false, false) => {
            let expected = "`train = { epochs = .. }`, or `weights = \"file.safetensors\"`".to_string();
            section.mistake_at_header("the model is neither trained nor loaded", Some(expected), None);
            None
        }
    }
}

/// The tables that metrics may look at.
struct Contenders<'a> {
    explainers: &'a [Read<Contender>],
    influences: &'a [Read<Chosen<dyn InfluenceMethod>>],
}

/// The rows that a metric looks at.
struct Narrowed {
    datasets: Vec<usize>,
    models: Vec<usize>,
    explainers: Vec<usize>,
    influences: Vec<usize>,
}

impl Narrowed {
    fn read(section: &Section, datasets: &[Read<Data>], models: &[Read<()>], contenders: &Contenders) -> Self {
        Self {
            datasets: narrow(section, "datasets", datasets),
            models: narrow(section, "models", models),
            explainers: narrow(section, "explainers", contenders.explainers),
            influences: narrow(section, "influences", contenders.influences),
        }
    }
}

/// A contender with the models that it is for.
type On<T> = (Vec<usize>, Option<T>);

/// The contenders of one kind, and which of them are not for which models: those that their own `models` does not name.
fn read_contenders<T>(
    root: &Section,
    key: &str,
    models: &[Read<()>],
    read: fn(&Section) -> Option<T>,
) -> (Vec<Read<T>>, Vec<(usize, usize)>) {
    // The list is read first, so that the method does not take it for a parameter of its own.
    let read = |section: &Section| Some((narrow(section, "models", models), read(section)));
    let mut apart = Vec::new();
    let split = |(place, row): (usize, Read<On<T>>)| {
        let (on, value) = row.value.unwrap_or_default();
        apart.extend((0..models.len()).filter(|model| !on.contains(model)).map(|model| (place, model)));
        Read { section: row.section, base: row.base, label: row.label, value }
    };
    let rows = table(root, key, read).into_iter().enumerate().map(split).collect();
    (rows, apart)
}

fn metric_tables(
    metrics: Vec<Read<Narrowed>>,
    images: &Images,
    apart: &[(usize, usize)],
    contenders: &Contenders,
) -> Vec<Read<MetricTable>> {
    let first = contenders.explainers.len();
    let rows = metrics.into_iter().map(|Read { section, base, label, value }| {
        let images = section.section("images").map_or_else(|| images.clone(), |own| Images::read(&own, images));
        let metric = crate::metrics::read(&section);
        let table = value.zip(metric).map(|(narrowed, metric)| {
            let Narrowed { datasets, models, explainers, influences } = narrowed;
            let contenders = match metric.method.influences() {
                true => influences.into_iter().map(|place| first + place).collect(),
                false => explainers,
            };
            let apart = apart.to_vec();
            MetricTable { metric, images, datasets, models, contenders, apart, follows: false }
        });
        Read { section, base, label, value: table }
    });
    rows.collect()
}

/// The rows that a metric's list names; all of them without a list.
fn narrow<T>(section: &Section, key: &str, rows: &[Read<T>]) -> Vec<usize> {
    let Some(names) = section.peek::<Vec<String>>(key).filter(|names| !names.is_empty()) else {
        // Asked for with its type, so that anything but a list of strings is a mistake.
        let _ = section.optional_if(key, |names: &Vec<String>| !names.is_empty(), "a list of at least one label");
        return (0..rows.len()).collect();
    };
    section.expect(&[key]);
    let mut chosen = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let matching = |row: &Read<T>| row.label == *name || row.base == *name;
        let found: Vec<usize> = (0..rows.len()).filter(|i| matching(&rows[*i])).collect();
        // Without any row the table itself is missing, which has been said.
        if found.is_empty() && !rows.is_empty() {
            let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
            let bases = rows.iter().map(|row| row.base.as_str());
            let help = suggest(name, labels.iter().copied().chain(bases)).map(|near| format!("did you mean `{near}`?"));
            let expected = format!("labels of this suite: {}", labels.join(", "));
            let message = format!("`{key}` names `{name}`, which is not in the suite");
            section.mistake_at_item(key, index, message, Some(expected), help);
        }
        chosen.extend(found);
    }
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}
