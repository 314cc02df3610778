use ndarray::{Array1, Array2};
use ndarray_linalg::Solve;
use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use super::*;
use crate::imputers::Statistics;
use crate::noise::Noise;

const IDS: [u64; 3] = [3, 4, 5];

/// `x` imputed without noise; the training images' mean is 0.7.
fn solved(x: &Tensor, removed: &Tensor) -> Tensor {
    let mean = Tensor::full([x.size()[1]], 0.7, (x.kind(), Device::Cpu));
    let on = Surroundings { statistics: Statistics { mean }, noise: Noise::new(2), ids: &IDS[..x.size()[0] as usize] };
    NoisyLinear { sigma: 0.0 }.impute(x, removed, &on).unwrap()
}

fn images(count: usize, shape: [i64; 3]) -> Tensor {
    Noise::new(3).uniform(&IDS[..count], &shape, Kind::Double, Device::Cpu).unwrap()
}

/// The equations as the definition states them, one row of a dense matrix per pixel.
fn dense(plane: &[f64], removed: &[bool], height: i64, width: i64) -> Vec<f64> {
    let pixels = plane.len();
    let mut matrix = Array2::<f64>::eye(pixels);
    let mut right = Array1::from_vec(plane.to_vec());
    for (i, _) in removed.iter().enumerate().filter(|(_, removed)| **removed) {
        let (row, column) = (i as i64 / width, i as i64 % width);
        let around = (-1..=1).flat_map(|down| (-1..=1).map(move |along| (down, along)));
        let weights: Vec<(usize, f64)> = around
            .filter(|step| *step != (0, 0))
            .map(|(down, along)| (row + down, column + along, if down * along == 0 { 2.0 } else { 1.0 }))
            .filter(|(row, column, _)| (0..height).contains(row) && (0..width).contains(column))
            .map(|(row, column, weight)| ((row * width + column) as usize, weight))
            .collect();
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        weights.iter().for_each(|(j, weight)| matrix[[i, *j]] = -weight / total);
        right[i] = 0.0;
    }
    matrix.solve_into(right).unwrap().to_vec()
}

fn assert_solves(x: &Tensor, removed: &Tensor, tolerance: f64) {
    let filled = solved(x, removed);
    let size = filled.size();
    let planes = |tensor: &Tensor| tensor.expand(&size, false).to_kind(Kind::Double).reshape([-1, size[3] * size[4]]);
    let (filled, known, removed) = (planes(&filled), planes(&x.unsqueeze(1)), planes(removed));
    for plane in 0..filled.size()[0] {
        let row = |planes: &Tensor| Vec::<f64>::try_from(planes.get(plane)).unwrap();
        let removed: Vec<bool> = row(&removed).iter().map(|removed| *removed > 0.0).collect();
        let expected = dense(&row(&known), &removed, size[3], size[4]);
        let apart = row(&filled).iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < tolerance, "plane {plane}: {apart:e} apart");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_masks_are_solved_like_a_dense_system(
        height in 1i64..9, width in 2i64..9, share in 0.05f64..0.95, seed in any::<u64>(), channels in 1i64..4,
    ) {
        let x = images(2, [channels, height, width]);
        let draws = Noise::new(seed).uniform(&IDS[..2], &[2, channels, height, width], Kind::Double, Device::Cpu).unwrap();
        for width_of_mask in [1, channels] {
            let removed = draws.narrow(2, 0, width_of_mask).lt(share);
            // One pixel stays: without any there is nothing to solve.
            let _ = removed.select(4, 0).select(3, 0).fill_(0);
            assert_solves(&x, &removed, 1e-10);
        }
    }
}

#[test]
fn borders_and_islands_are_solved_like_a_dense_system_in_both_precisions() {
    let x = images(3, [3, 12, 12]);
    let removed = Tensor::zeros([3, 2, 1, 12, 12], (Kind::Bool, Device::Cpu));
    // A frame along the border; everything but one corner.
    let _ = removed.select(1, 0).fill_(1);
    let _ = removed.select(1, 0).narrow(2, 3, 6).narrow(3, 3, 6).fill_(0);
    let _ = removed.select(1, 1).fill_(1);
    let _ = removed.select(1, 1).select(3, 11).select(2, 11).fill_(0);
    // In the third image also a hole in the frame's middle.
    let _ = removed.select(1, 0).narrow(0, 2, 1).narrow(2, 5, 2).narrow(3, 5, 2).fill_(1);
    assert_solves(&x, &removed, 1e-10);
    assert_solves(&x.to_kind(Kind::Float), &removed, 1e-4);
}

#[test]
fn one_pixel_becomes_a_sixth_of_its_edges_and_a_twelfth_of_its_corners() {
    // Around the middle of 0 .. 8 in rows of three: edges 1, 3, 5, 7 and corners 0, 2, 6, 8: 16 / 6 + 16 / 12 = 4.
    // With the last corner at 20 the sum grows by 12 / 12. The corner 0 has edges 1, 3 (weight 2 of 5 each) and corner 4
    // (1 of 5): (2 + 6 + 4) / 5 = 2.4.
    let x = Tensor::from_slice(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 20.0]).view([1, 1, 3, 3]);
    let removed = Tensor::zeros([1, 2, 1, 3, 3], (Kind::Bool, Device::Cpu));
    let _ = removed.get(0).get(0).get(0).get(1).get(1).fill_(1);
    let _ = removed.get(0).get(1).get(0).get(0).get(0).fill_(1);
    let filled = solved(&x, &removed);
    assert!((filled.double_value(&[0, 0, 0, 1, 1]) - 5.0).abs() < 1e-12);
    assert!((filled.double_value(&[0, 1, 0, 0, 0]) - 2.4).abs() < 1e-12);
}

#[test]
fn a_constant_image_stays_and_a_ramp_stays_within_its_ends() {
    let ramp = Tensor::arange(10, (Kind::Double, Device::Cpu)).view([1, 1, 1, 10]).expand([1, 1, 10, 10], false) / 9.0;
    let removed = images(1, [1, 10, 10]).unsqueeze(1).lt(0.8);
    let constant = solved(&ramp.full_like(0.25), &removed) - 0.25;
    assert!(constant.abs().max().double_value(&[]) < 1e-13);
    let filled = solved(&ramp, &removed);
    assert!(filled.min().double_value(&[]) >= -1e-13 && filled.max().double_value(&[]) <= 1.0 + 1e-13);
    // Steeper than any neighbourhood's mean, a single removed column lies halfway between its neighbours.
    let column = Tensor::zeros([1, 1, 1, 10, 10], (Kind::Bool, Device::Cpu));
    let _ = column.select(4, 4).fill_(1);
    assert!((solved(&ramp, &column).squeeze_dim(1) - &ramp).abs().max().double_value(&[]) < 1e-13);
}

#[test]
fn an_image_without_a_known_pixel_becomes_the_mean_and_one_without_a_removed_one_stays() {
    let x = images(2, [3, 6, 6]);
    let removed = Tensor::zeros([2, 2, 1, 6, 6], (Kind::Bool, Device::Cpu));
    let _ = removed.select(1, 1).fill_(1);
    let filled = solved(&x, &removed);
    assert_eq!(filled.select(1, 0), x);
    assert_eq!(filled.select(1, 1), x.full_like(0.7));
}

#[test]
fn the_noise_is_small_keeps_from_known_pixels_and_is_not_redrawn_along_a_curve() {
    let x = images(2, [3, 8, 8]);
    let on = |ids| Surroundings {
        statistics: Statistics { mean: Tensor::from_slice(&[0.7, 0.7, 0.7]) },
        noise: Noise::new(2),
        ids,
    };
    let removed = Tensor::ones([2, 2, 1, 8, 8], (Kind::Bool, Device::Cpu));
    let _ = removed.select(1, 0).narrow(3, 0, 4).fill_(0);
    let filled = NoisyLinear { sigma: 0.01 }.impute(&x, &removed, &on(&IDS[..2])).unwrap();
    assert_eq!(filled.select(1, 0).narrow(3, 0, 4), x.narrow(3, 0, 4));
    let noise = filled - solved(&x, &removed);
    let gone = |stage| noise.select(1, stage).narrow(3, 4, 4);
    assert!((gone(0) - gone(1)).abs().max().double_value(&[]) < 1e-12);
    // 2 x 3 x 64 draws: the standard error of their standard deviation is .01 / sqrt(768) = 3.6e-4.
    assert!((noise.select(1, 1).std(true).double_value(&[]) - 0.01).abs() < 4.0 * 3.6e-4);
    let whole = NoisyLinear { sigma: 0.01 }.reference(&x, &on(&IDS[..2])).unwrap();
    assert!((whole - 0.7 - noise.select(1, 1)).abs().max().double_value(&[]) < 1e-12);
}

#[test]
fn an_image_does_not_depend_on_the_others_beside_it() {
    let x = images(3, [2, 16, 16]);
    let removed = Noise::new(4).uniform(&IDS, &[1, 1, 16, 16], Kind::Double, Device::Cpu).unwrap();
    let share = Tensor::from_slice(&[0.2, 0.5, 0.95]).view([3, 1, 1, 1, 1]);
    let removed = removed.lt_tensor(&share);
    let whole = solved(&x, &removed);
    for image in 0..3 {
        let alone = solved(&x.narrow(0, image, 1), &removed.narrow(0, image, 1));
        assert!((whole.narrow(0, image, 1) - alone).abs().max().double_value(&[]) < 1e-13);
    }
}
