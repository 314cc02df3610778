//! A multiverse: the rank of every explainer in every universe.

use super::Size;
use super::heatmap::{self, HeatMap, Square};
use crate::report::multiverse::{Multiverse, summary};

pub fn draw(multiverse: &Multiverse, size: Size) -> String {
    let last = multiverse.explainers.len() as f64;
    let square = |rank: f64| Square { text: rank.to_string(), shade: (last - rank) / (last - 1.0) };
    let ranks = multiverse.ranks();
    let (_, names) = multiverse.names();
    heatmap::draw(
        &HeatMap {
            title: format!("Ranks by {} on {}, {}", multiverse.name(), multiverse.dataset, multiverse.model),
            rows: names.into_iter().map(|name| (name, false)).collect(),
            columns: multiverse.explainers.clone(),
            squares: ranks.into_iter().map(|ranks| ranks.into_iter().map(square).collect()).collect(),
            note: format!("1 is best. {}", summary(multiverse)),
        },
        size,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_best_are_dark() {
        let svg = draw(&sample::multiverse(), Size::Page);
        // Three explainers in three universes: a first, a second and a third each.
        for colour in ["#08306B", "#6BAED6", "#F7FBFF"] {
            assert_eq!(svg.matches(colour).count(), 3, "{colour}");
        }
        assert!(svg.contains("\nblur\n"));
    }
}
