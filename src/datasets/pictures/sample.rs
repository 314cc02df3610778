//! Fewer examples than there are, the same few on every machine.

use std::borrow::Cow;

use crate::noise::Noise;

/// Where each example stands among those of its class, in random order. The order of two follows from their names and the
/// noise, whatever other examples there are.
pub fn ranks<'a>(labels: &[i64], name: impl Fn(usize) -> Cow<'a, str>, noise: &Noise) -> Vec<usize> {
    let draw = |at: usize| noise.purpose(&name(at)).uniform_u64(0);
    let mut drawn: Vec<(i64, u64, usize)> =
        labels.iter().enumerate().map(|(at, &label)| (label, draw(at), at)).collect();
    drawn.sort_unstable();
    let mut ranks = vec![0; labels.len()];
    for class in drawn.chunk_by(|one, other| one.0 == other.0) {
        class.iter().enumerate().for_each(|(rank, &(_, _, at))| ranks[at] = rank);
    }
    ranks
}

/// The places of the `count` examples of lowest rank, ascending: as many of each class as of any other, as far as they last.
pub fn balanced(labels: &[i64], ranks: &[usize], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..labels.len()).collect();
    places.sort_by_key(|&at| (ranks[at], labels[at]));
    places.truncate(count);
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(labels: &[i64], count: usize, seed: u64) -> Vec<usize> {
        balanced(labels, &ranks(labels, |at| format!("{at}.png").into(), &Noise::new(seed)), count)
    }

    /// Class 2 has one example, so a sample of 5 takes it and two of each other class.
    #[test]
    fn classes_are_equally_frequent_as_far_as_they_last() {
        let labels = [0, 0, 0, 0, 1, 1, 1, 1, 2];
        let mut counts = [0; 3];
        of(&labels, 5, 0).iter().for_each(|&at| counts[labels[at] as usize] += 1);
        assert_eq!(counts, [2, 2, 1]);
        assert_eq!(of(&labels, 20, 0), (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn the_seed_decides_and_a_larger_sample_holds_the_smaller() {
        let labels = [0; 100];
        assert_ne!(of(&labels, 10, 0), of(&labels, 10, 1));
        let larger = of(&labels, 20, 0);
        assert!(of(&labels, 10, 0).iter().all(|at| larger.contains(at)));
    }

    #[test]
    fn a_further_example_changes_no_order() {
        let order = |count: usize| {
            let ranks = ranks(&vec![0; count], |at| format!("{at}.png").into(), &Noise::new(3));
            let mut places: Vec<usize> = (0..20).collect();
            places.sort_by_key(|&at| ranks[at]);
            places
        };
        assert_eq!(order(20), order(50));
    }
}
