//! The IDX format of the MNIST family: a big-endian header, then bytes; plain or compressed by gzip.
//!
//! Reference: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".

use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};

/// An opened IDX file of bytes, read up to the end of its header.
pub(super) struct Idx {
    pub path: PathBuf,
    pub sizes: Vec<usize>,
    /// How many bytes the header promises; never more than the file can hold.
    length: usize,
    rest: Box<dyn Read>,
}

/// Deflate cannot shrink data by more than this factor, so a header that promises more is wrong.
const LARGEST_EXPANSION: u64 = 1032;

impl Idx {
    /// Reads the header of a file whose data have `dimensions` dimensions.
    pub fn open(path: &Path, dimensions: u8) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let size = file.metadata().map_err(|error| Error::io("read", path, error))?.len();
        Self::from_reader(path, BufReader::new(file), size, dimensions)
    }

    /// As `open`, from `size` bytes of a `reader`; `path` is what errors call it.
    pub fn from_reader(path: &Path, mut reader: impl Read + 'static, size: u64, dimensions: u8) -> Result<Self> {
        let mut start = [0; 2];
        let taken = read_some(&mut reader, &mut start).map_err(|error| Error::io("read", path, error))?;
        let packed = start == [0x1f, 0x8b];
        let whole = Cursor::new(start).take(taken as u64).chain(reader);
        let mut rest: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };

        let mut header = [0; 4 + 4 * 3];
        let header = &mut header[..4 + 4 * usize::from(dimensions)];
        rest.read_exact(header).map_err(|error| damaged(path, error, "ends within its header"))?;
        let magic = [0, 0, 8, dimensions];
        if header[..4] != magic {
            let (found, magic) = (shown(&header[..4]), shown(&magic));
            let what = if dimensions == 3 { "images" } else { "labels" };
            return Err(Error::new(format!(
                "{}: not an IDX file of {what}: starts with {found}, expected {magic}",
                path.display()
            )));
        }
        let word = |bytes: &[u8]| bytes.iter().fold(0, |sum, &byte| sum * 256 + usize::from(byte));
        let sizes: Vec<usize> = header[4..].chunks_exact(4).map(word).collect();
        let most =
            if packed { size.saturating_mul(LARGEST_EXPANSION) } else { size.saturating_sub(header.len() as u64) };
        let length = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let Some(length) = length.filter(|&length| length as u64 <= most) else {
            let sizes = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
            return Err(Error::new(format!(
                "{}: the header promises {sizes} bytes, more than the file can hold: truncated or damaged",
                path.display()
            )));
        };
        Ok(Self { path: path.to_path_buf(), sizes, length, rest })
    }

    /// The data: as many bytes as the header promises.
    pub fn read(mut self) -> Result<Vec<u8>> {
        let (path, length) = (self.path.as_path(), self.length);
        let promised = |word: &str| format!("holds {word} than the {length} bytes that its header promises");
        let mut bytes = Vec::new();
        let allocated = bytes.try_reserve_exact(length);
        allocated.map_err(|error| Error::new(format!("{}: no memory for {length} bytes: {error}", path.display())))?;
        bytes.resize(length, 0);
        self.rest.read_exact(&mut bytes).map_err(|error| damaged(path, error, &promised("less")))?;
        // Also where a gzip stream is checked against its checksum.
        let further = read_some(&mut self.rest, &mut [0]).map_err(|error| damaged(path, error, "is cut short"))?;
        if further > 0 {
            return Err(Error::new(format!("{} {}", path.display(), promised("more"))));
        }
        Ok(bytes)
    }
}

/// As much of `buffer` as the reader has.
fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut taken = 0;
    while taken < buffer.len() {
        match reader.read(&mut buffer[taken..]) {
            Ok(0) => break,
            Ok(count) => taken += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

fn damaged(path: &Path, error: std::io::Error, early: &str) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::new(format!("{} {early}", path.display())),
        _ => Error::io("read", path, error),
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// Two images of 1x3 by hand: type 8 (bytes) and 3 dimensions, the sizes 2, 1 and 3 in four bytes each, the pixels.
    pub const IMAGES: [u8; 22] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 10, 20, 30, 40, 50, 255];
    /// Their labels: type 8, 1 dimension, size 2.
    pub const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 7, 1];

    pub fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8], dimensions: u8) -> Result<(Vec<usize>, Vec<u8>)> {
        let reader = Cursor::new(bytes.to_vec());
        let idx = Idx::from_reader(Path::new("file"), reader, bytes.len() as u64, dimensions)?;
        Ok((idx.sizes.clone(), idx.read()?))
    }

    fn fault(bytes: &[u8], dimensions: u8) -> String {
        read(bytes, dimensions).unwrap_err().to_string()
    }

    #[test]
    fn a_file_by_hand_is_read_plain_and_packed() {
        let expected = (vec![2, 1, 3], vec![10, 20, 30, 40, 50, 255]);
        assert_eq!(read(&IMAGES, 3).unwrap(), expected);
        assert_eq!(read(&gzip(&IMAGES), 3).unwrap(), expected);
        assert_eq!(read(&LABELS, 1).unwrap(), (vec![2], vec![7, 1]));
    }

    #[test]
    fn every_fault_is_named() {
        assert_eq!(fault(&IMAGES, 1), "file: not an IDX file of labels: starts with 00 00 08 03, expected 00 00 08 01");
        assert_eq!(fault(&LABELS[..6], 1), "file ends within its header");
        assert_eq!(fault(b"", 1), "file ends within its header");
        assert_eq!(
            fault(&IMAGES[..21], 3),
            "file: the header promises 2 x 1 x 3 bytes, more than the file can hold: truncated or damaged"
        );
        let longer = [&IMAGES[..], &[1]].concat();
        assert_eq!(fault(&longer, 3), "file holds more than the 6 bytes that its header promises");
    }

    #[test]
    fn a_packed_file_that_ends_early_is_noticed() {
        let short = gzip(&IMAGES[..21]);
        assert_eq!(fault(&short, 3), "file holds less than the 6 bytes that its header promises");
        let whole = gzip(&IMAGES);
        assert_eq!(fault(&whole[..whole.len() - 4], 3), "file is cut short");
        assert_eq!(fault(&whole[..5], 3), "file ends within its header");
        let mut altered = whole.clone();
        let checksum = altered.len() - 8;
        altered[checksum] ^= 1;
        assert!(fault(&altered, 3).starts_with("cannot read file: "));
    }

    /// Sizes whose product is about 8e28 bytes, and 4e9 bytes from a file that holds some tens: refused unread.
    #[test]
    fn absurd_sizes_allocate_nothing() {
        let absurd = |sizes: [u32; 3]| [&[0, 0, 8, 3][..], &sizes.map(u32::to_be_bytes).concat()].concat();
        for file in [absurd([u32::MAX; 3]), gzip(&absurd([u32::MAX; 3])), gzip(&absurd([u32::MAX, 1, 1]))] {
            assert!(fault(&file, 3).contains("more than the file can hold"));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, packed: bool) {
            let headed = [&IMAGES[..8], &bytes].concat();
            let _ = read(&if packed { gzip(&headed) } else { headed }, 3);
            let _ = read(&bytes, 1);
        }
    }
}
