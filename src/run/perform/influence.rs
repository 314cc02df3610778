//! Influence cells: what a method says of all training examples, of one network.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::json;

use super::points::{recipe, test, training};
use super::{Context, arrays};
use crate::error::Result;
use crate::influence::Case;
use crate::model::Model;
use crate::need::About;
use crate::plan::Influence;
use crate::store::Content;

/// `needs`: the network that is looked at, that of the row, the siblings.
pub fn perform(context: &Context, task: &Influence, needs: &[Content]) -> Result<Content> {
    let loaded = context.data.get(&context.suite, &task.network)?;
    let method = &context.suite.influence(task.contender)?.method;
    let recipe = recipe(context, &task.network)?;
    let model = context.precise_model(&task.network, &needs[0])?;
    // The row's network may be the same, and then it is needed once.
    let others = &needs[needs.len() - task.siblings.len()..];
    let siblings =
        task.siblings.iter().zip(others).map(|((network, _), trained)| context.precise_model(network, trained));
    let siblings = siblings.collect::<Result<Vec<Model>>>()?;
    let sampled = &needs[usize::from(task.sampled != task.trained)];
    let (train, test) = (training(context, &task.network, &loaded)?, test(context, &task.images, &loaded, sampled)?);
    let case = Case {
        model: &model,
        train: &train,
        test: &test,
        quantity: match task.about {
            About::Test(quantity, _) => quantity,
            About::Itself(_) => crate::influence::Quantity::Loss,
        },
        loss: recipe.loss(),
        l2: recipe.regulariser(),
        noise: context.noise().purpose("influence").index(task.network.seed),
        chunk: model.rows_within(context.chunk_bytes),
        checkpoints: &context.checkpoints(&task.network, &needs[0])?,
        siblings: &siblings,
        unsolved: &Cell::default(),
    };
    let values = match task.about {
        About::Test(..) => method.influence(&case)?,
        About::Itself(_) => method.of_itself(&case)?,
    };
    let stated = &loaded.dataset.train.labels;
    let seen = loaded.labels(context, task.network.data);
    let flipped: Vec<i64> = seen.iter().zip(stated).map(|(seen, stated)| i64::from(seen != stated)).collect();
    let ids: Vec<i64> = test.ids.iter().map(|id| *id as i64).collect();
    let arrays = BTreeMap::from([
        ("ids".to_string(), arrays::integers(&ids)),
        ("influence".to_string(), arrays::array(&values)?),
        ("flipped".to_string(), arrays::integers(&flipped)),
    ]);
    Ok(Content { record: json!({ "passes": model.passes(), "unsolved": case.unsolved.get() }), arrays })
}
