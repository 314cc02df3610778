//! # Definition
//! Images whose class is decided by a small glyph at a known place, so that it is known what an explanation must find. The
//! glyph is drawn over a carrier, an image of another dataset or a random texture, which is drawn independently of the class
//! and therefore says nothing about it. Carriers have values in [0, 1 - `contrast`], the glyph's pixels are 1 in every
//! channel. The truth of an image is the glyph's box, and as mask the pixels it lights. The classes are as frequent as each
//! other, to within one image.
//!
//! # Parameters
//! - `of` (grey texture): a dataset whose images are the carriers, training images for training, test images for testing.
//! - `size` (16, or the carriers' longer side if that is more): side of the canvas; smaller carriers lie at random places.
//! - `classes` (4), `cue` (4): number of glyphs, and the side of a glyph's box in pixels.
//! - `contrast` (0.5): the part of the brightness range that only glyphs use.
//! - `place` ("random"): "random", "corner" or "center".
//! - `distractor` (false): whether a glyph of no class is drawn elsewhere, as bright as the one that counts.
//! - `train` (1500), `test` (500), `seed` (0): how many images, and which.
//!
//! # Reference
//! Yang and Kim, "Benchmarking Attribution Methods with Relative Feature Importance", 2019 (the idea of pasted evidence).

pub(super) mod glyphs;
pub(super) mod place;
#[cfg(test)]
mod tests;
pub(super) mod texture;

use std::path::PathBuf;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use self::glyphs::{CELLS, DISTRACTOR, GLYPHS, Glyph};
use self::place::Place;
use super::folder::DataFolder;
use super::objects::{LARGEST, Misfit};
use super::split::{Dataset, Split};
use super::truth::{Rect, Truth};
use super::{Described, Source};
use crate::catalogue::{Chosen, Entry};
use crate::config::Section;
use crate::error::Result;
use crate::noise::Noise;

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "planted",
    summary: "a glyph at a known place decides the class, over texture or the images of another dataset",
    reference: "after Yang and Kim 2019",
    revision: 1,
    source: concat!(
        include_str!("planted.rs"),
        include_str!("planted/glyphs.rs"),
        include_str!("planted/place.rs"),
        include_str!("planted/texture.rs")
    ),
    read: |section| Some(Arc::new(Planted::read(section)?)),
};

/// See the head of this file for what each parameter means.
struct Planted {
    of: Option<Chosen<dyn Source>>,
    size: Option<usize>,
    classes: usize,
    cue: usize,
    contrast: f64,
    place: Place,
    distractor: bool,
    train: usize,
    test: usize,
    seed: u64,
}

/// Side of the canvas where neither `size` nor the carriers ask for another.
const SIZE: usize = 16;

impl Planted {
    fn read(section: &Section) -> Option<Self> {
        let of =
            section.has("of").then(|| section.word_or_table("of", "use", "digits").and_then(|of| super::choose(&of)));
        let most = GLYPHS.len();
        let mut planted = Self {
            of: None,
            size: section.optional("size"),
            classes: section.get_if("classes", 4, |n| (2..=most).contains(n), &format!("an integer from 2 to {most}")),
            cue: section.get_if(
                "cue",
                4,
                |&cue| (1..=1024).contains(&cue) && cue % CELLS == 0,
                "a multiple of 4 up to 1024",
            ),
            contrast: section.get_if("contrast", 0.5, |&c| 0.0 < c && c <= 1.0, "a number above 0 and at most 1"),
            place: section.choice("place", "random", &Place::NAMES),
            distractor: section.get("distractor", false),
            train: section.get_if("train", 1500, |&count| count > 0, "an integer of 1 or more"),
            test: section.get_if("test", 500, |&count| count > 0, "an integer of 1 or more"),
            seed: section.get("seed", 0),
        };
        // Only now, so that the mistakes of both tables are found in one reading.
        planted.of = match of {
            Some(of) => Some(of?),
            None => None,
        };
        // Carriers from files are measured later, once it is known where data lies.
        if let Ok(carrier) = planted.carrier_shape(&DataFolder::default())
            && let Err(misfit) = planted.side(&carrier)
        {
            section.mistake(misfit.key, misfit.message, Some(misfit.expected), None);
            return None;
        }
        Some(planted)
    }

    /// [C, H, W] of the carriers; texture takes any size.
    fn carrier_shape(&self, data: &DataFolder) -> Result<Vec<i64>> {
        self.of.as_ref().map_or(Ok(vec![1, 0, 0]), |of| Ok(of.method.describe(data)?.shape))
    }

    /// Side of the canvas for carriers of this shape.
    fn side(&self, carrier: &[i64]) -> Result<usize, Misfit> {
        let (cue, height, width) = (self.cue, carrier[1] as usize, carrier[2] as usize);
        let longer = height.max(width);
        let side = self.size.unwrap_or(longer.max(SIZE));
        // On three times its side, less one, a second glyph finds a place wherever the first lies.
        let (least, beside) = if self.distractor { (3 * cue - 1, " and a distractor") } else { (cue, "") };
        let (split, count) = if self.train < self.test { ("test", self.test) } else { ("train", self.train) };
        let larger = if self.size.is_some() { "size" } else { split };
        let pixels = [carrier[0] as usize, side, side].into_iter().fold(count, usize::saturating_mul);

        let misfit = |key, message, expected| Err(Misfit { key, message, expected });
        if side < longer {
            let message = format!("images of {height}x{width} do not fit on a canvas of {side}");
            misfit("size", message, format!("{longer} or more"))
        } else if side < least {
            let key = if self.size.is_some() { "size" } else { "cue" };
            let message = format!("a canvas of {side} is too small for a cue of {cue} pixels{beside}");
            misfit(key, message, format!("a canvas of {least} or more"))
        } else if pixels > LARGEST {
            let message = format!("{count} images of {side}x{side} are too many");
            misfit(larger, message, format!("at most {LARGEST} pixels in all"))
        } else {
            Ok(side)
        }
    }

    fn class_names(&self) -> Vec<String> {
        GLYPHS[..self.classes].iter().map(|(name, _)| name.to_string()).collect()
    }

    fn split(&self, carriers: Option<&Split>, count: usize, side: usize, noise: &Noise) -> Result<Split> {
        let labels = noise.purpose("label").permutation(count).into_iter().map(|at| at % self.classes);
        let labels: Vec<usize> = labels.collect();
        let (place, distraction) = (noise.purpose("place"), noise.purpose("distractor"));
        let room = side - self.cue;
        let mut canvas = Canvas { side, cue: self.cue, pixels: vec![false; count * side * side] };
        let mut distractors = canvas.clone();
        let mut boxes = Vec::new();
        for (image, &label) in labels.iter().enumerate() {
            let (y, x) = self.place.find((room, room), &place.index(image as u64));
            canvas.draw(&GLYPHS[label], image, (y, x));
            boxes.push(vec![Rect { y0: y, x0: x, y1: y + self.cue, x1: x + self.cue }]);
            if self.distractor {
                let beside = place::beside((y, x), self.cue, room, &distraction.index(image as u64));
                distractors.draw(&DISTRACTOR, image, beside);
            }
        }
        let masks = canvas.masks()?;
        let lit = masks.f_logical_or(&distractors.masks()?)?.f_unsqueeze(1)?;
        let images = match carriers {
            Some(split) => scattered(split, count, side, noise)?,
            None => texture::texture(count, side, &noise.purpose("texture"))?,
        };
        let images = images.f_mul_scalar(1.0 - self.contrast)?.f_masked_fill(&lit, 1.0)?;
        let labels = labels.into_iter().map(|label| label as i64).collect();
        Ok(Split::new(images, labels, Some(Truth { masks: Some(masks), ..Truth::from_boxes(boxes) })))
    }
}

impl Source for Planted {
    fn describe(&self, data: &DataFolder) -> Result<Described> {
        let carrier = self.carrier_shape(data)?;
        let side = self.side(&carrier)? as i64;
        Ok(Described {
            shape: vec![carrier[0], side, side],
            classes: self.class_names(),
            train: self.train,
            test: self.test,
            truth: true,
        })
    }

    fn files(&self, data: &DataFolder) -> Result<Vec<PathBuf>> {
        self.of.as_ref().map_or(Ok(Vec::new()), |of| of.method.files(data))
    }

    fn names(&self, data: &DataFolder) -> Result<String> {
        self.of.as_ref().map_or(Ok(String::new()), |of| of.method.names(data))
    }

    fn load(&self, data: &DataFolder) -> Result<Dataset> {
        let side = self.describe(data)?.shape[1] as usize;
        let carriers = self.of.as_ref().map(|of| of.method.load(data)).transpose()?;
        let noise = Noise::new(self.seed);
        let (train, test) = (noise.purpose("planted/train"), noise.purpose("planted/test"));
        Ok(Dataset {
            classes: self.class_names(),
            train: self.split(carriers.as_ref().map(|data| &data.train), self.train, side, &train)?,
            test: self.split(carriers.as_ref().map(|data| &data.test), self.test, side, &test)?,
            notes: carriers.map_or(Vec::new(), |data| data.notes),
        })
    }
}

/// The lit pixels of all images.
#[derive(Clone)]
struct Canvas {
    side: usize,
    cue: usize,
    /// [N, side, side].
    pixels: Vec<bool>,
}

impl Canvas {
    fn draw(&mut self, glyph: &Glyph, image: usize, (top, left): (usize, usize)) {
        for (y, x) in glyphs::pixels(glyph, self.cue) {
            self.pixels[(image * self.side + top + y) * self.side + left + x] = true;
        }
    }

    /// bool [N, side, side].
    fn masks(&self) -> Result<Tensor> {
        let side = self.side as i64;
        Ok(Tensor::f_from_slice(&self.pixels)?.f_reshape([-1, side, side])?)
    }
}

/// `count` images of `split`, each as often as any other to within one, in random order and at random places of black
/// canvases, [N, C, side, side].
fn scattered(split: &Split, count: usize, side: usize, noise: &Noise) -> Result<Tensor> {
    let order = noise.purpose("carrier");
    let rounds = count.div_ceil(split.len()) as u64;
    let ids: Vec<usize> =
        (0..rounds).flat_map(|round| order.index(round).permutation(split.len())).take(count).collect();
    let pictures = split.images(&ids, Kind::Float, Device::Cpu)?;
    let (_, channels, height, width) = pictures.size4()?;
    let side = side as i64;
    if (height, width) == (side, side) {
        return Ok(pictures);
    }
    let canvas = Tensor::f_zeros([count as i64, channels, side, side], (Kind::Float, Device::Cpu))?;
    let place = noise.purpose("carrier/place");
    for image in 0..count as i64 {
        let below = |counter, room| place.index(image as u64).below(counter, room as u64 + 1) as i64;
        let window = canvas.f_get(image)?.f_narrow(1, below(0, side - height), height)?;
        window.f_narrow(2, below(1, side - width), width)?.f_copy_(&pictures.f_get(image)?)?;
    }
    Ok(canvas)
}
