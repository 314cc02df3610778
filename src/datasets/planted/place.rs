//! Where on the canvas a glyph lies.

use crate::noise::Noise;

/// The rule for the places of the glyphs that decide the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Anywhere, each place equally likely.
    Random,
    /// In one of the four corners, each equally likely.
    Corner,
    /// In the middle.
    Center,
}

impl Place {
    /// As suites call them.
    pub const NAMES: [(&str, Self); 3] = [("random", Self::Random), ("corner", Self::Corner), ("center", Self::Center)];

    /// The upper left pixel (y, x) of a box that can be moved by `down` and `right` pixels.
    pub fn find(self, (down, right): (usize, usize), noise: &Noise) -> (usize, usize) {
        match self {
            Self::Random => (noise.below(0, down as u64 + 1) as usize, noise.below(1, right as u64 + 1) as usize),
            Self::Corner => (down * noise.below(0, 2) as usize, right * noise.below(1, 2) as usize),
            Self::Center => (down / 2, right / 2),
        }
    }
}

/// A place for a second box that shares no pixel with the one at `taken`; both measure `side`.
///
/// `room` must be at least 2 `side` - 1: then the space above the first box or that below it holds another.
pub fn beside(taken: (usize, usize), side: usize, room: usize, noise: &Noise) -> (usize, usize) {
    let apart = |(y, x): (usize, usize)| y.abs_diff(taken.0) >= side || x.abs_diff(taken.1) >= side;
    let mut draws = (0..).map(|draw| Place::Random.find((room, room), &noise.index(draw)));
    draws.find(|&place| apart(place)).expect("the draws never end")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn places(place: Place, room: usize) -> BTreeSet<(usize, usize)> {
        (0..500).map(|image| place.find((room, room), &Noise::new(image))).collect()
    }

    #[test]
    fn each_rule_reaches_its_places_and_no_other() {
        assert_eq!(places(Place::Center, 5), [(2, 2)].into());
        assert_eq!(places(Place::Corner, 5), [(0, 0), (0, 5), (5, 0), (5, 5)].into());
        // 500 draws miss one of 9 places with probability 9 (8/9)^500 < 1e-24.
        assert_eq!(places(Place::Random, 2).len(), 9);
        assert_eq!(places(Place::Random, 0), [(0, 0)].into());
    }

    /// The tightest case: a box of 4 in the middle of 11 pixels leaves free places only at the borders.
    #[test]
    fn two_glyphs_never_touch() {
        for image in 0..200 {
            let (y, x) = beside((3, 4), 4, 7, &Noise::new(image));
            assert!(y <= 7 && x <= 7 && (y >= 7 || x == 0), "({y}, {x})");
        }
    }
}
