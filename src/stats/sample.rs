//! What one contender scored: per network, per unit.

use std::collections::BTreeMap;

use super::intervals::mean;

/// The scores of one contender on one measure at one point: for each training (seed) the units' ids and values.
///
/// An id names the same unit in every network and every contender, and occurs once in a network. A value that is not
/// finite is invalid: it is counted and never averaged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    pub networks: Vec<Vec<(u64, f64)>>,
}

impl Sample {
    /// The number of values that are not finite.
    pub fn invalid(&self) -> usize {
        self.networks.iter().flatten().filter(|(_, value)| !value.is_finite()).count()
    }

    /// One value per unit, in the order of the ids: its mean over the networks that have it.
    pub fn unit_means(&self) -> Vec<f64> {
        let mut units: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for &(id, value) in self.networks.iter().flatten().filter(|(_, value)| value.is_finite()) {
            units.entry(id).or_default().push(value);
        }
        units.values().map(|values| mean(values)).collect()
    }

    /// One value per network: its mean over its units. A network without a valid unit has none.
    pub fn network_means(&self) -> Vec<f64> {
        let valid = |network: &Vec<(u64, f64)>| -> Vec<f64> {
            network.iter().map(|&(_, value)| value).filter(|value| value.is_finite()).collect()
        };
        let networks = self.networks.iter().map(valid);
        networks.filter(|values| !values.is_empty()).map(|values| mean(&values)).collect()
    }

    /// `self - other`, unit by unit within each network; networks are paired by position.
    ///
    /// A unit or a network that only one side has is left out; a unit that is invalid on either side is invalid.
    pub fn minus(&self, other: &Sample) -> Sample {
        let pairs = self.networks.iter().zip(&other.networks);
        Sample { networks: pairs.map(|(left, right)| differences(left, right)).collect() }
    }
}

fn differences(left: &[(u64, f64)], right: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let right: BTreeMap<u64, f64> = right.iter().copied().collect();
    left.iter().filter_map(|&(id, value)| Some((id, value - right.get(&id)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::Sample;

    const INVALID: f64 = f64::NAN;

    #[test]
    fn a_unit_is_averaged_over_the_networks_that_have_it() {
        // Unit 1: (2 + 4) / 2 = 3; unit 2 is invalid in the second network, so 5; unit 3 is nowhere valid.
        let sample =
            Sample { networks: vec![vec![(2, 5.0), (1, 2.0), (3, INVALID)], vec![(1, 4.0), (2, f64::INFINITY)]] };
        assert_eq!(sample.unit_means(), [3.0, 5.0]);
        assert_eq!(sample.network_means(), [3.5, 4.0]);
        assert_eq!(sample.invalid(), 2);
    }

    #[test]
    fn a_network_without_valid_units_has_no_mean() {
        let sample = Sample { networks: vec![vec![(1, INVALID)], vec![], vec![(1, 2.0)]] };
        assert_eq!(sample.network_means(), [2.0]);
    }

    #[test]
    fn pairs_are_made_by_unit_within_a_network() {
        let left = Sample { networks: vec![vec![(1, 5.0), (2, INVALID), (4, 1.0)], vec![(1, 9.0)]] };
        let right = Sample { networks: vec![vec![(2, 1.0), (1, 3.0), (3, 7.0)]] };
        let difference = left.minus(&right);
        // Unit 2 stays, invalid; units 3 and 4 and the second network have no partner.
        assert_eq!(difference.networks.len(), 1);
        assert_eq!(difference.networks[0][0], (1, 2.0));
        assert_eq!(difference.networks[0].len(), 2);
        assert_eq!(difference.invalid(), 1);
    }
}
