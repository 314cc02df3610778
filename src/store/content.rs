//! What a cell holds: a JSON record and named arrays, which are stored as safetensors.

use std::borrow::Cow;
use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};

use crate::error::{Error, Result};

/// A plain array in row-major order, so that nothing above the store needs libtorch.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    /// As many values as the product of `shape`.
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
    U16(Vec<u16>),
    U8(Vec<u8>),
}

/// The result of one cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// Keys keep their order and finite numbers their bits. JSON has no NaN: numbers that may be NaN belong in an array.
    pub record: serde_json::Value,
    pub arrays: BTreeMap<String, Array>,
}

/// The arrays as a safetensors file; equal arrays give equal bytes. Refuses an array whose shape and values disagree.
pub(super) fn to_bytes(arrays: &BTreeMap<String, Array>) -> Result<Vec<u8>> {
    for (name, array) in arrays {
        let (shape, values) = (&array.shape, array.data.count());
        if shape.iter().try_fold(1, |product: usize, side| product.checked_mul(*side)) != Some(values) {
            return Err(Error::new(format!("array `{name}` has {values} values, which do not fill shape {shape:?}")));
        }
        if name == "__metadata__" {
            return Err(Error::new("`__metadata__` cannot name an array: safetensors keeps it for itself"));
        }
    }
    safetensors::serialize(arrays, &None).map_err(|error| Error::new(format!("cannot store arrays: {error}")))
}

/// `None` when the bytes are not a safetensors file with the types of [`Data`].
pub(super) fn from_bytes(bytes: &[u8]) -> Option<BTreeMap<String, Array>> {
    let array = |(name, view): (String, TensorView<'_>)| {
        let data = Data::from_bytes(view.dtype(), view.data())?;
        Some((name, Array { shape: view.shape().to_vec(), data }))
    };
    SafeTensors::deserialize(bytes).ok()?.tensors().into_iter().map(array).collect()
}

impl View for &Array {
    fn dtype(&self) -> Dtype {
        match self.data {
            Data::F32(_) => Dtype::F32,
            Data::F64(_) => Dtype::F64,
            Data::I64(_) => Dtype::I64,
            Data::U16(_) => Dtype::U16,
            Data::U8(_) => Dtype::U8,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.data {
            Data::F32(values) => encode(values, |value| value.to_le_bytes()).into(),
            Data::F64(values) => encode(values, |value| value.to_le_bytes()).into(),
            Data::I64(values) => encode(values, |value| value.to_le_bytes()).into(),
            Data::U16(values) => encode(values, |value| value.to_le_bytes()).into(),
            Data::U8(values) => values.into(),
        }
    }

    fn data_len(&self) -> usize {
        self.data.count() * self.dtype().size()
    }
}

impl Data {
    fn count(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::U16(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        Some(match dtype {
            Dtype::F32 => Self::F32(decode(bytes, f32::from_le_bytes)),
            Dtype::F64 => Self::F64(decode(bytes, f64::from_le_bytes)),
            Dtype::I64 => Self::I64(decode(bytes, i64::from_le_bytes)),
            Dtype::U16 => Self::U16(decode(bytes, u16::from_le_bytes)),
            Dtype::U8 => Self::U8(bytes.to_vec()),
            _ => return None,
        })
    }
}

fn encode<T, const N: usize>(values: &[T], to_bytes: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * N);
    for value in values {
        bytes.extend_from_slice(&to_bytes(value));
    }
    bytes
}

fn decode<T, const N: usize>(bytes: &[u8], from_bytes: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|chunk| from_bytes(*chunk)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn array(shape: &[usize], data: Data) -> Array {
        Array { shape: shape.to_vec(), data }
    }

    /// One array of each type, a scalar and an empty one among them.
    pub(in crate::store) fn arrays() -> BTreeMap<String, Array> {
        let named = [
            ("image", array(&[2, 2], Data::F32(vec![0.0, -0.0, 0.1, f32::MAX]))),
            ("scores", array(&[3], Data::F64(vec![0.1, f64::INFINITY, 1e-310]))),
            ("labels", array(&[1, 2], Data::I64(vec![i64::MIN, -1]))),
            ("ranks", array(&[], Data::U16(vec![513]))),
            ("mask", array(&[0, 4], Data::U8(vec![]))),
        ];
        named.into_iter().map(|(name, array)| (name.to_string(), array)).collect()
    }

    #[test]
    fn every_type_is_read_back() {
        assert_eq!(from_bytes(&to_bytes(&arrays()).unwrap()), Some(arrays()));
        assert_eq!(from_bytes(&to_bytes(&BTreeMap::new()).unwrap()), Some(BTreeMap::new()));
    }

    /// Safetensors: 8 bytes of header length, the header (filled up with spaces to a multiple of 8), the values with the
    /// least significant byte first. 513 = 2 * 256 + 1.
    #[test]
    fn bytes_are_plain_safetensors() {
        let ranks = BTreeMap::from([("r".to_string(), array(&[2], Data::U16(vec![513, 7])))]);
        let header = br#"{"r":{"dtype":"U16","shape":[2],"data_offsets":[0,4]}}  "#;
        let expected = [&[56, 0, 0, 0, 0, 0, 0, 0], &header[..], &[1, 2, 7, 0]].concat();
        assert_eq!(to_bytes(&ranks).unwrap(), expected);
    }

    #[test]
    fn what_could_not_be_read_back_is_refused() {
        let refusal = |name: &str, shape: &[usize]| {
            to_bytes(&BTreeMap::from([(name.to_string(), array(shape, Data::U8(vec![1; 5])))])).unwrap_err().to_string()
        };
        assert_eq!(refusal("x", &[2, 3]), "array `x` has 5 values, which do not fill shape [2, 3]");
        assert!(refusal("x", &[usize::MAX, 2]).contains("do not fill"));
        assert!(refusal("__metadata__", &[5]).contains("`__metadata__` cannot name an array"));
    }

    proptest! {
        /// NaN payloads included, which is why bits and not values are compared.
        #[test]
        fn every_bit_pattern_survives(bits in prop::collection::vec(any::<u64>(), 0..20)) {
            let wide = bits.iter().copied().map(f64::from_bits).collect();
            let narrow = bits.iter().map(|bits| f32::from_bits(*bits as u32)).collect();
            let stored = BTreeMap::from([
                ("wide".to_string(), array(&[bits.len()], Data::F64(wide))),
                ("narrow".to_string(), array(&[1, bits.len()], Data::F32(narrow))),
            ]);
            let read = from_bytes(&to_bytes(&stored).unwrap()).unwrap();
            let Data::F64(wide) = &read["wide"].data else { panic!("another type") };
            let Data::F32(narrow) = &read["narrow"].data else { panic!("another type") };
            prop_assert!(wide.iter().map(|value| value.to_bits()).eq(bits.iter().copied()));
            prop_assert!(narrow.iter().map(|value| value.to_bits()).eq(bits.iter().map(|bits| *bits as u32)));
        }
    }
}
