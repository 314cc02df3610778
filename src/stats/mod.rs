//! Statistics in f64: estimates with intervals, ranks and correlations, and what a number of units can show at all.
//!
//! Every [`Estimate`] says which [`Population`] it speaks of. Scores of several trainings on the same images are never
//! pooled as if they were independent: the unit is either the image (networks fixed) or the training.

mod bootstrap;
mod correction;
mod correlation;
mod estimate;
mod intervals;
mod quantile;
mod ranks;
mod sample;
mod significance;

pub use bootstrap::Resampler;
pub use correction::holm;
pub use correlation::{kendall, pearson, spearman};
pub use estimate::{Estimate, Inference, Population};
pub use intervals::{Interval, mean, normal_quantile, t_interval, t_quantile, wilson_interval};
pub use quantile::{Tail, quantile, quantile_interval, quantile_needs};
pub use ranks::average_ranks;
pub use sample::Sample;
pub use significance::{smallest_p, units_needed};
