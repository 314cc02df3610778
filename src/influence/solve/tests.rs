use tch::{Device, Kind, Tensor};

use super::*;
use crate::influence::calculus::Hessian;
use crate::influence::support::{Setting, near};

/// Its Hessian has eigenvalues from l2 = 0.05 to about 1.
fn setting() -> Setting {
    Setting::drawn("layers = [{ linear = { out = 3 } }]", &[4], 3, 30, 1)
}

/// Vectors as gradients are: orthogonal to what moves all classes alike, where all eigenvalues are l2.
fn vectors() -> Tensor {
    let parts = Noise::new(8).normal(&[0, 1, 2], &[15], Kind::Double, Device::Cpu).unwrap();
    let centred = |part: Tensor, size: i64| {
        let part = part.view([3, 3, size]);
        (&part - part.mean_dim(1, true, Kind::Double)).view([3, -1])
    };
    Tensor::cat(&[centred(parts.narrow(1, 0, 12), 4), centred(parts.narrow(1, 12, 3), 1)], 1)
}

/// What a solver makes of the vectors, beside what the factor does.
fn apart(text: &str) -> f64 {
    let setting = setting();
    let case = setting.case();
    let section = Section::parse("solver", text).unwrap();
    let solver = Solver::read(&section);
    section.finish();
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    let solve = |solver: Solver| {
        let curvature = Curvature::of(&case, Hessian::Exact, 0.0);
        solver.ready(curvature, Noise::new(1)).unwrap().apply(&vectors()).unwrap()
    };
    let exact = solve(Solver::Exact);
    (solve(solver) - &exact).norm().double_value(&[]) / exact.norm().double_value(&[])
}

/// Each budget leaves less than the one before, and the last nothing.
fn converges(texts: &[&str], last: f64) {
    let left: Vec<f64> = texts.iter().map(|text| apart(text)).collect();
    assert!(left.windows(2).all(|pair| pair[1] < pair[0]), "{left:?}");
    assert!(left[left.len() - 1] < last, "{left:?}");
}

#[test]
fn the_factor_inverts() {
    let setting = setting();
    let case = setting.case();
    let curvature = || Curvature::of(&case, Hessian::Exact, 0.01);
    let solved = Solver::Exact.ready(curvature(), Noise::new(1)).unwrap().apply(&vectors()).unwrap();
    near(&curvature().product(&solved).unwrap(), &vectors(), 1e-12);
}

#[test]
fn conjugate_gradients_converge_in_as_many_steps_as_there_are_eigenvalues() {
    let of = |iterations: usize| format!("solver = 'cg'\niterations = {iterations}\ntolerance = 0.0");
    let texts = [1, 4, 8, 12].map(of);
    converges(&texts.each_ref().map(String::as_str), 1e-10);
    assert!((1e-8..0.1).contains(&apart("solver = 'cg'\ntolerance = 0.01")), "ends at its tolerance");
}

#[test]
fn lissa_converges_with_its_depth_and_with_more_samples() {
    let whole = |depth: usize| format!("solver = 'lissa'\nscale = 2.0\ndepth = {depth}\nbatch = 1000");
    let texts = [10, 50, 250, 1250].map(whole);
    converges(&texts.each_ref().map(String::as_str), 1e-10);
    let drawn = |samples: usize| format!("solver = 'lissa'\nscale = 4.0\ndepth = 150\nbatch = 5\nsamples = {samples}");
    converges(&[&drawn(1), &drawn(20)], 0.1);
}

#[test]
fn arnoldi_converges_with_its_rank() {
    let of = |rank: usize| format!("solver = 'arnoldi'\niterations = 15\nrank = {rank}");
    let texts = [1, 4, 7, 11].map(of);
    converges(&texts.each_ref().map(String::as_str), 1e-8);
}

#[test]
fn what_cannot_be_inverted_is_refused_with_a_remedy() {
    let setting = setting();
    let case = setting.case();
    for (text, said) in [
        ("solver = 'exact'", "not positive definite"),
        ("solver = 'cg'", "a direction in which the Hessian is not positive"),
        ("solver = 'lissa'\nscale = 0.2", "LiSSA diverged"),
    ] {
        let solver = Solver::read(&Section::parse("solver", text).unwrap());
        // More taken from the diagonal than there is.
        let solved = solver.ready(Curvature::of(&case, Hessian::Exact, -1.0), Noise::new(1));
        let error = solved.and_then(|solver| solver.apply(&vectors())).err().unwrap().to_string();
        assert!(error.contains(said) && error.contains("damping"), "{error}");
    }
}
