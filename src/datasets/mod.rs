//! Where images come from: one file per source, and what a loaded source is.

mod canvas;
mod cifar10;
mod clever_hans;
mod coco;
mod digits;
mod fashion_mnist;
mod folder;
mod grid;
mod idx;
mod image_folder;
mod mnist;
mod objects;
mod pictures;
mod planted;
mod split;
mod subset;
mod tensors;
mod truth;
mod voc;

use std::path::PathBuf;
use std::sync::Arc;

pub use folder::DataFolder;
pub use split::{Dataset, Split};
pub use truth::{Rect, Truth};

use crate::catalogue::{self, Chosen, Entry};
use crate::config::Section;
use crate::error::Result;

/// A way to come by a dataset. What it gives depends on its parameters and its files alone.
pub trait Source: Send + Sync {
    /// What can be said without reading the images, from headers only.
    fn describe(&self, data: &DataFolder) -> Result<Described>;

    /// The files of outside that decide the content.
    fn files(&self, data: &DataFolder) -> Result<Vec<PathBuf>>;

    /// What the names of those files decide beside their content, such as the class that a folder stands for.
    fn names(&self, _data: &DataFolder) -> Result<String> {
        Ok(String::new())
    }

    /// The same data in which the evidence that its truth speaks of says nothing of the class in training, where there is such
    /// data. Its test images are the same.
    fn counterpart(&self) -> Option<Arc<dyn Source>> {
        None
    }

    /// Reads or makes the images. Agrees with `describe`.
    fn load(&self, data: &DataFolder) -> Result<Dataset>;
}

/// What a dataset is like.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// [C, H, W].
    pub shape: Vec<i64>,
    pub classes: Vec<String>,
    /// How many images there are to learn from.
    pub train: usize,
    /// How many images there are to be judged by.
    pub test: usize,
    /// Whether it is known where the evidence is.
    pub truth: bool,
}

/// Every source of images.
pub const ALL: &[Entry<dyn Source>] = &[
    digits::ENTRY,
    mnist::ENTRY,
    fashion_mnist::ENTRY,
    cifar10::ENTRY,
    image_folder::ENTRY,
    voc::ENTRY,
    coco::ENTRY,
    tensors::ENTRY,
    planted::ENTRY,
    canvas::ENTRY,
    grid::ENTRY,
    clever_hans::ENTRY,
];

/// The dataset that a table of a suite names by `use`.
pub fn choose(section: &Section) -> Option<Chosen<dyn Source>> {
    catalogue::choose(section, "dataset", ALL)
}

/// Parameter `test`: the share of the images that is held out.
fn test_share(section: &Section) -> f64 {
    section.get_if("test", 0.2, |share| 0.0 < *share && *share < 1.0, "a share between 0 and 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `describe` must say of a dataset that was loaded.
    pub fn described(data: &Dataset) -> Described {
        assert_eq!(data.train.shape(), data.test.shape());
        Described {
            shape: data.train.shape(),
            classes: data.classes.clone(),
            train: data.train.len(),
            test: data.test.len(),
            truth: data.train.truth.is_some() && data.test.truth.is_some(),
        }
    }

    fn chosen(text: &str) -> Chosen<dyn Source> {
        let section = Section::parse("suite.toml", text).unwrap();
        let chosen = choose(&section);
        assert!(!section.has_mistakes(), "{}", section.mistakes());
        chosen.unwrap()
    }

    #[test]
    fn what_is_loaded_is_what_was_described() {
        let data = DataFolder::new(None);
        for text in [
            "use = 'digits'",
            "use = 'digits'\nscale = 2\ntest = 0.5",
            "use = 'mnist'",
            "use = 'fashion-mnist'",
            "use = 'planted'",
            "use = 'canvas'",
            "use = 'canvas'\nbackground = 'texture'\nscale = [0.8, 1.2]",
            "use = 'grid'",
            "use = 'clever-hans'",
            "use = 'clever-hans'\ncue = 'colour'\ntrain = 50",
            "use = 'planted'\ndistractor = true\nplace = 'corner'\nclasses = 2\ntrain = 100\ntest = 50",
            "use = 'planted'\nof = { use = 'digits', scale = 2 }\ncontrast = 0.4",
            "use = 'planted'\nof = { use = 'mnist' }\ncue = 8\ntrain = 200\ntest = 100",
        ] {
            let source = chosen(text).method;
            if text.contains("mnist")
                && let Err(error) = source.files(&data)
            {
                println!("skipped {text:?}: {error}");
                continue;
            }
            assert_eq!(source.describe(&data).unwrap(), described(&source.load(&data).unwrap()), "{text}");
        }
    }

    #[test]
    fn a_wrong_parameter_is_a_mistake_and_not_a_default() {
        for text in [
            "use = 'digits'\nscale = 0",
            "use = 'digits'\ntest = 1.5",
            "use = 'tensors'",
            "use = 'cifar10'\ntrain = 0",
            "use = 'image-folder'",
            "use = 'image-folder'\nfolder = 'a'\nsize = [32]",
            "use = 'image-folder'\nfolder = 'a'\nresize = 'stretch'",
            "use = 'voc'\nper = 'object'",
            "use = 'coco'\non_error = 'ignore'",
            "use = 'tensors'\nfile = 'a'\ntest_file = 'b'\ntest = 0.5",
            "use = 'planted'\nclasses = 11",
            "use = 'canvas'\nsize = 5",
            "use = 'grid'\ntiles = 4",
            "use = 'planted'\ncue = 5",
            "use = 'planted'\ncontrast = 0",
            "use = 'planted'\nplace = 'edge'",
            "use = 'planted'\nof = { use = 'digit' }",
        ] {
            let section = Section::parse("suite.toml", text).unwrap();
            choose(&section);
            assert!(section.has_mistakes(), "{text}");
        }
    }
}
