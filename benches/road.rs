//! What ROAD adds to its forward passes. 256 random images of 3 x 32 x 32, seven fractions of their
//! pixels removed at random and imputed, in parts of 16 images as a metric's chunks make them.

use std::hint::black_box;

use criterion::Criterion;
use explainbench::config::Section;
use explainbench::imputers::{self, Statistics, Surroundings};
use explainbench::noise::Noise;
use tch::{Device, Kind, Tensor};

fn road(criterion: &mut Criterion) {
    const IMAGES: usize = 256;
    const PART: usize = 16;
    let ids: Vec<u64> = (0..IMAGES as u64).collect();
    let draw = |purpose: &str, shape: &[i64]| {
        Noise::new(0).purpose(purpose).uniform(&ids, shape, Kind::Float, Device::Cpu).expect("draws")
    };
    let x = draw("images", &[3, 32, 32]);
    let fractions = Tensor::from_slice(&[0.1f32, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9]).view([1, 7, 1, 1, 1]);
    let removed = draw("removed", &[1, 1, 32, 32]).lt_tensor(&fractions);
    let section = Section::parse("bench", "imputer = 'noisy-linear'").expect("valid TOML");
    let imputer = imputers::choose(&section, "imputer", "black").expect("an imputer").method;
    let impute = || {
        for start in (0..IMAGES).step_by(PART) {
            let part = |tensor: &Tensor| tensor.narrow(0, start as i64, PART as i64);
            let on = Surroundings {
                statistics: Statistics { mean: Tensor::from_slice(&[0.5f32; 3]) },
                noise: Noise::new(1),
                ids: &ids[start..start + PART],
            };
            let _ = black_box(imputer.impute(&part(&x), &part(&removed), &on).expect("images"));
        }
    };
    let mut group = criterion.benchmark_group("road");
    group.sample_size(10);
    group.bench_function("256 images x 7 fractions", |bencher| bencher.iter(|| tch::no_grad(impute)));
    group.finish();
}

fn main() {
    explainbench::native::init();
    let mut criterion = Criterion::default().configure_from_args();
    road(&mut criterion);
    criterion.final_summary();
}
