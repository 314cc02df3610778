//! A part of a dataset: some of its classes, and no more than so many images of each split.

use super::split::{Dataset, Split};
use crate::config::Section;
use crate::error::{Error, Result};
use crate::noise::Noise;

/// Parameters `classes`, `train`, `test` and `seed`.
pub(super) struct Subset {
    /// Places in the full list of classes, in the order that the suite gives them.
    classes: Option<Vec<usize>>,
    /// Of the training and of the test split.
    counts: [Option<usize>; 2],
    seed: u64,
}

impl Subset {
    /// `names`: those of all classes. `counts`: the keys that say how many images to take of each split; `None`: all that are held
    /// out.
    pub fn read(section: &Section, names: &[String], counts: [Option<&str>; 2], seed: u64) -> Self {
        let place = |name: &String| names.iter().position(|known| known == name);
        let fits = |chosen: &Vec<String>| {
            let mut different = chosen.clone();
            different.sort();
            different.dedup();
            chosen.len() >= 2 && different.len() == chosen.len() && chosen.iter().all(|name| place(name).is_some())
        };
        let expected = format!("at least two different ones of {}", names.join(", "));
        let classes = section.optional_if("classes", fits, &expected);
        let classes = classes.map(|chosen: Vec<String>| chosen.iter().filter_map(place).collect());
        let count = |key| section.optional_if(key, |&count| count > 0, "an integer of 1 or more");
        Self { classes, counts: counts.map(|key| key.and_then(count)), seed }
    }

    /// All of it.
    #[cfg(test)]
    pub fn whole() -> Self {
        Self { classes: None, counts: [None, None], seed: 0 }
    }

    /// Whether labels decide how many images there are.
    pub fn by_class(&self) -> bool {
        self.classes.is_some()
    }

    /// The names of the classes that stay.
    pub fn names(&self, names: &[String]) -> Vec<String> {
        match &self.classes {
            None => names.to_vec(),
            Some(kept) => kept.iter().map(|place| names[*place].clone()).collect(),
        }
    }

    /// How many images stay of so many with a class that stays, in the training or the test split.
    pub fn count(&self, split: usize, there: usize) -> Result<usize> {
        match self.counts[split] {
            Some(asked) if asked > there => {
                let name = ["training", "test"][split];
                Err(Error::new(format!("{asked} {name} images are asked for, and there are {there}")))
            }
            asked => Ok(asked.unwrap_or(there)),
        }
    }

    /// How many of these labels are of a class that stays.
    pub fn there(&self, labels: &[i64]) -> usize {
        labels.iter().filter(|label| self.relabelled(**label).is_some()).count()
    }

    /// What stays of a dataset: drawn by seed, in the order of the files.
    pub fn of(&self, data: Dataset) -> Result<Dataset> {
        let train = self.half(&data.train, 0)?;
        let test = self.half(&data.test, 1)?;
        Ok(Dataset { classes: self.names(&data.classes), train, test, notes: data.notes })
    }

    fn half(&self, split: &Split, which: usize) -> Result<Split> {
        let stays = |place: &usize| self.relabelled(split.labels[*place]).is_some();
        let mut places: Vec<usize> = (0..split.len()).filter(stays).collect();
        let count = self.count(which, places.len())?;
        let order = Noise::new(self.seed).purpose("subset").index(which as u64).permutation(places.len());
        let mut drawn: Vec<usize> = order.into_iter().take(count).map(|at| places[at]).collect();
        drawn.sort_unstable();
        places = drawn;
        let mut split = split.select(&places)?;
        for label in &mut split.labels {
            *label = self.relabelled(*label).unwrap_or(*label);
        }
        Ok(split)
    }

    /// A label among the classes that stay.
    fn relabelled(&self, label: i64) -> Option<i64> {
        match &self.classes {
            None => Some(label),
            Some(kept) => kept.iter().position(|place| *place as i64 == label).map(|place| place as i64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DataFolder, choose};
    use crate::config::Section;

    #[test]
    fn classes_stay_and_so_many_images() {
        let load = |text: &str| {
            let source = choose(&Section::parse("a.toml", text).unwrap()).unwrap().method;
            let described = source.describe(&DataFolder::default()).unwrap();
            let data = source.load(&DataFolder::default()).unwrap();
            assert_eq!((described.train, described.test), (data.train.len(), data.test.len()), "{text}");
            assert_eq!(described.classes, data.classes, "{text}");
            data
        };
        let two = load("use = 'digits'\nclasses = ['7', '1']\ntrain = 100");
        assert_eq!((two.classes, two.train.len()), (vec!["7".to_string(), "1".to_string()], 100));
        assert!(two.train.labels.contains(&0) && two.train.labels.contains(&1));
        assert!(two.test.labels.iter().all(|label| (0..2).contains(label)));
        // A larger part holds the smaller one.
        let few = load("use = 'digits'\ntrain = 50");
        assert_eq!(few.train.len(), 50);
        let source = choose(&Section::parse("a.toml", "use = 'digits'\ntrain = 5000").unwrap()).unwrap().method;
        let error = source.describe(&DataFolder::default()).unwrap_err().to_string();
        assert_eq!(error, "5000 training images are asked for, and there are 1438");
    }
}
