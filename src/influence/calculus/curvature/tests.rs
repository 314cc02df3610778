use super::*;
use crate::influence::Quantity;
use crate::influence::support::{Setting, near};
use crate::noise::Noise;

const NETWORK: &str = r#"layers = [
    { conv2d = { out = 3, kernel = 3 } }, "tanh", { max_pool2d = { kernel = 2 } }, "flatten", { linear = { out = 3 } }]"#;
const LINEAR: &str = "layers = ['flatten', { linear = { out = 3 } }]";

fn setting(text: &str) -> Setting {
    Setting::drawn(text, &[1, 6, 6], 3, 16, 1)
}

fn vectors(count: u64, length: i64) -> Tensor {
    let ids: Vec<u64> = (0..count).collect();
    Noise::new(9).normal(&ids, &[length], Kind::Double, tch::Device::Cpu).unwrap()
}

/// The gradient of J with the parameters moved.
fn gradient(setting: &Setting, by: &Tensor) -> Tensor {
    let parameters = Parameters::of(&setting.model.graph);
    let theta = parameters.flat(setting.model.weights()).unwrap() + by;
    let weights = parameters.split(&theta.unsqueeze(0)).unwrap().iter().map(|part| part.squeeze_dim(0)).collect();
    let model = Model::new(setting.model.graph.clone(), weights).unwrap();
    let gradients = Gradients::at(&model, setting.loss, 100).all(&setting.train, Quantity::Loss).unwrap();
    gradients.mean_dim(0, false, Kind::Double) + theta * setting.l2
}

#[test]
fn products_are_symmetric_and_equal_central_differences() {
    let setting = setting(NETWORK);
    let case = setting.case();
    let exact = Curvature::of(&case, Hessian::Exact, 0.0);
    let v = vectors(4, exact.parameters());
    let products = exact.product(&v).unwrap();
    let step = 1e-5;
    for at in 0..4 {
        let (ahead, behind) = (gradient(&setting, &(v.get(at) * step)), gradient(&setting, &(v.get(at) * -step)));
        near(&products.get(at), &((ahead - behind) / (2.0 * step)), 1e-8);
    }
    for hessian in [Hessian::Exact, Hessian::GaussNewton] {
        let between = v.matmul(&Curvature::of(&case, hessian, 0.1).product(&v).unwrap().tr());
        near(&between.tr(), &between, 1e-12);
    }
    // By the mean over some, here all of them in two parts, and damping beside the regulariser.
    let all: Vec<i64> = (0..16).rev().collect();
    let damped = Curvature::of(&case, Hessian::Exact, 0.3);
    near(&damped.product_on(&v, &all).unwrap(), &(&products + &v * 0.3), 1e-12);
}

#[test]
fn the_matrix_is_what_products_say() {
    for text in [NETWORK, LINEAR] {
        let setting = setting(text);
        let case = setting.case();
        let matrices = [Hessian::Exact, Hessian::GaussNewton].map(|hessian| {
            let curvature = Curvature::of(&case, hessian, 0.2);
            let v = vectors(3, curvature.parameters());
            let matrix = curvature.matrix().unwrap();
            near(&v.matmul(&matrix), &curvature.product(&v).unwrap(), 1e-12);
            matrix
        });
        let apart = (&matrices[0] - &matrices[1]).abs().max().double_value(&[]);
        assert_eq!(apart < 1e-12, text == LINEAR, "they are the same for linear networks alone: {apart}");
    }
    let wide = Setting::drawn("layers = [{ linear = { out = 100 } }, { linear = { out = 2 } }]", &[100], 2, 2, 1);
    let refused = Curvature::of(&wide.case(), Hessian::Exact, 0.0).matrix().unwrap_err().to_string();
    assert!(refused.contains("10302 parameters is too large"), "{refused}");
}
