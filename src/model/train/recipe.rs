//! How a network is trained, as a suite says it.

use super::augment::Augment;
use super::convex::{self, Convex};
use super::optimizer::Optimizer;
use super::robust::Robust;
use super::schedule::Schedule;
use crate::config::Section;
use crate::model::Graph;
use crate::model::convex::Loss;

/// The keys of a training by steps.
const STEPS: [&str; 9] =
    ["epochs", "batch", "optimizer", "schedule", "label_smoothing", "augment", "robust", "until", "checkpoints"];

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
    /// States of the weights that are kept, evenly spaced over the epochs, the last one among them.
    pub checkpoints: usize,
    /// In the place of all that: the minimum of a convex problem. Few recipes have one.
    pub convex: Option<Box<Convex>>,
}

impl Recipe {
    /// Whether it is a convex problem's one solution.
    pub fn is_convex(&self) -> bool {
        self.convex.is_some()
    }

    /// Reads `train = { epochs = 20, batch = 64, optimizer = { .. }, schedule = { .. }, .. }` for examples of shape
    /// `input`, or `train = { solver = "newton", l2 = 0.01, .. }`. Mistakes are left with the section.
    pub fn read(section: &Section, input: &[i64]) -> Self {
        let keys = section.keys();
        let among =
            |known: &'static [&'static str]| known.iter().copied().filter(|known| keys.iter().any(|key| key == known));
        let fitted = among(&["solver"]).next().is_some();
        if fitted {
            for key in among(&STEPS) {
                section.expect(&[key]);
                let message = format!("`{key}` is for training by steps, and `solver` takes none of them");
                let help = format!("take out `{key}`, or `solver`");
                section.mistake_at_key(key, message, None, Some(help));
            }
            let convex = Some(Box::new(Convex::read(section)));
            section.finish();
            return Self { convex, ..Self::by_steps(&nothing(), input) };
        }
        for key in among(&convex::KEYS) {
            section.expect(&[key]);
            let message = format!("`{key}` is for a fit by a `solver`, and this is training by steps");
            let decay = ", or use the `weight_decay` of an optimizer";
            let help = format!("add `solver = \"newton\"`{}", if key == "l2" { decay } else { "" });
            section.mistake_at_key(key, message, None, Some(help));
        }
        let recipe = Self::by_steps(section, input);
        section.expect(&["solver"]);
        section.finish();
        recipe
    }

    fn by_steps(section: &Section, input: &[i64]) -> Self {
        let count = |key: &str, default: usize| {
            section.get_if(key, default, |given| (1..=1_000_000).contains(given), "an integer from 1 to 1000000")
        };
        let epochs = count("epochs", 10);
        Self {
            epochs,
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
            checkpoints: section.get_if(
                "checkpoints",
                0,
                |given| *given <= epochs,
                "an integer of 0 or more, at most one for each epoch",
            ),
            convex: None,
        }
    }

    /// Leaves with the section of a `train` table what this network cannot be trained by.
    pub fn check(section: &Section, graph: &Graph) {
        if section.has("solver") {
            Convex::read(section).check(section, graph);
        }
    }

    /// l2 of the regulariser l2/2 |theta|² whose derivative is in the gradient that training follows. 0 for AdamW: its decay
    /// shrinks weights beside the gradient, after Adam has scaled that, so that what it comes to is no minimum of a regularised
    /// loss.
    pub fn regulariser(&self) -> f64 {
        match (&self.convex, self.optimizer) {
            (Some(convex), _) => convex.l2,
            (None, Optimizer::Adam { decoupled: true, .. }) => 0.0,
            (None, Optimizer::Sgd { weight_decay, .. } | Optimizer::Adam { weight_decay, .. }) => weight_decay,
        }
    }

    /// What is minimised of each example, label smoothing apart.
    pub fn loss(&self) -> Loss {
        self.convex.as_ref().map_or(Loss::CrossEntropy, |convex| convex.loss)
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
        None => read(&nothing()),
    }
}

fn nothing() -> Section {
    Section::parse("", "").expect("an empty text is an empty table")
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
            checkpoints: 0,
            convex: None,
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
            until = 0.95
            checkpoints = 3"#,
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
            checkpoints: 3,
            convex: None,
        };
        assert_eq!(recipe, expected);
    }

    #[test]
    fn what_an_optimizer_does_not_have_is_a_mistake() {
        let (_, mistakes) = read("optimizer = { use = \"adam\", momentum = 0.9 }\nepochs = 0");
        assert!(mistakes.contains("unknown key `momentum`") && mistakes.contains("`epochs`"), "{mistakes}");
    }

    #[test]
    fn a_fit_has_other_keys_than_steps() {
        let (recipe, _) = read("solver = 'newton'\nl2 = 0.5\nloss = 'smooth-hinge'");
        assert_eq!((recipe.regulariser(), recipe.loss()), (0.5, Loss::SmoothHinge { t: 0.001 }));
        let (_, mistakes) = read("solver = 'newton'\nbatch = 3");
        assert!(mistakes.contains("`batch` is for training by steps") && mistakes.contains("1 mistake"), "{mistakes}");
        let (_, mistakes) = read("l2 = 0.1\ntolerance = 1");
        assert!(mistakes.contains("`tolerance` is for a fit by a `solver`"), "{mistakes}");
        assert!(read("epochs = 3\ncheckpoints = 4").1.contains("`checkpoints` cannot be 4"));
    }

    /// AdamW decays weights beside the gradient, by 0.01 where nothing else is said.
    #[test]
    fn the_regulariser_is_what_the_gradient_holds() {
        let of = |text: &str| (read(text).0.regulariser(), read(text).0.loss());
        assert_eq!(of("optimizer = { use = 'sgd', weight_decay = 0.1 }"), (0.1, Loss::CrossEntropy));
        assert_eq!(of("optimizer = { use = 'adam', weight_decay = 0.2 }"), (0.2, Loss::CrossEntropy));
        assert_eq!(of("").0, 0.0);
        assert_eq!(of("optimizer = { use = 'adamw' }").0, 0.0);
    }
}
