//! # Definition
//! Mosaics of `tiles` x `tiles` images of another dataset. A test image holds as many classes as tiles, each once; its
//! class is that of one of them, drawn at random, and the truth is that tile: the box that a map for this class must
//! point into, and a map for another class must not. Nothing in the image says which tile was drawn, so explain the
//! label (`images = { target = "label" }`), on all images and not on those that are classified correctly. A training
//! image has one image in one tile, drawn at random, and black elsewhere: a network learns the classes at every place,
//! and never a mosaic. The classes are as frequent as each other, to within one image.
//!
//! # Parameters
//! - `of` ("digits"): the dataset of the tiles, training images for training, test images for testing.
//! - `tiles` (2): tiles to a side.
//! - `train` (2000), `test` (500), `seed` (0): how many images, and which.
//!
//! # Reference
//! Böhle, Fritz and Schiele, "Convolutional Dynamic Alignment Networks for Interpretable Classifications", CVPR 2021
//! (the grid pointing game); Arias-Duart et al., "Focus! Rating XAI Methods and Finding Biases", FUZZ-IEEE 2022.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::folder::DataFolder;
use super::objects::{Misfit, Objects, Part};
use super::split::{Dataset, Split};
use super::truth::{Rect, Truth};
use super::{Described, Source};
use crate::catalogue::Entry;
use crate::config::Section;
use crate::error::Result;

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "grid",
    summary: "mosaics of images of different classes: the tile of the label is the evidence",
    reference: "Böhle et al. 2021; Arias-Duart et al. 2022",
    revision: 1,
    source: concat!(include_str!("grid.rs"), include_str!("objects.rs")),
    read: |section| Some(Arc::new(Grid::read(section)?)),
};

/// See the head of this file for what each parameter means.
struct Grid {
    objects: Objects,
    tiles: usize,
}

impl Grid {
    fn read(section: &Section) -> Option<Self> {
        let tiles = section.get_if("tiles", 2, |tiles| (2..=16).contains(tiles), "an integer from 2 to 16");
        let grid = Self { objects: Objects::read(section)?, tiles };
        if let Some(of) = grid.objects.described()
            && let Err(misfit) = grid.compose(of)
        {
            section.mistake(misfit.key, misfit.message, Some(misfit.expected), None);
            return None;
        }
        Some(grid)
    }

    fn compose(&self, of: Described) -> Result<Described, Misfit> {
        let (places, classes) = (self.tiles * self.tiles, of.classes.len());
        if classes < places {
            let message = format!("{places} tiles of different classes, and there are {classes} classes");
            let fit = (1..).take_while(|tiles| tiles * tiles <= classes).last().unwrap_or(1);
            return Err(Misfit {
                key: "tiles",
                message,
                expected: format!("{fit} or less, or data of {places} classes"),
            });
        }
        let size = (self.tiles * of.shape[1] as usize, self.tiles * of.shape[2] as usize);
        self.objects.compose(of, size)
    }

    fn split(&self, part: Part) -> Result<Split> {
        let places = self.tiles * self.tiles;
        let filled = if part.word == "train" { 1 } else { places };
        let members = part.by_class(filled)?;
        let present: Vec<usize> = (0..members.len()).filter(|&class| !members[class].is_empty()).collect();
        let labels = part.noise.purpose("label").permutation(part.count);
        let labels: Vec<usize> = labels.into_iter().map(|at| present[at % present.len()]).collect();

        let shape = part.objects.shape();
        let (height, width) = (shape[1], shape[2]);
        let side = self.tiles as i64;
        let size = [part.count as i64, shape[0], side * height, side * width];
        let images = Tensor::f_zeros(size, (Kind::Float, Device::Cpu))?;
        let mut boxes = Vec::new();
        for (image, &label) in labels.iter().enumerate() {
            let draws = part.noise.purpose("tiles").index(image as u64);
            let tiles = draws.purpose("place").permutation(places);
            let order = draws.purpose("class").permutation(present.len());
            let others = order.into_iter().map(|at| present[at]).filter(|&class| class != label);
            let classes: Vec<usize> = std::iter::once(label).chain(others).take(filled).collect();
            let pick =
                |class: &usize| members[*class][draws.below(*class as u64, members[*class].len() as u64) as usize];
            let picked: Vec<usize> = classes.iter().map(pick).collect();
            let pictures = part.objects.images(&picked, Kind::Float, Device::Cpu)?;
            let canvas = images.f_get(image as i64)?;
            for (nth, &tile) in tiles[..filled].iter().enumerate() {
                let (row, column) = ((tile / self.tiles) as i64, (tile % self.tiles) as i64);
                let window = canvas.f_narrow(1, row * height, height)?;
                window.f_narrow(2, column * width, width)?.f_copy_(&pictures.f_get(nth as i64)?)?;
            }
            boxes.push(vec![self.tile(tiles[0], height as usize, width as usize)]);
        }
        let labels = labels.into_iter().map(|label| label as i64).collect();
        Ok(Split::new(images, labels, Some(Truth::from_boxes(boxes))))
    }

    /// The box of a tile, counted row by row, where tiles measure `height` x `width`.
    fn tile(&self, tile: usize, height: usize, width: usize) -> Rect {
        let (y0, x0) = (tile / self.tiles * height, tile % self.tiles * width);
        Rect { y0, x0, y1: y0 + height, x1: x0 + width }
    }
}

impl Source for Grid {
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
        self.describe(data)?;
        self.objects.load(data, "grid", |part| self.split(part))
    }
}
