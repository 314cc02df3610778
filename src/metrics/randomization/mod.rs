//! Randomization metrics: does a map change when what the network learnt does? None of them ranks by itself: noise changes with
//! everything, and is of no use.

use std::sync::Arc;

use crate::config::{Section, suggest};
use crate::similarities::{self, Similarity};

pub mod agreement;
pub mod data_randomization;
pub mod efficient_mprt;
pub mod model_randomization;
pub mod random_logit;

/// A similarity that is reported, with the names of its two curves: the class fixed, and re-selected.
struct Compared {
    curves: [&'static str; 2],
    method: Arc<dyn Similarity>,
}

/// The curves of every similarity that there is.
const CURVES: &[(&str, [&str; 2])] = &[
    ("spearman", ["fixed-spearman", "reselected-spearman"]),
    ("absolute-spearman", ["fixed-absolute-spearman", "reselected-absolute-spearman"]),
    ("nonzero-spearman", ["fixed-nonzero-spearman", "reselected-nonzero-spearman"]),
    ("kendall", ["fixed-kendall", "reselected-kendall"]),
    ("ssim", ["fixed-ssim", "reselected-ssim"]),
    ("cosine", ["fixed-cosine", "reselected-cosine"]),
    ("top-k-overlap", ["fixed-top-k-overlap", "reselected-top-k-overlap"]),
    ("hog", ["fixed-hog", "reselected-hog"]),
];

/// Those that are reported only where they are asked for.
const RARE: [&str; 3] = ["kendall", "top-k-overlap", "hog"];

/// Reads `similarities`, a list of their names. None: a mistake was made.
fn read_similarities(section: &Section) -> Option<Vec<Compared>> {
    let usual: Vec<String> =
        CURVES.iter().filter(|(name, _)| !RARE.contains(name)).map(|(name, _)| name.to_string()).collect();
    let different =
        |names: &Vec<String>| !names.is_empty() && (1..names.len()).all(|at| !names[..at].contains(&names[at]));
    let names = section.get_if("similarities", usual, different, "a list of different similarities");
    let known = || CURVES.iter().map(|(name, _)| *name);
    let read = names.iter().enumerate().map(|(at, name)| {
        let found = CURVES.iter().find(|(known, _)| known == name);
        let entry = similarities::ALL.iter().find(|entry| entry.name == name);
        let (Some((_, curves)), Some(entry)) = (found, entry) else {
            let expected = format!("some of: {}", known().collect::<Vec<_>>().join(", "));
            let help = suggest(name, known()).map(|near| format!("did you mean `{near}`?"));
            section.mistake_at_item(
                "similarities",
                at,
                format!("there is no similarity `{name}`"),
                Some(expected),
                help,
            );
            return None;
        };
        // With their defaults: none of them has a parameter that a list of names could give.
        let method = (entry.read)(&Section::parse("", "").ok()?)?;
        Some(Compared { curves: *curves, method })
    });
    // All of them are read before the first mistake counts.
    read.collect::<Vec<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_similarity_has_its_curves() {
        let catalogue: Vec<&str> = similarities::ALL.iter().map(|entry| entry.name).collect();
        assert_eq!(CURVES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), catalogue);
        for (name, curves) in CURVES {
            assert_eq!(*curves, ["fixed", "reselected"].map(|class| format!("{class}-{name}")));
        }
    }
}
