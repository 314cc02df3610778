//! Poison cells: training examples changed against one test point, the network fitted anew after every change.

use std::cell::Cell;

use serde_json::{Value, json};
use tch::Tensor;

use super::Context;
use super::points::{recipe, test, training};
use crate::attacks::{Ball, Norm};
use crate::error::{Error, Result};
use crate::influence::{Case, InfluenceMethod, Points, Quantity};
use crate::model::Model;
use crate::model::convex::{Fit, Regression, Solver};
use crate::model::train::Recipe;
use crate::plan::Poison;
use crate::store::Content;

/// When a fit after a change so small has come to its end.
const FIT: Fit = Fit { tolerance: 1e-9, iterations: 5000 };

pub fn perform(context: &Context, task: &Poison, trained: &Content, progress: &dyn Fn(f64)) -> Result<Content> {
    let loaded = context.data.get(&context.suite, &task.network)?;
    let all = test(context, &task.images, &loaded, trained)?;
    // The network classifies fewer images correctly than were asked for.
    let Some(id) = all.ids.get(task.point).copied() else { return Ok(Content::default()) };
    let model = context.precise_model(&task.network, trained)?;
    let attacked = Attacked {
        context,
        task,
        recipe: recipe(context, &task.network)?,
        method: &*context.suite.influence(task.contender)?.method,
        train: training(context, &task.network, &loaded)?,
        point: all.part(task.point as i64, 1)?,
    };
    // Fitted once more without any change, so that no part of what follows is the fit's own way to its end.
    let model = attacked.fitted(&model, &attacked.train.x)?;
    let places = attacked.chosen(&model)?;
    let before = attacked.outcome(&model)?;
    let (attack, rounds) = attacked.attack(&model, &places, before, progress)?;
    let random = attacked.random(&model, &places, before, rounds)?;
    let places = Vec::<i64>::try_from(&places)?;
    let record = json!({ "id": id, "places": places, "rounds": rounds, "attack": attack, "random": random });
    Ok(Content { record, arrays: Default::default() })
}

struct Attacked<'a> {
    context: &'a Context,
    task: &'a Poison,
    recipe: &'a Recipe,
    method: &'a dyn InfluenceMethod,
    train: Points,
    point: Points,
}

/// The test point's loss, and its predicted class.
type Outcome = (f64, i64);

fn said((loss, class): Outcome, (before, was): Outcome) -> Value {
    json!({ "change": loss - before, "flipped": class != was })
}

impl Attacked<'_> {
    /// The derivative of the test point's loss by some training examples' inputs.
    fn slope(&self, model: &Model, train: &Points, examples: &Points) -> Result<Tensor> {
        let case = Case {
            model,
            train,
            test: &self.point,
            quantity: Quantity::Loss,
            loss: self.recipe.loss(),
            l2: self.recipe.regulariser(),
            noise: self.context.noise().purpose("influence"),
            chunk: model.rows_within(self.context.chunk_bytes),
            checkpoints: &[],
            siblings: &[],
            unsolved: &Cell::default(),
        };
        let slope = self.method.perturbation(&case, examples);
        slope.ok_or_else(|| Error::new("this influence method says nothing of changes of an example"))?
    }

    /// The places, int64, of the examples on which the derivative is largest.
    fn chosen(&self, model: &Model) -> Result<Tensor> {
        let size = self.slope(model, &self.train, &self.train)?.f_abs()?.f_flatten(1, -1)?;
        let size = size.f_sum_dim_intlist([1].as_slice(), false, None)?;
        let count = (self.task.change.examples as i64).min(self.train.len());
        Ok(size.f_topk(count, 0, true, true)?.1)
    }

    fn outcome(&self, model: &Model) -> Result<Outcome> {
        let logits = tch::no_grad(|| model.logits(&self.point.x))?;
        let loss = self.recipe.loss().of(&logits, &self.point.labels)?.f_double_value(&[0])?;
        Ok((loss, logits.f_argmax(1, false)?.f_int64_value(&[0])?))
    }

    /// The network fitted to other inputs, from where it is.
    fn fitted(&self, from: &Model, x: &Tensor) -> Result<Model> {
        let rows = from.rows_within(self.context.chunk_bytes);
        let (l2, loss) = (self.recipe.regulariser(), self.recipe.loss());
        let regression = Regression::of(from, x, &self.train.labels, l2, loss, rows)?;
        let regression = regression.ok_or_else(|| {
            Error::refused(
                "training examples are only changed against convex fits",
                "give the model `train = { solver = \"newton\", l2 = .. }`",
            )
        })?;
        let fitted = regression.fit(&regression.theta(from.weights())?, &FIT, Solver::Lbfgs)?;
        if !fitted.converged {
            return Err(Error::new(format!(
                "a fit did not converge: its gradient is {:.1e} long",
                fitted.gradient_norm
            )));
        }
        Model::new(from.graph.clone(), regression.weights(&fitted.theta)?)
    }

    /// With the examples at `places` moved to `there`.
    fn with(&self, places: &Tensor, there: &Tensor) -> Result<Tensor> {
        Ok(self.train.x.f_index_copy(0, places, there)?)
    }

    /// What came of it, and after how many rounds.
    fn attack(
        &self,
        model: &Model,
        places: &Tensor,
        before: Outcome,
        progress: &dyn Fn(f64),
    ) -> Result<(Value, usize)> {
        let change = &self.task.change;
        let pick = |tensor: &Tensor| tensor.f_index_select(0, places);
        let start = pick(&self.train.x)?;
        let radius = self.radius(&start)?;
        let ball = Ball { norm: Norm::Linf, x: &start, radius: &radius };
        let ids = Vec::<i64>::try_from(places)?.into_iter().map(|place| self.train.ids[place as usize]).collect();
        let mut chosen = Points { x: start.shallow_clone(), labels: pick(&self.train.labels)?, ids };
        let mut current = model.shallow_copy();
        let mut outcome = before;
        let share = change.step.value() / change.radius.value();
        for round in 0..change.iterations {
            let train = Points {
                x: self.with(places, &chosen.x)?,
                labels: self.train.labels.shallow_clone(),
                ids: self.train.ids.clone(),
            };
            chosen.x = ball.step(&chosen.x, &self.slope(&current, &train, &chosen)?, share)?;
            current = self.fitted(&current, &self.with(places, &chosen.x)?)?;
            outcome = self.outcome(&current)?;
            progress(0.5 * (round + 1) as f64 / change.iterations as f64);
            if outcome.1 != before.1 {
                return Ok((said(outcome, before), round + 1));
            }
        }
        Ok((said(outcome, before), change.iterations))
    }

    /// As many rounds of random signs; the worst of them, flipped ones first.
    fn random(&self, model: &Model, places: &Tensor, before: Outcome, rounds: usize) -> Result<Value> {
        let start = self.train.x.f_index_select(0, places)?;
        let radius = self.radius(&start)?;
        let ball = Ball { norm: Norm::Linf, x: &start, radius: &radius };
        let noise = self.context.noise().purpose("poison").index(self.task.point as u64);
        let ids: Vec<u64> =
            Vec::<i64>::try_from(places)?.into_iter().map(|place| self.train.ids[place as usize]).collect();
        let mut worst = before;
        for round in 0..rounds {
            let there = ball.corner(&noise.index(round as u64), &ids)?;
            let outcome = self.outcome(&self.fitted(model, &self.with(places, &there)?)?)?;
            let worse = (outcome.1 != before.1, outcome.0) > (worst.1 != before.1, worst.0);
            if worse {
                worst = outcome;
            }
        }
        Ok(said(worst, before))
    }

    fn radius(&self, like: &Tensor) -> Result<Tensor> {
        let shape: Vec<i64> = (0..like.dim()).map(|dim| if dim == 0 { like.size()[0] } else { 1 }).collect();
        Ok(Tensor::f_full(&shape[..], self.task.change.radius.value(), (like.kind(), like.device()))?)
    }
}
