//! Training against moves of the image, from the suite to what the network says of moved images.

use explainbench::datasets::DataFolder;
use explainbench::model::{Model, Score};
use explainbench::noise::Noise;
use explainbench::stats::{mean, t_interval};
use explainbench::store::Content;
use explainbench::suite::{self, Suite};
use tch::{Device, Kind, Tensor};

use crate::support::{Bench, numbers};

/// The same network under recipes that differ in `robust`.
fn text(recipes: &[(&str, &str)], epochs: usize) -> String {
    let model = |(name, robust): &(&str, &str)| {
        format!(
            "[[model]]
            name = '{name}'
            layers = [
                {{ conv2d = {{ out = 8, kernel = 3, padding = 1 }} }}, 'batch_norm', 'relu', {{ max_pool2d = {{ kernel = 2 }} }},
                'flatten', {{ linear = {{ out = 32 }} }}, 'relu', {{ linear = {{ out = 10 }} }},
            ]
            train = {{ epochs = {epochs}, batch = 32, optimizer = {{ use = 'adam', lr = 3e-3 }}{robust} }}\n"
        )
    };
    let models: String = recipes.iter().map(model).collect();
    format!(
        "question = 'Does training against moves help?'
        images = {{ count = 5 }}
        dataset = {{ use = 'digits' }}
        explainer = {{ use = 'gradient' }}
        metric = {{ use = 'deletion' }}
        {models}"
    )
}

fn model(suite: &Suite, at: usize, trained: &Content) -> Model {
    let graph = suite.network(0, at).unwrap().graph.clone();
    let weights = graph.weights.iter().map(|spec| numbers(trained, &format!("weight.{}", spec.name)).1).collect();
    Model::new(graph, weights).unwrap()
}

/// For each image, 1 where the predicted class stays through 20 steps up the loss of that class, within `radius`.
fn kept(model: &Model, x: &Tensor, radius: f64) -> Vec<f64> {
    let class = model.logits(x).unwrap().argmax(1, false);
    let ids: Vec<u64> = (0..x.size()[0] as u64).collect();
    let start = Noise::new(5).uniform(&ids, &x.size()[1..], Kind::Float, Device::Cpu).unwrap();
    let mut here = (x + (start * 2.0 - 1.0) * radius).clamp(0.0, 1.0);
    for _ in 0..20 {
        let way = -model.gradient(&here, &class, Score::LogProbability).unwrap().sign() * (radius / 8.0);
        here = (x + (here + way - x).clamp(-radius, radius)).clamp(0.0, 1.0);
    }
    let same = model.logits(&here).unwrap().argmax(1, false).eq_tensor(&class);
    Vec::<f64>::try_from(same.to_kind(Kind::Double)).unwrap()
}

#[test]
fn a_network_trained_against_moves_keeps_its_class_more_often() {
    let text = text(&[("plain", ""), ("robust", ", robust = { use = 'pgd', radius = 32 }")], 10);
    let bench = Bench::new(&text);
    assert_eq!(bench.run().code, Some(0));
    let suite = suite::read("suite.toml", &text, &DataFolder::default()).unwrap();
    let data = suite.datasets[0].value.source.method.load(&DataFolder::default()).unwrap();
    let x = data.test.all_images(Kind::Float, Device::Cpu).unwrap();
    let of = |at: usize, name: &str| {
        let trained = bench.contents(&format!("train digits/{name}")).remove(0);
        let kept = kept(&model(&suite, at, &trained), &x, 32.0 / 255.0);
        println!("{name}: accuracy {}, keeps {:.3} of its classes", trained.record["test_accuracy"], mean(&kept));
        assert!(trained.record["test_accuracy"].as_f64().unwrap() > 0.85, "{name}");
        kept
    };
    let (plain, robust) = (of(0, "plain"), of(1, "robust"));
    let gaps: Vec<f64> = robust.iter().zip(&plain).map(|(robust, plain)| robust - plain).collect();
    let (low, high) = t_interval(&gaps, 0.05);
    println!("robust minus plain, over {} images: {:+.3} [{low:+.3}, {high:+.3}]", gaps.len(), mean(&gaps));
    assert!(low > 0.0);
}

#[test]
fn attribution_regularised_recipes_learn() {
    let recipes = [
        ("norm", ", robust = { use = 'ig-norm', radius = 16, iterations = 2, segments = 3 }"),
        ("sum", ", robust = { use = 'ig-sum-norm', radius = 16, iterations = 2, segments = 3 }"),
    ];
    let bench = Bench::new(&text(&recipes, 4));
    assert_eq!(bench.run().code, Some(0));
    for (name, _) in recipes {
        let trained = bench.contents(&format!("train digits/{name}")).remove(0);
        let losses: Vec<f64> =
            trained.record["train_loss"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect();
        println!("{name}: losses {losses:.3?}, accuracy {}", trained.record["test_accuracy"]);
        // The loss is finite, or the training would have said that it diverged, and falls epoch by epoch.
        assert!(losses.len() == 4 && losses.is_sorted_by(|before, after| before > after));
        assert!(trained.record["test_accuracy"].as_f64().unwrap() > 0.8);
    }
}
