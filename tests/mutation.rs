//! Files of exported models with something in them changed: bytes, JSON, lengths. Whatever comes of one, it is an answer:
//! never a panic, an abort or memory without end. Two seconds of it in the tests; `make fuzz` takes longer, from a new seed.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use explainbench::model::exported::Exported;
use explainbench::model::{Model, weights};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use crate::exported::fixture;

const FIXTURES: [(&str, &[i64]); 8] = [
    ("resnet.pt2", &[3, 16, 16]),
    ("mobilenet.pt2", &[3, 16, 16]),
    ("transformer.pt2", &[3, 16, 16]),
    ("tokens.pt2", &[12]),
    ("digits.pt2", &[1, 8, 8]),
    ("original.pt2", &[1, 8, 8]),
    ("recurrent.pt2", &[6, 5]),
    ("decoder.pt2", &[3, 16, 16]),
];

/// splitmix64: the test wants draws, not noise that is keyed.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

pub type Members = Vec<(String, Vec<u8>)>;

pub fn members(bytes: &[u8]) -> Members {
    // As the reader opens them: see `Archive::open`.
    let whole = zip::read::Config { archive_offset: zip::read::ArchiveOffset::Known(0) };
    let mut archive = zip::ZipArchive::with_config(whole, std::io::Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|at| {
            let mut entry = archive.by_index(at).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.name().unwrap().into_owned(), content)
        })
        .collect()
}

pub fn archive(members: &Members) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in members {
        writer.start_file(name.as_str(), stored).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn odd(draws: &mut Draws) -> Value {
    let values = [
        json!(null),
        json!(0),
        json!(-1),
        json!(1),
        json!(2),
        json!(3),
        json!(7),
        json!(65536),
        json!(1_i64 << 31),
        json!(1_i64 << 40),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(0.5),
        json!(-1e308),
        json!(true),
        json!(""),
        json!("漢"),
        json!("-Infinity"),
        json!("../../weight_0"),
        json!([]),
        json!({}),
        json!({ "as_int": -1 }),
        json!({ "as_int": 1_i64 << 40 }),
        json!({ "as_tensor": { "name": "x" } }),
    ];
    values[draws.below(values.len())].clone()
}

/// Changes one place of a document: numbers, mostly, since a tree has many names and few of them.
fn change(value: &mut Value, draws: &mut Draws) {
    let deeper = draws.below(12) != 0;
    match value {
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = draws.below(items.len());
            match draws.below(40) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                2 => {
                    let other = draws.below(items.len());
                    items.swap(at, other);
                }
                _ => change(&mut items[at], draws),
            }
        }
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let keys: Vec<String> = fields.keys().cloned().collect();
            let key = &keys[draws.below(keys.len())];
            if draws.below(40) == 0 {
                fields.remove(key);
            } else if let Some(field) = fields.get_mut(key) {
                change(field, draws);
            }
        }
        _ => *value = odd(draws),
    }
}

/// A place of the graph's nodes: where most of what is interpreted stands.
fn within(document: &mut Value, draws: &mut Draws) {
    match document.pointer_mut("/graph_module/graph/nodes") {
        Some(nodes) if draws.below(4) != 0 => change(nodes, draws),
        _ => change(document, draws),
    }
}

fn mutate(bytes: &[u8], draws: &mut Draws) -> Vec<u8> {
    let kind = draws.below(10);
    if kind == 0 {
        let mut bytes = bytes.to_vec();
        for _ in 0..=draws.below(8) {
            let at = draws.below(bytes.len());
            bytes[at] = draws.next() as u8;
        }
        return bytes;
    }
    if kind == 1 {
        return bytes[..draws.below(bytes.len())].to_vec();
    }
    let mut members = members(bytes);
    let json = |name: &str| name.ends_with(".json");
    let at = match kind {
        2 => draws.below(members.len()),
        _ => loop {
            let at = draws.below(members.len());
            if json(&members[at].0) {
                break at;
            }
        },
    };
    match kind {
        2 if draws.below(3) == 0 => drop(members.remove(at)),
        2 => {
            let content = &mut members[at].1;
            let length = draws.below(2 * content.len() + 2);
            content.resize(length, 0xff);
        }
        _ => {
            let mut document: Value = serde_json::from_slice(&members[at].1).unwrap();
            for _ in 0..=draws.below(3) {
                within(&mut document, draws);
            }
            members[at].1 = serde_json::to_vec(&document).unwrap();
        }
    }
    archive(&members)
}

/// Reads a file as a suite does, and runs what is a model.
fn survives(path: &Path, input: &[i64]) -> bool {
    let run = || -> explainbench::error::Result<()> {
        let graph = Exported::open(path)?.graph(input, None)?;
        let tensors = weights::read(&graph, path, Kind::Float, Device::Cpu)?;
        let model = Model::new(Arc::new(graph), tensors)?;
        // What is large is allowed to be; it only has to be known before.
        if model.activation_bytes() < 16 << 20 {
            let x = Tensor::ones([&[2], input].concat(), (Kind::Float, Device::Cpu));
            let _ = model.gradient(
                &x,
                &Tensor::zeros([2], (Kind::Int64, Device::Cpu)),
                explainbench::model::Score::Logit,
            )?;
        }
        Ok(())
    };
    match run() {
        Ok(()) => true,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// The largest this process was, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) << 10
}

#[test]
fn no_change_of_an_exported_model_makes_the_reader_panic_or_take_all_memory() {
    let seconds = std::env::var("EXPLAINBENCH_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let seed = std::env::var("EXPLAINBENCH_FUZZ_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| if seconds.is_some() { now() } else { 0 });
    let mut draws = Draws(seed);
    let originals = FIXTURES.map(|(name, input)| (std::fs::read(fixture(name)).unwrap(), input));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.pt2");
    let (start, before) = (Instant::now(), peak());
    let (mut files, mut models) = (0, 0);
    while start.elapsed() < Duration::from_secs(seconds.unwrap_or(2)) {
        let (bytes, input) = &originals[draws.below(originals.len())];
        std::fs::write(&path, mutate(bytes, &mut draws)).unwrap();
        let one = Instant::now();
        let survived = std::panic::catch_unwind(|| survives(&path, input));
        let file = std::env::temp_dir().join(format!("explainbench-changed-{seed}-{files}.pt2"));
        let keep = || {
            std::fs::copy(&path, &file).unwrap();
            format!("seed {seed}, file {files}, kept as {}", file.display())
        };
        models += usize::from(survived.unwrap_or_else(|_| panic!("a panic: {}", keep())));
        assert!(one.elapsed() < Duration::from_secs(20), "{:?}: {}", one.elapsed(), keep());
        assert!(peak() < before + (2 << 30), "{} bytes: {}", peak(), keep());
        files += 1;
    }
    println!("{files} files, of which {models} are models, from seed {seed}");
    assert!(files > 10 && models > 0, "{files} files, {models} models");
}
