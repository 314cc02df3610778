//! # Definition
//! Images of another dataset as objects on a larger canvas, with objects of other classes beside them; one object decides the
//! class of the image. With `label = "brightest"` it is the one at full contrast, and distractors of any other class are
//! dimmed; with `label = "kind"` the first half of the classes are those of images and the objects of the other half distract,
//! as bright as the one that counts, so that only who can read them knows where to look. Objects do not overlap: the canvas is divided into square cells that hold the
//! largest of them, each object has a cell of its own, drawn at random, and lies anywhere within it. The pixels of an
//! object are those that are not black; they cover the background. The truth is the object's pixels, and as box the
//! smallest that holds them.
//!
//! # Parameters
//! - `of` ("digits"): the dataset of the objects, training images for training, test images for testing.
//! - `size` (twice the objects' longer side, as scaled): side of the canvas.
//! - `scale` ([1, 1]): how many times larger objects are made, each by a factor drawn between the two, bilinearly.
//! - `label` ("brightest"): "brightest" or "kind", see above.
//! - `distractors` (1), `contrast` (0.5, of "kind" 1): how many objects distract, and what their brightness is multiplied by.
//! - `background` ("black"): "black", or "texture": grey blotches of brightness up to 0.3, drawn independently of the
//!   class.
//! - `train` (2000), `test` (500), `seed` (0): how many images, and which.
//!
//! # Reference
//! Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016 (why a map must tell objects of one
//! image apart); Yang and Kim, "Benchmarking Attribution Methods with Relative Feature Importance", 2019 (pasted
//! objects).

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::folder::DataFolder;
use super::objects::{Misfit, Objects, Part};
use super::planted::texture::texture;
use super::split::{Dataset, Split};
use super::truth::Truth;
use super::{Described, Source};
use crate::catalogue::Entry;
use crate::config::Section;
use crate::error::{Error, Result};
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "canvas",
    summary: "objects of another dataset on a larger canvas, with distractors: one of them decides the class",
    reference: "after Zhang et al. 2016; Yang and Kim 2019",
    revision: 1,
    source: concat!(include_str!("canvas.rs"), include_str!("objects.rs"), include_str!("planted/texture.rs")),
    read: |section| Some(Arc::new(Canvas::read(section)?)),
};

/// See the head of this file for what each parameter means.
struct Canvas {
    objects: Objects,
    size: Option<usize>,
    scale: [f64; 2],
    label: Label,
    distractors: usize,
    contrast: f64,
    background: Background,
}

/// What tells the object that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Brightest,
    /// Its class is of the first half.
    Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Background {
    Black,
    Texture,
}

/// Brightness below which texture stays.
const TEXTURE: f64 = 0.3;

/// How a canvas is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cells {
    side: usize,
    /// Cells to a side.
    across: usize,
}

impl Canvas {
    fn read(section: &Section) -> Option<Self> {
        let ordered = |scale: &Vec<f64>| matches!(scale[..], [low, high] if 0.1 <= low && low <= high && high <= 16.0);
        let scale = section.get_if("scale", vec![1.0, 1.0], ordered, "a list [low, high] of factors from 0.1 to 16");
        let backgrounds = [("black", Background::Black), ("texture", Background::Texture)];
        let (size, distractors) = (section.optional("size"), section.get("distractors", 1));
        let label = section.choice("label", "brightest", &[("brightest", Label::Brightest), ("kind", Label::Kind)]);
        let contrast = match label {
            Label::Brightest => section.get_if("contrast", 0.5, |&c| 0.0 < c && c < 1.0, "a number between 0 and 1"),
            Label::Kind => section.get_if("contrast", 1.0, |&c| 0.0 < c && c <= 1.0, "a number above 0 and at most 1"),
        };
        let background = section.choice("background", "black", &backgrounds);
        let objects = Objects::read(section)?;
        let canvas = Self { objects, size, scale: [scale[0], scale[1]], label, distractors, contrast, background };
        if let Some(of) = canvas.objects.described()
            && let Err(misfit) = canvas.compose(of)
        {
            section.mistake(misfit.key, misfit.message, Some(misfit.expected), None);
            return None;
        }
        Some(canvas)
    }

    fn compose(&self, of: Described) -> Result<Described, Misfit> {
        if of.classes.len() < 2 && self.distractors > 0 {
            let message = "distractors are of other classes, and there is one class".to_string();
            return Err(Misfit { key: "distractors", message, expected: "0".to_string() });
        }
        let side = self.cells(&of.shape)?.side;
        let classes = of.classes[..self.deciding(of.classes.len())].to_vec();
        self.objects.compose(Described { classes, ..of }, (side, side))
    }

    /// How many of the objects' classes, from the first on, are classes of images.
    fn deciding(&self, classes: usize) -> usize {
        if self.label == Label::Kind { classes.div_ceil(2) } else { classes }
    }

    /// The canvas for objects of this shape [C, H, W].
    fn cells(&self, shape: &[i64]) -> Result<Cells, Misfit> {
        let object = shape[1..].iter().map(|&side| scaled(side, self.scale[1])).max().unwrap_or(1) as usize;
        let side = self.size.unwrap_or(2 * object);
        let across = side / object;
        let wanted = self.distractors.saturating_add(1);
        if across.saturating_mul(across) >= wanted {
            return Ok(Cells { side, across });
        }
        let key = if self.size.is_some() { "size" } else { "distractors" };
        let least = (wanted - 1).isqrt() + 1;
        let message = format!("a canvas of {side} does not hold {wanted} of {object}x{object} side by side");
        Err(Misfit { key, message, expected: format!("a canvas of {} or more", least.saturating_mul(object)) })
    }

    fn split(&self, part: Part) -> Result<Split> {
        let shape = part.objects.shape();
        let cells = self.cells(&shape)?;
        let (count, side, noise) = (part.count, cells.side as i64, &part.noise);
        let black = Tensor::f_zeros([count as i64, shape[0], side, side], (Kind::Float, Device::Cpu))?;
        let images = match self.background {
            Background::Black => black,
            Background::Texture => {
                black.f_add(&texture(count, cells.side, &noise.purpose("texture"))?.f_mul_scalar(TEXTURE)?)?
            }
        };
        let masks = Tensor::f_zeros([count as i64, side, side], (Kind::Bool, Device::Cpu))?;
        let deciding = self.deciding(part.classes) as i64;
        let targets = part.order(|label| label < deciding)?;
        let others = self.others(&part, &targets)?;
        for image in 0..count {
            let draws = noise.purpose("place").index(image as u64);
            let free = draws.permutation(cells.across * cells.across);
            let objects = std::iter::once(targets[image]).chain(others[image].iter().copied());
            for (nth, (object, cell)) in objects.zip(free).enumerate() {
                let draws = draws.index(nth as u64);
                let picture = self.picture(part.objects, object, &draws)?;
                let place = cells.place(cell, &picture, &draws);
                let lit = picture.f_amax(0, false)?.f_gt(0.0)?;
                let contrast = if nth == 0 { 1.0 } else { self.contrast };
                cover(&images.f_get(image as i64)?, &picture.f_mul_scalar(contrast)?, &lit, place)?;
                if nth == 0 {
                    cover(&masks.f_get(image as i64)?, &lit, &lit, place)?;
                }
            }
        }
        let labels = targets.iter().map(|&target| part.objects.labels[target]).collect();
        Ok(Split::new(images, labels, Some(Truth::from_masks(masks)?)))
    }

    /// The distractors of each image, all equally likely: objects of any class but its own, or of those that decide nothing.
    fn others(&self, part: &Part, targets: &[usize]) -> Result<Vec<Vec<usize>>> {
        if self.distractors == 0 {
            return Ok(vec![Vec::new(); targets.len()]);
        }
        part.by_class(2)?;
        let labels = &part.objects.labels;
        let deciding = self.deciding(part.classes) as i64;
        if self.label == Label::Kind && labels.iter().all(|label| *label < deciding) {
            return Err(Error::new(format!("no object to {} with is of a class that distracts", part.word)));
        }
        let draw = |(image, &target): (usize, &usize)| {
            let draws = part.noise.purpose("distractor").index(image as u64);
            let any = (0..).map(|counter| draws.below(counter, labels.len() as u64) as usize);
            let distracts = |&other: &usize| match self.label {
                Label::Brightest => labels[other] != labels[target],
                Label::Kind => labels[other] >= deciding,
            };
            any.filter(distracts).take(self.distractors).collect()
        };
        Ok(targets.iter().enumerate().map(draw).collect())
    }

    /// One object [C, H, W] in its size.
    fn picture(&self, objects: &Split, object: usize, draws: &Noise) -> Result<Tensor> {
        let picture = objects.images(&[object], Kind::Float, Device::Cpu)?;
        let [low, high] = self.scale;
        let share = draws.uniform_u64(0) as f64 / u64::MAX as f64;
        let (factor, size) = (low + share * (high - low), picture.size());
        let size = [scaled(size[2], factor), scaled(size[3], factor)];
        Ok(picture.f_upsample_bilinear2d(size, false, None, None)?.f_squeeze_dim(0)?)
    }
}

/// Puts those pixels of `picture` [.., h, w] that are `lit` [h, w] over `canvas` [.., H, W], from (y, x) on.
fn cover(canvas: &Tensor, picture: &Tensor, lit: &Tensor, (y, x): (i64, i64)) -> Result<()> {
    let (height, width) = lit.size2()?;
    let mut area = canvas.f_narrow(-2, y, height)?.f_narrow(-1, x, width)?;
    area.f_copy_(&picture.f_where_self(lit, &area)?)?;
    Ok(())
}

/// A side of an object made `factor` times larger.
fn scaled(side: i64, factor: f64) -> i64 {
    ((side as f64 * factor).round() as i64).max(1)
}

impl Cells {
    /// The upper left pixel (y, x) of `picture` [C, H, W] anywhere in a cell, counted row by row.
    fn place(self, cell: usize, picture: &Tensor, draws: &Noise) -> (i64, i64) {
        let within = |at: usize, length: i64, counter| {
            // Cells take up the whole canvas, also where its side is no multiple of theirs.
            let [start, end] = [at, at + 1].map(|edge| edge * self.side / self.across);
            let room = (end - start) as i64 - length;
            start as i64 + draws.below(counter, room as u64 + 1) as i64
        };
        let size = picture.size();
        (within(cell / self.across, size[1], 1), within(cell % self.across, size[2], 2))
    }
}

impl Source for Canvas {
    fn describe(&self, data: &DataFolder) -> Result<Described> {
        Ok(self.compose(self.objects.of.method.describe(data)?)?)
    }

    fn files(&self, data: &DataFolder) -> Result<Vec<PathBuf>> {
        self.objects.files(data)
    }

    fn names(&self, data: &DataFolder) -> Result<String> {
        self.objects.names(data)
    }

    fn load(&self, data: &DataFolder) -> Result<Dataset> {
        let Described { classes, .. } = self.describe(data)?;
        Ok(Dataset { classes, ..self.objects.load(data, "canvas", |part| self.split(part))? })
    }
}
