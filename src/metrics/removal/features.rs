//! What is removed at once, and in which order.

use tch::{Kind, Tensor};

use crate::config::Section;
use crate::error::{Error, Result};
use crate::explainers::{Channels, Map};
use crate::metrics::{Given, ScoredUnit, Scores, Values};

/// What is removed together and has one rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// One channel of one pixel, ranked by the attribution under the sign of the explainer's map.
    Element,
    /// All channels of a pixel, ranked by the map.
    Pixel,
    /// A square of so many pixels a side, ranked by the sum of the map in it; at the lower and right border, what is left
    /// of one.
    Region(i64),
}

/// Which end of the ranking goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    MostFirst,
    LeastFirst,
}

/// The order of features that the map calls equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// Drawn once per example, the same for every contender and from either end.
    Random,
    /// Channel by channel, left to right, top to bottom.
    Stable,
}

/// `unit`, `region` and `ties` of a removal metric's table.
#[derive(Clone, Copy, Debug)]
pub struct Ranking {
    pub feature: Feature,
    pub ties: Ties,
}

/// The features of some examples with what ranks them.
pub struct Ranked {
    /// float64 [B, D].
    relevance: Tensor,
    /// The places of the features, shuffled, int64 [B, D].
    shuffle: Option<Tensor>,
    feature: Feature,
    /// [B, C, H, W] of the images.
    size: Vec<i64>,
}

impl Ranking {
    pub fn read(section: &Section) -> Self {
        let units = [("element", Feature::Element), ("pixel", Feature::Pixel), ("region", Feature::Region(4))];
        let feature = match section.choice("unit", "pixel", &units) {
            Feature::Region(side) => {
                let fits = |side: &i64| (1..=1024).contains(side);
                Feature::Region(section.get_if("region", side, fits, "an integer from 1 to 1024"))
            }
            other => other,
        };
        let ties = section.choice("ties", "random", &[("random", Ties::Random), ("stable", Ties::Stable)]);
        Self { feature, ties }
    }

    /// Everything that decides a ranking, beside the map.
    pub fn identity(&self) -> String {
        format!("{:?} {:?}", self.feature, self.ties)
    }

    /// How many features an image of `shape` [C, H, W] has.
    pub fn count(&self, shape: &[i64]) -> usize {
        self.feature.grid(shape).iter().product::<i64>() as usize
    }

    pub fn rank(&self, given: &Given) -> Result<Ranked> {
        let scene = &given.scene;
        let relevance = self.feature.relevance(given)?;
        // Sorted stably after a shuffle, equal features come in the shuffle's order.
        let shuffle = match self.ties {
            Ties::Stable => None,
            Ties::Random => {
                let noise = scene.noise.purpose("removal/ties");
                let draws = noise.uniform(&scene.ids, &relevance.size()[1..], Kind::Double, relevance.device())?;
                Some(draws.f_argsort(1, false)?)
            }
        };
        Ok(Ranked { relevance, shuffle, feature: self.feature, size: scene.x.size() })
    }
}

impl Feature {
    /// Channels, rows and columns of features in an image of `shape` [C, H, W].
    fn grid(self, shape: &[i64]) -> [i64; 3] {
        match self {
            Self::Element => [shape[0], shape[1], shape[2]],
            Self::Pixel => [1, shape[1], shape[2]],
            Self::Region(side) => [1, (shape[1] + side - 1) / side, (shape[2] + side - 1) / side],
        }
    }

    /// What is known of each feature, [B, D], for each pixel of images of `shape` [C, H, W]: [B, 1 or C, H, W].
    pub fn spread(self, features: &Tensor, shape: &[i64]) -> Result<Tensor> {
        let [channels, rows, columns] = self.grid(shape);
        let features = features.f_view([-1, channels, rows, columns])?;
        match self {
            Self::Region(side) => {
                let tall = features.f_repeat_interleave_self_int(side, 2, None)?.f_narrow(2, 0, shape[1])?;
                Ok(tall.f_repeat_interleave_self_int(side, 3, None)?.f_narrow(3, 0, shape[2])?)
            }
            _ => Ok(features),
        }
    }

    /// float64 [B, D].
    fn relevance(self, given: &Given) -> Result<Tensor> {
        let map = match self {
            Self::Element => {
                let size = given.attribution.size();
                if size != given.scene.x.size() {
                    return Err(Error::new("single elements cannot be ranked by one number per pixel"));
                }
                // Taken for a pixel of one channel, whose sum it is, an element has only its sign changed.
                let alone = Map { channels: Channels::Sum, ..given.map };
                alone.reduce(&given.attribution.f_reshape([-1, 1, size[2], size[3]])?)?.f_view(size.as_slice())?
            }
            Self::Pixel => given.pixel_map()?,
            Self::Region(side) => {
                let (square, whole) = ([side, side], given.pixel_map()?.f_unsqueeze(1)?);
                whole.f_avg_pool2d(square, square, [0, 0], true, true, 1)?
            }
        };
        Ok(map.f_flatten(1, -1)?.f_to_kind(Kind::Double)?)
    }
}

impl Ranked {
    /// How many features each example has.
    pub fn count(&self) -> usize {
        self.relevance.size()[1] as usize
    }

    /// The place in the order of removal of the feature that each pixel belongs to, int64 [B, 1 or C, H, W]: 0 goes first.
    pub fn places(&self, order: Order) -> Result<Tensor> {
        self.feature.spread(&self.order(order)?, &self.size[1..])
    }

    /// The place of each feature in the order of removal, int64 [B, D].
    pub fn order(&self, order: Order) -> Result<Tensor> {
        let descending = order == Order::MostFirst;
        let order = match &self.shuffle {
            Some(shuffle) => {
                let sorted = self.relevance.f_gather(1, shuffle, false)?.f_argsort_stable(true, 1, descending)?;
                shuffle.f_gather(1, &sorted, false)?
            }
            None => self.relevance.f_argsort_stable(true, 1, descending)?,
        };
        let places = Tensor::f_arange(order.size()[1], (Kind::Int64, order.device()))?.f_expand_as(&order)?;
        Ok(order.f_empty_like()?.f_scatter(1, &order, &places)?)
    }

    /// What a metric answers: an example whose map is not finite everywhere ranks nothing and has no values. Counted are
    /// those, maps that rank all features equally ("constant map"), and others in which at least half of the features share
    /// their relevance with another ("tied").
    pub fn scores(&self, ids: &[u64], mut measures: Vec<Values>) -> Result<Scores> {
        let finite = Vec::<bool>::try_from(self.relevance.f_isfinite()?.f_all_dim(1, false)?)?;
        for values in &mut measures {
            let examples = values.values.chunks_mut(values.at.len()).zip(&finite);
            examples.filter(|(_, finite)| !**finite).for_each(|(values, _)| values.fill(f64::NAN));
        }
        let mut flags = [("not finite", 0), ("constant map", 0), ("tied", 0)];
        for (finite, (constant, shared)) in finite.into_iter().zip(self.equal()?) {
            flags[0].1 += usize::from(!finite);
            flags[1].1 += usize::from(finite && constant);
            flags[2].1 += usize::from(finite && !constant && 2 * shared >= self.count());
        }
        let flags = flags.into_iter().filter(|(_, examples)| *examples > 0).collect();
        Ok(Scores { unit: ScoredUnit::Example, ids: ids.to_vec(), measures, flags })
    }

    /// For each example, whether all features are equal, and how many have the relevance of another one.
    fn equal(&self) -> Result<Vec<(bool, usize)>> {
        let (sorted, _) = self.relevance.f_sort(1, false)?;
        let pairs = sorted.size()[1] - 1;
        let alike = sorted.f_narrow(1, 0, pairs)?.f_eq_tensor(&sorted.f_narrow(1, 1, pairs)?)?;
        let constant = Vec::<bool>::try_from(alike.f_all_dim(1, false)?)?;
        let with_either = alike.f_constant_pad_nd([0, 1])?.f_logical_or(&alike.f_constant_pad_nd([1, 0])?)?;
        let shared = Vec::<i64>::try_from(with_either.f_sum_dim_intlist(1, false, Kind::Int64)?)?;
        Ok(constant.into_iter().zip(shared).map(|(constant, shared)| (constant, shared as usize)).collect())
    }
}
