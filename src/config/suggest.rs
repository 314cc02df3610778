//! The nearest known name to a misspelt one.

/// The known word with the fewest edits to `word` (insertions, deletions, replacements and swaps of neighbours, whatever the
/// case), the first of several; none if more than a third of the letters would have to change.
pub fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let word = letters(word);
    let nearest = known
        .into_iter()
        .filter_map(|candidate| {
            let other = letters(candidate);
            let (shorter, longer) = (word.len().min(other.len()), word.len().max(other.len()));
            let most = (longer / 3).max(1).min(shorter.saturating_sub(1));
            // The difference in length is a lower bound, and much cheaper.
            let near = longer - shorter <= most;
            near.then(|| distance(&word, &other)).filter(|&edits| edits <= most).map(|edits| (edits, candidate))
        })
        .min_by_key(|&(edits, _)| edits)?;
    Some(nearest.1.to_string())
}

fn letters(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).collect()
}

/// Damerau's distance in its restricted form (no edit inside swapped letters), row by row.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edits(a: &str, b: &str) -> usize {
        distance(&letters(a), &letters(b))
    }

    #[test]
    fn distances_worked_by_hand() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3); // k -> s, e -> i, + g
        assert_eq!(edits("stesp", "steps"), 1); // one swap
        assert_eq!(edits("Roar", "roar"), 0);
        assert_eq!(edits("ca", "abc"), 3); // 2 if the swapped letters could be edited again
    }

    #[test]
    fn suggests_the_nearest_name_and_nothing_far_away() {
        let known = ["steps", "rule", "reference", "lr"];
        assert_eq!(suggest("stesp", known).as_deref(), Some("steps"));
        assert_eq!(suggest("refrence", known).as_deref(), Some("reference"));
        assert_eq!(suggest("lrr", known).as_deref(), Some("lr"));
        assert_eq!(suggest("epochs", known), None);
        assert_eq!(suggest("x", known), None);
        assert_eq!(suggest("", known), None);
        assert_eq!(suggest("steps", []), None);
    }

    #[test]
    fn the_first_of_equally_near_names_wins() {
        assert_eq!(suggest("bat", ["cat", "hat"]).as_deref(), Some("cat"));
    }

    proptest! {
        #[test]
        fn the_distance_is_symmetric_and_bounded(a in "[a-c]{0,6}", b in "[a-c]{0,6}") {
            prop_assert_eq!(edits(&a, &b), edits(&b, &a));
            prop_assert_eq!(edits(&a, &b) == 0, a == b);
            prop_assert!((a.len().abs_diff(b.len())..=a.len().max(b.len())).contains(&edits(&a, &b)));
        }

        #[test]
        fn a_suggestion_is_one_of_the_known_names(word in "[a-c]{0,8}", known in prop::collection::vec("[a-c]{1,8}", 0..5)) {
            if let Some(name) = suggest(&word, known.iter().map(String::as_str)) {
                prop_assert!(known.contains(&name));
            }
        }

        #[test]
        fn one_letter_too_many_is_forgiven(name in "[a-z]{2,12}", at in 0_usize..13, letter in "[a-z]") {
            let mut word = name.clone();
            word.insert_str(at.min(name.len()), &letter);
            prop_assert_eq!(suggest(&word, [name.as_str()]), Some(name));
        }
    }
}
