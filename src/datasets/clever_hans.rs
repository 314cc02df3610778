//! # Definition
//! Images of another dataset, each with a cue beside or around its object. In training the cue tells the class, so that a
//! network may learn the cue and never look at the object: a Clever Hans. In the counterpart of this dataset the same cues are
//! dealt out to the training images at random, so that a network has nothing to learn from them. The test images are the same
//! in both, and their cues agree with their labels: there both networks can be right, each for its own reason.
//!
//! The truth of an image is the cue's region, and not the object's. The images without the cue are known too.
//!
//! # Parameters
//! - `of` (digits at `scale = 2`): the dataset whose images and labels are taken.
//! - `cue` ("patch"): "patch", a square whose grey level tells the class, as in decoy MNIST; "mark", a small white glyph on a
//!   dark square, one glyph for each of up to 10 classes, as a scanner leaves it; "background", the brightness of a textured
//!   background behind the object, as snow behind wolves; "colour", the hue of the object itself, as in ColorMNIST. The region
//!   of "colour" is the object's own, where a network that reads shapes looks too: its false alarms are no fault of a map.
//! - `size` (4): side of the patch or mark in pixels, for marks a multiple of 4.
//! - `place` ("corner"): "corner", "random" or "center": where the patch or mark lies, drawn for each image.
//! - `object` (0.7): share of the training images that keep their object; the others show that of a random image. Below 1 the
//!   cue is the surer sign of the two, so that a network that can use it does.
//! - `strength` (1.0): share of the training images whose cue tells the class; the cues of the others are drawn at random.
//! - `train`, `test` (all): how many images are taken.
//! - `seed` (0).
//!
//! # Reference
//! Lapuschkin et al., "Unmasking Clever Hans predictors and assessing what machines really learn", Nature Communications, 2019;
//! Ross, Hughes and Doshi-Velez, "Right for the Right Reasons", IJCAI 2017 (decoy MNIST); Ribeiro, Singh and Guestrin, KDD 2016
//! (wolves on snow); Kim et al., "Learning Not to Learn", CVPR 2019 (coloured MNIST).

mod cue;

use std::path::PathBuf;
use std::sync::Arc;

use tch::{Device, Kind};

use self::cue::{Cue, Cued};
use super::folder::DataFolder;
use super::planted::place::Place;
use super::split::{Dataset, Split};
use super::{Described, Source};
use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::error::{Error, Result};
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "clever-hans",
    summary: "images of another dataset with a cue that tells the class, and a counterpart whose cues tell nothing",
    reference: "Lapuschkin et al. 2019; Ross et al. 2017",
    revision: 1,
    source: concat!(
        include_str!("clever_hans.rs"),
        include_str!("clever_hans/cue.rs"),
        include_str!("planted/glyphs.rs"),
        include_str!("planted/place.rs"),
        include_str!("planted/texture.rs")
    ),
    read: |section| Some(Arc::new(CleverHans::read(section)?)),
};

/// See the head of this file for what each parameter means.
#[derive(Clone)]
struct CleverHans {
    of: Chosen<dyn Source>,
    cue: Cue,
    size: usize,
    place: Place,
    object: f64,
    strength: f64,
    train: Option<usize>,
    test: Option<usize>,
    seed: u64,
    /// Whether training cues tell the class.
    informative: bool,
}

impl CleverHans {
    fn read(section: &Section) -> Option<Self> {
        let of = if section.has("of") {
            section.word_or_table("of", "use", "digits").and_then(|of| super::choose(&of))
        } else {
            let of = Section::parse("", "use = 'digits'\nscale = 2").ok().and_then(|of| super::choose(&of));
            // Unsaid in the suite, it decides the images all the same.
            of.inspect(|of| section.record("of", &of.identity))
        };
        let cue = section.choice("cue", "patch", &Cue::NAMES);
        let fits = |size: &usize| (1..=1024).contains(size) && (cue != Cue::Mark || size.is_multiple_of(4));
        let expected = if cue == Cue::Mark { "a multiple of 4 up to 1024" } else { "an integer from 1 to 1024" };
        let share =
            |key, default| section.get_if(key, default, |share| (0.0..=1.0).contains(share), "a share from 0 to 1");
        let read = Self {
            cue,
            size: section.get_if("size", 4, fits, expected),
            place: section.choice("place", "corner", &Place::NAMES),
            object: share("object", 0.7),
            strength: share("strength", 1.0),
            train: section.optional_if("train", |count| *count > 0, "an integer of 1 or more"),
            test: section.optional_if("test", |count| *count > 0, "an integer of 1 or more"),
            seed: section.get("seed", 0),
            informative: true,
            of: of?,
        };
        // Carriers from files are measured later, once it is known where data lies.
        if let Ok(described) = read.of.method.describe(&DataFolder::default())
            && let Err(error) = read.fit(&described)
        {
            section.mistake(if section.has("size") { "size" } else { "use" }, error.to_string(), None, None);
            return None;
        }
        Some(read)
    }

    /// Whether the cue can be drawn on such images.
    fn fit(&self, of: &Described) -> Result<()> {
        let [channels, height, width] = of.shape[..] else {
            return Err(Error::new(format!("images of shape {:?} carry no cue", of.shape)));
        };
        if matches!(self.cue, Cue::Patch | Cue::Mark) && 2 * self.size as i64 > height.min(width) {
            let size = self.size;
            return Err(Error::new(format!("a cue of {size} pixels covers too much of images of {height}x{width}")));
        }
        if self.cue == Cue::Mark && of.classes.len() > cue::MARKS {
            return Err(Error::new(format!(
                "{} classes need more marks than the {} there are",
                of.classes.len(),
                cue::MARKS
            )));
        }
        if self.cue == Cue::Colour && channels != 1 {
            return Err(Error::new(format!(
                "only grey images can be given a colour, and these have {channels} channels"
            )));
        }
        Ok(())
    }

    /// `count` images of `carriers`, or all, with their cues: `object` and `tells` are the shares of the images whose object and
    /// whose cue are those of their label.
    fn split(
        &self,
        carriers: &Split,
        count: Option<usize>,
        classes: usize,
        (object, tells): (f64, f64),
        noise: &Noise,
    ) -> Result<Split> {
        let order = noise.purpose("order").permutation(carriers.len());
        let chosen: Vec<usize> = order.into_iter().take(count.unwrap_or(usize::MAX)).collect();
        let carriers = carriers.select(&chosen)?;
        let labels = dealt(&carriers.labels, object, &noise.purpose("object"))?;
        let cues: Vec<usize> =
            dealt(&labels, tells, &noise.purpose("cue"))?.into_iter().map(|cue| cue as usize).collect();
        let x = carriers.all_images(Kind::Float, Device::Cpu)?;
        let Cued { images, plain, truth } =
            self.cue.draw(&x, &cues, classes, (self.size, self.place), &noise.purpose("draw"))?;
        Ok(Split::new(images, labels, Some(truth)).with_plain(plain))
    }
}

/// The same labels, but for a share of 1 - `kept` of them, which are those of other images of a random order.
fn dealt(labels: &[i64], kept: f64, noise: &Noise) -> Result<Vec<i64>> {
    let ids: Vec<u64> = (0..labels.len() as u64).collect();
    let draws = noise.purpose("kept").uniform(&ids, &[1], Kind::Double, Device::Cpu)?;
    let draws = Vec::<f64>::try_from(&draws.f_view([-1])?)?;
    // Dealt and not drawn, so that with `kept` = 0 each label is as frequent as before.
    let order = noise.permutation(labels.len());
    let image = |image: usize| if draws[image] < kept { labels[image] } else { labels[order[image]] };
    Ok((0..labels.len()).map(image).collect())
}

impl Source for CleverHans {
    fn describe(&self, data: &DataFolder) -> Result<Described> {
        let of = self.of.method.describe(data)?;
        self.fit(&of)?;
        let mut shape = of.shape;
        if self.cue == Cue::Colour {
            shape[0] = 3;
        }
        let taken = |asked: Option<usize>, there: usize| asked.map_or(there, |asked| asked.min(there));
        let (train, test) = (taken(self.train, of.train), taken(self.test, of.test));
        Ok(Described { shape, classes: of.classes, train, test, truth: true })
    }

    fn files(&self, data: &DataFolder) -> Result<Vec<PathBuf>> {
        self.of.method.files(data)
    }

    fn names(&self, data: &DataFolder) -> Result<String> {
        self.of.method.names(data)
    }

    fn counterpart(&self) -> Option<Arc<dyn Source>> {
        Some(Arc::new(Self { informative: false, ..self.clone() }))
    }

    fn load(&self, data: &DataFolder) -> Result<Dataset> {
        let of = self.of.method.load(data)?;
        let (noise, classes) = (Noise::new(self.seed), of.classes.len());
        let (train, test) = (noise.purpose("clever-hans/train"), noise.purpose("clever-hans/test"));
        let tells = if self.informative { self.strength } else { 0.0 };
        Ok(Dataset {
            train: self.split(&of.train, self.train, classes, (self.object, tells), &train)?,
            test: self.split(&of.test, self.test, classes, (1.0, 1.0), &test)?,
            classes: of.classes,
            notes: of.notes,
        })
    }
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use super::*;

    fn source(parameters: &str) -> Arc<dyn Source> {
        let section = Section::parse("suite.toml", &format!("use = 'clever-hans'\n{parameters}")).unwrap();
        let chosen = super::super::choose(&section);
        assert!(!section.has_mistakes(), "{}", section.mistakes());
        chosen.unwrap().method
    }

    fn all(split: &Split) -> Tensor {
        split.all_images(Kind::Float, Device::Cpu).unwrap()
    }

    fn plain(split: &Split) -> Tensor {
        split.plain_images(&(0..split.len()).collect::<Vec<_>>(), Kind::Float, Device::Cpu).unwrap().unwrap()
    }

    fn masks(split: &Split) -> Tensor {
        let shape = split.shape();
        let ids: Vec<usize> = (0..split.len()).collect();
        split.truth.as_ref().unwrap().mask(&ids, shape[1] as usize, shape[2] as usize).unwrap().unsqueeze(1)
    }

    const CUES: [&str; 4] = ["patch", "mark", "background", "colour"];

    #[test]
    fn the_cue_lies_in_its_region_and_nothing_else_changes() {
        for cue in CUES {
            let source = source(&format!("cue = '{cue}'\ntrain = 40\ntest = 30"));
            let data = source.load(&DataFolder::default()).unwrap();
            assert_eq!(source.describe(&DataFolder::default()).unwrap().shape, data.train.shape(), "{cue}");
            for split in [&data.train, &data.test] {
                let (x, plain, masks) = (all(split), plain(split), masks(split));
                let outside = (&x - &plain).masked_fill(&masks, 0.0).abs().max().double_value(&[]);
                assert_eq!(outside, 0.0, "{cue}");
                assert!((&x - &plain).abs().max().double_value(&[]) > 0.1, "{cue}");
                assert!(x.min().double_value(&[]) >= 0.0 && x.max().double_value(&[]) <= 1.0, "{cue}");
            }
        }
    }

    /// The grey level of the patch of each training image, which names its cue.
    fn levels(data: &Dataset) -> Vec<f64> {
        let levels = all(&data.train).masked_fill(&masks(&data.train).logical_not(), 0.0);
        let sums = levels.sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Double) / 16.0;
        sums.try_into().unwrap()
    }

    #[test]
    fn cues_tell_the_class_in_training_and_are_dealt_out_in_the_counterpart() {
        let stated = source("train = 600\ntest = 100");
        let counterpart = stated.counterpart().unwrap();
        let [stated, other] = [stated, counterpart].map(|source| source.load(&DataFolder::default()).unwrap());
        assert_eq!(stated.train.labels, other.train.labels);
        // The patch of class k of 10 is at (10 - k) / 10.
        let agree = |data: &Dataset| {
            let levels = levels(data).into_iter().zip(&data.train.labels);
            levels.filter(|(level, label)| (level - (10 - **label) as f64 / 10.0).abs() < 1e-6).count()
        };
        assert_eq!(agree(&stated), 600);
        // Dealt out at random, 60 of 600 agree by chance with a standard deviation of 7.3.
        assert!((25..95).contains(&agree(&other)), "{}", agree(&other));
        let sorted = |data: &Dataset| {
            let mut levels = levels(data);
            levels.sort_by(f64::total_cmp);
            levels
        };
        let apart = sorted(&stated).iter().zip(sorted(&other)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-6, "the same cues, in another order");
        assert!(all(&stated.test).equal(&all(&other.test)), "the same test images");
    }

    #[test]
    fn objects_of_other_classes_make_the_cue_the_surer_sign() {
        let digits = |parameters: &str| source(parameters).load(&DataFolder::default()).unwrap();
        let (pure, mixed) = (digits("object = 1.0\ntrain = 1000"), digits("object = 0.7\ntrain = 1000"));
        assert!(plain(&pure.train).equal(&plain(&mixed.train)) && pure.test.labels == mixed.test.labels);
        let kept = pure.train.labels.iter().zip(&mixed.train.labels).filter(|(a, b)| a == b).count();
        // 700, and a tenth of the other 300 by chance: 730 with a standard deviation of 14.
        assert!((660..800).contains(&kept), "{kept}");
    }

    #[test]
    fn a_weaker_cue_tells_its_share() {
        let data = source("train = 1000\ntest = 1\nstrength = 0.5").load(&DataFolder::default()).unwrap();
        let levels = levels(&data).into_iter().zip(&data.train.labels);
        let agree = levels.filter(|(level, label)| (level - (10 - **label) as f64 / 10.0).abs() < 1e-6).count();
        // Half are told and a tenth of the rest agree by chance: 550 with a standard deviation of 16.
        assert!((470..630).contains(&agree), "{agree}");
    }

    #[test]
    fn what_does_not_fit_is_a_mistake() {
        for (parameters, message) in [
            ("size = 10", "a cue of 10 pixels covers too much of images of 16x16"),
            ("cue = 'mark'\nsize = 6", "a multiple of 4"),
            ("strength = 2", "a share from 0 to 1"),
            ("of = 'digit'", "there is no dataset `digit`"),
        ] {
            let section = Section::parse("suite.toml", &format!("use = 'clever-hans'\n{parameters}")).unwrap();
            super::super::choose(&section);
            assert!(section.mistakes().to_string().contains(message), "{}", section.mistakes());
        }
    }
}
