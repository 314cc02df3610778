//! Pictures with boxes around their objects: what the formats of such data share once their annotations are read.

use std::path::PathBuf;

use super::super::split::{Dataset, Split};
use super::super::truth::{Rect, Truth};
use super::super::{DataFolder, Described, Source};
use super::archive::Archive;
use super::faults::{Faults, OnError};
use super::frame::{Fit, Frame};
use super::load::{self, Wanted};
use super::sample::ranks;
use crate::config::Section;
use crate::error::{Error, Result};
use crate::noise::Noise;

/// One object of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub class: usize,
    /// In pixels of the picture.
    pub area: Rect,
    /// Maps are not judged there.
    pub ignored: bool,
}

/// One picture of a split.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotated {
    /// Its name in the archive.
    pub picture: String,
    /// [H, W].
    pub size: [usize; 2],
    pub objects: Vec<Object>,
}

/// What the annotation files of a dataset say.
pub struct Annotations {
    pub classes: Vec<String>,
    pub train: Vec<Annotated>,
    pub test: Vec<Annotated>,
    /// The annotation files, by name.
    pub files: Vec<String>,
}

/// What one example is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A picture; its class is the one whose boxes have the largest area in sum.
    Image,
    /// A picture and one of the classes in it.
    Class,
}

/// The largest annotation file, in bytes: that of COCO's training images is of 448 MB.
pub const MOST_TEXT: u64 = 1 << 30;

/// Reads the annotations of the training and the test split.
pub type ReadAnnotations = fn(&Archive, splits: &[String; 2], faults: &mut Faults) -> Result<Annotations>;

/// A dataset of pictures with boxes, in a folder or archive.
pub struct Boxed {
    /// Where in the data folder to look: the first that exists is taken.
    candidates: Vec<String>,
    splits: [String; 2],
    read: ReadAnnotations,
    per: Per,
    fit: Fit,
    limit: Option<usize>,
    seed: u64,
    on_error: OnError,
}

/// One example: a picture as one class is looked for in it.
struct Example {
    picture: usize,
    label: i64,
    /// In pixels of the frame.
    boxes: Vec<Rect>,
    ignored: Vec<Rect>,
}

/// The examples of both splits in one row.
struct Examples {
    pictures: Vec<Annotated>,
    examples: Vec<Example>,
    /// How many of them are of the training split.
    train: usize,
    frame: Frame,
    notes: Vec<String>,
}

impl Boxed {
    /// Parameters `folder`, `train_split`, `test_split`, `per`, `limit`, `seed`, `on_error` and those of `Fit`.
    pub fn read(section: &Section, candidates: &[&str], splits: [&str; 2], read: ReadAnnotations) -> Self {
        let folder: Option<String> = section.optional("folder");
        Self {
            candidates: folder.map_or_else(|| candidates.iter().map(|&name| name.into()).collect(), |name| vec![name]),
            splits: [
                section.get("train_split", splits[0].to_string()),
                section.get("test_split", splits[1].to_string()),
            ],
            read,
            per: section.choice("per", "image", &[("image", Per::Image), ("class", Per::Class)]),
            fit: Fit::read(section),
            limit: section.optional_if("limit", |&limit| limit > 0, "an integer of 1 or more"),
            seed: section.get("seed", 0),
            on_error: OnError::read(section),
        }
    }

    fn open(&self, data: &DataFolder) -> Result<Archive> {
        Archive::open(&data.find(&self.candidates.iter().map(String::as_str).collect::<Vec<_>>())?)
    }

    fn annotations(&self, archive: &Archive, faults: &mut Faults) -> Result<Annotations> {
        (self.read)(archive, &self.splits, faults)
    }

    /// Everything but the pixels.
    fn examples(&self, archive: &Archive, annotations: Annotations, faults: &mut Faults) -> Result<Examples> {
        let Annotations { train, test, .. } = annotations;
        let lacking = || Error::new(format!("{} annotates no picture", archive.path.display()));
        let frame = self.fit.frame(|| train.first().or(test.first()).map(|first| first.size).ok_or_else(lacking))?;
        let mut all = Examples { pictures: Vec::new(), examples: Vec::new(), train: 0, frame, notes: Vec::new() };
        let (mut empty, mut cut) = (0, 0);
        for (half, pictures) in [train, test].into_iter().enumerate() {
            let mut found = Vec::new();
            for picture in pictures {
                let placed = match frame.place(picture.size) {
                    Ok(placed) => placed,
                    Err(fault) => {
                        faults.add(&archive.place(&picture.picture), &fault)?;
                        continue;
                    }
                };
                let seen: Vec<Object> = picture
                    .objects
                    .iter()
                    .filter_map(|object| Some(Object { area: placed.rect(object.area)?, ..object.clone() }))
                    .collect();
                cut += picture.objects.len() - seen.len();
                let of_picture = self.of_picture(all.pictures.len(), &seen);
                empty += usize::from(of_picture.is_empty());
                found.extend(of_picture);
                all.pictures.push(picture);
            }
            self.limit(&mut found, &all.pictures, half as u64);
            all.train += if half == 0 { found.len() } else { 0 };
            all.examples.extend(found);
        }
        let note = |count: usize, what: &str| (count > 0).then(|| format!("{what}: {count}"));
        all.notes.extend(note(cut, "boxes wholly in what is cut off the pictures"));
        all.notes.extend(note(empty, "pictures left out because no object is to be found in them"));
        Ok(all)
    }

    /// Keeps at most `limit` examples of each class of a split.
    fn limit(&self, examples: &mut Vec<Example>, pictures: &[Annotated], split: u64) {
        let Some(limit) = self.limit else { return };
        let labels: Vec<i64> = examples.iter().map(|example| example.label).collect();
        let name = |at: usize| pictures[examples[at].picture].picture.as_str().into();
        let noise = Noise::new(self.seed).purpose("pictures/limit").index(split);
        let mut ranks = ranks(&labels, name, &noise).into_iter();
        examples.retain(|_| ranks.next().is_some_and(|rank| rank < limit));
    }

    /// The examples that a picture with these visible objects makes.
    fn of_picture(&self, picture: usize, objects: &[Object]) -> Vec<Example> {
        let area = |class: usize| -> usize {
            let boxes = objects.iter().filter(|object| object.class == class && !object.ignored);
            boxes.map(|object| (object.area.y1 - object.area.y0) * (object.area.x1 - object.area.x0)).sum()
        };
        let mut classes: Vec<usize> =
            objects.iter().filter(|object| !object.ignored).map(|object| object.class).collect();
        classes.sort_unstable();
        classes.dedup();
        if self.per == Per::Image {
            // Of equal areas the first class.
            classes = classes.into_iter().rev().max_by_key(|&class| area(class)).into_iter().collect();
        }
        let boxes = |class: usize, ignored: bool| {
            let of = objects.iter().filter(|object| object.class == class && object.ignored == ignored);
            of.map(|object| object.area).collect()
        };
        let example =
            |class| Example { picture, label: class as i64, boxes: boxes(class, false), ignored: boxes(class, true) };
        classes.into_iter().map(example).collect()
    }
}

impl Source for Boxed {
    fn describe(&self, data: &DataFolder) -> Result<Described> {
        let (archive, mut faults) = (self.open(data)?, Faults::new(self.on_error));
        let annotations = self.annotations(&archive, &mut faults)?;
        let classes = annotations.classes.clone();
        let Examples { examples, train, frame, .. } = self.examples(&archive, annotations, &mut faults)?;
        let shape = [frame.channels, frame.size[0], frame.size[1]].map(|side| side as i64).to_vec();
        Ok(Described { shape, classes, train, test: examples.len() - train, truth: true })
    }

    fn files(&self, data: &DataFolder) -> Result<Vec<PathBuf>> {
        let archive = self.open(data)?;
        archive.files(|| {
            let mut faults = Faults::new(self.on_error);
            let mut annotations = self.annotations(&archive, &mut faults)?;
            let mut files = std::mem::take(&mut annotations.files);
            let Examples { examples, pictures, .. } = self.examples(&archive, annotations, &mut faults)?;
            let mut shown: Vec<usize> = examples.iter().map(|example| example.picture).collect();
            shown.dedup();
            files.extend(shown.into_iter().map(|picture| pictures[picture].picture.clone()));
            Ok(files)
        })
    }

    fn load(&self, data: &DataFolder) -> Result<Dataset> {
        let (archive, mut faults) = (self.open(data)?, Faults::new(self.on_error));
        let annotations = self.annotations(&archive, &mut faults)?;
        let classes = annotations.classes.clone();
        let all = self.examples(&archive, annotations, &mut faults)?;
        let wanted = |example: &Example| {
            let Annotated { picture, size, .. } = &all.pictures[example.picture];
            Wanted { name: picture.clone(), size: Some(*size) }
        };
        let wanted: Vec<Wanted> = all.examples.iter().map(wanted).collect();
        let loaded = load::load(&archive, &wanted, &all.frame, load::workers(), &mut faults)?;
        let split = |(pixels, kept): (_, Vec<usize>)| {
            let kept = || kept.iter().map(|&place| &all.examples[place]);
            let truth = Truth {
                boxes: kept().map(|example| example.boxes.clone()).collect(),
                ignored: kept().map(|example| example.ignored.clone()).collect(),
                masks: None,
            };
            Split::new(pixels, kept().map(|example| example.label).collect(), Some(truth))
        };
        let [train, test] = loaded.halves(&archive, all.train)?.map(split);
        Ok(Dataset { classes, train, test, notes: all.notes.into_iter().chain(faults.note()).collect() })
    }
}
