//! Localization metrics: the oracle is best, a random map at chance, the inverted oracle worst.

use tch::{Kind, Tensor};

use super::*;

#[test]
fn pointing_game_oracle_hits_inverted_oracle_misses_random_scores_its_chance_and_a_constant_is_invalid() {
    let (model, statistics) = (model(), statistics());
    let game = metric("use = 'pointing-game'");
    let count = 2000;
    let truth = scene(&model, &statistics, count, 1000).evidence.unwrap().mask.to_kind(Kind::Double);
    let hits =
        |map: &Tensor| values(&*game, &given(scene(&model, &statistics, count, 1000), map.shallow_clone()), "hit");
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    assert_eq!(mean(hits(&truth)), 1.0);
    assert_eq!(mean(hits(&(1.0 - &truth))), 0.0);
    assert!(hits(&truth.ones_like()).iter().all(|hit| hit.is_nan()));
    // 6 of 64 pixels are truth: 2000 draws of a 0/1 variable with mean .094 have a standard error of .0065.
    let random = mean(hits(&Tensor::rand_like(&truth)));
    assert!((random - 6.0 / 64.0).abs() < 4.0 * 0.0065, "{random}");
    let chance = values(&*game, &given(scene(&model, &statistics, 1, 1), truth.narrow(0, 0, 1)), "chance");
    assert_eq!(chance, [6.0 / 64.0]);
}
