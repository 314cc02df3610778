//! How an attack searches: the parameters that its metrics share.

use super::{Attack, Method, Norm, choose};
use crate::catalogue::Chosen;
use crate::config::Section;

/// Pixels of 8 bits have so many steps: radii are given in these.
pub const LEVELS: f64 = 255.0;

pub struct Settings {
    pub attack: Chosen<dyn Attack>,
    /// In 1/255 of the range of pixels, ascending.
    pub radii: Vec<f64>,
    pub norm: Norm,
    /// Candidates of one restart.
    pub iterations: usize,
    pub restarts: usize,
    /// The length of a step as a share of the radius.
    pub step: f64,
    /// The sharpness of the smooth copy that derivatives are taken of.
    pub beta: f64,
    /// How far the probability of the predicted class may move.
    pub confidence: Option<f64>,
}

/// How images are moved before their maps are looked at.
#[derive(Clone, Copy)]
pub enum Perturbation<'a> {
    Search(Method, &'a Settings),
    Nearby(&'a Nearby),
}

/// Random places around an image.
#[derive(Clone, Copy, Debug)]
pub struct Nearby {
    /// In 1/255 of the range of pixels.
    pub radius: f64,
    pub norm: Norm,
    pub samples: usize,
}

impl Nearby {
    pub fn read(section: &Section) -> Self {
        let radius = section.get_if("radius", 8.0, |radius| *radius > 0.0, "a number above 0, in 1/255");
        let norm = read_norm(section);
        let samples =
            section.get_if("samples", 10, |count| (1..=100_000).contains(count), "an integer from 1 to 100000");
        Self { radius, norm, samples }
    }
}

impl Perturbation<'_> {
    /// Everything that decides where images are moved to, canonically.
    pub fn identity(&self) -> String {
        match self {
            Self::Search(method, settings) => format!("{method:?} {}", settings.identity()),
            Self::Nearby(nearby) => format!("{nearby:?}"),
        }
    }

    /// How many moved images come of each.
    pub fn count(&self) -> usize {
        match self {
            Self::Search(_, settings) => settings.radii.len(),
            Self::Nearby(nearby) => nearby.samples,
        }
    }

    /// How often an explainer explains for each image.
    pub fn explanations(&self) -> usize {
        match self {
            // By a gradient also the smooth copy, whose derivative takes about as much again.
            Self::Search(Method::Gradient, settings) => 3 * settings.radii.len() * settings.candidates(),
            Self::Search(_, settings) => settings.radii.len() * settings.candidates(),
            Self::Nearby(nearby) => nearby.samples,
        }
    }
}

fn read_norm(section: &Section) -> Norm {
    section.choice("norm", "linf", &[("linf", Norm::Linf), ("l2", Norm::L2)])
}

impl Settings {
    /// The code that decides what a search finds; part of the identity of its cells.
    pub const SOURCE: &str = concat!(
        include_str!("settings.rs"),
        include_str!("search.rs"),
        include_str!("ball.rs"),
        include_str!("mod.rs")
    );

    /// `smooth`: whether derivatives are taken.
    pub fn read(section: &Section, smooth: bool) -> Option<Self> {
        let attack = choose(section, "attack", "top-k");
        let ascending =
            |radii: &Vec<f64>| radii.iter().all(|radius| *radius >= 0.0) && radii.is_sorted_by(|a, b| a < b);
        let fits = |radii: &Vec<f64>| !radii.is_empty() && ascending(radii);
        let radii = section.get_if("radii", vec![1.0, 2.0, 4.0, 8.0], fits, "numbers from 0, ascending, in 1/255");
        let norm = read_norm(section);
        let many = |count: &usize| (1..=100_000).contains(count);
        let iterations = section.get_if("iterations", 100, many, "an integer from 1 to 100000");
        let restarts = section.get_if("restarts", 1, many, "an integer from 1 to 100000");
        let positive = |number: &f64| *number > 0.0 && number.is_finite();
        let (step, beta) = match smooth {
            true => (
                section.get_if("step", 0.0625, positive, "a share of the radius, above 0"),
                section.get_if("beta", 10.0, positive, "a number above 0"),
            ),
            false => (0.0, 0.0),
        };
        let confidence = section.optional_if("confidence", positive, "a difference of probabilities, above 0");
        Some(Self { attack: attack?, radii, norm, iterations, restarts, step, beta, confidence })
    }

    /// Everything that decides what is found, canonically.
    pub fn identity(&self) -> String {
        let Self { attack, radii, norm, iterations, restarts, step, beta, confidence } = self;
        let attack = &attack.identity;
        format!("{attack} {radii:?} {norm:?} {iterations} {restarts} {step:?} {beta:?} {confidence:?}")
    }

    /// How many candidates a search tries for each radius.
    pub fn candidates(&self) -> usize {
        self.iterations * self.restarts
    }
}
