//! The file of one cell: a line of text, the record as JSON, the arrays as safetensors.
//!
//! The line is `explainbench-cell 1 <id> <record length> <record hash> <arrays length> <arrays hash>`. Record and arrays
//! have each a BLAKE3 hash of their own, so a record can be read and trusted without reading the arrays behind it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use serde_json::Value;

use super::content::{self, Content};
use crate::error::{Error, Result};
use crate::plan::CellId;

const FORMAT: &str = "explainbench-cell 1";

/// Longer than any header line; what has no line end up to here is no cell.
const LONGEST_HEADER: u64 = 512;

/// Why a file could not be read.
#[derive(Debug)]
pub(super) enum Flaw {
    /// It is not what was written: cut off, altered, another cell's, or of another format.
    Damaged,
    Unreadable(io::Error),
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Header, record and arrays of a cell's file; equal contents give equal bytes.
pub(super) fn encode(id: CellId, content: &Content) -> Result<[Vec<u8>; 3]> {
    let record = serde_json::to_vec(&content.record)
        .map_err(|error| Error::new(format!("cannot store the record of cell {id}: {error}")))?;
    let arrays = content::to_bytes(&content.arrays)?;
    let header = Header { record: Part::of(&record), arrays: Part::of(&arrays) };
    Ok([header.line(id).into_bytes(), record, arrays])
}

/// A cell's file whose header has been read and agrees with the file's length.
pub(super) struct CellReader<'a> {
    header: Header,
    rest: BufReader<&'a File>,
}

impl<'a> CellReader<'a> {
    pub(super) fn open(file: &'a File, id: CellId) -> Result<Self, Flaw> {
        let mut rest = BufReader::new(file);
        let mut line = Vec::new();
        rest.by_ref().take(LONGEST_HEADER).read_until(b'\n', &mut line)?;
        let header = Header::parse(&line, id).ok_or(Flaw::Damaged)?;
        let lengths = [header.record.length, header.arrays.length];
        let expected = lengths.into_iter().try_fold(line.len() as u64, u64::checked_add);
        if expected != Some(file.metadata()?.len()) {
            return Err(Flaw::Damaged);
        }
        Ok(Self { header, rest })
    }

    /// The record alone; the arrays are neither read nor verified.
    pub(super) fn record(mut self) -> Result<Value, Flaw> {
        self.header.record.read(&mut self.rest).and_then(parse)
    }

    pub(super) fn content(mut self) -> Result<Content, Flaw> {
        let record = self.header.record.read(&mut self.rest).and_then(parse)?;
        let arrays = self.header.arrays.read(&mut self.rest)?;
        Ok(Content { record, arrays: content::from_bytes(&arrays).ok_or(Flaw::Damaged)? })
    }
}

fn parse(record: Vec<u8>) -> Result<Value, Flaw> {
    serde_json::from_slice(&record).map_err(|_| Flaw::Damaged)
}

struct Header {
    record: Part,
    arrays: Part,
}

impl Header {
    fn line(&self, id: CellId) -> String {
        let Self { record, arrays } = self;
        format!("{FORMAT} {id} {} {} {} {}\n", record.length, record.hash, arrays.length, arrays.hash)
    }

    /// Accepts exactly what [`Header::line`] writes for this id.
    fn parse(line: &[u8], id: CellId) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let words: Vec<&str> = text.trim_end().split(' ').collect();
        let [.., record_length, record_hash, arrays_length, arrays_hash] = words[..] else { return None };
        let record = Part { length: record_length.parse().ok()?, hash: record_hash.to_string() };
        let arrays = Part { length: arrays_length.parse().ok()?, hash: arrays_hash.to_string() };
        let header = Self { record, arrays };
        (header.line(id) == text).then_some(header)
    }
}

struct Part {
    length: u64,
    /// BLAKE3, in hexadecimal.
    hash: String,
}

impl Part {
    fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len() as u64, hash: blake3::hash(bytes).to_string() }
    }

    fn read(&self, source: &mut impl Read) -> Result<Vec<u8>, Flaw> {
        // No more than the file is long: its length has been compared.
        let mut bytes = Vec::with_capacity(self.length as usize);
        source.take(self.length).read_to_end(&mut bytes)?;
        if Self::of(&bytes).hash == self.hash { Ok(bytes) } else { Err(Flaw::Damaged) }
    }
}
