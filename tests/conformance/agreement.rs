//! Agreement of two explainers on a network whose maps are worked out by hand.

use super::*;

/// Two pixels x, h = relu(x), score h_1 - h_2: where both pixels are lit the gradient is (1, -1), and guided backpropagation stops
/// what speaks against the class: (1, 0). Their cosine is 1 / sqrt(2), their order is the same, and their difference (0, 1) has
/// 1 / sqrt(2) of the gradient's length. Where the second pixel is dark both are (1, 0).
#[test]
fn guided_backprop_lacks_what_speaks_against_the_class() {
    let section =
        Section::parse("model", "layers = ['flatten', { linear = { out = 2 } }, 'relu', { linear = { out = 2 } }]");
    let graph = layers::read(&section.unwrap(), &[1, 1, 2], Some(2)).unwrap();
    let matrix = |numbers: [f64; 4]| Tensor::from_slice(&numbers).view([2, 2]);
    let (identity, none) = (matrix([1.0, 0.0, 0.0, 1.0]), Tensor::from_slice(&[0.0, 0.0]));
    let weights = vec![identity, none.shallow_clone(), matrix([1.0, -1.0, 0.0, 0.0]), none];
    let model = Model::new(Arc::new(graph), weights).unwrap();
    let statistics = Statistics { mean: Tensor::from_slice(&[0.5]) };
    let on = || Scene {
        model: &model,
        x: Tensor::from_slice(&[0.5, 0.25, 0.5, -1.0]).view([2, 1, 1, 2]),
        target: Tensor::from_slice(&[0_i64, 0]),
        evidence: None,
        ids: vec![0, 1],
        noise: Noise::new(0),
        statistics: &statistics,
        chunk: 10,
        differentiable: false,
    };
    let map = |name: &str| {
        let section = Section::parse("explainer", &format!("use = '{name}'")).unwrap();
        let explainer = explainers::read(&section).unwrap().chosen.method;
        explainer.explain(&on()).unwrap().values.squeeze_dim(1)
    };
    let (guided, gradient) = (map("guided-backprop"), map("gradient"));
    assert_eq!(Vec::<f64>::try_from(guided.flatten(0, -1)).unwrap(), [1.0, 0.0, 1.0, 0.0]);
    assert_eq!(Vec::<f64>::try_from(gradient.flatten(0, -1)).unwrap(), [1.0, -1.0, 1.0, 0.0]);
    let agreement = |own: &Tensor| {
        let read = |_: &Maps| Ok(gradient.shallow_clone());
        let mut given = given(on(), own.shallow_clone());
        given.beside = Beside { draws: vec![0], read: Some(&read), moved: None };
        let metric = metric("use = 'agreement'\nwith = 'gradient'");
        ["cosine", "spearman", "relative-l2"].map(|measure| values(&*metric, &given, measure))
    };
    let half = 0.5f64.sqrt();
    let near = |found: &[f64], expected: [f64; 2]| {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
    };
    let [cosine, spearman, l2] = agreement(&guided);
    near(&cosine, [half, 1.0]);
    near(&spearman, [1.0, 1.0]);
    near(&l2, [half, 0.0]);
    // Maps of nothing are the same only as such.
    let (zeros, nothing) = (gradient.zeros_like(), [true, true]);
    assert_eq!(agreement(&zeros)[0].iter().map(|value| value.is_nan()).collect::<Vec<_>>(), nothing);
    // Whatever is the same agrees with itself to the last bit.
    assert_eq!(agreement(&map("gradient")), [[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]);
}
