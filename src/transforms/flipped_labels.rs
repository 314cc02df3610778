//! Wrong labels, for the search for them.

use crate::noise::Noise;

/// The same labels, of which a share, rounded to whole labels and drawn at random, is turned into another of `classes` classes,
/// drawn uniformly. A larger share turns those of a smaller one alike, and more.
pub fn flipped(labels: &[i64], classes: i64, share: f64, noise: &Noise) -> Vec<i64> {
    let noise = noise.purpose("flipped-labels");
    let order = noise.purpose("which").permutation(labels.len());
    let count = (share * labels.len() as f64).round() as usize;
    let mut flipped = labels.to_vec();
    for place in order.into_iter().take(count) {
        let other = noise.purpose("class").below(place as u64, (classes - 1).max(1) as u64) as i64;
        flipped[place] = (labels[place] + 1 + other).rem_euclid(classes.max(1));
    }
    flipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_labels_become_another_class() {
        let labels: Vec<i64> = (0..40).map(|place| place % 4).collect();
        let changed = |share| {
            let flipped = flipped(&labels, 4, share, &Noise::new(2));
            assert!(flipped.iter().all(|label| (0..4).contains(label)));
            (0..40).filter(|place| flipped[*place] != labels[*place]).collect::<Vec<_>>()
        };
        let (few, many) = (changed(0.1), changed(0.5));
        assert_eq!((few.len(), many.len()), (4, 20));
        assert!(few.iter().all(|place| many.contains(place)));
        // Every other class comes up.
        let all = flipped(&labels, 4, 1.0, &Noise::new(2));
        assert!((1..4).all(|way| labels.iter().zip(&all).any(|(was, is)| (was + way) % 4 == *is)));
    }
}
