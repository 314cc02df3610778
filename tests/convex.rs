//! Recipes with a `solver`, from the suite to the store; checkpoints of those by steps; and, on demand, how long it all takes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use explainbench::config::Section;
use explainbench::datasets::{self, DataFolder};
use explainbench::model::convex::{Fit, Loss, Regression, Solver};
use explainbench::model::{Model, layers};
use explainbench::store::{Content, Data};
use tch::{Device, Kind, Tensor};

use crate::support::{Bench, numbers};

const FITTED: &str = r#"
question = "Is it fitted?"
inference = { over = "model" }
seeds = { model = 2 }
images = { count = 8 }
dataset = { use = "digits" }
explainer = { use = "gradient" }
metric = { use = "deletion" }

[[model]]
name = "newton"
layers = ["flatten", { name = "fc", linear = { out = 10 } }]
train = { solver = "newton" }

[[model]]
name = "lbfgs"
layers = ["flatten", { name = "fc", linear = { out = 10 } }]
train = { solver = "lbfgs", l2 = 0.01 }

[[model]]
name = "early"
layers = ["flatten", { name = "fc", linear = { out = 10 } }]
train = { solver = "lbfgs", iterations = 3 }
"#;

fn doubles(content: &Content, name: &str) -> Tensor {
    assert!(matches!(content.arrays[name].data, Data::F64(_)), "{name} is not in double precision");
    numbers(content, name).1
}

#[test]
fn a_fit_is_kept_in_double_precision_and_says_how_it_went() {
    let bench = Bench::new(FITTED);
    let said = bench.run();
    assert_eq!(said.code, Some(0), "{}", said.err);
    let of = |name: &str| bench.contents(&format!("train digits/{name}"));
    let (newton, lbfgs, early) = (of("newton"), of("lbfgs"), of("early"));
    for fitted in newton.iter().chain(&lbfgs) {
        let record = &fitted.record;
        assert_eq!((&record["converged"], record["l2"].as_f64()), (&true.into(), Some(0.01)), "{record}");
        assert!(record["gradient_norm"].as_f64().unwrap() <= 1e-10 && record["iterations"].as_u64().unwrap() > 2);
        assert!(record["test_accuracy"].as_f64().unwrap() > 0.9 && record.get("epochs").is_none(), "{record}");
        for name in ["weight.fc.weight", "weight.fc.bias"] {
            // Whatever the solver.
            let far = (doubles(fitted, name) - doubles(&newton[0], name)).abs().max().double_value(&[]);
            assert!(far < 1e-7, "{name}: {far}");
        }
    }
    assert_eq!(early[0].record["converged"], false);
    let report = std::fs::read_to_string(bench.path("out/suite/report.md")).unwrap();
    let warned: Vec<&str> = report.lines().filter(|line| line.contains("did not converge")).collect();
    assert!(warned.len() == 1 && warned[0].contains("`early`") && warned[0].contains("after 3 steps"), "{warned:?}");
}

/// What trains networks anew, and what trains them on other labels, does so by the recipe that there is.
#[test]
fn other_metrics_train_by_a_solver_too() {
    let bench = Bench::new(
        r#"
        question = "Does it run?"
        inference = { over = "model" }
        seeds = { retrain = 2 }
        images = { count = 8 }
        dataset = { use = "planted", size = 8, place = "corner", train = 120, test = 60 }
        explainer = [{ use = "gradient" }, { use = "random" }]
        metric = [{ use = "roar", fractions = [0.5] }, { use = "data-randomization" }]

        [model]
        name = "linear"
        layers = ["flatten", { linear = { out = 4 } }]
        train = { solver = "lbfgs", l2 = 0.001, tolerance = 1e-6 }
        "#,
    );
    let said = bench.run();
    assert_eq!(said.code, Some(0), "{}", said.err);
    let intact = bench.contents("on unmodified images");
    assert!(!intact.is_empty());
    for retrained in &intact {
        assert!(retrained.record["test_accuracy"].as_f64().unwrap() > 0.9, "{}", retrained.record);
    }
    let permuted = bench.contents("permuted labels");
    let permuted: Vec<&Content> =
        permuted.iter().filter(|content| content.arrays.contains_key("predictions.train")).collect();
    // Whether the labels were fitted is said either way.
    assert!(!permuted.is_empty() && permuted.iter().all(|trained| trained.record["reached"].is_boolean()));
}

#[test]
fn checkpoints_are_kept_with_their_rates() {
    let bench = Bench::new(
        r#"
        question = "What is on the way?"
        dataset = { use = "planted", size = 8, place = "corner", train = 60, test = 20 }

        [model]
        layers = ["flatten", { name = "fc", linear = { out = 4 } }]
        train = { epochs = 4, batch = 20, checkpoints = 2, optimizer = { use = "sgd", lr = 0.1 } }
        "#,
    );
    let said = bench.run();
    assert_eq!(said.code, Some(0), "{}", said.err);
    let trained = bench.contents("train ").remove(0);
    let said = trained.record["checkpoints"].as_array().unwrap();
    let of = |at: usize| (said[at]["epoch"].as_u64().unwrap(), said[at]["rate"].as_f64().unwrap());
    // Three steps an epoch.
    for (at, epoch) in [(0, 2), (1, 4)] {
        assert!(of(at).0 == epoch && (of(at).1 - 0.6).abs() < 1e-12, "{said:?}");
    }
    assert_eq!(said.len(), 2);
    let weight = |prefix: &str| numbers(&trained, &format!("{prefix}.fc.weight")).1;
    assert_eq!(weight("checkpoint.1"), weight("weight"));
    assert_ne!(weight("checkpoint.0"), weight("weight"));
    assert!(!trained.arrays.contains_key("checkpoint.2.fc.weight"));
}

/// `cargo test --release --test integration convex::how_long -- --ignored --nocapture`, with `EXPLAINBENCH_DATA`.
#[test]
#[ignore = "takes a minute and MNIST"]
fn how_long_a_large_problem_takes() {
    let folder = DataFolder::new(std::env::var_os("EXPLAINBENCH_DATA").map(PathBuf::from));
    let source = datasets::choose(&Section::parse("", "use = 'mnist'").unwrap()).unwrap();
    let data = source.method.load(&folder).unwrap().train;
    let data = data.select(&(0..5000).collect::<Vec<_>>()).unwrap();
    let x = data.all_images(Kind::Double, Device::Cpu).unwrap();
    let labels = data.all_labels(Device::Cpu).unwrap();
    let layers = Section::parse("", "layers = ['flatten', { linear = { out = 10 } }]").unwrap();
    let graph = layers::read(&layers, &[1, 28, 28], Some(10)).unwrap();
    let weights = graph.weights.iter().map(|spec| Tensor::zeros(&spec.shape[..], (Kind::Double, Device::Cpu)));
    let model = Model::new(Arc::new(graph.clone()), weights.collect()).unwrap();
    let l2 = 0.01;
    let problem = Regression::of(&model, &x, &labels, l2, Loss::CrossEntropy, 512).unwrap().unwrap();
    let timed = |what: &str, start: Instant| println!("{what}: {:.2} s", start.elapsed().as_secs_f64());

    let start = Instant::now();
    let fit = Fit { tolerance: 1e-10, iterations: 2000 };
    let fitted = problem.fit(&problem.zeros().unwrap(), &fit, Solver::Lbfgs).unwrap();
    timed(&format!("L-BFGS, {} steps to {:.1e}", fitted.iterations, fitted.gradient_norm), start);
    let start = Instant::now();
    let hessian = problem.hessian(&fitted.theta).unwrap();
    timed("Hessian", start);
    let start = Instant::now();
    let factor = explainbench::model::factor::Factor::of(&hessian).unwrap();
    timed("Cholesky factor", start);
    let start = Instant::now();
    let _ = factor.solve(&hessian.narrow(1, 0, 64)).unwrap();
    timed("64 solutions by it", start);
    let left_out: Vec<Vec<i64>> = (0..128).map(|place| vec![place * 39]).collect();
    let start = Instant::now();
    let refits = problem.refit(&fitted.theta, &factor, &left_out, 1e-10).unwrap();
    timed(&format!("128 refits, {} of them alone, to {:.1e}", refits.alone, refits.gradient_norm), start);
    assert!(fitted.converged && refits.not_converged == 0 && refits.alone == 0);
    // One of them by itself.
    let start = Instant::now();
    let alone = problem.without(&left_out[5]).unwrap().fit(&fitted.theta, &fit, Solver::Lbfgs).unwrap();
    timed(&format!("one of them by L-BFGS, {} steps", alone.iterations), start);
    let far = (refits.theta.get(5) - alone.theta).abs().max().double_value(&[]);
    println!("which are {far:.1e} apart");
    assert!(far < 1e-7);
}
