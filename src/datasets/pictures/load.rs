//! Many pictures into one tensor: one thread reads files, several decode them.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tch::{Device, Kind, Tensor};

use super::archive::Archive;
use super::decode::{self, MOST_BYTES};
use super::faults::{Fault, Faults, OnError};
use super::frame::Frame;
use crate::error::{Error, Result};

/// A picture to be loaded.
pub struct Wanted {
    pub name: String,
    /// [H, W] as annotations state it; another size is a fault.
    pub size: Option<[usize; 2]>,
}

/// The pictures that could be read.
pub struct Loaded {
    /// u8 [K, C, H, W].
    pub pixels: Tensor,
    /// Which of the wanted ones they are, ascending.
    pub kept: Vec<usize>,
}

impl Loaded {
    /// The pixels and the places of the first `train` wanted pictures, and of the rest, without those that were skipped.
    ///
    /// # Errors
    /// When one of the two is empty.
    pub fn halves(&self, archive: &Archive, train: usize) -> Result<[(Tensor, Vec<usize>); 2]> {
        let first = self.kept.partition_point(|&place| place < train);
        let rest = self.kept.len() - first;
        if first == 0 || rest == 0 {
            let path = archive.path.display();
            return Err(Error::new(format!("{path}: no picture is left to learn from, or none to be judged by")));
        }
        let half = |start: usize, count: usize| -> Result<(Tensor, Vec<usize>)> {
            let pixels = self.pixels.f_narrow(0, start as i64, count as i64)?;
            Ok((pixels, self.kept[start..start + count].to_vec()))
        };
        Ok([half(0, first)?, half(first, rest)?])
    }
}

/// One file on its way to a worker.
struct Job {
    /// Counts the files in the order in which they are read.
    order: usize,
    bytes: Vec<u8>,
    /// All the places it fills: a picture may be wanted more than once.
    places: Vec<usize>,
}

/// Reads `wanted`, in their order whatever the archive's and however many `workers` there are. In memory at a time: the result,
/// and for each worker one decoded picture and two files.
pub fn load(
    archive: &Archive,
    wanted: &[Wanted],
    frame: &Frame,
    workers: usize,
    faults: &mut Faults,
) -> Result<Loaded> {
    let [height, width] = frame.size;
    let shape = [wanted.len(), frame.channels, height, width].map(|size| size as i64);
    let pixels = Tensor::f_zeros(shape, (Kind::Uint8, Device::Cpu))?;

    // Each with the order of its file, so that the first is the same one whatever worker comes first.
    let found: Mutex<Vec<(usize, Vec<usize>, Fault)>> = Mutex::default();
    let stopped = AtomicBool::new(false);
    let report = |order, places, fault| {
        found.lock().unwrap_or_else(PoisonError::into_inner).push((order, places, fault));
        stopped.store(faults.on_error == OnError::Stop, Ordering::Relaxed);
    };
    let (sender, receiver) = mpsc::sync_channel::<Job>(workers);
    // Owned by the workers alone: when the last one ends early, sending fails instead of waiting for ever.
    let queue = Arc::new(Mutex::new(receiver));
    std::thread::scope(|scope| -> Result<()> {
        let running: Vec<_> = (0..workers)
            .map(|_| {
                let (pixels, queue, report) = (pixels.shallow_clone(), queue.clone(), &report);
                scope.spawn(move || work(&queue, frame, wanted, &pixels, report))
            })
            .collect();
        drop(queue);
        // The channel ends with the reading, and with it the workers.
        let read = feed(archive, wanted, sender, &stopped, &report);
        let done =
            running.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.collect::<Result<Vec<()>>>()?;
        read
    })?;

    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort();
    let mut broken = vec![false; wanted.len()];
    for (_, places, fault) in found {
        faults.add(&archive.place(&wanted[places[0]].name), &fault)?;
        places.iter().for_each(|&place| broken[place] = true);
    }
    let kept: Vec<usize> = (0..wanted.len()).filter(|&place| !broken[place]).collect();
    Ok(Loaded { pixels: closed_up(&pixels, &kept)?, kept })
}

/// Reads the files that are wanted and hands them to the workers.
fn feed(
    archive: &Archive,
    wanted: &[Wanted],
    sender: mpsc::SyncSender<Job>,
    stopped: &AtomicBool,
    report: &impl Fn(usize, Vec<usize>, Fault),
) -> Result<()> {
    let mut missing: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, picture) in wanted.iter().enumerate() {
        missing.entry(&picture.name).or_default().push(place);
    }
    let mut order = 0;
    archive.visit(&mut |name, body| {
        if missing.is_empty() || stopped.load(Ordering::Relaxed) {
            return Ok(ControlFlow::Break(()));
        }
        let Some(places) = missing.remove(name) else { return Ok(ControlFlow::Continue(())) };
        let taken = match body(MOST_BYTES) {
            Ok(bytes) => sender.send(Job { order, bytes, places }).is_ok(),
            Err(fault) => {
                report(order, places, fault);
                true
            }
        };
        order += 1;
        // Where no worker is left to take a file, they tell why.
        Ok(if taken { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    if !stopped.load(Ordering::Relaxed) {
        missing.into_values().for_each(|places| report(order + places[0], places, "is not there".to_string()));
    }
    Ok(())
}

/// Decodes files until there are no more.
fn work(
    queue: &Mutex<mpsc::Receiver<Job>>,
    frame: &Frame,
    wanted: &[Wanted],
    pixels: &Tensor,
    report: &impl Fn(usize, Vec<usize>, Fault),
) -> Result<()> {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    let [height, width] = frame.size.map(|side| side as i64);
    while let Ok(Job { order, bytes, places }) = next() {
        match filled(&bytes, wanted[places[0]].size, frame) {
            Ok(picture) => {
                let picture = Tensor::f_from_slice(&picture)?.f_view([height, width, -1])?.f_permute([2, 0, 1])?;
                for place in places {
                    pixels.f_get(place as i64)?.f_copy_(&picture)?;
                }
            }
            Err(fault) => report(order, places, fault),
        }
    }
    Ok(())
}

fn filled(bytes: &[u8], stated: Option<[usize; 2]>, frame: &Frame) -> Result<Vec<u8>, Fault> {
    let picture = decode::decode(bytes)?;
    let size = [picture.height() as usize, picture.width() as usize];
    if let Some([height, width]) = stated.filter(|stated| *stated != size) {
        return Err(format!("is of {}x{} pixels, but {height}x{width} are annotated", size[0], size[1]));
    }
    frame.fill(picture)
}

/// The rows `kept` alone, moved up in place: a copy would double the memory.
fn closed_up(pixels: &Tensor, kept: &[usize]) -> Result<Tensor> {
    for (to, &from) in kept.iter().enumerate().filter(|(to, from)| to != *from) {
        pixels.f_get(to as i64)?.f_copy_(&pixels.f_get(from as i64)?)?;
    }
    Ok(pixels.f_narrow(0, 0, kept.len() as i64)?)
}

/// As many workers as the machine has cores.
pub fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::super::frame::Resize;
    use super::super::support::{Files, jpeg, packed_data, png};
    use super::*;

    const FRAME: Frame = Frame { size: [3, 5], resize: Resize::Crop, channels: 3 };

    /// 40 pictures, three of them broken, in an archive in reverse order; the wanted ones in an order of their own, one twice.
    fn loaded(workers: usize, on_error: OnError) -> Result<(Vec<usize>, Vec<i64>, Option<String>)> {
        let picture = |at: u8| match at {
            7 => jpeg(3, 5, [0; 3])[..100].to_vec(),
            21 | 22 => b"no".to_vec(),
            _ => png(3, 5, [at; 3]),
        };
        let files: Files = (0..40).map(|at| (format!("{at:02}"), picture(at))).collect();
        let (_folder, _, path) = packed_data("tar.zst", &files);
        let wanted: Vec<usize> = (0..40).map(|at| at * 7 % 40).chain([3]).collect();
        let wanted: Vec<Wanted> =
            wanted.into_iter().map(|at| Wanted { name: format!("{at:02}"), size: None }).collect();
        let mut faults = Faults::new(on_error);
        let loaded = load(&Archive::open(&path)?, &wanted, &FRAME, workers, &mut faults)?;
        let note = faults.note().map(|note| note.replace(&path.display().to_string(), "SET"));
        let last = loaded.pixels.f_select(3, 4)?.f_select(2, 2)?.f_select(1, 2)?.f_to_kind(Kind::Int64)?;
        Ok((loaded.kept, last.try_into()?, note))
    }

    #[test]
    fn the_number_of_workers_does_not_matter() {
        let one = loaded(1, OnError::Skip).unwrap();
        let (kept, values, note) = &one;
        assert_eq!(values.len(), 38);
        for (value, &place) in values.iter().zip(kept) {
            assert_eq!(*value, if place == 40 { 3 } else { place as i64 * 7 % 40 });
        }
        // In the order of the archive.
        assert!(note.as_ref().unwrap().starts_with("3 broken files were skipped: SET: 22 is neither"), "{note:?}");
        for workers in [2, 3, 8] {
            assert_eq!(loaded(workers, OnError::Skip).unwrap(), one);
        }
    }

    /// The first of the archive, whatever is decoded first.
    #[test]
    fn the_fault_that_stops_is_always_the_same() {
        for workers in [1, 2, 8] {
            let error = loaded(workers, OnError::Stop).unwrap_err().to_string();
            assert!(error.contains(": 22 is neither a JPEG nor a PNG"), "{error}");
        }
    }

    #[test]
    fn what_is_wanted_but_absent_is_a_fault() {
        let (_folder, _, path) = packed_data("zip", &vec![("a".into(), png(3, 5, [1; 3]))]);
        let wanted = ["a", "b"].map(|name| Wanted { name: name.into(), size: None });
        let archive = Archive::open(&path).unwrap();
        let error = load(&archive, &wanted, &FRAME, 2, &mut Faults::new(OnError::Stop)).err().unwrap();
        assert_eq!(error.to_string(), format!("{}: b is not there", path.display()));
    }
}
