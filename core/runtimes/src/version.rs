//! Versions of native libraries: three numbers, read leniently.

use std::{fmt, str::FromStr};

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize};

/// A version `major.minor.patch`.
///
/// Native libraries number themselves in many ways, so reading is lenient: a leading `v`, missing parts (`1.17`) and
/// anything after the numbers (`1.28.0.dev3`, `2.13.0+cu130`) are accepted. What follows the numbers does not take
/// part in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// Incremented when programs break.
    pub major: u32,
    /// Incremented when something is added.
    pub minor: u32,
    /// Incremented when something is mended.
    pub patch: u32,
}

impl Version {
    /// The version `major.minor.patch`.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// The version in the text, if it names at least `parts` numbers: what tells `libx.so.1.14.0` from `libx.so.1`.
    pub(crate) fn parse_at_least(text: &str, parts: usize) -> Option<Self> {
        let mut numbers = [0; 3];
        let mut found = 0;
        for part in text.strip_prefix('v').unwrap_or(text).split('.').take(3) {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            match part[..digits].parse() {
                Ok(number) => numbers[found] = number,
                Err(_) if digits == 0 => break,
                Err(_) => return None,
            }
            found += 1;
            if digits < part.len() {
                break;
            }
        }
        let [major, minor, patch] = numbers;
        (found >= parts).then_some(Self { major, minor, patch })
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse_at_least(text, 1).ok_or_else(|| {
            Error::invalid(format!("`{text}` is not a version")).with_hint("a version looks like `1.28.0`")
        })
    }
}

impl TryFrom<String> for Version {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(u32, u32, u32)>) {
        let expect = expect.map(|(major, minor, patch)| Version::new(major, minor, patch));
        assert_eq!(text.parse::<Version>().ok(), expect, "{text:?}");
    }

    #[test]
    fn reading_is_lenient_but_wants_a_number() {
        check("1.28.0", Some((1, 28, 0)));
        check("v1.17", Some((1, 17, 0)));
        check("2026.4.1-22982", Some((2026, 4, 1)));
        check("2.13.0+cu130", Some((2, 13, 0)));
        check("1.28.0.dev3", Some((1, 28, 0)));
        check("1.28rc1.9", Some((1, 28, 0)));
        check("7", Some((7, 0, 0)));
        check("1..2", Some((1, 0, 0)));
        for text in ["", "v", "latest", ".1", "-1", "99999999999.0", "1.99999999999", "١.٢"] {
            check(text, None);
        }
    }

    #[test]
    fn order_is_by_number_and_text_round_trips() {
        let [old, new] = ["1.9.10", "1.10.9"].map(|text| text.parse::<Version>().unwrap());
        assert!(old < new);
        assert_eq!(new.to_string(), "1.10.9");
        assert_eq!(serde_json::to_string(&new).unwrap(), r#""1.10.9""#);
        assert_eq!(serde_json::from_str::<Version>(r#""1.10.9""#).unwrap(), new);
    }

    #[test]
    fn a_single_number_can_be_told_from_a_version() {
        assert_eq!(Version::parse_at_least("1", 2), None);
        assert_eq!(Version::parse_at_least("1.14.0", 2), Some(Version::new(1, 14, 0)));
    }
}
