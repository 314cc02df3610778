//! Do intervals hold what they promise? Scores are drawn from known populations again and again; an interval that is
//! called a 95 % interval must hold the truth in at least 93 % of the repetitions, whatever spreads more: the trainings
//! or the images.

use explainbench::stats::{Estimate, Inference, Population, Resampler, Sample};

const AT_LEAST: f64 = 0.93;

/// Repetitions: the share covered has a standard error of .7 percentage points.
const TIMES: u64 = 1000;

/// Uniform and normal numbers for the simulations, from a linear congruential generator with permuted output (PCG).
struct Draws(u64);

impl Draws {
    fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// In (0, 1).
    fn uniform(&mut self) -> f64 {
        let state = self.0;
        self.0 = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let mixed = (((state >> 18) ^ state) >> 27) as u32;
        (f64::from(mixed.rotate_right((state >> 59) as u32)) + 0.5) / 4294967296.0
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    fn normals(&mut self, count: usize, spread: f64) -> Vec<f64> {
        (0..count).map(|_| spread * self.normal()).collect()
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn judged(over: Population, seed: u64) -> Inference {
    Inference { over, alpha: 0.05, resampler: Resampler::new(seed) }
}

fn holds(estimate: &Estimate, truth: f64) -> bool {
    estimate.low <= truth && truth <= estimate.high
}

/// Two contenders on the same networks and images. A score = its network's effect + its image's effect + the rest; half
/// of each contender's network and image effects is shared by both contenders.
struct Arena {
    scores: [Sample; 2],
    /// The true means of the contenders on these networks over all images, and on these images over all trainings.
    over_images: [f64; 2],
    over_trainings: [f64; 2],
}

impl Arena {
    fn draw(draws: &mut Draws, networks: usize, images: usize, ratio: f64) -> Self {
        let half = 0.5f64.sqrt();
        let (shared_networks, shared_images) = (draws.normals(networks, ratio * half), draws.normals(images, 0.5));
        let mut contender = |average: f64| {
            let mix =
                |shared: &[f64], own: Vec<f64>| -> Vec<f64> { shared.iter().zip(own).map(|(a, b)| a + b).collect() };
            let network_effects = mix(&shared_networks, draws.normals(networks, ratio * half));
            let image_effects = mix(&shared_images, draws.normals(images, 0.5));
            let mut score = |network: f64, image: f64| average + network + image + half * draws.normal();
            let row = |network: &f64| (0..).zip(image_effects.iter().map(|image| score(*network, *image))).collect();
            let sample = Sample { networks: network_effects.iter().map(row).collect() };
            (sample, average + mean(&network_effects), average + mean(&image_effects))
        };
        let (first, second) = (contender(1.0), contender(0.8));
        Self { scores: [first.0, second.0], over_images: [first.1, second.1], over_trainings: [first.2, second.2] }
    }

    fn truth(&self, over: Population) -> [f64; 2] {
        match over {
            Population::Model => self.over_images,
            Population::Recipe => self.over_trainings,
        }
    }
}

/// Every number of trainings and every ratio of the spread of networks to that of scores within a network.
fn every_design(over: Population, times: u64) {
    let designs = [3, 5, 10].into_iter().flat_map(|networks| [0.0, 0.5, 1.0, 2.0].map(|ratio| (networks, ratio)));
    for (number, (networks, ratio)) in (0..).zip(designs) {
        let mut draws = Draws::new(number);
        let (mut estimates, mut differences) = (0, 0);
        for repetition in 0..times {
            let arena = Arena::draw(&mut draws, networks, 50, ratio);
            let ([a, b], [truth_a, truth_b]) = (&arena.scores, arena.truth(over));
            let judged = judged(over, repetition);
            estimates += u64::from(holds(&judged.estimate(a), truth_a));
            differences += u64::from(holds(&judged.difference(a, b), truth_a - truth_b));
        }
        let [estimate, difference] = [estimates, differences].map(|held| held as f64 / times as f64);
        println!("{over}: {networks} networks, ratio {ratio}: {estimate:.3}, difference {difference:.3}");
        assert!(estimate >= AT_LEAST, "{over}: {networks} networks, ratio {ratio}: {estimate}");
        assert!(difference >= AT_LEAST, "{over}: difference, {networks} networks, ratio {ratio}: {difference}");
    }
}

#[test]
fn over_new_trainings() {
    every_design(Population::Recipe, 2 * TIMES);
}

#[test]
fn over_new_images() {
    every_design(Population::Model, TIMES);
}

/// One network, `counts` images with scores of a given shape around a given mean.
fn every_count(shape: &str, counts: &[u64], at_least: f64, truth: f64, score: impl Fn(&mut Draws) -> f64) {
    for &images in counts {
        let mut draws = Draws::new(images);
        let held = (0..TIMES).filter(|&repetition| {
            let sample = Sample { networks: vec![(0..images).map(|id| (id, score(&mut draws))).collect()] };
            holds(&judged(Population::Model, repetition).estimate(&sample), truth)
        });
        let covered = held.count() as f64 / TIMES as f64;
        println!("{shape}, {images} images: {covered:.3}");
        assert!(covered >= at_least, "{shape}, {images} images: {covered}");
    }
}

#[test]
fn normal_and_heavy_tailed_scores() {
    every_count("normal", &[10, 20, 50, 200], AT_LEAST, 0.0, |draws| draws.normal());
    every_count("t(3)", &[10, 20, 50], AT_LEAST, 0.0, |draws| {
        let squares: f64 = draws.normals(3, 1.0).iter().map(|value| value * value).sum();
        draws.normal() / (squares / 3.0).sqrt()
    });
}

#[test]
fn skewed_scores() {
    every_count("exponential", &[10, 20, 50, 200], AT_LEAST, 1.0, |draws| -draws.uniform().ln());
    let lognormal = |spread: f64| move |draws: &mut Draws| (spread * draws.normal()).exp();
    every_count("lognormal(1/2)", &[10, 20, 50], AT_LEAST, 0.125f64.exp(), lognormal(0.5));
    every_count("lognormal(1)", &[50, 200], AT_LEAST, 0.5f64.exp(), lognormal(1.0));
    // Few values of so long a tail show too little of it for 93 %: 20 000 repetitions give .900 for 10 values and .926
    // for 20, where Student's t alone covers .84 and .87. The bounds lie 2.5 standard errors below.
    every_count("lognormal(1)", &[10], 0.876, 0.5f64.exp(), lognormal(1.0));
    every_count("lognormal(1)", &[20], 0.905, 0.5f64.exp(), lognormal(1.0));
}

/// Exactly, by going through every number of hits with its binomial probability. Ten images with a share of 4/5 are
/// left out: one time in nine all are hits, and equal values have an interval without width.
#[test]
fn hits() {
    for (share, counts) in [(0.5, [10, 20, 50, 200].as_slice()), (0.8, &[20, 50, 200])] {
        for &images in counts {
            let mut probability = (1.0f64 - share).powi(images);
            let mut covered = 0.0;
            for hits in 0..=images {
                let network = (0..images).map(|image| (image as u64, f64::from(image < hits))).collect();
                let estimate = judged(Population::Model, 0).estimate(&Sample { networks: vec![network] });
                covered += if holds(&estimate, share) { probability } else { 0.0 };
                probability *= f64::from(images - hits) / f64::from(hits + 1) * share / (1.0 - share);
            }
            println!("{share} hits, {images} images: {covered:.4}");
            assert!(covered >= AT_LEAST, "{share} hits, {images} images: {covered}");
        }
    }
}
