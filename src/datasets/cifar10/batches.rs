//! The official binary batches of CIFAR-10: records of one byte of label and 3072 of pixels, plane by plane.

use std::ops::ControlFlow;

use tch::{Device, Kind, Tensor};

use super::super::pictures::{Archive, balanced, ranks};
use super::super::split::Split;
use crate::error::{Error, Result};
use crate::noise::Noise;

/// Five of the training split, then that of the test split.
pub const BATCHES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
pub const SIDE: usize = 32;
pub const PIXELS: usize = 3 * SIDE * SIDE;
const LARGEST_LABEL: u8 = 9;

/// The training and the test split from the batches `names`, of `records` images each; of each split as many as `counts` says.
pub fn load(
    archive: &Archive,
    names: &[String; 6],
    records: usize,
    counts: [Option<usize>; 2],
    noise: &Noise,
) -> Result<[Split; 2]> {
    let (images, labels) = read(archive, names, records)?;
    let part = |half: usize, start: usize, count: usize| -> Result<Split> {
        let labels = labels[start..start + count].to_vec();
        let pixels = images.f_narrow(0, start as i64, count as i64)?;
        let Some(wanted) = counts[half] else { return Ok(Split::new(pixels, labels, None)) };
        let noise = noise.purpose(["train", "test"][half]);
        // A record's place in its split is its name.
        let ranks = ranks(&labels, |at| at.to_string().into(), &noise);
        let places = balanced(&labels, &ranks, wanted);
        Split::new(pixels, labels, None).select(&places)
    };
    let train = (names.len() - 1) * records;
    Ok([part(0, 0, train)?, part(1, train, records)?])
}

/// The images, u8 [N, 3, 32, 32], and labels of all batches, in the order of `names`.
fn read(archive: &Archive, names: &[String; 6], records: usize) -> Result<(Tensor, Vec<i64>)> {
    let side = SIDE as i64;
    let images = Tensor::f_zeros([(names.len() * records) as i64, 3, side, side], (Kind::Uint8, Device::Cpu))?;
    let mut labels = vec![0; names.len() * records];
    let length = records * (1 + PIXELS);
    archive.visit(&mut |name, body| {
        let Some(batch) = names.iter().position(|wanted| wanted == name) else {
            return Ok(ControlFlow::Continue(()));
        };
        let wrong = |what: String| Error::new(format!("{} {what}", archive.place(name)));
        let bytes = body(length as u64).map_err(wrong)?;
        if bytes.len() != length {
            let found = bytes.len();
            return Err(wrong(format!("is of {found} bytes, not of {length}: {records} records of {}", 1 + PIXELS)));
        }
        let first = batch * records;
        for (at, record) in bytes.chunks_exact(1 + PIXELS).enumerate() {
            if record[0] > LARGEST_LABEL {
                return Err(wrong(format!("gives record {at} the label {}, expected 0 to 9", record[0])));
            }
            labels[first + at] = i64::from(record[0]);
        }
        let rows = Tensor::f_from_slice(&bytes)?.f_view([records as i64, 1 + PIXELS as i64])?;
        let pixels = rows.f_narrow(1, 1, PIXELS as i64)?.f_view([-1, 3, side, side])?;
        images.f_narrow(0, first as i64, records as i64)?.f_copy_(&pixels)?;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((images, labels))
}
