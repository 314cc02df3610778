//! # Definition
//! Photographs with boxes around their objects in the form of COCO: `annotations/instances_<split>.json` and the pictures in
//! `<split>/`; in a folder or in a .tar, .tar.gz, .tar.zst or .zip. Boxes [x, y, width, height] are rounded outward to pixels; what
//! they overhang by rounding, less than a pixel, is cut. An image is explained for one class, and its truth is the boxes
//! of that class; crowds of that class are regions to be ignored. The classes are the categories, by their ids. Pictures in
//! which no object is left to be found (none annotated, only crowds, or cut off) are left out and counted.
//!
//! # Parameters
//! - `folder` ("coco"): the folder or archive in the data folder.
//! - `train_split` ("train2017"), `test_split` ("val2017"): the splits to take.
//! - `per` ("image"): "image": one example per picture, of the class whose boxes cover most (of equals the first); or
//!   "class": one example per picture and class in it, to be explained with `images = { target = "label" }`.
//! - `size`, `resize` ("crop"), `channels` (3): as for image-folder. Boxes go with their picture, rounded outward; those that are
//!   wholly cut off are dropped and counted.
//! - `limit`, `seed` (0): at most so many examples of each class and split, and which.
//! - `on_error` ("stop"): what a broken picture or annotation leads to: "stop", or "skip" to leave it out, count it and say so.
//!   A box without area is a fault; published annotations may hold one.
//!
//! # Reference
//! Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;

use super::Source;
use super::pictures::{Annotated, Annotations, Archive, Boxed, Fault, Faults, MOST_TEXT, Object, outward};
use crate::catalogue::Entry;
use crate::error::{Error, Result};

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "coco",
    summary: "photographs with boxes around their objects, as COCO stores them",
    reference: "Lin et al. 2014",
    revision: 1,
    source: super::pictures::source!("coco.rs", "pictures/boxed.rs", "pictures/outward.rs"),
    read: |section| Some(Arc::new(Boxed::read(section, &["coco"], ["train2017", "val2017"], annotations))),
};

#[derive(Deserialize)]
struct Instances {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
struct Annotation {
    id: u64,
    image_id: u64,
    category_id: u64,
    bbox: [f64; 4],
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

/// How far a box may overhang before it is a fault: coordinates are written with two decimals.
const OVERHANG: f64 = 1.0;

fn annotations(archive: &Archive, splits: &[String; 2], faults: &mut Faults) -> Result<Annotations> {
    let names = archive.names()?;
    let files = splits.each_ref().map(|split| format!("annotations/instances_{split}.json"));
    // Wherever the folders lie.
    let root = names.iter().find_map(|name| name.strip_suffix(&files[0])).unwrap_or_default().to_string();
    let files = files.map(|name| root.clone() + &name);

    let mut read = |half: usize| -> Result<(BTreeMap<u64, String>, Vec<Annotated>)> {
        let place = archive.place(&files[half]);
        let broken = |fault: Fault| Error::new(format!("{place} {fault}"));
        let bytes = archive.read(&files[half], MOST_TEXT)?.map_err(broken)?;
        let instances: Instances =
            serde_json::from_slice(&bytes).map_err(|error| broken(format!("is not of the form of COCO: {error}")))?;
        let folder = format!("{root}{}/", splits[half]);
        let categories: BTreeMap<u64, String> =
            instances.categories.into_iter().map(|category| (category.id, category.name)).collect();
        let pictures = pictures(instances.images, instances.annotations, &categories);
        let mut kept = Vec::new();
        for (file, picture) in pictures.map_err(broken)? {
            let name = format!("{folder}{file}");
            match picture {
                _ if !names.contains(&name) => faults.add(&archive.place(&name), "is not there")?,
                Ok(picture) => kept.push(Annotated { picture: name, ..picture }),
                Err(fault) => faults.add(&place, &fault)?,
            }
        }
        kept.sort_by(|one, other| one.picture.cmp(&other.picture));
        Ok((categories, kept))
    };
    let ((categories, train), (others, test)) = (read(0)?, read(1)?);
    if categories != others {
        return Err(Error::new(format!("{} and {} differ in their categories", files[0], files[1])));
    }
    Ok(Annotations { classes: categories.into_values().collect(), train, test, files: files.to_vec() })
}

/// A picture by file name, or what is wrong with its annotations.
type Listed = (String, Result<Annotated, Fault>);

/// The pictures of one annotation file.
fn pictures(
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: &BTreeMap<u64, String>,
) -> Result<Vec<Listed>, Fault> {
    let classes: HashMap<u64, usize> = categories.keys().enumerate().map(|(class, &id)| (id, class)).collect();
    let places: HashMap<u64, usize> = images.iter().enumerate().map(|(place, image)| (image.id, place)).collect();
    if places.len() < images.len() {
        return Err("gives two images one id".into());
    }
    let sizes: Vec<[usize; 2]> = images.iter().map(|image| [image.height as usize, image.width as usize]).collect();
    let mut pictures: Vec<Listed> = images
        .into_iter()
        .zip(&sizes)
        .map(|(image, &size)| (image.file_name, Ok(Annotated { picture: String::new(), size, objects: Vec::new() })))
        .collect();
    for annotation in annotations {
        let Annotation { id, image_id, category_id, bbox: [x, y, width, height], iscrowd } = annotation;
        let Some(&place) = places.get(&image_id) else {
            return Err(format!("says in annotation {id} that it is of image {image_id}, which is not listed"));
        };
        let area = outward([x, y, x + width, y + height], sizes[place].map(|side| side as f64), OVERHANG);
        let object = match (classes.get(&category_id), area) {
            (None, _) => {
                Err(format!("says in annotation {id} that it is of category {category_id}, which is not listed"))
            }
            (_, Err(fault)) => Err(format!("has in annotation {id} {fault}")),
            (Some(&class), Ok(area)) => Ok(Object { class, area, ignored: iscrowd != 0 }),
        };
        let (_, picture) = &mut pictures[place];
        match (picture.as_mut(), object) {
            (Ok(picture), Ok(object)) => picture.objects.push(object),
            (Ok(_), Err(fault)) => *picture = Err(fault),
            // The first fault of a picture is told.
            (Err(_), _) => {}
        }
    }
    Ok(pictures)
}
