//! The data randomization test: what algebra says of maps that do not change, change sign, or say nothing.

use tch::{Device, Kind, Tensor};

use super::*;

/// Scores of a row's maps [5, H, W] beside those of its three other networks: permuted labels, another seed, untrained.
fn scores(own: &Tensor, others: [&Tensor; 3], fitted: bool) -> explainbench::metrics::Scores {
    let (model, statistics) = (model(), statistics());
    let mut given = given(scene(&model, &statistics, 5, 7), own.shallow_clone());
    for (other, map) in given.others[1..].iter_mut().zip(others) {
        other.attribution = Some(map.unsqueeze(1));
        other.training = serde_json::json!({ "reached": fitted });
    }
    metric("use = 'data-randomization'").score(&given).unwrap()
}

#[test]
fn maps_that_stay_have_one_and_maps_that_turn_minus_one() {
    let noise = |seed| Noise::new(seed).normal(&[0, 1, 2, 3, 4], &[12, 12], Kind::Double, Device::Cpu).unwrap();
    let (own, flat) = (noise(1), noise(1).zeros_like() + 0.3);
    let scored = scores(&own, [&own, &-&own, &noise(2)], true);
    assert!(scored.flags.is_empty());
    let of = |name: &str| scored.measures.iter().find(|values| values.measure == name).unwrap().values.clone();
    for name in ["spearman", "absolute-spearman", "ssim"] {
        assert_eq!(of(&format!("random-labels-{name}")), [1.0; 5], "{name}");
        assert!(of(&format!("untrained-{name}")).iter().all(|value| value.abs() < 0.4), "{name}");
    }
    assert_eq!(of("other-seed-spearman"), [-1.0; 5]);
    assert_eq!(of("other-seed-absolute-spearman"), [1.0; 5]);
    let scored = scores(&flat, [&flat, &flat, &flat], true);
    for values in scored.measures {
        let ssim = values.measure.ends_with("ssim");
        assert!(values.values.iter().all(|value| if ssim { *value == 1.0 } else { value.is_nan() }), "{values:?}");
    }
}

#[test]
fn numbers_of_a_network_that_did_not_fit_its_labels_say_so() {
    let maps = Noise::new(1).normal(&[0, 1, 2, 3, 4], &[12, 12], Kind::Double, Device::Cpu).unwrap();
    assert_eq!(scores(&maps, [&maps; 3], false).flags, [("random labels not fitted", 5)]);
}
