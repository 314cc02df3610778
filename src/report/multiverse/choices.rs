//! From what sweeps appended to labels to the ways to choose.

/// A swept key and one of its values, such as ("map.channels", "sum").
pub type Choice = (String, String);

/// More universes than this are not looked at.
const MOST: usize = 1000;

/// What a sweep chose: "[steps=16,fill={use=blur,size=3}]" has two choices.
pub fn choices(sweep: &str) -> Vec<Choice> {
    let inside = sweep.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
    let (mut depth, mut quoted) = (0_i32, false);
    let parts = inside.split(|character: char| {
        match character {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0 && !quoted
    });
    parts.filter_map(|part| part.split_once('=')).map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// Every way to choose one value for each key, in the order of the sweeps, the last key changing fastest; one way without
/// choices where nothing is swept. `None` for more ways than are looked at.
pub fn combinations<'a>(sweeps: impl Iterator<Item = &'a [Choice]>) -> Option<Vec<Vec<Choice>>> {
    let mut keys: Vec<(&str, Vec<&str>)> = Vec::new();
    for (key, value) in sweeps.flatten() {
        match keys.iter_mut().find(|(held, _)| held == key) {
            Some((_, values)) if values.contains(&value.as_str()) => {}
            Some((_, values)) => values.push(value),
            None => keys.push((key, vec![value])),
        }
    }
    let count = keys.iter().map(|(_, values)| values.len()).fold(1, usize::saturating_mul);
    let extended = |ways: Vec<Vec<Choice>>, (key, values): (&str, Vec<&str>)| {
        let longer = |way: &Vec<Choice>| {
            let choice = |value: &&str| [way.as_slice(), &[(key.to_string(), value.to_string())]].concat();
            values.iter().map(choice).collect::<Vec<_>>()
        };
        ways.iter().flat_map(longer).collect()
    };
    (count <= MOST).then(|| keys.into_iter().fold(vec![Vec::new()], extended))
}

/// Whether a variant with these choices belongs to a way to choose.
pub fn fits(choices: &[Choice], way: &[Choice]) -> bool {
    choices.iter().all(|choice| way.contains(choice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(key: &str, value: &str) -> Choice {
        (key.into(), value.into())
    }

    #[test]
    fn values_may_hold_commas() {
        assert_eq!(choices("[map.channels=sum]"), [choice("map.channels", "sum")]);
        let expected = [choice("fill", "{use=blur,size=3}"), choice("at", "[1,2]"), choice("n", "4")];
        assert_eq!(choices("[fill={use=blur,size=3},at=[1,2],n=4]"), expected);
        assert!(choices("").is_empty());
    }

    #[test]
    fn equal_keys_are_chosen_together_and_others_in_every_combination() {
        let sweeps = ["[map=a]", "[map=b]", "[map=a,steps=1]", "[map=b,steps=2]", ""].map(choices);
        let ways = combinations(sweeps.iter().map(Vec::as_slice)).unwrap();
        let way = |map: &str, steps: &str| vec![choice("map", map), choice("steps", steps)];
        assert_eq!(ways, [way("a", "1"), way("a", "2"), way("b", "1"), way("b", "2")]);
        assert_eq!(combinations(std::iter::empty()), Some(vec![Vec::new()]));
        // Who does not sweep belongs everywhere; who sweeps belongs where its own values are chosen.
        let belongs = |sweep: &str| ways.iter().filter(|way| fits(&choices(sweep), way)).count();
        assert_eq!([belongs(""), belongs("[map=a]"), belongs("[map=a,steps=1]")], [4, 2, 1]);
    }

    #[test]
    fn too_many_universes_are_not_looked_at() {
        let sweeps: Vec<Vec<Choice>> =
            (0..11).flat_map(|key| ["x", "y"].map(|value| vec![choice(&key.to_string(), value)])).collect();
        assert_eq!(combinations(sweeps.iter().map(Vec::as_slice)), None);
        assert_eq!(combinations(sweeps[2..20].iter().map(Vec::as_slice)).unwrap().len(), 512);
    }
}
