//! The smallest number of examples whose loss turns a prediction, by halving what is left between two that were tried.

/// What is known of each test point.
#[derive(Clone, Debug)]
pub struct TurningPoints {
    /// Not turned without so many.
    low: Vec<usize>,
    /// Turned without so many; `None` where nothing that was tried turned it.
    high: Vec<Option<usize>>,
}

impl TurningPoints {
    /// From `flipped`: for each of the ascending sizes, whether each test point was turned.
    pub fn between(sizes: &[usize], flipped: &[Vec<bool>]) -> Self {
        let points = flipped.first().map_or(0, Vec::len);
        let first = |point: usize| flipped.iter().position(|flipped| flipped[point]);
        let low = |point: usize| match first(point) {
            Some(0) => 0,
            Some(first) => sizes[first - 1],
            None => sizes.last().copied().unwrap_or(0),
        };
        Self {
            low: (0..points).map(low).collect(),
            high: (0..points).map(|point| first(point).map(|first| sizes[first])).collect(),
        }
    }

    /// How often `next` has an answer at most.
    pub fn rounds(sizes: &[usize]) -> usize {
        let before = std::iter::once(&0).chain(sizes);
        let widest = sizes.iter().zip(before).map(|(size, before)| size - before).max().unwrap_or(0);
        widest.next_power_of_two().trailing_zeros() as usize
    }

    /// What to try next: test points, each with a size.
    pub fn next(&self) -> Vec<(usize, usize)> {
        let open = |(point, low): (usize, &usize)| {
            let high = self.high[point]?;
            (high - low > 1).then_some((point, (low + high) / 2))
        };
        self.low.iter().enumerate().filter_map(open).collect()
    }

    /// Whether that turned them.
    pub fn learn(&mut self, tried: &[(usize, usize)], flipped: &[bool]) {
        for ((point, size), flipped) in tried.iter().zip(flipped) {
            match flipped {
                true => self.high[*point] = Some(*size),
                false => self.low[*point] = *size,
            }
        }
    }

    /// Point by point; infinite where nothing turned it.
    pub fn found(&self) -> Vec<f64> {
        self.high.iter().map(|high| high.map_or(f64::INFINITY, |high| high as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of predictions that turn at 1, 3, 10, 11 and never: tried at 2, 5 and 10.
    #[test]
    fn what_lies_between_two_sizes_is_halved() {
        let (sizes, turn) = ([2, 5, 10], [1, 3, 10, 11]);
        let flipped: Vec<Vec<bool>> = sizes.iter().map(|size| turn.map(|turn| *size >= turn).to_vec()).collect();
        let mut search = TurningPoints::between(&sizes, &flipped);
        assert_eq!(search.next(), [(0, 1), (1, 3), (2, 7)]);
        search.learn(&[(0, 1), (1, 3), (2, 7)], &[true, true, false]);
        assert_eq!(search.next(), [(2, 8)]);
        search.learn(&[(2, 8)], &[false]);
        search.learn(&[(2, 9)], &[false]);
        assert_eq!((search.next(), search.found()), (vec![], vec![1.0, 3.0, 10.0, f64::INFINITY]));
    }

    proptest! {
        #[test]
        fn it_is_found_within_the_rounds(steps in prop::collection::vec(1..40usize, 1..6), turn in 1..120usize) {
            let sizes: Vec<usize> = steps.iter().scan(0, |sum, step| { *sum += step; Some(*sum) }).collect();
            let flipped: Vec<Vec<bool>> = sizes.iter().map(|size| vec![*size >= turn]).collect();
            let mut search = TurningPoints::between(&sizes, &flipped);
            for _ in 0..TurningPoints::rounds(&sizes) {
                let tried = search.next();
                let flipped: Vec<bool> = tried.iter().map(|(_, size)| *size >= turn).collect();
                search.learn(&tried, &flipped);
            }
            prop_assert!(search.next().is_empty());
            let reached = sizes.last().is_some_and(|last| *last >= turn);
            prop_assert_eq!(search.found(), [if reached { turn as f64 } else { f64::INFINITY }]);
        }
    }
}
