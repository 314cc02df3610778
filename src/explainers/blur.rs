//! # Definition
//! Another explainer's map, reduced to one number per pixel as that explainer states, under a Gaussian blur of
//! 2 ceil(3 sigma) + 1 pixels. What lies beyond the border does not count: the weights inside are scaled to add up to 1, so
//! a constant map stays constant. A blurred map knows nothing that the sharp one does not; a removal metric that likes
//! it better likes smooth masks.
//!
//! # Parameters
//! - `of` ("gradient"): the wrapped explainer.
//! - `sigma` (1.0): standard deviation of the Gaussian in pixels.
//!
//! # Cost
//! That of the wrapped explainer.
//!
//! # Reference
//! Song, Cha and Seo, "On Pitfalls of RemOve-And-Retrain: Data Processing Inequality Perspective", 2023.

use std::sync::Arc;

use super::{Access, Attribution, Explainer, Misfit, Role, Scene, Unit};
use crate::catalogue::Entry;
use crate::error::Result;
use crate::imputers::gaussian_blur;
use crate::model::Graph;

pub const ENTRY: Entry<dyn Explainer> = Entry {
    name: "blur",
    summary: "control for removal: another explainer's map, blurred",
    reference: "Song et al. 2023",
    revision: 1,
    source: include_str!("blur.rs"),
    read: |section| {
        let fits = |sigma: &f64| 0.0 < *sigma && *sigma <= 100.0;
        let sigma = section.get_if("sigma", 1.0, fits, "a number above 0, at most 100");
        Some(Arc::new(Blur { sigma, of: super::read_of(section, "gradient")? }))
    },
};

pub struct Blur {
    pub sigma: f64,
    pub of: Arc<dyn Explainer>,
}

impl Explainer for Blur {
    fn access(&self) -> Access {
        self.of.access()
    }

    fn differentiable(&self) -> bool {
        self.of.differentiable()
    }

    /// Blurring does not make a control see the model, nor an explainer blind.
    fn role(&self) -> Role {
        self.of.role()
    }

    fn unit(&self) -> Unit {
        Unit::Pixel
    }

    fn rows(&self, shape: &[i64]) -> usize {
        self.of.rows(shape)
    }

    fn needs_truth(&self) -> bool {
        self.of.needs_truth()
    }

    fn check(&self, graph: &Graph) -> Result<(), Misfit> {
        self.of.check(graph).map_err(|misfit| misfit.within("of"))
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        self.of.files()
    }

    fn explain(&self, on: &Scene) -> Result<Attribution> {
        let sharp = self.of.map().reduce(&self.of.explain(on)?.values)?.f_unsqueeze(1)?;
        let kernel = 2 * (3.0 * self.sigma).ceil() as usize + 1;
        let inside = gaussian_blur(&sharp.f_narrow(0, 0, 1)?.f_ones_like()?, kernel, self.sigma)?;
        Ok(Attribution::pixels(gaussian_blur(&sharp, kernel, self.sigma)?.f_div(&inside)?))
    }
}
