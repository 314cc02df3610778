//! Attacks, from the suite to the row: what is reported of moved images is true of them.

use std::sync::Arc;

use explainbench::config::Section;
use explainbench::model::{Model, layers};
use explainbench::store::{Content, Data, Store};
use tch::Tensor;

use crate::support::{Bench, SMALL};

const LAYERS: &str = r#"layers = [
    { conv2d = { out = 6, kernel = 3, padding = 1 } }, "relu", { max_pool2d = { kernel = 2 } }, "flatten", { linear = { out = 10 } },
]"#;

fn suite() -> String {
    format!(
        "question = 'Does what is reported hold?'
        images = {{ count = 20, only = 'correct' }}
        dataset = {{ use = 'digits' }}
        explainer = [{{ use = 'gradient' }}, {{ use = 'input' }}]
        metric = [
            {{ name = 'white', use = 'white-box-fragility', radii = [0, 20, 60], iterations = 6 }},
            {{ name = 'black', use = 'black-box-fragility', attack = 'mass-center', norm = 'l2', radii = [0, 250], iterations = 6 }},
            {{ use = 'sensitivity', samples = 3 }},
        ]
        [model]
        {LAYERS}
        train = {{ epochs = 4, batch = 32, optimizer = {{ use = 'adam', lr = 3e-3 }} }}"
    )
}

/// The finished cells that a plan describes with these words.
fn cells(bench: &Bench, words: &str) -> Vec<Content> {
    let plan = bench.says("plan suite.toml --store store").out;
    let store = Store::open(&bench.path("store")).unwrap();
    let lines = plan.lines().filter(|line| line.contains(words));
    let ids = lines.map(|line| line.split(' ').next().unwrap().parse().unwrap());
    ids.map(|id| store.get(id).unwrap().unwrap()).collect()
}

fn numbers(content: &Content, name: &str) -> (Vec<i64>, Tensor) {
    let array = &content.arrays[name];
    let shape: Vec<i64> = array.shape.iter().map(|size| *size as i64).collect();
    let flat = match &array.data {
        Data::F32(values) => Tensor::from_slice(values),
        Data::F64(values) => Tensor::from_slice(values),
        Data::I64(values) => Tensor::from_slice(values),
        Data::U8(values) => Tensor::from_slice(values),
        Data::U16(_) => panic!("no 16 bits here"),
    };
    (shape.clone(), flat.view(shape.as_slice()))
}

/// The network that a training left, from its layers.
fn network(trained: &Content) -> Model {
    let graph = layers::read(&Section::parse("model", LAYERS).unwrap(), &[1, 8, 8], Some(10)).unwrap();
    let weights = graph.weights.iter().map(|spec| numbers(trained, &format!("weight.{}", spec.name)).1);
    let weights = weights.collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

#[test]
fn moved_images_lie_in_the_ball_and_keep_their_label() {
    let bench = Bench::new(&suite());
    let said = bench.run();
    assert_eq!(said.code, Some(0));
    let words = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for metric in ["white", "black"] {
        let counted =
            ["of 20 images, 20 at 0, ", "all 20 images"].map(|said| words.contains(&format!("{metric}: {said}")));
        assert!(counted.contains(&true) && words.contains("kept their class for every contender"), "{}", said.out);
    }
    let figures = std::fs::read_dir(bench.path("out/suite/figures")).unwrap();
    let figures = figures.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut figures: Vec<String> = figures.filter(|name| name.contains("white") && name.ends_with("svg")).collect();
    figures.sort();
    assert_eq!(figures, ["digits.model.white.curves.svg", "digits.model.white.further.svg"]);
    let trained = cells(&bench, "train digits");
    let model = network(&trained[0]);
    let said = numbers(&trained[0], "predictions.test").1;
    let mut judged = 0;
    for (words, radii, euclidean) in [
        ("attack digits/model seed 0: gradient, for white", &[0.0, 20.0, 60.0][..], false),
        ("by random signs digits/model seed 0: gradient, for white", &[0.0, 20.0, 60.0], false),
        ("attack digits/model seed 0: gradient, for black", &[0.0, 250.0], true),
        ("by random signs digits/model seed 0: input, for black", &[0.0, 250.0], true),
    ] {
        for content in cells(&bench, words) {
            let (shape, moved) = numbers(&content, "moved");
            let (_, admitted) = numbers(&content, "admitted");
            let places = numbers(&content, "places").1;
            assert_eq!(shape[1], radii.len() as i64, "{words}");
            let labels = said.index_select(0, &places);
            assert!(moved.min().double_value(&[]) >= 0.0 && moved.max().double_value(&[]) <= 1.0);
            let start = moved.select(1, 0);
            for (at, radius) in radii.iter().enumerate() {
                // The first radius is 0: there the images are what they were.
                let there = moved.select(1, at as i64);
                let way = (&there - &start).flatten(1, -1);
                let length = if euclidean {
                    way.square().sum_dim_intlist([1].as_slice(), false, None).sqrt()
                } else {
                    way.abs().amax([1].as_slice(), false)
                };
                assert!(length.max().double_value(&[]) <= radius / 255.0 + 1e-6, "{words} at {radius}");
                let predicted = model.logits(&there).unwrap().argmax(1, false);
                assert_eq!(predicted, labels, "{words} at {radius}");
                judged += there.size()[0];
            }
            assert_eq!(admitted.select(1, 0).min().int64_value(&[]), 1, "an image is itself what it says");
        }
    }
    assert_eq!(judged, 20 * (3 + 3 + 2 + 2));
}

#[test]
fn without_a_radius_a_map_is_what_it_was() {
    let bench = Bench::new(&suite());
    let rows = bench.rows();
    let text = rows.iter().find(|(path, _)| path.ends_with("rows.csv")).map(|(_, bytes)| bytes).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let mut seen = 0;
    for row in reader.records().map(Result::unwrap) {
        let (measure, at, estimate) = (&row[5], &row[6], &row[7]);
        if at.parse() == Ok(0.0) && (row[4] == *"white" || row[4] == *"black") {
            let expected = if measure.contains("shift") { 0.0 } else { 1.0 };
            // An 8 x 8 map has no structural similarity, which needs 11 pixels a side.
            if !measure.contains("ssim") {
                let estimate: f64 = estimate.parse().unwrap();
                assert!((estimate - expected).abs() < 1e-9, "{row:?}");
                seen += 1;
            }
        }
    }
    // 2 explainers, 2 metrics, attack and control: 7 curves each and the share that survived.
    assert_eq!(seen, 2 * 2 * 2 * 8);
}

/// The gradient of a linear network is the same everywhere: no attack changes what leads, however far.
#[test]
fn a_linear_network_keeps_its_map() {
    let suite = SMALL.replace(
        r#"metric = [{ use = "deletion" }, { use = "pointing-game" }]"#,
        r#"metric = [{ use = "white-box-fragility", radii = [100], iterations = 5, explainers = ["gradient"] }]"#,
    );
    assert!(suite.contains("fragility"));
    let rows = Bench::new(&suite).rows();
    let text = rows.iter().find(|(path, _)| path.ends_with("rows.csv")).map(|(_, bytes)| bytes).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let found: Vec<f64> = reader
        .records()
        .map(Result::unwrap)
        .filter(|row| &row[5] == "intersection")
        .map(|row| row[7].parse().unwrap())
        .collect();
    assert_eq!(found, [1.0]);
}
