//! What both searches share: what they ask for, and what is measured of the maps that they come to.

use tch::{Kind, Tensor};

use crate::attacks::{Method, Perturbation, Settings, center};
use crate::config::Section;
use crate::error::Result;
use crate::metrics::{Among, ControlOf, Direction, Family, Given, Line, Measure, Metric, ScoredUnit, Scores, Values};
use crate::need::{Known, ModelRef, Need, Perturbed};
use crate::similarities::{Cosine, Kendall, NonzeroSpearman, Side, Similarity, Spearman, Ssim, TopKOverlap, count};

pub struct Attacked {
    method: Method,
    settings: Settings,
    k: Option<i64>,
}

/// What is measured of a pair of maps, under four names: of the attack at the largest radius and as a curve, then of the control.
struct Measured {
    names: [&'static str; 4],
    smallest_effect: f64,
    unit: &'static str,
    what: What,
}

enum What {
    /// The overlap of the top pixels, this many pixels apart at most.
    Overlap(i64),
    Shift,
    Similarity(&'static dyn Similarity),
}

macro_rules! names {
    ($name:literal) => {
        [$name, concat!($name, "-curve"), concat!("random-sign-", $name), concat!("random-sign-", $name, "-curve")]
    };
}

const fn measured(names: [&'static str; 4], what: What) -> Measured {
    Measured { names, smallest_effect: 0.05, unit: "", what }
}

const MEASURED: [Measured; 8] = [
    measured(names!("intersection"), What::Overlap(0)),
    measured(names!("spearman"), What::Similarity(&Spearman)),
    Measured { names: names!("center-shift"), smallest_effect: 0.5, unit: "px", what: What::Shift },
    measured(names!("tolerant-intersection"), What::Overlap(1)),
    measured(names!("nonzero-spearman"), What::Similarity(&NonzeroSpearman)),
    measured(names!("kendall"), What::Similarity(&Kendall)),
    measured(names!("ssim"), What::Similarity(&Ssim)),
    measured(names!("cosine"), What::Similarity(&Cosine)),
];
const INTERSECTION: usize = 0;
const SHIFT: usize = 2;
/// The first of them are the published figure's panels.
const PUBLISHED: usize = 3;

const CHANCE: &str = "chance";
const CHANCE_LINE: &[Line] = &[Line::ChanceMeasure(CHANCE)];
const SURVIVED: [&str; 2] = ["survived", "random-sign-survived"];
const AXIS: &str = "radius in 1/255";
const KEPT: Among = Among { curves: &SURVIVED, words: ["images", "kept their class"] };

const fn control_of(measure: &'static str) -> ControlOf {
    ControlOf { measure, words: ["attack", "random signs"] }
}

impl Measured {
    /// [B] of the maps and what became of them.
    fn of(&self, own: &Side, moved: &Side, k: Option<i64>) -> Result<Tensor> {
        match self.what {
            What::Overlap(radius) => TopKOverlap { k, radius }.compare(own, moved),
            What::Similarity(similarity) => similarity.compare(own, moved),
            What::Shift => {
                let way = center(moved.maps())?.f_sub(&center(own.maps())?)?;
                Ok(way.f_square()?.f_sum_dim_intlist([1].as_slice(), false, Kind::Double)?.f_sqrt()?)
            }
        }
    }

    /// `aim`: whether the attack aims at it, which puts it into the main table.
    fn measures(&self, place: usize, aim: bool) -> [Measure; 4] {
        let [number, curve, control, control_curve] = self.names.map(|name| {
            let measure = Measure::new(name, Direction::None, self.smallest_effect).in_unit(self.unit).among(KEPT);
            if place == INTERSECTION { measure.against(CHANCE_LINE) } else { measure }
        });
        let shown = |measure: Measure, first: bool| if first { measure } else { measure.minor() };
        let drawn = |measure: Measure| shown(measure.along(AXIS), place < PUBLISHED);
        let [of_number, of_curve] = [number.name, curve.name].map(control_of);
        [
            shown(number, aim),
            drawn(curve),
            shown(control.control_of(of_number), aim),
            drawn(control_curve.control_of(of_curve)),
        ]
    }
}

impl Attacked {
    pub fn read(section: &Section, method: Method) -> Option<Self> {
        let settings = Settings::read(section, method == Method::Gradient);
        let k = section.optional_if("k", |k| *k >= 1, "a number of pixels, from 1");
        let settings = settings?;
        let k = k.or_else(|| settings.attack.method.k());
        Some(Self { method, settings, k })
    }

    /// What the attack aims at: the measure whose change says whether its search has come to an end.
    fn aim(&self) -> usize {
        if self.settings.attack.entry == "mass-center" { SHIFT } else { INTERSECTION }
    }

    /// Whether the second half of a search still changed the mean of what it aims at, at any radius.
    fn unsettled(&self, own: &Side, maps: &Tensor, half: &Tensor, valid: &Tensor) -> Result<bool> {
        let aim = &MEASURED[self.aim()];
        for radius in 0..maps.size()[1] {
            let of = |maps: &Tensor| aim.of(own, &Side::new(maps.f_select(1, radius)?), self.k);
            let change = of(maps)?.f_sub(&of(half)?)?;
            let counted = valid.f_select(1, radius)?.f_logical_and(&change.f_isfinite()?)?;
            let mean = change.f_masked_select(&counted)?.f_mean(Kind::Double)?;
            if mean.f_abs()?.f_double_value(&[])? >= aim.smallest_effect {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Metric for Attacked {
    fn family(&self) -> Family {
        Family::Fragility
    }

    fn measures(&self) -> Vec<Measure> {
        let mut measures: Vec<Measure> = MEASURED
            .iter()
            .enumerate()
            .flat_map(|(place, measured)| measured.measures(place, place == self.aim()))
            .collect();
        measures.push(Measure::new(CHANCE, Direction::None, 0.0).minor());
        let [survived, control] = SURVIVED.map(|name| Measure::new(name, Direction::None, 0.01).along(AXIS).minor());
        measures.extend([survived, control.control_of(control_of(SURVIVED[0]))]);
        measures
    }

    fn needs(&self, _: &Known) -> Vec<Need> {
        let moved = [Perturbed::Attacked, Perturbed::Random].map(Need::Perturbed);
        std::iter::once(Need::Attributions(ModelRef::Original)).chain(moved).collect()
    }

    fn perturbation(&self, end: Perturbed) -> Option<Perturbation<'_>> {
        match end {
            Perturbed::Attacked => Some(Perturbation::Search(self.method, &self.settings)),
            Perturbed::Random => Some(Perturbation::Search(Method::RandomSign, &self.settings)),
            Perturbed::Nearby => None,
        }
    }

    fn needs_truth(&self) -> bool {
        self.settings.attack.method.needs_truth()
    }

    fn needs_derivatives(&self) -> bool {
        self.method == Method::Gradient
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let own = Side::new(given.pixel_map()?);
        let size = own.maps().size();
        let radii = &self.settings.radii;
        let mut columns: Vec<Values> = Vec::new();
        let mut flags = Vec::new();
        let ends = [given.beside.moved(Perturbed::Attacked)?, given.beside.moved(Perturbed::Random)?];
        let mut curves = Vec::new();
        for (which, moved) in ends.iter().enumerate() {
            let side = |radius: i64| Ok(Side::new(moved.maps.f_select(1, radius)?));
            let sides = (0..radii.len() as i64).map(side).collect::<Result<Vec<_>>>()?;
            for measured in &MEASURED {
                let of = |(radius, side): (usize, &Side)| -> Result<Tensor> {
                    let values = measured.of(&own, side, self.k)?;
                    let out = moved.admitted.f_select(1, radius as i64)?.f_logical_not()?;
                    Ok(values.f_masked_fill(&out, f64::NAN)?)
                };
                let all = sides.iter().enumerate().map(of).collect::<Result<Vec<_>>>()?;
                let all = Tensor::f_stack(&all, 1)?.f_to_kind(Kind::Double)?;
                let largest = Vec::<f64>::try_from(all.f_select(1, -1)?.f_contiguous()?)?;
                let curve = Vec::<f64>::try_from(all.f_flatten(0, -1)?)?;
                curves.push((which, largest, curve));
            }
        }
        let (attacks, controls) = curves.split_at(MEASURED.len());
        for (measured, (attack, control)) in MEASURED.iter().zip(attacks.iter().zip(controls)) {
            for (place, (_, largest, curve)) in [(0, attack), (2, control)] {
                columns.push(Values { measure: measured.names[place], at: vec![0.0], values: largest.clone() });
                let curve = Values { measure: measured.names[place + 1], at: radii.clone(), values: curve.clone() };
                columns.push(curve);
            }
        }
        let pixels = size[1] * size[2];
        let chance = count(self.k, pixels) as f64 / pixels as f64;
        columns.push(Values { measure: CHANCE, at: vec![0.0], values: vec![chance; size[0] as usize] });
        for (name, moved) in SURVIVED.into_iter().zip(&ends) {
            let values = Vec::<f64>::try_from(moved.admitted.f_to_kind(Kind::Double)?.f_flatten(0, -1)?)?;
            columns.push(Values { measure: name, at: radii.clone(), values });
        }
        let [attacked, _] = &ends;
        if let Some(half) = &attacked.half
            && self.unsettled(&own, &attacked.maps, half, &attacked.admitted)?
        {
            flags.push(("attack not converged", given.scene.len()));
        }
        Ok(Scores { unit: ScoredUnit::Example, ids: given.scene.ids.clone(), measures: columns, flags })
    }
}
