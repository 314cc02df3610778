//! Example pictures with their maps.

use std::collections::BTreeMap;

use serde_json::Value;

use super::worst::Worst;
use crate::error::{Error, Result};
use crate::explainers::Role;
use crate::plan::{CellId, Plan, Shown, Task};
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
    let mut columns: Vec<Column> = Vec::new();
    let mut rows: Vec<(i64, GalleryRow)> = Vec::new();
    let mut order: Vec<(usize, CellId)> = Vec::new();
    for id in &plan.goals {
        if let Some(Task::Picture(task)) = plan.cell(*id).map(|cell| &cell.task)
            && task.shown == Shown::Gallery
            && (task.network.dataset, task.network.model) == place
        {
            order.push((task.explainer, *id));
        }
    }
    // The table's order: explainers under test before controls.
    order.sort_by_key(|(e, _)| (suite.explainers[*e].value.chosen.method.role() != Role::Explainer, *e));
    for (explainer, id) in order {
        let Some(content) = store.get(id)? else { continue };
        let Some(Array { data: Data::I64(ids), .. }) = content.arrays.get("ids") else { continue };
        if rows.is_empty() {
            let inputs = pictures(&content, "input")?.into_iter().enumerate();
            let inputs = inputs.map(|(i, input)| row(&content.record, i, input));
            rows = ids.iter().copied().zip(inputs).collect();
        }
        let maps = ids.iter().copied().zip(pictures(&content, "map")?).collect();
        columns.push(Column { label: suite.explainers[explainer].label.clone(), maps });
    }
    let (columns, rows) = align(columns, rows);
    let (dataset, model) = (suite.datasets[place.0].label.clone(), suite.models[place.1].label.clone());
    Ok((!columns.is_empty()).then(|| Gallery {
        title: "Maps".to_string(),
        dataset,
        model,
        columns,
        parts: parts(rows, worst),
        note: format!(
            "Typical: the first images of the sample, which is drawn by seed {}; network of training seed {}.",
            suite.seed, suite.model_seeds[0]
        ),
    }))
}

/// One explainer's maps by the image that they are of.
struct Column {
    label: String,
    maps: BTreeMap<i64, Picture>,
}

/// Puts every map beside its image. Metrics may look at different images: what is shown are those that all columns have, of
/// the columns that have any of the first one's.
fn align(mut columns: Vec<Column>, mut rows: Vec<(i64, GalleryRow)>) -> (Vec<String>, Vec<(i64, GalleryRow)>) {
    columns.retain(|column| rows.iter().any(|(id, _)| column.maps.contains_key(id)));
    rows.retain(|(id, _)| columns.iter().all(|column| column.maps.contains_key(id)));
    for (id, row) in &mut rows {
        row.maps = columns.iter_mut().filter_map(|column| column.maps.remove(id)).collect();
    }
    (columns.into_iter().map(|column| column.label).collect(), rows)
}

/// The rows that are shown, by why they were chosen.
fn parts(rows: Vec<(i64, GalleryRow)>, worst: Option<Worst>) -> Vec<GalleryPart> {
    let mut rest = rows.into_iter();
    let typical = rest.by_ref().take(TYPICAL).map(|(_, row)| row).collect();
    let mut parts = vec![GalleryPart { title: "typical (drawn by seed)".into(), rows: typical }];
    if let Some(Worst { images, of }) = worst {
        let rows = rest.filter(|(id, _)| images.contains(id)).take(WORST).map(|(_, row)| row).collect();
        parts.push(GalleryPart { title: format!("worst decile of {of}"), rows });
    }
    parts.retain(|part| !part.rows.is_empty());
    parts
}

/// An image without its maps: what it is, and where the truth lies.
pub fn row(record: &Value, i: usize, mut input: Picture) -> GalleryRow {
    let word = |key: &str| record[key][i].as_str().unwrap_or("?").to_string();
    let (label, predicted) = (word("labels"), word("predicted"));
    input.boxes = serde_json::from_value(record["boxes"][i].clone()).unwrap_or_default();
    let label = if label == predicted { label } else { format!("{label}, predicted {predicted}") };
    GalleryRow { label, input, maps: Vec::new() }
}

/// The images of an array [N, C, H, W] or [N, H, W].
pub fn pictures(content: &Content, name: &str) -> Result<Vec<Picture>> {
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
    fn a_map_stands_beside_its_own_image() {
        let row = || sample::report().pictures[0].parts[0].rows[0].clone();
        let map = |value: f32| Picture { values: vec![value], ..row().maps[0].clone() };
        let column = |label: &str, ids: &[i64]| Column {
            label: label.to_string(),
            maps: ids.iter().map(|id| (*id, map(*id as f32))).collect(),
        };
        let columns = vec![column("a", &[3, 1, 2]), column("b", &[2, 9, 3]), column("elsewhere", &[7])];
        let (labels, rows) = align(columns, [3, 1, 2].map(|id| (id, row())).to_vec());
        assert_eq!(labels, ["a", "b"]);
        let found: Vec<(i64, Vec<f32>)> =
            rows.iter().map(|(id, row)| (*id, row.maps.iter().map(|map| map.values[0]).collect())).collect();
        assert_eq!(found, [(3, vec![3.0, 3.0]), (2, vec![2.0, 2.0])]);
    }

    #[test]
    fn the_worst_stand_apart() {
        let rows = |count| vec![sample::report().pictures[0].parts[0].rows[0].clone(); count];
        let split = |count, worst: Option<&[i64]>| {
            let worst =
                worst.map(|images| Worst { images: images.iter().copied().collect(), of: "deletion auc".into() });
            let parts = parts((0..).zip(rows(count)).collect(), worst);
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
