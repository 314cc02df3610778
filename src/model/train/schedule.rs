//! How the learning rate goes over the epochs.

use std::f64::consts::PI;

use crate::config::Section;

/// A rise over the first `warmup` epochs, then a course.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub warmup: f64,
    pub course: Course,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Course {
    Constant,
    /// Times `gamma` after each of these epochs.
    Step {
        milestones: Vec<f64>,
        gamma: f64,
    },
    /// Half a cosine down to zero at the end (Loshchilov and Hutter, "SGDR", 2017, without restarts).
    Cosine,
}

type Read = fn(&Section) -> Course;

impl Course {
    fn step(section: &Section) -> Self {
        let milestones = section.required("milestones").unwrap_or_default();
        let gamma = section.get_if("gamma", 0.1, |given| *given > 0.0, "a number above 0");
        Self::Step { milestones, gamma }
    }
}

impl Schedule {
    /// Reads `schedule = { use = "cosine", warmup = 1 }`.
    pub fn read(section: &Section) -> Self {
        let courses: [(&str, Read); 3] =
            [("constant", |_| Course::Constant), ("step", Course::step), ("cosine", |_| Course::Cosine)];
        let warmup = section.get_if("warmup", 0.0, |given| *given >= 0.0, "a number of epochs, 0 or more");
        Self { warmup, course: section.choice("use", "constant", &courses)(section) }
    }

    /// What the learning rate is multiplied by in step `step` (from 0) of `epochs` epochs of `steps` steps each.
    pub fn factor(&self, step: u64, steps: u64, epochs: usize) -> f64 {
        let epoch = step as f64 / steps as f64;
        if epoch < self.warmup {
            // The first step already moves, the last of the warm-up has the full rate.
            return ((step + 1) as f64 / (self.warmup * steps as f64)).min(1.0);
        }
        match &self.course {
            Course::Constant => 1.0,
            Course::Step { milestones, gamma } => {
                gamma.powi(milestones.iter().filter(|&&milestone| epoch >= milestone).count() as i32)
            }
            Course::Cosine => 0.5 * (1.0 + (PI * (epoch - self.warmup) / (epochs as f64 - self.warmup)).cos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(schedule: &Schedule, epochs: usize) -> Vec<f64> {
        (0..epochs as u64 * 2).map(|step| schedule.factor(step, 2, epochs)).collect()
    }

    #[test]
    fn a_warm_up_rises_in_equal_steps() {
        let schedule = Schedule { warmup: 2.0, course: Course::Constant };
        assert_eq!(factors(&schedule, 3), [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn steps_come_at_their_epochs() {
        let schedule = Schedule { warmup: 0.0, course: Course::Step { milestones: vec![1.0, 1.5], gamma: 0.5 } };
        assert_eq!(factors(&schedule, 2), [1.0, 1.0, 0.5, 0.25]);
    }

    #[test]
    fn a_cosine_falls_from_one_to_zero_after_the_warm_up() {
        let schedule = Schedule { warmup: 1.0, course: Course::Cosine };
        // After the warm-up, of 4 steps, cos 0, cos π/4, cos π/2, cos 3π/4.
        let root = 0.5_f64.sqrt();
        let expected = [0.5, 1.0, 1.0, (1.0 + root) / 2.0, 0.5, (1.0 - root) / 2.0];
        for (found, expected) in factors(&schedule, 3).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12);
        }
    }
}
