//! Example pictures with their maps.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::explainers::Role;
use crate::plan::{CellId, Plan, Task};
use crate::report::{Gallery, GalleryRow, Picture};
use crate::store::{Array, Content, Data, Store};
use crate::suite::Suite;

/// The pictures of one network: a row per image, a column per explainer.
pub fn gallery(suite: &Suite, plan: &Plan, store: &Store, place: (usize, usize)) -> Result<Option<Gallery>> {
    let mut columns = Vec::new();
    let mut rows: Vec<GalleryRow> = Vec::new();
    let mut order: Vec<(usize, CellId)> = Vec::new();
    for id in &plan.goals {
        if let Some(Task::Picture(task)) = plan.cell(*id).map(|cell| &cell.task)
            && (task.network.dataset, task.network.model) == place
        {
            order.push((task.explainer, *id));
        }
    }
    // The table's order: explainers under test before controls.
    order.sort_by_key(|(e, _)| (suite.explainers[*e].value.chosen.method.role() != Role::Explainer, *e));
    for (explainer, id) in order {
        let Some(content) = store.get(id)? else { continue };
        let (inputs, maps) = (pictures(&content, "input")?, pictures(&content, "map")?);
        if rows.is_empty() {
            rows = inputs.into_iter().enumerate().map(|(i, input)| row(&content.record, i, input)).collect();
        }
        columns.push(suite.explainers[explainer].label.clone());
        rows.iter_mut().zip(maps).for_each(|(row, map)| row.maps.push(map));
    }
    let (dataset, model) = (suite.datasets[place.0].label.clone(), suite.models[place.1].label.clone());
    Ok((!columns.is_empty()).then(|| Gallery {
        title: "Maps".to_string(),
        dataset,
        model,
        columns,
        rows,
        note: format!(
            "The first images of the sample, which is drawn by seed {}; network of training seed {}.",
            suite.seed, suite.model_seeds[0]
        ),
    }))
}

fn row(record: &Value, i: usize, mut input: Picture) -> GalleryRow {
    let word = |key: &str| record[key][i].as_str().unwrap_or("?").to_string();
    let (label, predicted) = (word("labels"), word("predicted"));
    input.boxes = serde_json::from_value(record["boxes"][i].clone()).unwrap_or_default();
    let label = if label == predicted { label } else { format!("{label}, predicted {predicted}") };
    GalleryRow { label, input, maps: Vec::new() }
}

/// The images of an array [N, C, H, W] or [N, H, W].
fn pictures(content: &Content, name: &str) -> Result<Vec<Picture>> {
    let Some(Array { shape, data: Data::F32(values) }) = content.arrays.get(name) else {
        return Err(Error::new(format!("a picture lacks `{name}`")));
    };
    let (channels, height, width) = match shape.as_slice() {
        [_, c, h, w] => (*c, *h, *w),
        [_, h, w] => (1, *h, *w),
        other => return Err(Error::new(format!("a picture of shape {other:?}"))),
    };
    let picture = |values: &[f32]| Picture { height, width, channels, values: values.to_vec(), boxes: Vec::new() };
    Ok(values.chunks(channels * height * width).map(picture).collect())
}
