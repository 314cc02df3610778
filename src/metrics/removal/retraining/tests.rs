use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::*;
use crate::imputers::Statistics;
use crate::noise::Noise;

fn read(text: &str, keep: bool) -> Retrain {
    let section = Section::parse("suite.toml", text).unwrap();
    let retrain = Retrain::read(&section, keep);
    assert!(!section.has_mistakes(), "{}", section.mistakes());
    retrain.unwrap()
}

fn known(repetitions: &[u64]) -> Known {
    Known { repetitions: repetitions.to_vec(), ..Known::default() }
}

/// 0.5 x 0.2 / 2 up to the first point, then 0.5 x (0.2 + 0.4) / 2.
#[test]
fn areas_start_where_nothing_is_modified() {
    assert!((area(&[0.5, 1.0], &[0.2, 0.4]) - 0.2).abs() < 1e-15);
    assert_eq!(area(&[0.5], &[-0.2]), -0.05);
}

#[test]
fn what_is_asked_for_is_shared_by_fractions_and_repetitions() {
    let asked = |text, keep| read(text, keep).needs(&known(&[0, 1]));
    // Per repetition: intact, and per fraction one's own, random's and the mask.
    assert_eq!(asked("", false).len(), 2 * (1 + 3 * 5));
    assert_eq!(asked("masks = false\nfractions = [0.5]", true).len(), 2 * (1 + 2));
    assert!(asked("", false).contains(&Need::Retrained(Retraining { on: Modified::Not, repetition: 1 })));
}

#[test]
fn the_top_goes_or_stays() {
    let places = Tensor::from_slice(&[2i64, 0, 3, 1]).view([1, 4]);
    let x = Tensor::from_slice(&[0.1f64, 0.2, 0.3, 0.4]).view([1, 1, 2, 2]);
    let on = Surroundings {
        statistics: Statistics { mean: Tensor::from_slice(&[0.9f64]) },
        noise: Noise::new(0),
        ids: &[0],
    };
    let left = |keep, share| {
        let removal = read("", keep).removal;
        let removed = removal.removed(&places, share, &[1, 2, 2]).unwrap();
        Vec::<f64>::try_from(removal.without(&x, &removed, &on).unwrap().view([-1])).unwrap()
    };
    assert_eq!(left(false, 0.5), [0.1, 0.9, 0.3, 0.9]);
    assert_eq!(left(true, 0.5), [0.9, 0.2, 0.9, 0.4]);
    // Keeping a quarter removes what the other end of the same ranking would: nothing but the top is left.
    assert_eq!(left(true, 0.25), [0.9, 0.2, 0.9, 0.9]);
    assert_eq!(left(false, 0.25), [0.1, 0.9, 0.3, 0.4]);
}

#[test]
fn regions_go_as_a_whole() {
    let removal = read("unit = 'region'\nregion = 2", false).removal;
    let removed = removal.removed(&Tensor::from_slice(&[1i64, 0]).view([1, 2]), 0.5, &[3, 2, 3]).unwrap();
    let expected = Tensor::from_slice(&[0i64, 0, 1, 0, 0, 1]).view([1, 1, 2, 3]);
    assert_eq!(removed.to_kind(Kind::Int64), expected);
}

/// A pixel counts once, in whichever channels it differs.
#[test]
fn pixels_that_were_black_already_are_not_changed() {
    let x = Tensor::zeros([1, 2, 2, 2], (Kind::Float, Device::Cpu));
    let modified = x.copy();
    let _ = modified.get(0).get(0).get(1).fill_(0.5);
    let _ = modified.get(0).get(1).get(1).get(0).fill_(0.5);
    assert_eq!(changed(&x, &modified).unwrap(), 2.0);
}

/// Repetition 0: random .8 and .6, the map .7 and .2. Repetition 1: equal.
fn answered(retrain: &Retrain) -> Known {
    let mut known = known(&[0, 1]);
    for repetition in [0, 1] {
        let mut put = |on, test: f64, train: f64| {
            let record = json!({
                "test_accuracy": test, "train_accuracy": train, "unretrained_accuracy": test / 2.0, "changed": 0.25,
                "flags": {}, "unranked": 0.0, "loss_fell": if repetition == 0 { 0.1 } else { 0.01 }
            });
            known.records.insert(Need::Retrained(Retraining { on, repetition }), vec![record]);
        };
        put(Modified::Not, 0.9, 1.0);
        for (share, random, own) in [(0.5, 0.8, 0.7), (0.75, 0.6, 0.2)] {
            let own = if repetition == 0 { own } else { random };
            put(Modified::Images(Ranked::Random, Share::new(share)), random, 1.0);
            put(Modified::Images(Ranked::Row, Share::new(share)), own, own);
            put(Modified::Masks(Ranked::Row, Share::new(share)), 0.1, 1.0);
        }
    }
    assert_eq!(retrain.needs(&known).iter().filter(|need| known.answer(need).is_none()).count(), 0);
    known
}

/// Noise is not to be told from a result.
#[test]
fn maps_that_are_not_finite_have_no_values() {
    let retrain = read("fractions = [0.5, 0.75]", false);
    let mut known = answered(&retrain);
    let need = Need::Retrained(Retraining { on: Modified::Images(Ranked::Row, Share::new(0.75)), repetition: 0 });
    known.records.get_mut(&need).unwrap()[0]["flags"] = json!({ "not finite": 1 });
    let scores = retrain.settle(&known).unwrap();
    let area = &of(&scores, "area").values;
    assert!(area[0].is_nan() && area[1] == 0.0, "{area:?}");
    assert!(scores.flags.contains(&("not finite", 1)));
}

fn of<'a>(scores: &'a Scores, measure: &str) -> &'a Values {
    scores.measures.iter().find(|values| values.measure == measure).unwrap()
}

#[test]
fn curves_and_areas_by_hand() {
    let retrain = read("fractions = [0.5, 0.75]", false);
    let scores = retrain.settle(&answered(&retrain)).unwrap();
    assert_eq!((scores.unit, &scores.ids), (ScoredUnit::Repetition, &vec![0, 1]));
    assert_eq!(of(&scores, "accuracy").at, [0.0, 0.5, 0.75]);
    assert_eq!(of(&scores, "accuracy").values, [0.9, 0.7, 0.2, 0.9, 0.8, 0.6]);
    assert_eq!(of(&scores, "without-retraining").values[..3], [0.45, 0.35, 0.1]);
    assert_eq!(of(&scores, "mask-only").values, [0.1; 4]);
    assert_eq!(of(&scores, "changed").values, [0.25; 4]);
    // The advantage is .1 and .4: .5 x .1 / 2 + .25 x (.1 + .4) / 2 = .0875.
    let area = &of(&scores, "area").values;
    assert!((area[0] - 0.0875).abs() < 1e-12 && area[1] == 0.0, "{area:?}");
    // Both repetitions have a training below .95, but the loss of the second one falls no more.
    assert_eq!(scores.flags, [("not converged", 1)]);
    let named: Vec<&str> = retrain.measures().iter().map(|measure| measure.name).collect();
    assert!(scores.measures.iter().all(|values| named.contains(&values.measure)));
}

#[test]
fn what_is_kept_ends_intact_and_wins_upwards() {
    let retrain = read("fractions = [0.5, 0.75]\nconverged = 0", true);
    let scores = retrain.settle(&answered(&retrain)).unwrap();
    assert_eq!(of(&scores, "accuracy").at, [0.5, 0.75, 1.0]);
    assert_eq!(of(&scores, "accuracy").values[..3], [0.7, 0.2, 0.9]);
    assert!((of(&scores, "area").values[0] + 0.0875).abs() < 1e-12);
    assert!(scores.flags.is_empty());
}

#[test]
fn fractions_lie_between_0_and_1_and_ascend() {
    for (fractions, good) in [(vec![0.1, 0.9], true), (vec![], false), (vec![0.5, 1.0], false), (vec![0.5, 0.5], false)]
    {
        assert_eq!(ascending(&fractions), good, "{fractions:?}");
    }
}

#[test]
fn a_modified_training_set_alone_is_said_to_be_a_control() {
    assert!(read("", false).warning().is_none());
    assert!(read("splits = 'train'", false).warning().unwrap().contains("negative control"));
}
