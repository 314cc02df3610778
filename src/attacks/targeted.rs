//! # Definition
//! A region is made to look relevant: the objective is the mean of s'_i / mean |s'| over its pixels.
//!
//! # Parameters
//! - `region` ("evidence"): "evidence", where the data knows it to be, or a box { top = .., left = .., height = .., width = .. } in
//!   pixels, the same for all images.
//!
//! # Cost
//! None beside the maps.
//!
//! # Reference
//! Ghorbani, Abid and Zou, "Interpretation of Neural Networks Is Fragile", AAAI 2019.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::{Attack, Objective, Original, mean_within, scaled};
use crate::catalogue::Entry;
use crate::config::Section;
use crate::error::{Error, Result};

pub const ENTRY: Entry<dyn Attack> = Entry {
    name: "targeted",
    summary: "makes a region look relevant",
    reference: "Ghorbani et al. 2019",
    revision: 1,
    source: include_str!("targeted.rs"),
    read: |section| Some(Arc::new(Targeted { region: read_region(section)? })),
};

struct Targeted {
    region: Region,
}

const EVIDENCE: &str = "evidence";

enum Region {
    Evidence,
    /// Top, left, height, width.
    Box([i64; 4]),
}

fn read_region(section: &Section) -> Option<Region> {
    if section.peek::<String>("region").is_some() || !section.has("region") {
        let expected = "\"evidence\" or a box { top = .., left = .., height = .., width = .. } in pixels";
        let word = section.get_if("region", EVIDENCE.to_string(), |word| word == EVIDENCE, expected);
        return (word == EVIDENCE).then_some(Region::Evidence);
    }
    let table = section.section("region")?;
    let place = |key| table.required_if(key, |at: &i64| *at >= 0, "a pixel, from 0");
    let length = |key| table.required_if(key, |size: &i64| *size >= 1, "a number of pixels, from 1");
    let sides = [place("top"), place("left"), length("height"), length("width")];
    table.finish();
    let [top, left, height, width] = sides;
    Some(Region::Box([top?, left?, height?, width?]))
}

impl Attack for Targeted {
    fn objective(&self, original: &Original) -> Result<Objective> {
        let mask = match &self.region {
            Region::Evidence => {
                let known = original.evidence.as_ref().map(Tensor::shallow_clone);
                known.ok_or_else(|| Error::new("targeted: the data does not know where the evidence is"))?
            }
            Region::Box([top, left, height, width]) => {
                let mask = Tensor::f_zeros(original.maps.size(), (Kind::Bool, original.maps.device()))?;
                let _ = mask.f_narrow(1, *top, *height)?.f_narrow(2, *left, *width)?.f_fill_(1.0)?;
                mask
            }
        };
        let mask = mask.f_to_kind(original.maps.kind())?;
        Ok(Box::new(move |maps| mean_within(&scaled(maps)?, &mask)))
    }

    fn needs_truth(&self) -> bool {
        matches!(self.region, Region::Evidence)
    }

    fn misfit(&self, height: i64, width: i64) -> Option<String> {
        let Region::Box([top, left, rows, columns]) = self.region else { return None };
        // Compared so that no sum overflows.
        let outside = |start: i64, length: i64, size: i64| start > size || length > size - start;
        (outside(top, rows, height) || outside(left, columns, width))
            .then(|| format!("`region` does not lie within images of {height} x {width} pixels"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right column of magnitudes 1, 3, 2, 2 (mean 2) has 3 and -2: mean 0.5, a quarter of the mean.
    #[test]
    fn a_box_by_hand() {
        let section = Section::parse("a.toml", "region = { top = 0, left = 1, height = 2, width = 1 }").unwrap();
        let attack = (ENTRY.read)(&section).unwrap();
        let map = Tensor::from_slice(&[1.0, 3.0, 2.0, -2.0]).view([1, 2, 2]);
        let original = Original { maps: map.zeros_like(), evidence: None };
        assert_eq!(attack.objective(&original).unwrap()(&map).unwrap().double_value(&[0]), 0.25);
        assert!(!attack.needs_truth());
        assert!((ENTRY.read)(&Section::parse("a.toml", "").unwrap()).unwrap().needs_truth());
    }

    #[test]
    fn a_box_lies_within_the_image() {
        let fits = |region: &str, height, width| {
            let section = Section::parse("a.toml", &format!("region = {{ {region} }}")).unwrap();
            (ENTRY.read)(&section).unwrap().misfit(height, width).is_none()
        };
        let region = "top = 1, left = 2, height = 3, width = 4";
        assert!(fits(region, 4, 6) && !fits(region, 3, 6) && !fits(region, 4, 5));
        assert!(!fits("top = 0, left = 0, height = 1, width = 9223372036854775807", 8, 8));
        assert!(!fits("top = 9223372036854775807, left = 0, height = 1, width = 1", 8, 8));
    }
}
