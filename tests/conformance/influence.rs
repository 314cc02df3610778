//! What every method of training-data attribution keeps.

use std::sync::Arc;

use explainbench::config::Section;
use explainbench::influence::{self, Case, InfluenceMethod, Points, Quantity};
use explainbench::model::convex::Loss;
use explainbench::model::{Model, layers};
use explainbench::noise::Noise;
use tch::{Device, Kind, Tensor};

const TRAIN: u64 = 20;

fn network() -> Model {
    let text = "layers = [{ linear = { out = 4 } }, 'tanh', { linear = { out = 3 } }]";
    let section = Section::parse("model", text).unwrap();
    let graph = layers::read(&section, &[5], Some(3)).unwrap();
    let noise = Noise::new(5);
    let draw = |name: &str, shape: &[i64]| {
        noise.purpose(name).normal(&[0], shape, Kind::Double, Device::Cpu).unwrap().squeeze_dim(0) * 0.5
    };
    let weights = graph.weights.iter().map(|spec| draw(&spec.name, &spec.shape)).collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

fn points(from: u64, count: u64) -> Points {
    let ids: Vec<u64> = (from..from + count).collect();
    let x = Noise::new(6).normal(&ids, &[5], Kind::Double, Device::Cpu).unwrap();
    let labels: Vec<i64> = ids.iter().map(|id| (id % 7 % 3) as i64).collect();
    Points { x, labels: Tensor::from_slice(&labels), ids }
}

fn case<'a>(model: &'a Model, train: &'a Points, test: &'a Points, quantity: Quantity) -> Case<'a> {
    Case {
        model,
        train,
        test,
        quantity,
        loss: Loss::CrossEntropy,
        l2: 0.1,
        noise: Noise::new(7),
        chunk: 1000,
        checkpoints: &[],
        siblings: &[],
        unsolved: Box::leak(Box::default()),
    }
}

/// Its defaults, but for what a network far from any minimum, or with more parameters than examples, asks for.
fn method(name: &str) -> Arc<dyn InfluenceMethod> {
    let parameters = match name {
        "influence-function" => "hessian = 'gauss-newton'",
        "trak" => "ridge = 0.1",
        _ => "",
    };
    let section = Section::parse("influence", &format!("use = '{name}'\n{parameters}")).unwrap();
    let chosen = influence::choose(&section);
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    chosen.unwrap().method
}

fn same(one: &Tensor, two: &Tensor, said: &str) {
    assert_eq!(one.size(), two.size(), "{said}");
    let apart = (one - two).abs().max().double_value(&[]) / two.abs().max().double_value(&[]);
    assert!(apart < 1e-9, "{said}: {apart:e} apart");
}

#[test]
fn every_method_gives_finite_influences_the_same_each_time_and_in_any_batch() {
    let (model, train, test) = (network(), points(0, TRAIN), points(100, 6));
    for entry in influence::ALL {
        let (name, method) = (entry.name, method(entry.name));
        assert!(method.check(&model.graph).is_ok(), "{name}");
        for quantity in [Quantity::Loss, Quantity::Margin, Quantity::Logit] {
            let whole = method.influence(&case(&model, &train, &test, quantity)).unwrap();
            assert_eq!((whole.size(), whole.kind()), (vec![6, TRAIN as i64], Kind::Double), "{name}");
            assert!(bool::try_from(whole.isfinite().all()).unwrap(), "{name}");
            assert_eq!(
                whole,
                method.influence(&case(&model, &train, &test, quantity)).unwrap(),
                "{name} a second time"
            );
            let narrow = Case { chunk: 1, ..case(&model, &train, &test, quantity) };
            same(&method.influence(&narrow).unwrap(), &whole, &format!("{name} in other chunks"));
            let alone = test.part(4, 1).unwrap();
            let alone = method.influence(&case(&model, &train, &alone, quantity)).unwrap();
            same(&alone, &whole.narrow(0, 4, 1), &format!("{name} of one test point alone"));
        }
    }
}

#[test]
fn what_an_example_does_to_itself_is_what_it_does_to_a_test_point_like_it() {
    let (model, train) = (network(), points(0, TRAIN));
    for entry in influence::ALL {
        for quantity in [Quantity::Loss, Quantity::Margin, Quantity::Logit] {
            let on = case(&model, &train, &train, quantity);
            let method = method(entry.name);
            let all = method.influence(&on).unwrap();
            same(&method.of_itself(&on).unwrap(), &all.diagonal(0, 0, 1), &format!("{} {quantity:?}", entry.name));
        }
    }
}
