//! Wrong labels, for the search for them.

use crate::noise::Noise;

/// Which labels are turned.
#[derive(Clone, Copy, Debug)]
pub struct Flips {
    pub share: f64,
    /// Those of this class alone; of all where there is none.
    pub of: Option<usize>,
    /// All into this class; into any other where there is none.
    pub into: Option<usize>,
}

/// The same labels, of which a share of those that may be turned, rounded to whole labels, one at least, and drawn at random, is turned into
/// another of `classes` classes, drawn uniformly, or into the one that `flips` names. A larger share turns those of a smaller one
/// alike, and more.
pub fn flipped(labels: &[i64], classes: i64, flips: Flips, noise: &Noise) -> Vec<i64> {
    let noise = noise.purpose("flipped-labels");
    let is = |class: Option<usize>, place: &usize| class.map(|class| class as i64 == labels[*place]);
    let may = |place: &usize| is(flips.of, place) != Some(false) && is(flips.into, place) != Some(true);
    let order: Vec<usize> = noise.purpose("which").permutation(labels.len()).into_iter().filter(may).collect();
    let count = (flips.share * order.len() as f64).round() as usize;
    let count = count.max(1);
    let mut flipped = labels.to_vec();
    for place in order.into_iter().take(count) {
        let other = noise.purpose("class").below(place as u64, (classes - 1).max(1) as u64) as i64;
        let any = (labels[place] + 1 + other).rem_euclid(classes.max(1));
        flipped[place] = flips.into.map_or(any, |class| class as i64);
    }
    flipped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_all(share: f64) -> Flips {
        Flips { share, of: None, into: None }
    }

    #[test]
    fn so_many_labels_become_another_class() {
        let labels: Vec<i64> = (0..40).map(|place| place % 4).collect();
        let changed = |share| {
            let flipped = flipped(&labels, 4, of_all(share), &Noise::new(2));
            assert!(flipped.iter().all(|label| (0..4).contains(label)));
            (0..40).filter(|place| flipped[*place] != labels[*place]).collect::<Vec<_>>()
        };
        let (few, many) = (changed(0.1), changed(0.5));
        assert_eq!((few.len(), many.len()), (4, 20));
        assert!(few.iter().all(|place| many.contains(place)));
        // Every other class comes up.
        let all = flipped(&labels, 4, of_all(1.0), &Noise::new(2));
        assert!((1..4).all(|way| labels.iter().zip(&all).any(|(was, is)| (was + way) % 4 == *is)));
    }

    /// Of ten labels of class 2, three; into class 1 none that is of class 1 already.
    #[test]
    fn a_subgroup_is_turned_and_nothing_else() {
        let labels: Vec<i64> = (0..40).map(|place| place % 4).collect();
        let changed = |of, into| {
            let flips = Flips { share: 0.3, of, into };
            let flipped = flipped(&labels, 4, flips, &Noise::new(2));
            let pairs = labels.iter().zip(flipped).map(|(was, is)| (*was, is));
            pairs.filter(|(was, is)| was != is).collect::<Vec<_>>()
        };
        let (any, one, all) = (changed(Some(2), None), changed(Some(2), Some(1)), changed(None, Some(1)));
        assert!(any.len() == 3 && any.iter().all(|(was, _)| *was == 2), "{any:?}");
        assert_eq!(one, [(2, 1); 3]);
        // Of the thirty that are of another class.
        assert!(all.len() == 9 && all.iter().all(|(_, is)| *is == 1), "{all:?}");
    }
}
