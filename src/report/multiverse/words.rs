//! A multiverse as sentences and as tables of words, which every format lays out in its own way.

use super::{Agreement, Multiverse};

/// A table whose first column names its rows.
pub struct Grid {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// What the table of pairs shows, as the start of a sentence.
pub const PAIRS: &str = "In how many universes each of a pair is shown to be better, each by its own interval";

/// A sentence names no more pairs than this; the table has them all.
const NAMED: usize = 4;

/// How stable the ranking is and who changes places.
pub fn summary(multiverse: &Multiverse) -> String {
    let Agreement { concordance, tau, least, greatest } = Agreement::of(&multiverse.ranks());
    let count = multiverse.universes.len();
    let flips = multiverse.pairs.iter().filter(|pair| multiverse.verdicts(pair).flip());
    let names =
        flips.map(|pair| format!("{} / {}", multiverse.explainers[pair.first], multiverse.explainers[pair.second]));
    let names: Vec<String> = names.collect();
    let flips = match names.len() {
        0 => "no pair of explainers flips".to_string(),
        flips => {
            let more = if flips > NAMED { ", .." } else { "" };
            let names = names[..flips.min(NAMED)].join(", ");
            format!("{flips} of {} pairs of explainers flip ({names}{more})", multiverse.pairs.len())
        }
    };
    let left_out = match multiverse.left_out.as_slice() {
        [] => String::new(),
        labels => format!(" Without a number in some universe and left out: {}.", labels.join(", ")),
    };
    let warnings: String = multiverse.warnings.iter().map(|warning| format!(" {warning}")).collect();
    format!(
        "{} in {count} universes ({}): Kendall's W of the rankings {concordance:.2}; tau between two of them {tau:.2} on \
         average, {least:.2} to {greatest:.2}; {flips}.{left_out}{warnings}",
        multiverse.name(),
        multiverse.swept(),
    )
}

/// The rank of every explainer in every universe.
pub fn ranks(multiverse: &Multiverse) -> Grid {
    let (keys, names) = multiverse.names();
    let header = std::iter::once(keys).chain(multiverse.explainers.iter().cloned()).collect();
    let row =
        |(name, ranks): (String, Vec<f64>)| std::iter::once(name).chain(ranks.iter().map(f64::to_string)).collect();
    Grid { header, rows: names.into_iter().zip(multiverse.ranks()).map(row).collect() }
}

/// In how many universes one explainer of a pair is shown to be better than the other.
pub fn pairs(multiverse: &Multiverse) -> Grid {
    let header = ["pair", "first better", "second better", "open", "flips"].map(String::from).to_vec();
    let row = |pair: &super::Pair| {
        let verdicts = multiverse.verdicts(pair);
        let names = [pair.first, pair.second].map(|place| multiverse.explainers[place].clone());
        let flips = if verdicts.flip() { "yes" } else { "no" };
        let counts = [verdicts.better, verdicts.worse, verdicts.open].map(|count| count.to_string());
        [vec![names.join(" / ")], counts.to_vec(), vec![flips.to_string()]].concat()
    };
    Grid { header, rows: multiverse.pairs.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_words_of_the_sample() {
        let multiverse = sample::multiverse();
        assert_eq!(
            summary(&multiverse),
            "deletion area in 3 universes (imputer): Kendall's W of the rankings 0.78; tau between two of them 0.56 on average, \
             0.33 to 1.00; 1 of 3 pairs of explainers flip (smoothgrad / gradient)."
        );
        assert_eq!(pairs(&multiverse).rows[0], ["smoothgrad / gradient", "2", "1", "0", "yes"]);
        assert_eq!(ranks(&multiverse).rows[2], ["blur", "2", "1", "3"]);
    }
}
