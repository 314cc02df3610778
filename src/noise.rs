//! Counter-based randomness: every random number is a hash of what it is for, so it does not depend on the order of
//! the work, on the batch it is drawn in, on the device or on the thread.
//!
//! A [`Noise`] is a key. [`Noise::purpose`] and [`Noise::index`] fold words and numbers into it; tensors are drawn per
//! (key, example id, element). The hash is the output function of SplitMix64 (Steele, Lea and Flood, "Fast splittable
//! pseudorandom number generators", OOPSLA 2014); normal variates are Box and Muller's (1958), both of each pair used.

use std::f64::consts::TAU;
use std::ops::Range;

use tch::{Device, Kind, Tensor};

use crate::error::Result;

/// The odd number closest to 2^64 divided by the golden ratio: the step between the counters of one stream.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const FIRST: u64 = 0xbf58_476d_1ce4_e5b9;
const SECOND: u64 = 0x94d0_49bb_1331_11eb;

/// What was folded in, so that a word, a number and an example id never meet.
const WORD: u64 = 0x51;
const INDEX: u64 = 0x52;
const EXAMPLE: u64 = 0x53;

/// A key from which random numbers are drawn. Equal keys give equal numbers, in any process and on any device
/// (the 64 random bits exactly, what is computed from them to rounding).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    key: u64,
}

impl Noise {
    pub fn new(suite_seed: u64) -> Self {
        Self { key: mix(suite_seed.wrapping_add(STEP)) }
    }

    /// The key for one use, such as `init/conv1.weight` or `smoothgrad`.
    pub fn purpose(&self, text: &str) -> Self {
        let start = self.fold(WORD, text.len() as u64);
        text.bytes().fold(start, |noise, byte| noise.fold(WORD, u64::from(byte)))
    }

    /// The key for one number of a series: a draw, an epoch, a repetition.
    pub fn index(&self, number: u64) -> Self {
        self.fold(INDEX, number)
    }

    fn fold(&self, domain: u64, value: u64) -> Self {
        Self { key: mix(mix(self.key ^ domain).wrapping_add(value.wrapping_mul(STEP))) }
    }

    /// Random bits number `counter` of this key.
    pub fn uniform_u64(&self, counter: u64) -> u64 {
        mix(self.key.wrapping_add(counter.wrapping_mul(STEP)))
    }

    /// A number from 0 to `n` - 1 (`n` > 0), each equally likely but for a bias of at most `n` / 2^64.
    pub fn below(&self, counter: u64, n: u64) -> u64 {
        ((u128::from(self.uniform_u64(counter)) * u128::from(n)) >> 64) as u64
    }

    /// The numbers 0 to `n` - 1 in random order (Fisher and Yates).
    pub fn permutation(&self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last, self.below(last as u64, last as u64 + 1) as usize);
        }
        order
    }

    /// Standard normal variates, `[len(ids), shape..]`, as float or double, which agree to float's rounding.
    pub fn normal(&self, ids: &[u64], shape: &[i64], kind: Kind, device: Device) -> Result<Tensor> {
        Self::normal_of(&self.streams(ids), shape, kind, device)
    }

    /// Several draws for each example in one go, `[len(ids), len(draws), shape..]`: draw `d` is `index(d).normal(..)`.
    pub fn normal_draws(
        &self,
        ids: &[u64],
        draws: Range<usize>,
        shape: &[i64],
        kind: Kind,
        device: Device,
    ) -> Result<Tensor> {
        let keys: Vec<Self> = draws.map(|draw| self.index(draw as u64)).collect();
        let streams: Vec<u64> = ids.iter().flat_map(|&id| keys.iter().map(move |key| key.stream(id))).collect();
        let size = [&[ids.len() as i64, keys.len() as i64], shape].concat();
        Ok(Self::normal_of(&streams, shape, kind, device)?.f_view(size.as_slice())?)
    }

    fn normal_of(streams: &[u64], shape: &[i64], kind: Kind, device: Device) -> Result<Tensor> {
        let pairs = words(streams, pairs_in(shape), 32, kind, device)?;
        let (mut first, mut second) = (pairs.f_select(1, 0)?, pairs.f_select(1, 1)?);
        // Each draw becomes its radius and angle, and they the two coordinates; the half keeps the logarithm finite.
        let mut radius = first.f_add_scalar_(0.5)?.f_mul_scalar_(2f64.powi(-32))?.f_log_()?;
        let radius = radius.f_mul_scalar_(-2.0)?.f_sqrt_()?;
        let cosine = second.f_mul_scalar_(TAU * 2f64.powi(-32))?.f_cos()?;
        let _ = second.f_sin_()?.f_mul_(&radius)?;
        let _ = first.f_mul_(&cosine)?;
        per_example(&pairs, shape)
    }

    /// Uniform variates in [0, 1), `[len(ids), shape..]`, as float or double: 24 random bits each as float, 32 as
    /// double.
    pub fn uniform(&self, ids: &[u64], shape: &[i64], kind: Kind, device: Device) -> Result<Tensor> {
        let bits = if kind == Kind::Double { 32 } else { 24 };
        let mut pairs = words(&self.streams(ids), pairs_in(shape), bits, kind, device)?;
        per_example(&pairs.f_mul_scalar_(2f64.powi(-bits))?, shape)
    }

    fn streams(&self, ids: &[u64]) -> Vec<u64> {
        ids.iter().map(|&id| self.stream(id)).collect()
    }

    /// Where the hashes of one example start.
    fn stream(&self, id: u64) -> u64 {
        self.fold(EXAMPLE, id).key
    }
}

/// The leading `bits` of both 32-bit halves of each stream's first `pairs` hashes, `[len(streams), 2, pairs]`: the same
/// whole numbers on every device, but for their rounding to `kind`.
fn words(streams: &[u64], pairs: usize, bits: i32, kind: Kind, device: Device) -> Result<Tensor> {
    let shift = (32 - bits) as u32;
    let size = [streams.len() as i64, 2, pairs as i64];
    let words = match (device, kind) {
        (Device::Cpu, Kind::Double) => Tensor::f_from_slice(&host(streams, pairs, |half| f64::from(half >> shift)))?,
        (Device::Cpu, _) => Tensor::f_from_slice(&host(streams, pairs, |half| (half >> shift) as f32))?,
        _ => device_words(streams, pairs, shift, device)?,
    };
    Ok(words.f_view(size)?.f_to_kind(kind)?)
}

/// Two variates come from each hash.
fn pairs_in(shape: &[i64]) -> usize {
    (shape.iter().product::<i64>().max(0) as usize).div_ceil(2)
}

/// `[B, 2, pairs]` as `[B, shape..]`; of an odd count the last variate goes unused.
fn per_example(pairs: &Tensor, shape: &[i64]) -> Result<Tensor> {
    let (examples, _, width) = pairs.size3()?;
    let flat = pairs.f_view([examples, 2 * width])?.f_narrow(1, 0, shape.iter().product())?;
    Ok(flat.f_reshape([&[examples], shape].concat())?)
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(FIRST);
    z = (z ^ (z >> 27)).wrapping_mul(SECOND);
    z ^ (z >> 31)
}

/// The hashes in plain loops, which the compiler vectorises.
fn host<T: Copy + Default>(streams: &[u64], pairs: usize, convert: impl Fn(u32) -> T) -> Vec<T> {
    let mut words = vec![T::default(); streams.len() * 2 * pairs];
    for (stream, words) in streams.iter().zip(words.chunks_exact_mut((2 * pairs).max(1))) {
        let (high, low) = words.split_at_mut(pairs);
        for (at, (high, low)) in high.iter_mut().zip(low).enumerate() {
            let hash = mix(stream.wrapping_add((at as u64).wrapping_mul(STEP)));
            *high = convert((hash >> 32) as u32);
            *low = convert(hash as u32);
        }
    }
    words
}

/// The same hashes by tensor operations on signed integers, whose products wrap in the same way.
fn device_words(streams: &[u64], pairs: usize, shift: u32, device: Device) -> Result<Tensor> {
    let streams: Vec<i64> = streams.iter().map(|&key| key as i64).collect();
    let streams = Tensor::f_from_slice(&streams)?.f_to_device(device)?.f_unsqueeze(1)?;
    let counters = Tensor::f_arange(pairs as i64, (Kind::Int64, device))?.f_mul_scalar(STEP as i64)?;
    let mut z = streams.f_add(&counters)?;
    z = z.f_bitwise_xor_tensor(&shifted(&z, 30)?)?.f_mul_scalar(FIRST as i64)?;
    z = z.f_bitwise_xor_tensor(&shifted(&z, 27)?)?.f_mul_scalar(SECOND as i64)?;
    z = z.f_bitwise_xor_tensor(&shifted(&z, 31)?)?;
    let low = z.f_bitwise_and(0xffff_ffff_i64)?;
    Ok(Tensor::f_stack(&[shifted(&z, 32 + shift)?, shifted(&low, shift)?], 1)?)
}

/// `z` moved right by `by` bits with zeros moving in: a signed shift copies the sign bit, which the mask removes.
fn shifted(z: &Tensor, by: u32) -> Result<Tensor> {
    Ok(z.f_bitwise_right_shift_tensor_scalar(i64::from(by))?.f_bitwise_and((u64::MAX >> by) as i64)?)
}

#[cfg(test)]
mod tests;
