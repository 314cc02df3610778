//! # Definition
//! Fashion-MNIST: pictures of clothes, 28x28, in 10 classes, in the same four IDX files as MNIST.
//!
//! # Parameters
//! - `folder`: where the files lie in the data folder (`fashion-mnist` or `FashionMNIST/raw`, whichever is there).
//! - `classes`, `train`, `test`, `seed`: a part of it, as for `mnist`.
//!
//! # Reference
//! Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms", 2017.

use std::sync::Arc;

use super::Source;
use super::mnist::IdxFolder;
use crate::catalogue::Entry;

pub const ENTRY: Entry<dyn Source> = Entry {
    name: "fashion-mnist",
    summary: "pictures of clothes, 28x28 (IDX files in the data folder)",
    reference: "Xiao et al. 2017",
    revision: 1,
    source: concat!(
        include_str!("fashion_mnist.rs"),
        include_str!("mnist.rs"),
        include_str!("idx.rs"),
        include_str!("subset.rs")
    ),
    read: |section| {
        let classes = CLASSES.map(String::from).to_vec();
        Some(Arc::new(IdxFolder::read(section, &["fashion-mnist", "FashionMNIST/raw"], classes)))
    },
};

const CLASSES: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];
