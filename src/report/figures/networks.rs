//! The networks' learning curves: how fast each came to fit its training data.

use super::Size;
use super::curves::{Curve, Plot, intervals};
use super::palette::Look;
use crate::report::networks::{FIT, Networks};

/// `None` where no network was trained for more than one epoch.
pub fn draw(networks: &Networks, size: Size) -> Option<String> {
    let trained = networks.rows.iter().filter(|network| !network.accuracy_by_epoch.is_empty());
    let curves = trained.enumerate().map(|(index, network)| Curve {
        label: network.label(),
        look: Look::explainer(index),
        points: &network.accuracy_by_epoch,
    });
    let front: Vec<Curve> = curves.collect();
    if front.iter().all(|curve| curve.points.len() < 2) {
        return None;
    }
    let note = intervals(front.iter(), "trainings", "intervals over new trainings");
    let plot = Plot {
        title: "Running training accuracy".into(),
        label: "accuracy on the way, in training mode".into(),
        axis: "epoch",
        names: &[],
        front,
        back: Vec::new(),
        references: &[("fit".to_string(), FIT)],
        note: format!("{note} Fit: {FIT}, from which a network counts as fitting its training data."),
    };
    Some(plot.draw(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_line_for_each_network_that_was_trained_here() {
        let mut networks = sample::networks();
        let mut second = networks.rows[0].clone();
        second.model = "mlp".into();
        let mut loaded = second.clone();
        (loaded.model, loaded.accuracy_by_epoch) = ("loaded".into(), Vec::new());
        networks.rows.extend([second, loaded]);
        let svg = draw(&networks, Size::Page).unwrap();
        for text in ["digits, cnn", "digits, mlp", "fit", "epoch", "Running training accuracy"] {
            assert!(svg.contains(&format!("\n{text}\n")), "{text}");
        }
        assert!(!svg.contains("loaded") && svg.contains("Dots: single trainings"), "{svg}");
        networks.rows.iter_mut().for_each(|network| network.accuracy_by_epoch.truncate(1));
        assert_eq!(draw(&networks, Size::Page), None, "one epoch is no curve");
    }
}
