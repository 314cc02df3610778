//! What befell the maps of a group, one line for each metric and reason.

use crate::report::Group;

/// How often something befell whom.
#[derive(Debug, PartialEq)]
pub struct Counted {
    pub metric: String,
    pub reason: String,
    /// "random 12 of 300, input 3 of 300"
    pub counts: String,
}

/// In the order in which metrics and reasons first occur.
pub fn counted(group: &Group) -> Vec<Counted> {
    let mut lines: Vec<Counted> = Vec::new();
    for contender in &group.contenders {
        for flag in &contender.flags {
            let count = format!("{} {} of {}", contender.label, flag.count, flag.of);
            match lines.iter_mut().find(|line| line.metric == flag.metric && line.reason == flag.reason) {
                Some(line) => line.counts.push_str(&format!(", {count}")),
                None => lines.push(Counted { metric: flag.metric.clone(), reason: flag.reason.clone(), counts: count }),
            }
        }
    }
    // Reasons of one metric stand together, though another contender may have been the first with one of them.
    let metrics: Vec<&str> = group.measures.iter().map(|measure| measure.metric.as_str()).collect();
    lines.sort_by_key(|line| metrics.iter().position(|metric| *metric == line.metric));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Flag, sample};

    #[test]
    fn contenders_share_the_line_of_a_reason() {
        let mut group = sample::group();
        let mut flag = group.contenders[2].flags[0].clone();
        flag.count = 3;
        group.contenders[3].flags =
            vec![flag, Flag { metric: "deletion".into(), ..group.contenders[2].flags[0].clone() }];
        let line = |metric: &str, counts: &str| Counted {
            metric: metric.into(),
            reason: "constant map".into(),
            counts: counts.into(),
        };
        let expected = [line("deletion", "input 12 of 300"), line("pointing-game", "random 12 of 300, input 3 of 300")];
        assert_eq!(counted(&group), expected);
    }
}
