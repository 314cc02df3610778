//! Small pictures, folders and archives for tests.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

use super::super::DataFolder;

fn encoded(height: u32, width: u32, colour: [u8; 3], format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(width, height, Rgb(colour)).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub fn png(height: u32, width: u32, colour: [u8; 3]) -> Vec<u8> {
    encoded(height, width, colour, ImageFormat::Png)
}

pub fn jpeg(height: u32, width: u32, colour: [u8; 3]) -> Vec<u8> {
    encoded(height, width, colour, ImageFormat::Jpeg)
}

/// A PNG of some bytes whose header claims more, with the right checksum.
pub fn png_that_claims(height: u32, width: u32) -> Vec<u8> {
    let mut bytes = png(1, 1, [0; 3]);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    bytes
}

/// Files by name.
pub type Files = Vec<(String, Vec<u8>)>;

pub fn files<const N: usize>(files: [(&str, Vec<u8>); N]) -> Files {
    files.into_iter().map(|(name, bytes)| (name.to_string(), bytes)).collect()
}

/// A data folder with the files in its folder `set`.
pub fn data(files: &Files) -> (TempDir, DataFolder) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join("set").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let data = DataFolder { path: Some(folder.path().into()) };
    (folder, data)
}

/// The kinds of archives that are read.
pub const ARCHIVES: [&str; 4] = ["tar", "tar.gz", "tar.zst", "zip"];

/// The files in an archive, in reverse order: readers must not rely on it.
pub fn packed(kind: &str, files: &Files) -> Vec<u8> {
    if kind == "zip" {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files.iter().rev() {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        return zip.finish().unwrap().into_inner();
    }
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files.iter().rev() {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    match kind {
        "tar.gz" => super::super::idx::tests::gzip(&tar),
        "tar.zst" => zstd::encode_all(tar.as_slice(), 0).unwrap(),
        _ => tar,
    }
}

/// A data folder with the files in one archive, whose name tells nothing of its kind.
pub fn packed_data(kind: &str, files: &Files) -> (TempDir, DataFolder, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set");
    std::fs::write(&path, packed(kind, files)).unwrap();
    let data = DataFolder { path: Some(folder.path().into()) };
    (folder, data, path)
}
