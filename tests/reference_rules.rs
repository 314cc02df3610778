//! Explainers by backward rules: against the numbers of other programs, against central differences, and on networks whose
//! answers are known.

use std::sync::Arc;

use explainbench::config::Section;
use explainbench::explainers::Scene;
use explainbench::imputers::Statistics;
use explainbench::model::{Model, Score, layers};
use explainbench::noise::Noise;
use tch::{Device, Kind, Tensor};

use crate::reference::{assert_maps, explainer, lenets, scene, statistics};

fn explain(text: &str, on: &Scene) -> Tensor {
    explainer(text).chosen.method.explain(on).unwrap().values
}

#[test]
fn maps_of_lenet_by_rules_agree_with_the_reference() {
    let maps = [
        ("use = 'guided-backprop'", "attr.guided_backprop"),
        ("use = 'deconvnet'", "attr.deconvnet"),
        ("use = 'grad-cam'\nupsample = 'nearest'", "attr.grad_cam_upsampled_nearest"),
        ("use = 'grad-cam'\nlayer = 'relu2'", "attr.grad_cam_upsampled_bilinear"),
        ("use = 'guided-grad-cam'\nupsample = 'nearest'", "attr.guided_grad_cam"),
        // There is no unique rule for maxima; from a black reference, whose maps are flat, the two agree.
        ("use = 'deep-lift'", "attr.deep_lift_rescale_zero_baseline"),
        ("use = 'lrp'\ncomposite = 'epsilon'", "attr.lrp_epsilon_1e-6"),
        ("use = 'lrp'", "attr.lrp_epsilon_plus_1e-6"),
    ];
    assert_maps(&lenets(), &maps, 20);
}

#[test]
fn deep_lift_of_lenet_is_complete() {
    let statistics = statistics();
    for (origin, model) in lenets() {
        assert_complete(origin, &scene(&model, &statistics, 20), &["black", "mean", "blur", "noise"]);
    }
}

/// The maps of deep-lift add up to the change of the logit from each reference, to 1e-6.
fn assert_complete(what: &str, scene: &Scene, references: &[&str]) {
    for name in references {
        let map = explain(&format!("use = 'deep-lift'\nreference = '{name}'"), scene);
        let sum = map.sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Double);
        let section = Section::parse("a", &format!("imputer = '{name}'")).unwrap();
        let imputer = explainbench::imputers::choose(&section, "imputer", "black").unwrap().method;
        let start = imputer.reference(&scene.x, &scene.surroundings()).unwrap();
        let logit = |x: &Tensor| scene.model.scores(x, &scene.target, Score::Logit).unwrap();
        let gap = (sum - (logit(&scene.x) - logit(&start))).abs().max().double_value(&[]);
        assert!(gap < 1e-6, "{what} from {name}: {gap:e}");
    }
}

/// A network of drawn weights for images [2, 8, 8] and three classes.
fn drawn(list: &str) -> Model {
    let section =
        Section::parse("model", &format!("layers = [{list}, 'flatten', {{ linear = {{ out = 3 }} }}]")).unwrap();
    let graph = layers::read(&section, &[2, 8, 8], Some(3)).unwrap_or_else(|| panic!("{}", section.mistakes()));
    let noise = Noise::new(31);
    let weights = graph.weights.iter().map(|spec| {
        let drawn = noise.purpose(&spec.name).uniform(&[0], &spec.shape, Kind::Double, Device::Cpu).unwrap();
        let drawn = drawn.squeeze_dim(0);
        if spec.name.ends_with("running_var") { drawn + 0.5 } else { drawn - 0.45 }
    });
    let weights = weights.collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

fn images<'a>(model: &'a Model, statistics: &'a Statistics) -> Scene<'a> {
    let ids = vec![0, 1, 2];
    Scene {
        model,
        x: Noise::new(32).uniform(&ids, &[2, 8, 8], Kind::Double, Device::Cpu).unwrap(),
        target: Tensor::from_slice(&[0i64, 2, 1]),
        evidence: None,
        ids,
        noise: Noise::new(33),
        statistics,
        chunk: 4,
        differentiable: false,
    }
}

const CONV: &str = "{ conv2d = { out = 4, kernel = 3, padding = 1 } }";

#[test]
fn deep_lift_is_complete_on_pools_and_residual_networks() {
    let statistics = Statistics { mean: Tensor::from_slice(&[0.4, 0.6]) };
    let residual = format!(
        "{CONV}, 'batch_norm', 'relu', {{ residual = {{ layers = [{CONV}, 'gelu', {CONV}] }} }}, 'relu', \
         {{ residual = {{ layers = ['sigmoid'], shortcut = [{CONV}, 'elu'] }} }}"
    );
    for list in [
        format!(
            "{CONV}, 'relu', {{ max_pool2d = {{ kernel = 3, stride = 1, padding = 1 }} }}, {CONV}, 'relu', {{ max_pool2d = {{ kernel = 2 }} }}"
        ),
        format!(
            "{CONV}, 'relu', {{ avg_pool2d = {{ kernel = 2 }} }}, {CONV}, 'tanh', {{ adaptive_avg_pool2d = {{ size = 1 }} }}"
        ),
        format!("{CONV}, 'silu', {{ adaptive_max_pool2d = {{ size = 3 }} }}"),
        format!("{residual}, {{ max_pool2d = {{ kernel = 2 }} }}"),
        residual,
    ] {
        let model = drawn(&list);
        assert_complete(&list, &images(&model, &statistics), &["black", "mean", "blur", "noise"]);
    }
}

/// The derivative of <map, v> along u, on the tape and by central differences.
fn assert_differentiable(text: &str, model: &Model) {
    let statistics = Statistics { mean: Tensor::from_slice(&[0.4, 0.6]) };
    let plain = images(model, &statistics);
    let draw = |seed| Noise::new(seed).normal(&plain.ids, &[2, 8, 8], Kind::Double, Device::Cpu).unwrap();
    let (v, u) = (draw(41), draw(42));
    let x = plain.x.detach().set_requires_grad(true);
    let taped = Scene { x: x.shallow_clone(), differentiable: true, ..images(model, &statistics) };
    let map = explain(text, &taped);
    let apart = (map.detach() - explain(text, &plain)).abs().max().double_value(&[]);
    assert!(apart < 1e-10, "{text}: {apart:e} apart with and without a tape");
    let total = (map * &v).sum(Kind::Double);
    let gradient = Tensor::run_backward(&[total], &[&x], false, false).remove(0);
    let ours = (gradient * &u).sum(Kind::Double).double_value(&[]);
    let step = 1e-5;
    let at = |sign: f64| {
        let moved = Scene { x: &plain.x + &u * (sign * step), ..images(model, &statistics) };
        (explain(text, &moved) * &v).sum(Kind::Double).double_value(&[])
    };
    let differences = (at(1.0) - at(-1.0)) / (2.0 * step);
    let apart = (ours - differences).abs() / differences.abs().max(1.0);
    assert!(differences.abs() > 1e-3 && apart < 1e-6, "{text}: {ours} on the tape, {differences} by differences");
}

#[test]
fn derivatives_of_maps_equal_central_differences() {
    let smooth = format!("{CONV}, 'softplus', {{ avg_pool2d = {{ kernel = 2 }} }}, {CONV}, 'tanh'");
    let residual = format!(
        "{CONV}, 'batch_norm', 'softplus', {{ residual = {{ layers = [{CONV}, 'relu', {CONV}, 'silu'] }} }}, {CONV}, 'relu', \
         {{ residual = {{ layers = ['tanh'], shortcut = [{CONV}] }} }}, {{ max_pool2d = {{ kernel = 2 }} }}"
    );
    for model in [drawn(&smooth), drawn(&residual)] {
        for text in [
            "use = 'gradient'",
            "use = 'guided-backprop'",
            "use = 'deconvnet'",
            "use = 'lrp'\ncomposite = 'epsilon'\nepsilon = 0.1",
            "use = 'lrp'\ncomposite = 'z-plus'\nepsilon = 0.1",
            "use = 'lrp'\ncomposite = 'alpha-beta'\nepsilon = 0.1",
            "use = 'lrp'\ncomposite = 'gamma'\nepsilon = 0.1",
            "use = 'lrp'\ncomposite = 'epsilon-gamma-box'\nepsilon = 0.1",
            "use = 'deep-lift'\nreference = 'black'",
            "use = 'deep-lift'\nreference = 'blur'",
            "use = 'grad-cam'\nlayer = 'conv2'",
            "use = 'guided-grad-cam'\nlayer = 'conv2'",
            "use = 'grad-cam-plus-plus'\nlayer = 'conv2'",
            "use = 'score-cam'\nlayer = 'conv2'",
            "use = 'excitation-backprop'",
            "use = 'input-x-gradient'",
            "use = 'integrated-gradients'\nsteps = 3",
            "use = 'smoothgrad'\nsamples = 3",
            "use = 'smoothgrad'\nsamples = 3\ncombine = 'variance'\nof = 'lrp'",
        ] {
            assert_differentiable(text, &model);
        }
    }
}

#[test]
fn every_explainer_by_rules_can_be_smoothed() {
    let model = drawn(&format!("{CONV}, 'relu', {{ max_pool2d = {{ kernel = 2 }} }}"));
    let statistics = Statistics { mean: Tensor::from_slice(&[0.4, 0.6]) };
    let scene = images(&model, &statistics);
    for name in [
        "guided-backprop",
        "deconvnet",
        "grad-cam",
        "grad-cam-plus-plus",
        "score-cam",
        "guided-grad-cam",
        "deep-lift",
        "lrp",
        "excitation-backprop",
    ] {
        let alone = explain(&format!("use = '{name}'"), &scene);
        let still = explain(&format!("use = 'smoothgrad'\nof = '{name}'\nnoise = 0.0\nsamples = 3"), &scene);
        assert!((&still - &alone).abs().max().double_value(&[]) < 1e-12, "{name}");
        let noisy = explain(&format!("use = 'smoothgrad'\nof = '{name}'\nsamples = 5"), &scene);
        assert!((&noisy - &alone).abs().max().double_value(&[]) > 1e-6, "{name}");
    }
}

/// Without a ReLU there is nothing to guide.
#[test]
fn rules_of_relu_change_nothing_else() {
    let model = drawn(&format!("{CONV}, 'tanh', {{ max_pool2d = {{ kernel = 2 }} }}"));
    let statistics = Statistics { mean: Tensor::from_slice(&[0.4, 0.6]) };
    let scene = images(&model, &statistics);
    let gradient = explain("use = 'gradient'", &scene);
    for name in ["guided-backprop", "deconvnet"] {
        let apart = (explain(&format!("use = '{name}'"), &scene) - &gradient).abs().max().double_value(&[]);
        assert!(apart < 1e-12, "{name}: {apart:e}");
    }
}
