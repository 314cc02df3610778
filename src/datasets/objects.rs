//! The images of another dataset as objects on larger canvases: what the sources that compose them share.

use std::path::PathBuf;

use super::folder::DataFolder;
use super::split::{Dataset, Split};
use super::{Described, Source};
use crate::catalogue::Chosen;
use crate::config::Section;
use crate::error::{Error, Result};
use crate::noise::Noise;

/// Parameters `of`, `train`, `test` and `seed`: where the objects come from, how many images are composed, and which.
pub struct Objects {
    pub of: Chosen<dyn Source>,
    train: usize,
    test: usize,
    seed: u64,
}

/// Parameters that cannot go together: the one to change, why, and to what.
#[derive(Debug)]
pub struct Misfit {
    pub key: &'static str,
    pub message: String,
    pub expected: String,
}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Self {
        Self::new(format!("{}: expected {}", misfit.message, misfit.expected))
    }
}

/// The most pixels of one split: 8 GB as floats.
pub const LARGEST: usize = 1 << 31;

impl Objects {
    pub fn read(section: &Section) -> Option<Self> {
        let of = section.word_or_table("of", "use", "digits").and_then(|of| super::choose(&of));
        let count = |key, default| section.get_if(key, default, |&count| count > 0, "an integer of 1 or more");
        let (train, test) = (count("train", 2000), count("test", 500));
        let seed = section.get("seed", 0);
        Some(Self { of: of?, train, test, seed })
    }

    /// What is known of the objects; nothing where their files are not found yet.
    pub fn described(&self) -> Option<Described> {
        self.of.method.describe(&DataFolder::default()).ok()
    }

    pub fn files(&self, data: &DataFolder) -> Result<Vec<PathBuf>> {
        self.of.method.files(data)
    }

    pub fn names(&self, data: &DataFolder) -> Result<String> {
        self.of.method.names(data)
    }

    /// Images of `height` x `width` with objects like `of`.
    pub fn compose(&self, of: Described, (height, width): (usize, usize)) -> Result<Described, Misfit> {
        let (key, count) = if self.train < self.test { ("test", self.test) } else { ("train", self.train) };
        let pixels = [of.shape[0] as usize, height, width].into_iter().fold(count, usize::saturating_mul);
        if pixels > LARGEST {
            let message = format!("{count} images of {height}x{width} are too many");
            return Err(Misfit { key, message, expected: format!("at most {LARGEST} pixels in all") });
        }
        let shape = vec![of.shape[0], height as i64, width as i64];
        Ok(Described { shape, train: self.train, test: self.test, truth: true, ..of })
    }

    /// Composes both splits: training images of training objects, test images of test objects. `name` keys the draws.
    pub fn load(&self, data: &DataFolder, name: &str, compose: impl Fn(Part) -> Result<Split>) -> Result<Dataset> {
        let of = self.of.method.load(data)?;
        let noise = Noise::new(self.seed).purpose(name);
        let part = |objects, count, word| {
            compose(Part { objects, count, noise: noise.purpose(word), classes: of.classes.len(), word })
        };
        let (train, test) = (part(&of.train, self.train, "train")?, part(&of.test, self.test, "test")?);
        Ok(Dataset { classes: of.classes, train, test, notes: of.notes })
    }
}

/// One split to be composed.
pub struct Part<'a> {
    pub objects: &'a Split,
    /// How many images to make.
    pub count: usize,
    pub noise: Noise,
    /// How many classes the objects have.
    pub classes: usize,
    /// "train" or "test".
    pub word: &'static str,
}

impl Part<'_> {
    /// `count` objects with labels that are `wanted`, in random order, each as often as any other to within one.
    ///
    /// # Errors
    /// When there is none.
    pub fn order(&self, wanted: impl Fn(i64) -> bool) -> Result<Vec<usize>> {
        let objects: Vec<usize> =
            (0..self.objects.len()).filter(|&object| wanted(self.objects.labels[object])).collect();
        if objects.is_empty() {
            return Err(Error::new(format!("there are no objects to {} with", self.word)));
        }
        let order = self.noise.purpose("order");
        let rounds = self.count.div_ceil(objects.len()) as u64;
        let places = (0..rounds).flat_map(|round| order.index(round).permutation(objects.len()));
        Ok(places.map(|place| objects[place]).take(self.count).collect())
    }

    /// The objects of each class.
    ///
    /// # Errors
    /// When fewer than `least` classes have any.
    pub fn by_class(&self, least: usize) -> Result<Vec<Vec<usize>>> {
        let mut members = vec![Vec::new(); self.classes];
        for (object, &label) in self.objects.labels.iter().enumerate() {
            members[label as usize].push(object);
        }
        let present = members.iter().filter(|members| !members.is_empty()).count();
        if present < least {
            let word = self.word;
            return Err(Error::new(format!(
                "the objects to {word} with are of {present} classes, and {least} are needed"
            )));
        }
        Ok(members)
    }
}
