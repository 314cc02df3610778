//! Perturb cells: a few images moved within a ball around each, by an attack on their maps or at random, with their maps.

use std::collections::BTreeMap;

use serde_json::json;
use tch::{Kind, Tensor};

use super::explain::scene;
use super::{Context, arrays};
use crate::attacks::{Ball, Found, LEVELS, Method, Nearby, Original, Perturbation, Settings, Subject, search};
use crate::error::{Error, Result};
use crate::explainers::{Contender, Evidence, Explained, Scene, pieces};
use crate::plan::{PART, Perturb};
use crate::store::Content;

/// A search keeps the tape of a smooth copy and of its gradient: about so many times what a forward pass keeps.
const TAPES: usize = 2;

pub fn perform(context: &Context, task: &Perturb, trained: &Content, explained: &Content) -> Result<Content> {
    let suite = &context.suite;
    let contender = &suite.explainers[task.explainer].value;
    let metric = &suite.metrics[task.metric].value.metric.method;
    let perturbation = metric.perturbation(task.end).ok_or_else(|| Error::new("the metric moves no images"))?;
    let loaded = context.data.get(suite, &task.network)?;
    let model = context.model(&task.network, trained)?;
    let all = arrays::read_integers(explained, "places")?;
    let first = (task.part * PART).min(all.len());
    let places = &all[first..(first + PART).min(all.len())];
    let count = perturbation.count() as i64;
    let moved = if places.is_empty() {
        // The network classifies fewer images correctly than were asked for.
        Parts::nothing(&loaded.dataset.train.shape(), count)?
    } else {
        let wanted: Vec<usize> = places.iter().map(|place| *place as usize).collect();
        let scene = scene(context, &model, &loaded, &task.images, &wanted, trained)?;
        let attribution = arrays::read_tensor(explained, "attribution")?.f_to_device(context.device)?;
        let maps = contender.map.reduce(&attribution.f_narrow(0, first as i64, places.len() as i64)?)?;
        match perturbation {
            Perturbation::Search(method, settings) => attack(contender, &scene, &maps, method, settings)?,
            Perturbation::Nearby(nearby) => scatter(contender, &scene, nearby)?,
        }
    };
    let mut contents = BTreeMap::from([
        ("places".to_string(), arrays::integers(places)),
        ("moved".to_string(), arrays::array(&moved.x)?),
        ("maps".to_string(), arrays::array(&moved.maps)?),
        ("admitted".to_string(), arrays::array(&moved.admitted)?),
    ]);
    if let Some(half) = &moved.half {
        contents.insert("half".to_string(), arrays::array(half)?);
    }
    Ok(Content { record: json!({ "passes": model.passes() }), arrays: contents })
}

/// Of B images and n radii or samples: images [B, n, C, H, W], maps [B, n, H, W], bool [B, n].
struct Parts {
    x: Tensor,
    maps: Tensor,
    half: Option<Tensor>,
    admitted: Tensor,
}

impl Parts {
    fn nothing(shape: &[i64], count: i64) -> Result<Self> {
        let zeros = |kind, sizes: &[i64]| Tensor::f_zeros([&[0, count], sizes].concat(), (kind, tch::Device::Cpu));
        let x = zeros(Kind::Float, shape)?;
        let maps = zeros(Kind::Float, &shape[1..])?;
        Ok(Self { x, half: Some(maps.shallow_clone()), maps, admitted: zeros(Kind::Bool, &[])? })
    }

    /// Pieces of rows, image by image and within each radius by radius.
    fn of(pieces: &[Found], count: i64) -> Result<Self> {
        let join = |pick: &dyn Fn(&Found) -> Tensor| -> Result<Tensor> {
            let rows = Tensor::f_cat(&pieces.iter().map(pick).collect::<Vec<_>>(), 0)?;
            let size = rows.size();
            Ok(rows.f_view([&[-1, count], &size[1..]].concat().as_slice())?)
        };
        Ok(Self {
            x: join(&|found| found.x.shallow_clone())?,
            maps: join(&|found| found.maps.shallow_clone())?,
            half: Some(join(&|found| found.half.shallow_clone())?),
            admitted: join(&|found| found.admitted.shallow_clone())?,
        })
    }
}

/// Every image with every radius is a row of its own; as many rows are searched for together as memory allows.
fn attack(contender: &Contender, scene: &Scene, maps: &Tensor, method: Method, settings: &Settings) -> Result<Parts> {
    let count = settings.radii.len() as i64;
    let smooth = match method {
        Method::Gradient => Some(scene.model.smoothed(settings.beta)?),
        Method::Square | Method::RandomSign => None,
    };
    let repeated = scene.x.f_unsqueeze(1)?.f_expand([&[-1, count], &scene.x.size()[1..]].concat(), false)?;
    let rows = scene.rows(&repeated.f_contiguous()?)?;
    let maps = maps.f_repeat_interleave_self_int(count, 0, None)?;
    let radii: Vec<f64> = settings.radii.iter().map(|radius| radius / LEVELS).collect();
    let radii = Tensor::f_from_slice(&radii)?.f_to_kind(scene.x.kind())?.f_to_device(scene.x.device())?;
    let radii = radii.f_repeat([scene.len() as i64])?.f_view([-1, 1, 1, 1])?;
    let each = contender.chosen.method.rows(&scene.x.size()[1..]) * if smooth.is_some() { TAPES } else { 1 };
    let mut found = Vec::new();
    for piece in pieces(rows.len(), (scene.chunk / each).max(1)) {
        let (start, length) = (piece.start as i64, piece.len() as i64);
        let part = rows.part(piece)?;
        let evidence = part.evidence.as_ref().map(where_it_applies).transpose()?;
        let original = Original { maps: maps.f_narrow(0, start, length)?, evidence };
        let radius = radii.f_narrow(0, start, length)?;
        let victim = Explained::new(contender, &part, smooth.as_ref(), settings.confidence)?;
        // Attack and control of one image see draws of their own; every explainer sees the same ones.
        let noise = part.noise.purpose("attack").purpose(&format!("{method:?}"));
        let subject = Subject { x: &part.x, radius: &radius, original: &original, ids: &part.ids, noise };
        found.push(search(method, settings, &subject, &victim)?);
    }
    if let Some(smooth) = &smooth {
        scene.model.also_count(smooth.passes());
    }
    Parts::of(&found, count)
}

/// The mask of the evidence, empty where it speaks for another class than the explained one.
fn where_it_applies(evidence: &Evidence) -> Result<Tensor> {
    let applies = Tensor::f_from_slice(&evidence.applies)?.f_to_device(evidence.mask.device())?;
    Ok(evidence.mask.f_logical_and(&applies.f_view([-1, 1, 1])?)?)
}

/// Random places in the ball, and what the network and the explainer say there.
fn scatter(contender: &Contender, scene: &Scene, nearby: &Nearby) -> Result<Parts> {
    let radius =
        Tensor::f_full([scene.len() as i64, 1, 1, 1], nearby.radius / LEVELS, (scene.x.kind(), scene.x.device()))?;
    let ball = Ball { norm: nearby.norm, x: &scene.x, radius: &radius };
    let noise = scene.noise.purpose("nearby");
    let place = |sample: usize| ball.inside(&noise.index(sample as u64), &scene.ids);
    let x = Tensor::f_stack(&(0..nearby.samples).map(place).collect::<Result<Vec<_>>>()?, 1)?;
    let rows = scene.rows(&x)?;
    let each = contender.chosen.method.rows(&scene.x.size()[1..]);
    let (mut maps, mut admitted) = (Vec::new(), Vec::new());
    let said = says(scene)?;
    let said = said.f_repeat_interleave_self_int(nearby.samples as i64, 0, None)?;
    for piece in pieces(rows.len(), (scene.chunk / each).max(1)) {
        let same = said.f_narrow(0, piece.start as i64, piece.len() as i64)?;
        let part = rows.part(piece)?;
        maps.push(contender.map.reduce(&contender.chosen.method.explain(&part)?.values)?.f_detach()?);
        admitted.push(says(&part)?.f_eq_tensor(&same)?);
    }
    let by_image = |rows: &Tensor| -> Result<Tensor> {
        Ok(rows.f_view([&[-1, nearby.samples as i64], &rows.size()[1..]].concat().as_slice())?)
    };
    let (maps, admitted) = (by_image(&Tensor::f_cat(&maps, 0)?)?, by_image(&Tensor::f_cat(&admitted, 0)?)?);
    Ok(Parts { x, maps, half: None, admitted })
}

/// The class that the network predicts for each example of a scene, int64 [B].
fn says(scene: &Scene) -> Result<Tensor> {
    Ok(tch::no_grad(|| scene.model.logits(&scene.x))?.f_argmax(1, false)?)
}
