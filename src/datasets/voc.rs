//! # Definition
//! Photographs with boxes around their objects in the form of PASCAL VOC: `Annotations/<id>.xml`, `JPEGImages/<id>.jpg` and the
//! ids of each split, one a line, in `ImageSets/Main/<split>.txt`; in a folder or in a .tar, .tar.gz, .tar.zst or .zip. The
//! boxes of the files count pixels from 1 and include the last; here they are half-open from 0, rounded outward. An image is
//! explained for one class, and its truth is the boxes of that class; its objects of that class that are marked difficult are
//! regions to be ignored. The classes are the sorted names of all objects of both splits. Pictures in which no object is left
//! to be found (all difficult, or cut off) are left out and counted.
//!
//! # Parameters
//! - `folder`: the folder or archive in the data folder (`VOC2007`, `VOC2012` or `VOCdevkit`, whichever is there).
//! - `train_split` ("train"), `test_split` ("val"): the lists of ids to take.
//! - `per` ("image"): "image": one example per picture, of the class whose boxes cover most (of equals the first); or
//!   "class": one example per picture and class in it, to be explained with `images = { target = "label" }`.
//! - `size`, `resize` ("crop"), `channels` (3): as for image-folder. Boxes go with their picture, rounded outward; those that are
//!   wholly cut off are dropped and counted.
//! - `limit`, `seed` (0): at most so many examples of each class and split, and which.
//! - `on_error` ("stop"): what a broken picture or annotation leads to: "stop", or "skip" to leave it out, count it and say so.
//!
//! # Reference
//! Everingham, Van Gool, Williams, Winn and Zisserman, "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use roxmltree::{Document, Node};

use super::Source;
use super::pictures::{Annotated, Annotations, Archive, Boxed, Fault, Faults, MOST_TEXT, Object, outward};
use crate::catalogue::Entry;
use crate::error::{Error, Result};

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "voc",
    summary: "photographs with boxes around their objects, as PASCAL VOC stores them",
    reference: "Everingham et al. 2010",
    revision: 1,
    source: super::pictures::source!("voc.rs", "pictures/boxed.rs", "pictures/outward.rs"),
    read: |section| {
        Some(Arc::new(Boxed::read(section, &["VOC2007", "VOC2012", "VOCdevkit"], ["train", "val"], annotations)))
    },
};

/// What an annotation file says; classes by name.
struct Xml {
    size: [usize; 2],
    objects: Vec<(String, Object)>,
}

/// Everything of a dataset but its pictures, which are only listed.
#[derive(Default)]
struct Files {
    names: BTreeSet<String>,
    /// By id.
    xml: BTreeMap<String, Result<Xml, Fault>>,
    /// The ids of each list, by its name.
    lists: BTreeMap<String, Result<Vec<String>, Fault>>,
}

const LISTS: &str = "ImageSets/Main/";

fn annotations(archive: &Archive, splits: &[String; 2], faults: &mut Faults) -> Result<Annotations> {
    let mut files = Files::default();
    let mut root = None;
    archive.visit(&mut |name, body| {
        // Wherever the three folders lie.
        if let Some((above, id)) = inside(name, "Annotations/", ".xml") {
            let before = root.get_or_insert_with(|| above.to_string());
            if before != above {
                let path = archive.path.display();
                return Err(Error::new(format!("{path} holds two datasets, in `{before}` and `{above}`: name one")));
            }
            files.xml.insert(id.to_string(), body(MOST_TEXT).and_then(|bytes| parse(text(&bytes)?)));
        } else if let Some((_, split)) = inside(name, LISTS, ".txt")
            && splits.iter().any(|wanted| wanted == split)
        {
            let ids =
                |text: &str| text.lines().filter_map(|line| line.split_whitespace().next()).map(String::from).collect();
            files.lists.insert(split.to_string(), body(MOST_TEXT).and_then(|bytes| Ok(ids(text(&bytes)?))));
        }
        files.names.insert(name.to_string());
        Ok(ControlFlow::Continue(()))
    })?;
    let root = root.ok_or_else(|| Error::new(format!("{} holds no Annotations/*.xml", archive.path.display())))?;

    let mut classes = BTreeSet::new();
    let [train, test] = splits.each_ref().map(|split| files.split(archive, &root, split, &mut classes, faults));
    let classes: Vec<String> = classes.into_iter().collect();
    let numbered = |(picture, xml): (String, Xml)| {
        let class = |name: &String| classes.partition_point(|class| class < name);
        let objects = xml.objects.into_iter().map(|(name, object)| Object { class: class(&name), ..object }).collect();
        Annotated { picture, size: xml.size, objects }
    };
    let [train, test] = [train?, test?].map(|pictures| pictures.into_iter().map(numbered).collect::<Vec<_>>());
    let lists = splits.iter().map(|split| format!("{root}{LISTS}{split}.txt"));
    let shown = train.iter().chain(&test).map(|picture| xml_name(&root, id_of(&picture.picture)));
    let files = lists.chain(shown).collect();
    Ok(Annotations { classes, train, test, files })
}

impl Files {
    /// The pictures of a split, with their names in the archive; adds the classes that it shows.
    fn split(
        &mut self,
        archive: &Archive,
        root: &str,
        split: &str,
        classes: &mut BTreeSet<String>,
        faults: &mut Faults,
    ) -> Result<Vec<(String, Xml)>> {
        let list = format!("{root}{LISTS}{split}.txt");
        let fault = |fault: &str| Error::new(format!("{} {fault}", archive.place(&list)));
        let ids = self.lists.remove(split).unwrap_or_else(|| Err("is not there".into())).map_err(|why| fault(&why))?;
        if ids.is_empty() {
            return Err(fault("lists no pictures"));
        }
        let mut pictures = Vec::new();
        for id in ids {
            let xml = self.xml.remove(&id).unwrap_or_else(|| Err("is not there, or listed twice".into()));
            let picture = ["jpg", "jpeg", "png"]
                .map(|ending| format!("{root}JPEGImages/{id}.{ending}"))
                .into_iter()
                .find(|name| self.names.contains(name));
            match (xml, picture) {
                (Err(fault), _) => faults.add(&archive.place(&xml_name(root, &id)), &fault)?,
                (Ok(_), None) => faults.add(&archive.place(&format!("{root}JPEGImages/{id}.jpg")), "is not there")?,
                (Ok(xml), Some(picture)) => {
                    classes.extend(xml.objects.iter().map(|(name, _)| name.clone()));
                    pictures.push((picture, xml));
                }
            }
        }
        pictures.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(pictures)
    }
}

/// `<above><folder><inner><ending>` as (above, inner).
fn inside<'a>(name: &'a str, folder: &str, ending: &str) -> Option<(&'a str, &'a str)> {
    let (above, file) = name.split_at(name.find(folder)?);
    let inner = file[folder.len()..].strip_suffix(ending)?;
    (!inner.contains('/') && (above.is_empty() || above.ends_with('/'))).then_some((above, inner))
}

fn xml_name(root: &str, id: &str) -> String {
    format!("{root}Annotations/{id}.xml")
}

/// `JPEGImages/<id>.jpg` as the id.
fn id_of(picture: &str) -> &str {
    let file = picture.rsplit('/').next().unwrap_or_default();
    file.rsplit_once('.').map_or(file, |(id, _)| id)
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_string())
}

fn parse(text: &str) -> Result<Xml, Fault> {
    if text.trim().is_empty() {
        return Err("is empty".into());
    }
    let document = Document::parse(text).map_err(|error| format!("is no whole XML: {error}"))?;
    let root = document.root_element();
    let size = child(root, "size")?;
    let size = [number(size, "height")?, number(size, "width")?];
    let objects = root.children().filter(|node| node.has_tag_name("object"));
    let objects: Vec<_> = objects.map(|node| object(node, size)).collect::<Result<_, Fault>>()?;
    if objects.is_empty() {
        return Err("annotates no objects".into());
    }
    Ok(Xml { size: size.map(|side| side as usize), objects })
}

fn object(node: Node, size: [f64; 2]) -> Result<(String, Object), Fault> {
    let name = child(node, "name")?.text().unwrap_or_default().trim().to_string();
    let bounds = child(node, "bndbox")?;
    let [x0, y0] = [number(bounds, "xmin")? - 1.0, number(bounds, "ymin")? - 1.0];
    let [x1, y1] = [number(bounds, "xmax")?, number(bounds, "ymax")?];
    let area = outward([x0, y0, x1, y1], size, 0.0).map_err(|fault| format!("annotates {name} with {fault}"))?;
    let ignored = child(node, "difficult").is_ok_and(|flag| flag.text().map(str::trim) == Some("1"));
    Ok((name, Object { class: 0, area, ignored }))
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Result<Node<'a, 'input>, Fault> {
    let found = node.children().find(|child| child.has_tag_name(name));
    found.ok_or_else(|| format!("holds no <{name}> in <{}>", node.tag_name().name()))
}

fn number(node: Node, name: &str) -> Result<f64, Fault> {
    let text = child(node, name)?.text().unwrap_or_default().trim();
    text.parse().map_err(|_| format!("gives <{name}> as {text:?}, expected a number"))
}
