//! # Definition
//! Each image is moved within a small ball so that its map changes as the attack wants while the network's prediction stays; then
//! the map of the moved image is compared with that of the image, both of the network itself. The search follows the gradient of
//! the attack's objective on a smooth copy of the network, in which a ReLU is log(1 + exp(`beta` x)) / `beta`, from a random point
//! of the ball; every candidate is explained on the network itself, and the one of the largest objective there is reported among
//! those whose predicted class is that of the image. An explainer without derivatives is refused: it belongs to
//! `black-box-fragility`, and the numbers of the two must not be compared.
//!
//! Each measure has its control, `random-sign-*`: as many candidates, each at plus or minus the radius in every element at random,
//! chosen by the same objective. What the attack does beyond that is owed to its knowledge.
//!
//! Each is a curve over the radii, and a number at the largest; the table shows what the attack aims at. The first three are the
//! published figure's panels:
//! - `intersection`: the share of the k highest pixels that stayed among them; a random map has `chance`, k over the number of
//!   pixels;
//! - `spearman`: the rank correlation of the two maps;
//! - `center-shift`: how far the center of mass of magnitudes went, in pixels;
//! - `tolerant-intersection`: the intersection where the next pixel will do;
//! - `nonzero-spearman`: over the pixels that are not 0 in both; `kendall`, `ssim`, `cosine`: as everywhere.
//!
//! An image for which no candidate kept the class has no value at that radius (`survived` is the share that has one), and then no
//! contender's mean counts it: all are over the same images, whose number stands beside them. A row has no value of its own where
//! the attack had nothing to aim at: an image without evidence, a map of zeros.
//!
//! A row is flagged "attack not converged" where the second half of the candidates still changed the mean of what the attack aims
//! at by its smallest effect or more, or where that cannot be told: then more iterations would find more. None of the measures ranks.
//!
//! # Parameters
//! - `attack` ("top-k"): one of the attacks, with its parameters: { use = "top-k", k = 100 }.
//! - `k` (that of the attack, else a tenth of the pixels): for the intersections. A top-k attack states it itself.
//! - `radii` ([1, 2, 4, 8]): of the ball, in 1/255 of the range of pixels.
//! - `norm` ("linf"): "linf", no element moves farther; or "l2", the Euclidean length.
//! - `iterations` (100), `restarts` (1): candidates of each start, and starts.
//! - `step` (0.0625): the length of a step as a share of the radius; 0.5/255 at 8/255.
//! - `beta` (10.0): the sharpness of the smooth copy.
//! - `confidence` (any): how far the probability of the predicted class may move.
//!
//! # Cost
//! For each image, radius and candidate two explanations, one of them with its derivative, and one more for the control.
//!
//! # Reference
//! Ghorbani, Abid and Zou, "Interpretation of Neural Networks Is Fragile", AAAI 2019; the smooth copy: Dombrowski et al.,
//! "Explanations Can Be Manipulated and Geometry Is to Blame", NeurIPS 2019. A control with the attack's own budget: this tool.

use std::sync::Arc;

use super::attacked::Attacked;
use crate::attacks::Method;
use crate::catalogue::Entry;
use crate::metrics::Metric;

pub const ENTRY: Entry<dyn Metric> = Entry {
    name: "white-box-fragility",
    summary: "what is left of a map once a search by derivatives has moved the image a little",
    reference: "Ghorbani et al. 2019",
    revision: 1,
    source: concat!(
        include_str!("white_box_fragility.rs"),
        include_str!("attacked.rs"),
        include_str!("../../attacks/mass_center.rs"),
        crate::similarities::sources!()
    ),
    read: |section| Some(Arc::new(Attacked::read(section, Method::Gradient)?)),
};
