//! Pictures whose folders say what they show: `<split>/<class>/<file>`, or `<class>/<file>`.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Described;
use super::super::split::{Dataset, Split, held_out};
use super::archive::Archive;
use super::decode;
use super::faults::Faults;
use super::frame::{Fit, Frame};
use super::load::{self, Wanted};
use super::sample::{balanced, ranks};
use crate::error::{Error, Result};
use crate::noise::Noise;

/// The pictures of both splits, each sorted by name.
pub struct Layout {
    /// Sorted.
    pub classes: Vec<String>,
    pub train: Vec<Picture>,
    pub test: Vec<Picture>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub name: String,
    pub label: i64,
}

/// How folders are read.
pub struct Reading<'a> {
    pub train_split: &'a str,
    /// The first of them that is there is taken.
    pub test_splits: &'a [&'a str],
    /// The share of the pictures to hold out where there are no splits.
    pub test: f64,
    pub noise: Noise,
}

/// Each reads up to the picture that is tried.
const TRIALS: usize = 8;

impl Layout {
    /// The layout of an archive with these `names`.
    pub fn read(archive: &Archive, names: &BTreeSet<String>, reading: &Reading) -> Result<Self> {
        let fault = |text: String| Error::new(format!("{}: {text}", archive.path.display()));
        let (depth, inner) = deepest(names).ok_or_else(|| fault("holds no files".into()))?;
        if let Some(stray) = names.iter().find(|name| parts(name).count() < depth && looks_like_a_picture(name)) {
            return Err(fault(format!("{stray} lies in no class folder, beside others that do")));
        }
        let mut splits: BTreeMap<&str, Vec<(&str, &String)>> = BTreeMap::new();
        for name in names.iter().filter(|name| parts(name).count() == depth) {
            let folders: Vec<&str> = parts(name).skip(inner).collect();
            match folders[..] {
                [class, _] => splits.entry("").or_default().push((class, name)),
                [split, class, _] => splits.entry(split).or_default().push((class, name)),
                [_] => return Err(fault(format!("{name} lies in no class folder: expected <class>/<file>"))),
                _ => return Err(fault(format!("{name} lies too deep: expected <split>/<class>/<file>"))),
            }
        }
        match splits.get("") {
            Some(all) => Self::held_out(labelled(all), reading),
            None => Self::stated(&splits, reading).map_err(fault),
        }
    }

    /// The layout of pictures without splits.
    fn held_out((classes, all): Labelled, reading: &Reading) -> Result<Self> {
        let test = held_out(all.len(), reading.test)?;
        let mut order = reading.noise.permutation(all.len());
        order[..test].sort_unstable();
        order[test..].sort_unstable();
        let pick = |places: &[usize]| places.iter().map(|&place| all[place].clone()).collect();
        Ok(Self { classes, train: pick(&order[test..]), test: pick(&order[..test]) })
    }

    /// The layout of pictures in split folders.
    fn stated(splits: &BTreeMap<&str, Vec<(&str, &String)>>, reading: &Reading) -> Result<Self, String> {
        let take = |wanted: &[&str]| match wanted.iter().find_map(|name| splits.get(name)) {
            Some(pictures) => Ok(labelled(pictures)),
            None => {
                let there = splits.keys().copied().collect::<Vec<_>>().join(", ");
                Err(format!("there is no split `{}` among {there}", wanted.join("` or `")))
            }
        };
        let ((classes, train), (others, test)) = (take(&[reading.train_split])?, take(reading.test_splits)?);
        for (some, all, split) in [(&classes, &others, "training"), (&others, &classes, "test")] {
            if let Some(class) = some.iter().find(|class| !all.contains(class)) {
                return Err(format!("class {class} is in the {split} split alone"));
            }
        }
        Ok(Self { classes, train, test })
    }

    /// Keeps `count` pictures of each split, of the training split first, as many of each class as of any other.
    pub fn sample(&mut self, [train, test]: [Option<usize>; 2], noise: &Noise) {
        for (pictures, count, split) in [(&mut self.train, train, "train"), (&mut self.test, test, "test")] {
            let Some(count) = count else { continue };
            let (labels, ranks) = ranked(pictures, &noise.purpose(split));
            *pictures = balanced(&labels, &ranks, count).into_iter().map(|place| pictures[place].clone()).collect();
        }
    }

    /// Keeps at most `limit` pictures of each class and split.
    pub fn limit(&mut self, limit: usize, noise: &Noise) {
        for (pictures, split) in [(&mut self.train, "train"), (&mut self.test, "test")] {
            let mut ranks = ranked(pictures, &noise.purpose(split)).1.into_iter();
            pictures.retain(|_| ranks.next().is_some_and(|rank| rank < limit));
        }
    }

    fn all(&self) -> impl Iterator<Item = &Picture> {
        self.train.iter().chain(&self.test)
    }

    /// Of the training pictures, then of the test pictures.
    pub fn names(&self) -> Vec<String> {
        self.all().map(|picture| picture.name.clone()).collect()
    }

    /// The frame; where no size was asked for, that of the first picture whose header can be read, in a few trials.
    fn frame(&self, archive: &Archive, fit: &Fit) -> Result<Frame> {
        fit.frame(|| {
            let mut first = Err(Error::new(format!("{} holds no pictures", archive.path.display())));
            for Picture { name, .. } in self.all().take(TRIALS) {
                let size = archive.read(name, decode::MOST_BYTES)?.and_then(|bytes| decode::dimensions(&bytes));
                match size {
                    Ok(size) => return Ok(size),
                    Err(fault) if first.is_err() => first = Err(Error::new(format!("{} {fault}", archive.place(name)))),
                    Err(_) => {}
                }
            }
            first
        })
    }

    /// What `load` gives, but for the pictures that it skips.
    pub fn describe(&self, archive: &Archive, fit: &Fit) -> Result<Described> {
        let Frame { size: [height, width], channels, .. } = self.frame(archive, fit)?;
        Ok(Described {
            shape: [channels, height, width].map(|side| side as i64).to_vec(),
            classes: self.classes.clone(),
            train: self.train.len(),
            test: self.test.len(),
            truth: false,
        })
    }

    /// The pictures of both splits in the frame that `fit` asks for.
    pub fn load(self, archive: &Archive, fit: &Fit, mut faults: Faults) -> Result<Dataset> {
        let frame = self.frame(archive, fit)?;
        let wanted: Vec<Wanted> = self.names().into_iter().map(|name| Wanted { name, size: None }).collect();
        let loaded = load::load(archive, &wanted, &frame, load::workers(), &mut faults)?;
        let labels: Vec<i64> = self.all().map(|picture| picture.label).collect();
        let split = |(pixels, kept): (_, Vec<usize>)| {
            Split::new(pixels, kept.into_iter().map(|place| labels[place]).collect(), None)
        };
        let [train, test] = loaded.halves(archive, self.train.len())?.map(split);
        Ok(Dataset { classes: self.classes, train, test, notes: faults.note().into_iter().collect() })
    }
}

/// Labels, and ranks by name.
fn ranked(pictures: &[Picture], noise: &Noise) -> (Vec<i64>, Vec<usize>) {
    let labels: Vec<i64> = pictures.iter().map(|picture| picture.label).collect();
    let ranks = ranks(&labels, |at| pictures[at].name.as_str().into(), noise);
    (labels, ranks)
}

fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split('/')
}

/// How many parts the deepest names have, and how many folders these share.
fn deepest(names: &BTreeSet<String>) -> Option<(usize, usize)> {
    let depth = names.iter().map(|name| parts(name).count()).max()?;
    let mut deep = names.iter().filter(|name| parts(name).count() == depth);
    let mut shared: Vec<&str> = parts(deep.next()?).take(depth - 1).collect();
    for name in deep {
        let alike = shared.iter().zip(parts(name)).take_while(|(one, other)| **one == *other).count();
        shared.truncate(alike);
    }
    Some((depth, shared.len()))
}

fn looks_like_a_picture(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [".jpg", ".jpeg", ".png"].iter().any(|ending| lower.ends_with(ending))
}

/// The class names, sorted, and the pictures with their labels.
type Labelled = (Vec<String>, Vec<Picture>);

/// Pictures as (class, name).
fn labelled(pictures: &[(&str, &String)]) -> Labelled {
    let classes: Vec<String> =
        pictures.iter().map(|(class, _)| class.to_string()).collect::<BTreeSet<_>>().into_iter().collect();
    let label = |class: &str| classes.partition_point(|name| name.as_str() < class) as i64;
    let picture = |(class, name): &(&str, &String)| Picture { name: name.to_string(), label: label(class) };
    let labelled = pictures.iter().map(picture).collect();
    (classes, labelled)
}
