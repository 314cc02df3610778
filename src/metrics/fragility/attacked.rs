//! What both searches share: what they ask for, and what is measured of the maps that they come to.

use tch::{Kind, Tensor};

use crate::attacks::{Method, Perturbation, Settings, center, too_many};
use crate::config::Section;
use crate::error::{Error, Result};
use crate::metrics::{Among, ControlOf, Direction, Family, Given, Line, Measure, Metric, ScoredUnit, Scores, Values};
use crate::model::Graph;
use crate::model::exported::EXPORT;
use crate::model::randomize::Unfit;
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

/// What the attack aims at, of the best of the first half of its candidates.
const HALFWAY: &str = "halfway";
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
        let aimed = settings.attack.method.k();
        if let (Some(k), None, "top-k") = (k, aimed, settings.attack.entry) {
            // Silently it would take relevance from other pixels than those that are counted.
            let message = "the attack has no `k` of its own, and would aim at a tenth of the pixels".to_string();
            let help =
                format!("give it one, which the metric then goes by too: `attack = {{ use = \"top-k\", k = {k} }}`");
            section.mistake("k", message, None, Some(help));
        }
        let k = k.or(aimed);
        Some(Self { method, settings, k })
    }

    /// What the attack aims at: the measure whose change says whether its search has come to an end.
    fn aim(&self) -> usize {
        if self.settings.attack.entry == "mass-center" { SHIFT } else { INTERSECTION }
    }

    /// What `measured` says of the moved maps [B, n, H, W], [B, n]; NaN where no candidate was admitted, and where the attack had
    /// nothing to aim at.
    fn curve(&self, measured: &Measured, own: &Side, maps: &Tensor, admitted: &Tensor) -> Result<Tensor> {
        let counts = maps.f_isfinite()?.f_all_dims([2, 3].as_slice(), false)?.f_logical_and(admitted)?;
        let at = |radius: i64| measured.of(own, &Side::new(maps.f_select(1, radius)?), self.k);
        let values = (0..maps.size()[1]).map(at).collect::<Result<Vec<_>>>()?;
        let values = Tensor::f_stack(&values, 1)?.f_to_kind(Kind::Double)?;
        Ok(values.f_masked_fill(&counts.f_logical_not()?, f64::NAN)?)
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
        let aim = &MEASURED[self.aim()];
        let halfway = Measure::new(HALFWAY, Direction::None, aim.smallest_effect).in_unit(aim.unit).along(AXIS).minor();
        measures.push(halfway.among(KEPT).halfway_of(aim.names[1]));
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

    fn unfit(&self, graph: &Graph) -> Option<Unfit> {
        if self.method == Method::Gradient && graph.is_opaque() {
            // The derivative of a ReLU network's gradient is 0: a search along it would look like a map that nothing moves.
            let message = "a TorchScript file shows no layers whose kinks a smooth copy could round";
            let help = format!(
                "export the model with {EXPORT}, narrow the metric with `models = [..]`, or search without derivatives by \
                 `black-box-fragility`"
            );
            return Some(Unfit { key: "use", message: message.to_string(), expected: None, help: Some(help) });
        }
        if let (Method::Gradient, Some(name)) = (self.method, graph.unrounded()) {
            let message = format!("the network has `{name}`, whose kink no smooth copy rounds");
            let help = "narrow the metric with `models = [..]`, or search without derivatives by `black-box-fragility`"
                .to_string();
            return Some(Unfit { key: "use", message, expected: None, help: Some(help) });
        }
        let &[.., height, width] = graph.input.as_slice() else { return None };
        let unfit = |key, message| Some(Unfit { key, message, expected: None, help: None });
        if let Some(message) = self.settings.attack.method.misfit(height, width) {
            return unfit("attack", message);
        }
        let message = too_many(self.k?, height * width)?;
        unfit("k", message)
    }

    fn score(&self, given: &Given) -> Result<Scores> {
        let own = Side::new(given.pixel_map()?);
        let size = own.maps().size();
        let radii = &self.settings.radii;
        let mut columns: Vec<Values> = Vec::new();
        let ends = [given.beside.moved(Perturbed::Attacked)?, given.beside.moved(Perturbed::Random)?];
        let mut curves = Vec::new();
        for moved in &ends {
            for measured in &MEASURED {
                let all = self.curve(measured, &own, &moved.maps, &moved.admitted)?;
                let largest = Vec::<f64>::try_from(all.f_select(1, -1)?.f_contiguous()?)?;
                let curve = Vec::<f64>::try_from(all.f_flatten(0, -1)?)?;
                curves.push((largest, curve));
            }
        }
        let (attacks, controls) = curves.split_at(MEASURED.len());
        for (measured, (attack, control)) in MEASURED.iter().zip(attacks.iter().zip(controls)) {
            for (place, (largest, curve)) in [(0, attack), (2, control)] {
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
        let half = attacked.half.as_ref().ok_or_else(|| Error::new("a search without a half"))?;
        let halfway = self.curve(&MEASURED[self.aim()], &own, half, &attacked.admitted)?;
        let values = Vec::<f64>::try_from(halfway.f_flatten(0, -1)?)?;
        columns.push(Values { measure: HALFWAY, at: radii.clone(), values });
        Ok(Scores { unit: ScoredUnit::Example, ids: given.scene.ids.clone(), measures: columns, flags: Vec::new() })
    }
}
