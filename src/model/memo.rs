//! Answers kept so that explainers that perturb alike share them: a batch that a network was asked before, by whichever
//! explainer, is not sent through it again.
//!
//! An answer is found by a hash of everything that decides it: the graph, the weights, the rows, their classes and the
//! score. The batch as a whole is the question, so an answer that is recalled is bitwise the one that would be computed.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use blake3::{Hash, Hasher};
use tch::{Device, Kind, Tensor};

use super::{Graph, Score};
use crate::error::Result;

/// Answers of any networks, shared by the threads of a process; the oldest go first.
pub struct Memo {
    kept: Mutex<Kept>,
}

struct Kept {
    /// All answers' numbers in one piece, written round and round. Many small pieces, kept between the large temporary tensors
    /// of the passes, would tear holes into the heap that it never closes.
    numbers: Vec<f64>,
    /// Where the next answer goes.
    next: usize,
    answers: HashMap<Hash, Answer>,
    /// From the oldest.
    order: VecDeque<Hash>,
}

struct Answer {
    place: Range<usize>,
    kind: Kind,
    took: Duration,
}

impl Memo {
    /// Keeps at most `most` numbers.
    pub fn new(most: usize) -> Self {
        let kept = Kept { numbers: vec![0.0; most], next: 0, answers: HashMap::new(), order: VecDeque::new() };
        Self { kept: Mutex::new(kept) }
    }

    fn recall(&self, question: &Hash) -> Result<Option<(Tensor, Duration)>> {
        // A thread that panicked while it held the lock cannot have left half an answer.
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(answer) = kept.answers.get(question) else { return Ok(None) };
        let scores = Tensor::f_from_slice(&kept.numbers[answer.place.clone()])?.f_to_kind(answer.kind)?;
        Ok(Some((scores, answer.took)))
    }

    fn keep(&self, question: Hash, scores: &Tensor, took: Duration) -> Result<()> {
        let kind = scores.kind();
        let scores = Vec::<f64>::try_from(scores.f_to_kind(Kind::Double)?)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if scores.len() <= kept.numbers.len() && !kept.answers.contains_key(&question) {
            let place = kept.room(scores.len());
            kept.numbers[place.clone()].copy_from_slice(&scores);
            kept.order.push_back(question);
            kept.answers.insert(question, Answer { place, kind, took });
        }
        Ok(())
    }
}

impl Kept {
    /// A place for so many numbers, from which older answers are gone.
    fn room(&mut self, length: usize) -> Range<usize> {
        if self.next + length > self.numbers.len() {
            let end = self.next;
            self.forget(|place| place.start >= end);
            self.next = 0;
        }
        let place = self.next..self.next + length;
        self.forget(|old| old.start < place.end && place.start < old.end);
        self.next = place.end;
        place
    }

    /// Drops answers from the oldest on, as long as they lie in the way.
    fn forget(&mut self, in_the_way: impl Fn(&Range<usize>) -> bool) {
        while let Some(oldest) = self.order.front()
            && self.answers.get(oldest).is_none_or(|answer| in_the_way(&answer.place))
        {
            self.answers.remove(oldest);
            self.order.pop_front();
        }
    }
}

/// One network's access to a memo.
pub(super) struct Memory {
    memo: Arc<Memo>,
    network: Hash,
    spared: Cell<Duration>,
}

impl Memory {
    pub fn new(memo: Arc<Memo>, graph: &Graph, weights: &[Tensor]) -> Result<Self> {
        let mut hasher = Hasher::new();
        hasher.update(format!("{graph:?}").as_bytes());
        weights.iter().try_for_each(|weight| update(&mut hasher, weight))?;
        Ok(Self { memo, network: hasher.finalize(), spared: Cell::default() })
    }

    /// The same for another thread.
    pub fn shallow_copy(&self) -> Self {
        Self { memo: self.memo.clone(), network: self.network, spared: Cell::default() }
    }

    /// What the computing of the recalled answers took when they were computed.
    pub fn spared(&self) -> Duration {
        self.spared.get()
    }

    /// Names the question; `None` where asking costs less than hashing, or the answer is to be differentiated.
    pub fn question(&self, x: &Tensor, target: &Tensor, score: Score) -> Result<Option<Hash>> {
        if x.device() != Device::Cpu || x.requires_grad() {
            return Ok(None);
        }
        let mut hasher = Hasher::new();
        hasher.update(self.network.as_bytes()).update(format!("{score:?}").as_bytes());
        update(&mut hasher, x)?;
        update(&mut hasher, target)?;
        Ok(Some(hasher.finalize()))
    }

    pub fn recall(&self, question: &Hash) -> Result<Option<Tensor>> {
        let Some((scores, took)) = self.memo.recall(question)? else { return Ok(None) };
        self.spared.set(self.spared.get() + took);
        Ok(Some(scores))
    }

    pub fn keep(&self, question: Hash, scores: &Tensor, took: Duration) -> Result<()> {
        self.memo.keep(question, scores, took)
    }
}

/// Adds the kind, the shape and the content of a tensor.
fn update(hasher: &mut Hasher, tensor: &Tensor) -> Result<()> {
    let kind = tensor.kind();
    hasher.update(format!("{kind:?}{:?}", tensor.size()).as_bytes());
    let mut bytes = vec![0; tensor.numel() * kind.elt_size_in_bytes()];
    tensor.f_to_device(Device::Cpu)?.f_contiguous()?.f_copy_data_u8(&mut bytes, tensor.numel())?;
    hasher.update(&bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Section;
    use crate::model::{Model, layers};

    fn model(memo: &Arc<Memo>, weight: f64) -> Model {
        let section = Section::parse("m", "layers = [{ linear = { out = 2, bias = false } }]").unwrap();
        let graph = layers::read(&section, &[3], Some(2)).unwrap();
        let weights = vec![Tensor::full([2, 3], weight, (tch::Kind::Double, Device::Cpu))];
        Model::new(Arc::new(graph), weights).unwrap().remembering(memo.clone()).unwrap()
    }

    fn questions(memo: &Memo) -> usize {
        memo.kept.lock().unwrap().answers.len()
    }

    #[test]
    fn a_batch_is_computed_once_and_counts_each_time() {
        let memo = Arc::new(Memo::new(100));
        let model = model(&memo, 0.5);
        let x = Tensor::from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).view([2, 3]);
        let target = Tensor::from_slice(&[0i64, 1]);
        let first = model.shared_scores(&x, &target, Score::Logit).unwrap();
        assert!(model.spared().is_zero());
        // What a caller does to its answer is not remembered.
        let expected = first.copy();
        let _ = first.shallow_clone().fill_(9.0);
        assert_eq!(model.shared_scores(&x, &target, Score::Logit).unwrap(), expected);
        assert!(!model.spared().is_zero());
        assert_eq!((questions(&memo), model.passes().forward), (1, 4));
    }

    #[test]
    fn whatever_decides_the_answer_makes_another_question() {
        let memo = Arc::new(Memo::new(100));
        let (one, other) = (model(&memo, 0.5), model(&memo, 0.25));
        let x = Tensor::from_slice(&[1.0, 2.0, 3.0]).view([1, 3]);
        let target = Tensor::from_slice(&[0i64]);
        for (asked, (model, x, target, score)) in [
            (&one, x.shallow_clone(), target.shallow_clone(), Score::Logit),
            (&other, x.shallow_clone(), target.shallow_clone(), Score::Logit),
            (&one, &x * 2.0, target.shallow_clone(), Score::Logit),
            (&one, x.shallow_clone(), &target + 1, Score::Logit),
            (&one, x.shallow_clone(), target.shallow_clone(), Score::Probability),
            (&one, x.repeat([2, 1]), target.repeat([2]), Score::Logit),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(model.shared_scores(&x, &target, score).unwrap(), model.scores(&x, &target, score).unwrap());
            assert_eq!(questions(&memo), asked + 1);
        }
        // On the tape nothing is recalled: the answer has to be a function of x.
        let x = x.set_requires_grad(true);
        assert!(one.shared_scores(&x, &target, Score::Logit).unwrap().requires_grad());
    }

    #[test]
    fn the_oldest_answers_make_room() {
        let memo = Memo::new(5);
        let name = |text: &str| blake3::hash(text.as_bytes());
        let kept = |texts: &[&str]| {
            let found = texts.iter().filter(|text| memo.recall(&name(text)).unwrap().is_some());
            found.copied().collect::<Vec<_>>().join(" ")
        };
        let keep = |text: &str, length: i64| {
            let answer = Tensor::full([length], text.len() as f64, (Kind::Float, Device::Cpu));
            memo.keep(name(text), &answer, Duration::ZERO).unwrap();
        };
        for (text, length) in [("a", 2), ("bb", 2), ("bb", 2), ("ccc", 2), ("too many", 6)] {
            keep(text, length);
        }
        // The third did not fit behind the second and went round to where the first had been.
        assert_eq!(kept(&["a", "bb", "ccc", "too many"]), "bb ccc");
        let (found, _) = memo.recall(&name("ccc")).unwrap().unwrap();
        assert_eq!(found, Tensor::from_slice(&[3f32, 3.0]));
        keep("dddd", 3);
        assert_eq!(kept(&["bb", "ccc", "dddd"]), "ccc dddd");
        keep("eeeee", 5);
        assert_eq!(kept(&["ccc", "dddd", "eeeee"]), "eeeee");
    }
}
