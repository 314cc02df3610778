use std::sync::Arc;

use tch::Device;

use super::*;
use crate::config::Section;
use crate::model::{Model, Score, layers};
use crate::similarities::top;

const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

/// The magnitude of the gradient of a network's only logit; every image is admitted that has no pixel above `most`.
struct Gradients {
    model: Model,
    most: f64,
}

impl Gradients {
    fn of(&self, model: &Model, x: &Tensor) -> Result<Tensor> {
        let target = Tensor::f_zeros([x.size()[0]], (Kind::Int64, Device::Cpu))?;
        let gradient = if x.requires_grad() {
            model.differentiable_gradient(x, &target, Score::Logit)?
        } else {
            model.gradient(x, &target, Score::Logit)?
        };
        Ok(gradient.f_abs()?.f_squeeze_dim(1)?)
    }
}

impl Victim for Gradients {
    fn maps(&self, x: &Tensor) -> Result<Tensor> {
        self.of(&self.model, x)
    }

    fn smooth_maps(&self, x: &Tensor) -> Result<Tensor> {
        self.of(&self.model.smoothed(10.0)?, x)
    }

    fn admits(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(x.f_amax([1, 2, 3].as_slice(), false)?.f_le(self.most)?)
    }
}

fn settings(text: &str) -> Settings {
    Settings::read(&Section::parse("a.toml", text).unwrap(), true).unwrap()
}

/// A network of two pixels from its layers and weights.
fn network(layers_: &str, weights: &[(&[f64], &[i64])]) -> Model {
    let text = format!("layers = [\"flatten\", {layers_}]");
    let graph = layers::read(&Section::parse("model", &text).unwrap(), &[1, 1, 2], None).unwrap();
    let weights = weights.iter().map(|(values, shape)| Tensor::from_slice(values).view(*shape)).collect();
    Model::new(Arc::new(graph), weights).unwrap()
}

/// h_j = log(1 + exp(x_j - 1/2)), logit 1.1 h_0 + h_1: the gradient of pixel j is that of its sigmoid, which rises with x_j.
fn bent() -> Model {
    let identity: (&[f64], &[i64]) = (&[1.0, 0.0, 0.0, 1.0], &[2, 2]);
    let layers = "{ linear = { out = 2 } }, { softplus = { beta = 1.0 } }, { linear = { out = 1, bias = false } }";
    network(layers, &[identity, (&[-0.5, -0.5], &[2]), (&[1.1, 1.0], &[1, 2])])
}

fn run(method: Method, text: &str, victim: &Gradients, x: &Tensor, radius: f64) -> (Found, Tensor) {
    let maps = victim.maps(x).unwrap();
    let original = Original { maps: maps.shallow_clone(), evidence: None };
    let radius = Tensor::full([x.size()[0], 1, 1, 1], radius, OPTIONS);
    let ids: Vec<u64> = (0..x.size()[0] as u64).collect();
    let subject = Subject { x, radius: &radius, original: &original, ids: &ids, noise: Noise::new(5) };
    (search(method, &settings(text), &subject, victim).unwrap(), maps)
}

fn pixels(a: f64, b: f64) -> Tensor {
    Tensor::from_slice(&[a, b]).view([1, 1, 1, 2])
}

const METHODS: [Method; 3] = [Method::Gradient, Method::Square, Method::RandomSign];

/// Pixel 0 leads. Its share of the map is smallest where it is as dark, and the other as bright, as the ball allows.
#[test]
fn the_worst_image_is_found() {
    let victim = Gradients { model: bent(), most: 1.0 };
    let x = pixels(0.5, 0.5);
    for method in METHODS {
        let (found, _) = run(method, "attack = { use = 'top-k', k = 1 }\niterations = 40", &victim, &x, 0.25);
        let gap = (&found.x - pixels(0.25, 0.75)).abs().max().double_value(&[]);
        assert!(gap < 1e-12, "{method:?}: {:?}", Vec::<f64>::try_from(found.x.flatten(0, -1)));
        assert!((found.maps - victim.maps(&found.x).unwrap()).abs().max().double_value(&[]) < 1e-15);
        assert_eq!(found.admitted, Tensor::ones([1], (Kind::Bool, Device::Cpu)));
    }
}

/// The center moves toward pixel 1, though nothing pulls where the search begins.
#[test]
fn a_center_is_moved_from_where_it_has_no_slope() {
    let victim = Gradients { model: bent(), most: 1.0 };
    let x = pixels(0.5, 0.5);
    let (found, _) = run(Method::Gradient, "attack = 'mass-center'\niterations = 60", &victim, &x, 0.25);
    // Either way is a local optimum: as far as the ball allows in both pixels.
    let far = (&found.x - &x).abs();
    assert!((far - 0.25).abs().max().double_value(&[]) < 1e-12, "{:?}", Vec::<f64>::try_from(found.x.flatten(0, -1)));
}

/// In the Euclidean ball the best lies on its surface, darker in pixel 0 and brighter in pixel 1.
#[test]
fn a_euclidean_ball_is_searched_to_its_surface() {
    let victim = Gradients { model: bent(), most: 1.0 };
    let x = pixels(0.5, 0.5);
    let (found, _) =
        run(Method::Gradient, "attack = { use = 'top-k', k = 1 }\nnorm = 'l2'\niterations = 200", &victim, &x, 0.2);
    let way = Vec::<f64>::try_from((&found.x - &x).flatten(0, -1)).unwrap();
    assert!((way[0].hypot(way[1]) - 0.2).abs() < 1e-9, "{way:?}");
    // By symmetry of the sigmoid about 1/2 both pixels pull alike.
    assert!((way[0] + way[1]).abs() < 0.02 && way[0] < -0.1, "{way:?}");
}

/// The gradient of a linear network's logit is the same everywhere: no attack changes a top pixel, nor anything else.
#[test]
fn a_linear_network_cannot_be_attacked() {
    let model = network("{ linear = { out = 1 } }", &[(&[0.7, -0.3], &[1, 2]), (&[0.1], &[1])]);
    let victim = Gradients { model, most: 1.0 };
    for method in METHODS {
        for attack in ["top-k", "mass-center"] {
            let (found, maps) = run(method, &format!("attack = '{attack}'"), &victim, &pixels(0.4, 0.6), 0.3);
            assert_eq!(found.maps, maps, "{method:?} {attack}");
            assert_eq!(top(&found.maps, 1).unwrap(), top(&maps, 1).unwrap());
        }
    }
}

#[test]
fn without_a_radius_nothing_moves() {
    let victim = Gradients { model: bent(), most: 1.0 };
    for method in METHODS {
        for norm in ["linf", "l2"] {
            let (found, maps) = run(method, &format!("norm = '{norm}'"), &victim, &pixels(0.3, 0.9), 0.0);
            assert_eq!((found.x, &found.maps, &found.half), (pixels(0.3, 0.9), &maps, &maps), "{method:?} {norm}");
        }
    }
}

/// What the network would classify otherwise does not count, however good: here all that is brighter than 0.6.
#[test]
fn candidates_of_another_class_do_not_count() {
    let x = pixels(0.5, 0.5);
    for method in METHODS {
        let victim = Gradients { model: bent(), most: 0.6 };
        let (found, _) = run(method, "attack = { use = 'top-k', k = 1 }\niterations = 60", &victim, &x, 0.25);
        assert!(found.x.max().double_value(&[]) <= 0.6, "{method:?}");
        let nowhere = Gradients { model: bent(), most: 0.0 };
        let (found, maps) = run(method, "iterations = 5", &nowhere, &x, 0.25);
        assert_eq!((found.x, found.maps), (x.shallow_clone(), maps));
        assert_eq!(found.admitted, Tensor::zeros([1], (Kind::Bool, Device::Cpu)));
    }
}

/// The rows of a batch do not see each other.
#[test]
fn a_batch_is_attacked_as_its_images_are() {
    let victim = Gradients { model: bent(), most: 1.0 };
    let both = Tensor::cat(&[pixels(0.3, 0.4), pixels(0.8, 0.2)], 0);
    for method in METHODS {
        let (together, _) = run(method, "iterations = 20", &victim, &both, 0.1);
        let (alone, _) = run(method, "iterations = 20", &victim, &both.narrow(0, 0, 1), 0.1);
        assert_eq!(together.x.narrow(0, 0, 1), alone.x, "{method:?}");
    }
}

/// Without evidence a targeted attack aims at nothing, which must not look like a map that nothing moves. The other row is as it
/// is alone.
#[test]
fn what_has_nothing_to_aim_at_has_no_map() {
    let victim = Gradients { model: bent(), most: 1.0 };
    let x = Tensor::cat(&[pixels(0.5, 0.5), pixels(0.4, 0.5)], 0);
    let evidence = Tensor::from_slice(&[false, true, false, false]).view([2, 1, 2]);
    let radius = Tensor::full([2, 1, 1, 1], 0.25, OPTIONS);
    let original = Original { maps: victim.maps(&x).unwrap(), evidence: Some(evidence) };
    let subject = Subject { x: &x, radius: &radius, original: &original, ids: &[0, 1], noise: Noise::new(5) };
    for method in METHODS {
        let found = search(method, &settings("attack = 'targeted'\niterations = 20"), &subject, &victim).unwrap();
        for maps in [found.maps, found.half] {
            assert_eq!(Vec::<bool>::try_from(maps.isnan().flatten(0, -1)).unwrap(), [false, false, true, true]);
        }
        assert!((found.x.get(1) - x.get(1)).abs().max().double_value(&[]) == 0.0);
        assert!((found.x.get(0) - pixels(0.25, 0.75)).abs().max().double_value(&[]) < 1e-12, "{method:?}");
    }
}

/// Half of one candidate is none: what it changed is then seen to be unsettled.
#[test]
fn the_first_half_of_the_candidates_is_kept() {
    let victim = Gradients { model: bent(), most: 1.0 };
    let x = pixels(0.5, 0.5);
    let (one, maps) = run(Method::Gradient, "iterations = 1", &victim, &x, 0.25);
    assert_eq!(one.half, maps);
    let (two, _) = run(Method::Gradient, "iterations = 2", &victim, &x, 0.25);
    assert_eq!(two.half, one.maps);
    let (again, _) = run(Method::Gradient, "iterations = 1\nrestarts = 2", &victim, &x, 0.25);
    assert_eq!(again.half, one.maps);
}
