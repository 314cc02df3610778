//! What a cell is called: a hash of everything its result depends on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The name of a cell, and of its file in the store: 128 bits, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CellId([u8; 16]);

impl fmt::Display for CellId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for CellId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for CellId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // One id has one spelling, because it is also a file name: no capitals, and no sign, which the number parser
        // would accept.
        let canonical = text.len() == 32 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        match u128::from_str_radix(text, 16) {
            Ok(number) if canonical => Ok(Self(number.to_be_bytes())),
            _ => Err(Error::new(format!("`{text}` is not a cell id: expected 32 lower-case hexadecimal digits"))),
        }
    }
}

impl From<CellId> for String {
    fn from(id: CellId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for CellId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// Builds a [`CellId`] from named fields and needed cells. The order of the calls counts. Every part is written with its
/// length before it, so no two different sequences of calls feed the hash the same bytes.
///
/// Numbers are given by their bits (`value.to_bits().to_le_bytes()`), so that they do not depend on how they print.
#[derive(Clone, Debug)]
pub struct Identity {
    hasher: blake3::Hasher,
}

impl Identity {
    /// Starts the identity of one kind of cell (`"train"`, `"explain"`, ..): kinds never share an id.
    pub fn new(kind: &str) -> Self {
        Self { hasher: blake3::Hasher::new() }.frame(b'k', &[kind.as_bytes()])
    }

    /// Something the result depends on: a parameter, a revision, the hash of a file.
    pub fn field(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.frame(b'f', &[name.as_bytes(), value.as_ref()])
    }

    /// A cell whose result this one reads.
    pub fn need(self, id: CellId) -> Self {
        self.frame(b'n', &[&id.0])
    }

    /// The first 128 bits of the BLAKE3 hash of all that was given.
    pub fn finish(self) -> CellId {
        let mut id = [0; 16];
        self.hasher.finalize_xof().fill(&mut id);
        CellId(id)
    }

    /// The tag says how many parts follow it.
    fn frame(mut self, tag: u8, parts: &[&[u8]]) -> Self {
        self.hasher.update(&[tag]);
        for part in parts {
            self.hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_back_its_own_text() {
        let id = Identity::new("train").finish();
        assert_eq!(id.to_string().parse::<CellId>().unwrap(), id);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<CellId>(&json).unwrap(), id);
    }

    #[test]
    fn keeps_leading_zeros() {
        let text = "00000000000000000000000000000abc";
        assert_eq!(text.parse::<CellId>().unwrap().to_string(), text);
    }

    #[test]
    fn has_one_spelling() {
        for text in [
            "",
            "abc",
            "0123456789abcdef0123456789abcdeF",
            "+123456789abcdef0123456789abcdef",
            "0123456789abcdef0123456789abcdeg",
            "0123456789abcdef0123456789abcdef0",
            "éééééééééééééééé",
        ] {
            let error = text.parse::<CellId>().unwrap_err().to_string();
            assert!(error.contains("32 lower-case hexadecimal digits"), "{error}");
        }
    }

    /// A change of the encoding makes every store useless: it has to be meant. The hashed bytes are `k 5 train`,
    /// `f 6 epochs 1 \x14`, `n 16 <id>`, each length as 8 bytes, least significant first; another implementation of
    /// BLAKE3 gives them the same hash.
    #[test]
    fn encoding_is_pinned() {
        let needed = "000102030405060708090a0b0c0d0e0f".parse().unwrap();
        let id = Identity::new("train").field("epochs", [20]).need(needed).finish();
        assert_eq!(id.to_string(), "005700841dcef19f6aeceb925c263111");
    }

    #[derive(Clone, Debug, PartialEq)]
    enum Part {
        Field(String, Vec<u8>),
        Need(CellId),
    }

    fn identity(kind: &str, parts: &[Part]) -> CellId {
        let add = |identity: Identity, part: &Part| match part {
            Part::Field(name, value) => identity.field(name, value),
            Part::Need(id) => identity.need(*id),
        };
        parts.iter().fold(Identity::new(kind), add).finish()
    }

    /// Few letters and short texts, so that equal bytes under another cut come up often.
    fn parts() -> impl Strategy<Value = (String, Vec<Part>)> {
        let field = ("[fn]{0,2}", prop::collection::vec(prop::sample::select(&b"fn\0\x01"[..]), 0..3));
        let part =
            prop_oneof![field.prop_map(|(name, value)| Part::Field(name, value)), Just(Part::Need(CellId([0; 16])))];
        ("[fk]{0,2}", prop::collection::vec(part, 0..4))
    }

    proptest! {
        #[test]
        fn only_equal_sequences_share_an_id(a in parts(), b in parts()) {
            prop_assert_eq!(a == b, identity(&a.0, &a.1) == identity(&b.0, &b.1));
        }
    }
}
