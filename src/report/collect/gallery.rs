//! Example pictures with their maps.

use serde_json::Value;

use super::worst::Worst;
use crate::error::{Error, Result};
use crate::explainers::Role;
use crate::plan::{CellId, Plan, Task};
use crate::report::{Gallery, GalleryPart, GalleryRow, Picture};
use crate::store::{Array, Content, Data, Store};
use crate::suite::Suite;

/// Rows chosen by seed, and rows of the worst decile.
const TYPICAL: usize = 6;
const WORST: usize = 3;

/// The pictures of one network: a row per image, a column per explainer; first those chosen by seed, then some of the `worst`.
pub fn gallery(
    suite: &Suite,
    plan: &Plan,
    store: &Store,
    place: (usize, usize),
    worst: Option<Worst>,
) -> Result<Option<Gallery>> {
    let mut columns = Vec::new();
    let mut rows: Vec<GalleryRow> = Vec::new();
    let mut ids: Vec<i64> = Vec::new();
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
            if let Some(Array { data: Data::I64(names), .. }) = content.arrays.get("ids") {
                ids.clone_from(names);
            }
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
        parts: parts(rows, &ids, worst),
        note: format!(
            "Typical: the first images of the sample, which is drawn by seed {}; network of training seed {}.",
            suite.seed, suite.model_seeds[0]
        ),
    }))
}

/// The rows that are shown, by why they were chosen; `ids` names the image of each.
fn parts(rows: Vec<GalleryRow>, ids: &[i64], worst: Option<Worst>) -> Vec<GalleryPart> {
    let mut rest = rows.into_iter().zip(ids);
    let typical = rest.by_ref().take(TYPICAL).map(|(row, _)| row).collect();
    let mut parts = vec![GalleryPart { title: "typical (drawn by seed)".into(), rows: typical }];
    if let Some(Worst { images, of }) = worst {
        let rows = rest.filter(|(_, id)| images.contains(id)).take(WORST).map(|(row, _)| row).collect();
        parts.push(GalleryPart { title: format!("worst decile of {of}"), rows });
    }
    parts.retain(|part| !part.rows.is_empty());
    parts
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_worst_stand_apart() {
        let rows = |count| vec![sample::report().pictures[0].parts[0].rows[0].clone(); count];
        let split = |count, worst: Option<&[i64]>| {
            let worst =
                worst.map(|images| Worst { images: images.iter().copied().collect(), of: "deletion auc".into() });
            let parts = parts(rows(count), &(0..20).collect::<Vec<_>>(), worst);
            parts.into_iter().map(|part| (part.title, part.rows.len())).collect::<Vec<_>>()
        };
        let typical = |count| ("typical (drawn by seed)".to_string(), count);
        let worst = |count| ("worst decile of deletion auc".to_string(), count);
        assert_eq!(split(20, None), [typical(6)]);
        // Image 2 stands among the typical ones already.
        assert_eq!(split(20, Some(&[2, 8, 15])), [typical(6), worst(2)]);
        assert_eq!(split(20, Some(&[8, 9, 10, 11])), [typical(6), worst(3)]);
        assert_eq!(split(4, Some(&[8])), [typical(4)]);
    }
}
