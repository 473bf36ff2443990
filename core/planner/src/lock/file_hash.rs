//! What a file holds, in a few digits.

use std::{fmt, str::FromStr};

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize};

/// Digits that are enough to tell one file from another by eye.
const SHORT: usize = 12;

/// SHA-256 of a file's contents.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileHash([u8; 32]);

/// What tells a file's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFile {
    /// Its length.
    pub bytes: u64,
    /// Its contents.
    pub sha256: FileHash,
}

impl FileHash {
    /// The hash that these bytes are.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..SHORT].to_owned()
    }
}

/// Lower-case hexadecimal digits.
impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileHash({self})")
    }
}

impl FromStr for FileHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
        let byte = |pair: &[u8; 2]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        let bytes = bytes.filter(|_| rest.is_empty()).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| Error::invalid("not a SHA-256, which has 64 digits from `0` to `f`"))
    }
}

impl TryFrom<String> for FileHash {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<FileHash> for String {
    fn from(hash: FileHash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashes_are_read_as_such() {
        let text = format!("{}{}", "0f".repeat(31), "a9");
        let hash: FileHash = text.parse().unwrap();
        assert_eq!((hash.to_string(), hash.short().as_str()), (text.clone(), "0f0f0f0f0f0f"));
        assert_eq!(serde_json::from_str::<FileHash>(&format!("\"{text}\"")).unwrap(), hash);
        let upper = text.to_uppercase();
        for wrong in ["", "0f", &text[1..], &format!("{text}0f"), &upper, &"ü".repeat(32), &"+1".repeat(32)] {
            assert!(wrong.parse::<FileHash>().is_err(), "{wrong}");
        }
    }
}
