//! Refit cells: what becomes of test points when networks are trained without some training examples. Of each training only
//! the test points' logits are kept.

use std::collections::BTreeMap;

use serde_json::json;
use tch::{Kind, Tensor};

use super::data::Loaded;
use super::learn::{Lesson, learn};
use super::points::{recipe, test, training};
use super::{Context, arrays};
use crate::error::{Error, Result};
use crate::influence::{Points, Quantity};
use crate::model::Model;
use crate::model::convex::{Loss, Regression};
use crate::model::train::proximal::{Proximal, response};
use crate::model::train::{Recipe, TrainData};
use crate::need::{LeftOut, Start};
use crate::noise::Noise;
use crate::plan::Refit;
use crate::store::Content;

/// How long the gradient of a convex fit is at its end, at most: changes of a loss by one example of thousands are about 1e-6.
const TOLERANCE: f64 = 1e-10;

/// Some training examples that are left out together, by their places, and the test point that this is for.
#[derive(Debug, PartialEq)]
struct Removal {
    places: Vec<usize>,
    aimed: Option<usize>,
}

/// `needs`: the row's network, and the influence that says what is left out.
pub fn perform(context: &Context, task: &Refit, needs: &[Content], progress: &dyn Fn(f64)) -> Result<Content> {
    let loaded = context.data.get(&context.suite, &task.network)?;
    let (train, test) = (training(context, &task.network, &loaded)?, test(context, &task.images, &loaded, &needs[0])?);
    let influence = needs.get(1).map(|said| arrays::read_tensor(said, "influence")).transpose()?;
    let noise = context.noise().purpose("left-out");
    let (examples, points) = (train.ids.len(), test.ids.len());
    let removals = task.part.clone().filter(|at| *at < task.without.left_out.problems(points));
    let removals = removals.map(|at| removal(&task.without.left_out, at, examples, influence.as_ref(), &noise));
    let removals = removals.collect::<Result<Vec<_>>>()?;
    let model = context.precise_model(&task.network, &needs[0])?;
    let before = logits(context, &model, &test)?;
    let (after, unconverged) = match task.without.start {
        Start::Proximal(damping) => responses(context, task, damping.value(), &model, &train, &test, &removals)?,
        Start::Warm | Start::Cold(_) if context.suite.is_convex(task.network.model) => {
            solved(context, task, &model, &train, &test, &removals)?
        }
        Start::Warm => (trained(context, task, Some(&needs[0]), &loaded, (&train, &test), &removals, progress)?, 0),
        Start::Cold(_) => (trained(context, task, None, &loaded, (&train, &test), &removals, progress)?, 0),
    };
    let flat: Vec<i64> = removals.iter().flat_map(|removal| &removal.places).map(|place| *place as i64).collect();
    let sizes: Vec<i64> = removals.iter().map(|removal| removal.places.len() as i64).collect();
    let aimed: Vec<i64> = removals.iter().map(|removal| removal.aimed.map_or(-1, |point| point as i64)).collect();
    let ids: Vec<i64> = test.ids.iter().map(|id| *id as i64).collect();
    let arrays = BTreeMap::from([
        ("left_out".to_string(), arrays::integers(&flat)),
        ("sizes".to_string(), arrays::integers(&sizes)),
        ("aimed".to_string(), arrays::integers(&aimed)),
        ("logits".to_string(), arrays::array(&after)?),
        ("before".to_string(), arrays::array(&before)?),
        ("labels".to_string(), arrays::array(&test.labels)?),
        ("ids".to_string(), arrays::integers(&ids)),
    ]);
    let classes = classes(&task.without.left_out, &after, &aimed)?;
    Ok(Content { record: json!({ "unconverged": unconverged, "classes": classes }), arrays })
}

/// What is left out in training number `at`, of so many examples.
fn removal(
    left_out: &LeftOut,
    at: usize,
    examples: usize,
    influence: Option<&Tensor>,
    noise: &Noise,
) -> Result<Removal> {
    let most = |size: usize| match size < examples {
        true => Ok(size),
        false => Err(Error::new(format!("of {examples} training examples {size} cannot be left out"))),
    };
    let ranked = |point: usize, sign: Option<f64>| -> Result<Vec<usize>> {
        let influence = influence.ok_or_else(|| Error::new("nothing says which examples are influential"))?;
        let own = Vec::<f64>::try_from(influence.f_get(point as i64)?.f_contiguous()?)?;
        if own.iter().any(|influence| !influence.is_finite()) {
            return Err(Error::new(
                "an influence is not a finite number: nobody can say which examples are influential",
            ));
        }
        let worth = |place: usize| sign.map_or(own[place].abs(), |sign| sign * own[place]);
        let mut order: Vec<usize> = (0..own.len()).collect();
        order.sort_by(|a, b| worth(*b).total_cmp(&worth(*a)));
        Ok(order)
    };
    let helpful = |point: usize, size: usize, of: Quantity| -> Result<Removal> {
        let order = ranked(point, Some(-of.better()))?;
        Ok(Removal { places: order.into_iter().take(most(size)?).collect(), aimed: Some(point) })
    };
    Ok(match *left_out {
        LeftOut::Nothing => Removal { places: Vec::new(), aimed: None },
        LeftOut::Random { count, size } => {
            // No example twice, as long as there are enough of them.
            let (draw, first) = if most(size)? * count <= examples { (0, at * size) } else { (at as u64 + 1, 0) };
            let order = noise.index(draw).permutation(examples);
            Removal { places: order.into_iter().skip(first).take(size).collect(), aimed: None }
        }
        LeftOut::Rest { share, .. } => {
            let kept = (share.value() * examples as f64).round() as usize;
            let order = noise.purpose("rest").index(at as u64).permutation(examples);
            Removal { places: order.into_iter().skip(kept.max(1)).collect(), aimed: None }
        }
        LeftOut::Top { count, size, .. } => {
            let (point, first) = (at / count, at % count * size);
            most(first + size)?;
            let order = ranked(point, None)?;
            Removal { places: order.into_iter().skip(first).take(size).collect(), aimed: Some(point) }
        }
        LeftOut::Helpful { size, of } => helpful(at, size, of)?,
        LeftOut::HelpfulTo { ref each, of } => {
            let (point, size) = each[at];
            helpful(point, size, of)?
        }
    })
}

/// What metrics that ask in rounds go by, of logits [m, T, K]: of trainings for one test point the class that is predicted for it,
/// of that with all examples the classes of all test points.
fn classes(left_out: &LeftOut, logits: &Tensor, aimed: &[i64]) -> Result<Vec<i64>> {
    // A cell may be planned for more test points than the network classifies correctly, and then there are no logits.
    if aimed.is_empty() || (*left_out != LeftOut::Nothing && left_out.follows().is_none()) {
        return Ok(Vec::new());
    }
    let classes = logits.f_argmax(-1, false)?;
    let of = |training: usize| -> Result<Vec<i64>> { Ok(Vec::try_from(classes.f_get(training as i64)?)?) };
    match left_out {
        LeftOut::Nothing => of(0),
        _ => aimed.iter().enumerate().map(|(at, point)| Ok(of(at)?[*point as usize])).collect(),
    }
}

fn logits(context: &Context, model: &Model, test: &Points) -> Result<Tensor> {
    let rows = model.rows_within(context.chunk_bytes) as i64;
    let parts = test.x.f_split(rows, 0)?;
    let parts = parts.iter().map(|x| tch::no_grad(|| model.logits(x))).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::f_cat(&parts, 0)?)
}

/// The logits [m, T, K] of trainings from the weights of the network `from`, or from fresh ones, one after the other.
fn trained(
    context: &Context,
    task: &Refit,
    from: Option<&Content>,
    loaded: &Loaded,
    (train, test): (&Points, &Points),
    removals: &[Removal],
    progress: &dyn Fn(f64),
) -> Result<Tensor> {
    let (suite, row) = (&context.suite, &task.network);
    let network = suite.network(row.dataset, row.model).ok_or_else(|| Error::new("the suite has no such network"))?;
    let noise = context.noise().purpose("refitting").index(row.seed);
    let noise = match task.without.start {
        Start::Cold(repetition) => noise.index(repetition),
        Start::Warm | Start::Proximal(_) => noise.purpose("warm"),
    };
    let from = from.map(|original| context.model(row, original)).transpose()?;
    let recipe = &Recipe { checkpoints: 0, ..recipe(context, row)?.clone() };
    let all = loaded.dataset.train.all_images(Kind::Float, context.device)?;
    let mut logits_of = Vec::new();
    for (at, removal) in removals.iter().enumerate() {
        let mut stays = vec![true; train.ids.len()];
        removal.places.iter().for_each(|place| stays[*place] = false);
        let kept: Vec<usize> = (0..train.ids.len()).filter(|place| stays[*place]).collect();
        let places: Vec<i64> = kept.iter().map(|place| *place as i64).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(context.device)?;
        let (images, labels) = (all.f_index_select(0, &places)?, train.labels.f_index_select(0, &places)?);
        let ids: Vec<u64> = kept.iter().map(|place| train.ids[*place]).collect();
        let data = TrainData { images: &images, labels: &labels, ids: &ids, redrawn: None };
        let from = from.as_ref().map(Model::weights);
        let lesson = Lesson { network, recipe, data, noise, from };
        let share = |done: f64| progress((at as f64 + done) / removals.len() as f64);
        let (trained, _) = learn(context, &lesson, &share)?;
        let model = Model::new(network.graph.clone(), trained.weights)?.to(context.device, Kind::Double)?;
        logits_of.push(logits(context, &model, test)?);
    }
    stacked(&logits_of, test)
}

/// The same of proximal responses. A response of which a tenth of the first gradient is left did not come to its end.
fn responses(
    context: &Context,
    task: &Refit,
    damping: f64,
    model: &Model,
    train: &Points,
    test: &Points,
    removals: &[Removal],
) -> Result<(Tensor, usize)> {
    let recipe = recipe(context, &task.network)?;
    if recipe.loss() != Loss::CrossEntropy {
        return Err(Error::new("a proximal response is defined for cross-entropy, and this network has another loss"));
    }
    let proximal = Proximal::new(damping + recipe.regulariser());
    let (mut logits_of, mut unconverged) = (Vec::new(), 0);
    for removal in removals {
        let weights = match removal.places.as_slice() {
            // Nothing pulls.
            [] => model.weights().iter().map(Tensor::shallow_clone).collect(),
            places => {
                let removed: Vec<i64> = places.iter().map(|place| *place as i64).collect();
                let removed = Tensor::f_from_slice(&removed)?.f_to_device(context.device)?;
                let (x, labels) = (&train.x, &train.labels);
                let rows = model.rows_within(context.chunk_bytes);
                let found = response(&model.graph, model.weights(), x, labels, &removed, &proximal, rows)?;
                unconverged += usize::from(found.1 > 0.1);
                found.0
            }
        };
        logits_of.push(logits(context, &Model::new(model.graph.clone(), weights)?, test)?);
    }
    Ok((stacked(&logits_of, test)?, unconverged))
}

/// Of no training at all there are no logits, of no classes.
fn stacked(logits: &[Tensor], test: &Points) -> Result<Tensor> {
    match logits {
        [] => Ok(Tensor::f_zeros([0, test.ids.len() as i64, 0], (Kind::Double, test.x.device()))?),
        logits => Ok(Tensor::f_stack(logits, 0)?),
    }
}

/// The same of a convex fit, all together, with the number that did not come to their end.
fn solved(
    context: &Context,
    task: &Refit,
    model: &Model,
    train: &Points,
    test: &Points,
    removals: &[Removal],
) -> Result<(Tensor, usize)> {
    let recipe = recipe(context, &task.network)?;
    let rows = model.rows_within(context.chunk_bytes);
    let of = |points: &Points| {
        let regression = Regression::of(model, &points.x, &points.labels, recipe.regulariser(), recipe.loss(), rows)?;
        regression.ok_or_else(|| Error::new("the network is not linear in its weights"))
    };
    let (regression, judged) = (of(train)?, of(test)?);
    let theta = regression.theta(model.weights())?;
    let left_out: Vec<Vec<i64>> =
        removals.iter().map(|removal| removal.places.iter().map(|place| *place as i64).collect()).collect();
    let refits = regression.refit(&theta, &regression.factor(&theta)?, &left_out, TOLERANCE)?;
    let logits = (0..removals.len() as i64).map(|at| judged.logits(&refits.theta.f_get(at)?));
    Ok((stacked(&logits.collect::<Result<Vec<_>>>()?, test)?, refits.not_converged))
}
