//! How a network is trained, as a suite says it.

use super::augment::Augment;
use super::optimizer::Optimizer;
use super::robust::Robust;
use super::schedule::Schedule;
use crate::config::Section;

/// The `train` table of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    pub epochs: usize,
    /// Examples per step.
    pub batch: usize,
    pub optimizer: Optimizer,
    pub schedule: Schedule,
    /// How much of each label is spread evenly over the classes (Szegedy et al., 2016).
    pub label_smoothing: f64,
    pub augment: Augment,
    /// Training against small moves of the image.
    pub robust: Option<Robust>,
    /// The training accuracy at which the training ends before its last epoch: see [`super::train`].
    pub until: Option<f64>,
}

impl Recipe {
    pub fn loss(&self) -> crate::model::convex::Loss {
        crate::model::convex::Loss::CrossEntropy
    }

    pub fn regulariser(&self) -> f64 {
        0.0
    }

    /// Whether it is a convex problem's one solution.
    pub fn is_convex(&self) -> bool {
        false
    }

    /// Reads `train = { epochs = 20, batch = 64, optimizer = { .. }, schedule = { .. }, .. }` for examples of shape
    /// `input`. Mistakes are left with the section.
    pub fn read(section: &Section, input: &[i64]) -> Self {
        let count = |key: &str, default: usize| {
            section.get_if(key, default, |given| (1..=1_000_000).contains(given), "an integer from 1 to 1000000")
        };
        let recipe = Self {
            epochs: count("epochs", 10),
            batch: count("batch", 64),
            optimizer: part(section, "optimizer", Optimizer::read),
            schedule: part(section, "schedule", Schedule::read),
            label_smoothing: section.get_if(
                "label_smoothing",
                0.0,
                |given| (0.0..1.0).contains(given),
                "a number from 0 to below 1",
            ),
            augment: part(section, "augment", |section| Augment::read(section, input)),
            robust: section.section("robust").map(|section| {
                let robust = Robust::read(&section);
                section.finish();
                robust
            }),
            until: section.optional_if(
                "until",
                |given| *given > 0.0 && *given <= 1.0,
                "an accuracy, above 0 and at most 1",
            ),
        };
        section.finish();
        recipe
    }
}

/// Reads a table within the recipe. An absent one is an empty one: its defaults hold.
fn part<T>(section: &Section, key: &str, read: impl Fn(&Section) -> T) -> T {
    match section.section(key) {
        Some(part) => {
            let value = read(&part);
            part.finish();
            value
        }
        None => read(&Section::parse("", "").expect("an empty text is an empty table")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::train::robust::Against;
    use crate::model::train::schedule::Course;

    fn read(text: &str) -> (Recipe, String) {
        let section = Section::parse("model.toml", text).unwrap();
        (Recipe::read(&section, &[1, 8, 8]), section.mistakes().to_string())
    }

    #[test]
    fn an_empty_recipe_is_ten_epochs_of_adam() {
        let adam =
            Optimizer::Adam { rate: 1e-3, betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.0, decoupled: false };
        let expected = Recipe {
            epochs: 10,
            batch: 64,
            optimizer: adam,
            schedule: Schedule { warmup: 0.0, course: Course::Constant },
            label_smoothing: 0.0,
            augment: Augment { shift: 0, flip: false },
            robust: None,
            until: None,
        };
        assert_eq!(read("").0, expected);
    }

    #[test]
    fn every_part_is_read() {
        let (recipe, _) = read(
            r#"epochs = 3
            batch = 16
            label_smoothing = 0.1
            optimizer = { use = "sgd", lr = 0.1, momentum = 0.9, nesterov = true, weight_decay = 1e-4 }
            schedule = { use = "step", warmup = 1, milestones = [2], gamma = 0.5 }
            augment = { shift = 2, flip = true }
            robust = { use = "pgd", radius = 51.0, iterations = 10 }
            until = 0.95"#,
        );
        let expected = Recipe {
            epochs: 3,
            batch: 16,
            optimizer: Optimizer::Sgd { rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 1e-4 },
            schedule: Schedule { warmup: 1.0, course: Course::Step { milestones: vec![2.0], gamma: 0.5 } },
            label_smoothing: 0.1,
            augment: Augment { shift: 2, flip: true },
            robust: Some(Robust { against: Against::Pgd, radius: 0.2, step: 12.75 / 255.0, iterations: 10 }),
            until: Some(0.95),
        };
        assert_eq!(recipe, expected);
    }

    #[test]
    fn what_an_optimizer_does_not_have_is_a_mistake() {
        let (_, mistakes) = read("optimizer = { use = \"adam\", momentum = 0.9 }\nepochs = 0");
        assert!(mistakes.contains("unknown key `momentum`") && mistakes.contains("`epochs`"), "{mistakes}");
    }
}
