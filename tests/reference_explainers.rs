//! Explainers that remove things: against the numbers of another program, and against what is known of a linear network.

use std::sync::Arc;

use explainbench::config::Section;
use explainbench::explainers::{Evidence, Scene, Unit};
use explainbench::model::{Memo, Model, Score, layers};
use explainbench::noise::Noise;
use explainbench::stats::spearman;
use tch::{Device, Kind, Tensor};

use crate::reference::{all_lenets, assert_maps, explainer, lenet, scene, statistics};

const SIDE: i64 = 12;

fn map(text: &str, on: &Scene) -> Tensor {
    let attribution = explainer(text).chosen.method.explain(on).unwrap();
    assert_eq!(attribution.unit, Unit::Pixel);
    attribution.values
}

#[test]
fn maps_of_lenet_by_removal_agree_with_the_reference() {
    let maps = [
        ("use = 'occlusion'\nwindow = 4\nstride = 2", "attr.occlusion_4x4_stride2_zero"),
        ("use = 'feature-ablation'\nsegments = { rows = 3, columns = 3 }", "attr.feature_ablation_3x3grid_zero"),
        ("use = 'shapley'", "attr.shapley_exact_3x3grid_zero"),
    ];
    assert_maps(&all_lenets(), &maps, 100);
}

#[test]
fn kernel_shap_with_all_sets_is_exact_shapley_on_lenet() {
    let (model, statistics) = (lenet(), statistics());
    let scene = scene(&model, &statistics, 1000).part(0..2).unwrap();
    for score in ["logit", "probability", "log-probability"] {
        let parameters = format!("score = '{score}'\nimputer = 'blur'\nsegments = {{ rows = 3, columns = 3 }}");
        let fitted = map(&format!("use = 'kernel-shap'\nsamples = 510\n{parameters}"), &scene);
        let apart = (fitted - map(&format!("use = 'shapley'\n{parameters}"), &scene)).abs().max().double_value(&[]);
        assert!(apart < 1e-6, "{score}: {apart:e}");
    }
}

#[test]
fn shapley_values_add_up_to_the_change_of_the_score_whatever_is_drawn() {
    let (model, statistics) = (lenet(), statistics());
    let scene = scene(&model, &statistics, 1000).part(0..4).unwrap();
    let score = |x: &Tensor| model.scores(x, &scene.target, Score::Logit).unwrap();
    let change = score(&scene.x) - score(&scene.x.zeros_like());
    for (text, pixels) in [
        ("use = 'kernel-shap'\nsamples = 300\nsegments = { rows = 7, columns = 4 }", 4 * 7),
        ("use = 'kernel-shap'\nsamples = 300", 4 * 4),
        ("use = 'shapley-sampling'\nsamples = 4", 4 * 4),
        ("use = 'shapley'\nsegments = { rows = 2, columns = 2 }", 14 * 14),
    ] {
        // Each value is painted on that many pixels.
        let sum = map(text, &scene).sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Double) / f64::from(pixels);
        let gap = (sum - &change).abs().max().double_value(&[]);
        assert!(gap < 1e-9, "{text}: {gap:e}");
    }
}

/// Class k's logit is sum of w_k x over the image; `weights` [classes, C, H, W].
fn linear(weights: &Tensor) -> Model {
    let size = weights.size();
    let text = format!("layers = ['flatten', {{ linear = {{ out = {}, bias = false }} }}]", size[0]);
    let section = Section::parse("model", &text).unwrap();
    let graph = layers::read(&section, &size[1..], Some(size[0])).unwrap();
    Model::new(Arc::new(graph), vec![weights.flatten(1, -1)]).unwrap()
}

fn of_linear<'a>(model: &'a Model, statistics: &'a explainbench::imputers::Statistics, x: Tensor) -> Scene<'a> {
    let count = x.size()[0];
    Scene {
        model,
        target: Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(3),
        evidence: None::<Evidence>,
        ids: (0..count as u64).collect(),
        x,
        noise: Noise::new(3),
        statistics,
        chunk: 500,
        differentiable: false,
    }
}

/// On a linear network without a bias the removal of any set costs the sum of its w_i (x_i - fill_i).
#[test]
fn on_a_linear_network_every_method_gives_each_segment_its_contribution() {
    let draw = |seed, count| {
        let ids: Vec<u64> = (0..count).collect();
        Noise::new(seed).uniform(&ids, &[2, SIDE, SIDE], Kind::Double, Device::Cpu).unwrap()
    };
    let weights = draw(1, 3) - 0.5;
    let model = linear(&weights);
    let statistics = explainbench::imputers::Statistics { mean: Tensor::from_slice(&[0.4, 0.6]) };
    let scene = of_linear(&model, &statistics, draw(2, 5));
    let fill = Tensor::from_slice(&[0.4, 0.6]).view([1, 2, 1, 1]);
    let pixels = (weights.index_select(0, &scene.target) * (&scene.x - fill)).sum_dim_intlist(1, true, Kind::Double);
    // Cells of 3 x 4 pixels: the sum of each, painted on it.
    let cells = (pixels.avg_pool2d([3, 4], [3, 4], [0, 0], false, true, None::<i64>) * 12.0)
        .repeat_interleave_self_int(3, 2, None)
        .repeat_interleave_self_int(4, 3, None);
    let segments = "imputer = 'mean'\nscore = 'logit'\nsegments = { rows = 4, columns = 3 }";
    for (text, expected) in [
        ("use = 'occlusion'\nimputer = 'mean'\nwindow = 1".to_string(), &pixels),
        (format!("use = 'feature-ablation'\n{segments}"), &cells),
        (format!("use = 'shapley'\n{segments}"), &cells),
        (format!("use = 'kernel-shap'\nsamples = 200\n{segments}"), &cells),
        (format!("use = 'shapley-sampling'\nsamples = 2\n{segments}"), &cells),
        (format!("use = 'lime'\nridge = 1e-12\n{segments}"), &cells),
    ] {
        let apart = (map(&text, &scene) - expected).abs().max().double_value(&[]);
        assert!(apart < 1e-9, "{text}: {apart:e}");
    }
    // LIME with its penalty shrinks, but keeps the order and the signs of what is not next to nothing.
    let lime = map(&format!("use = 'lime'\n{segments}"), &scene);
    for example in 0..5 {
        let (ours, theirs) = (flat(&lime.get(example)), flat(&cells.get(example)));
        assert!(spearman(&ours, &theirs) > 0.95, "{}", spearman(&ours, &theirs));
        assert!(ours.iter().zip(&theirs).all(|(a, b)| b.abs() < 0.1 || a.signum() == b.signum()));
    }
}

/// A slope of contributions, so that the smoothing by soft masks keeps the order of pixels.
#[test]
fn rise_comes_to_rank_the_pixels_of_a_linear_network_as_it_draws_more() {
    let places = Tensor::arange(SIDE, (Kind::Double, Device::Cpu)) - (SIDE - 1) as f64 / 2.0;
    let slope = places.view([1, 1, -1, 1]) + places.view([1, 1, 1, -1]) * 2.0;
    let model = linear(&slope.repeat([3, 1, 1, 1]));
    let statistics = explainbench::imputers::Statistics { mean: Tensor::from_slice(&[0.5]) };
    let scene = of_linear(&model, &statistics, Tensor::ones([1, 1, SIDE, SIDE], (Kind::Double, Device::Cpu)));
    let agreement = |samples: usize| {
        let ours = map(&format!("use = 'rise'\nscore = 'logit'\ngrid = 4\nsamples = {samples}"), &scene);
        spearman(&flat(&ours), &flat(&slope))
    };
    let (few, many) = (agreement(50), agreement(8000));
    assert!(many > 0.97 && many > few, "{few} {many}");
}

#[test]
fn explainers_that_perturb_alike_ask_the_network_once() {
    let statistics = statistics();
    let (plain, model) = (lenet(), lenet().remembering(Arc::new(Memo::new(1000))).unwrap());
    let asked = |model: &Model, text: &str| map(text, &scene(model, &statistics, 150).part(0..2).unwrap());
    let narrow = asked(&model, "use = 'lime'\nsamples = 200");
    assert!(model.spared().is_zero());
    let wide = asked(&model, "use = 'lime'\nsamples = 200\nwidth = 1.0");
    assert!(!model.spared().is_zero());
    assert_eq!(model.passes().forward, 800, "passes count as if they were made");
    assert_eq!(narrow, asked(&plain, "use = 'lime'\nsamples = 200"));
    assert_eq!(wide, asked(&plain, "use = 'lime'\nsamples = 200\nwidth = 1.0"));
    assert_ne!(narrow, wide);
}

#[test]
fn a_blurred_map_keeps_constants_and_the_blur_of_a_control_is_one() {
    let (model, statistics) = (lenet(), statistics());
    let scene = scene(&model, &statistics, 1000).part(0..2).unwrap();
    let constant = map("use = 'blur'\nsigma = 2.5\nof = 'constant'", &scene);
    let sharp = explainer("use = 'constant'").chosen.method.explain(&scene).unwrap().values;
    assert!((constant - sharp).abs().max().double_value(&[]) < 1e-12);
    let role = |text: &str| explainer(text).chosen.method.role();
    assert_eq!(role("use = 'blur'\nof = 'random'"), role("use = 'random'"));
    assert_eq!(role("use = 'blur'"), role("use = 'gradient'"));
}

#[test]
fn superpixels_are_removed_as_grids_are() {
    let (model, statistics) = (lenet(), statistics());
    let scene = scene(&model, &statistics, 300).part(0..6).unwrap();
    let text = "use = 'feature-ablation'\nsegments = { use = 'slic', count = 16 }";
    let whole = map(text, &scene);
    for example in 0..6 {
        let alone = map(text, &scene.part(example..example + 1).unwrap());
        let apart = (whole.narrow(0, example as i64, 1) - alone).abs().max().double_value(&[]);
        assert!(apart < 1e-12, "{apart:e}");
    }
}

#[test]
fn more_than_twelve_segments_are_refused_before_anything_runs() {
    let section = Section::parse("a.toml", "use = 'shapley'\nsegments = { rows = 4, columns = 4 }").unwrap();
    assert!(explainbench::explainers::read(&section).is_none());
    let said = section.mistakes().to_string();
    assert!(said.contains("16 segments are too many") && said.contains("at most 12"), "{said}");
}

fn flat(map: &Tensor) -> Vec<f64> {
    Vec::try_from(map.flatten(0, -1)).unwrap()
}
