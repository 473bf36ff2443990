//! How much of memory or of a disk: what `limits.memory` and `limits.disk` hold.

use std::{fmt, marker::PhantomData};

use drivetrain_contract::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Key, Setting};

/// How much of memory or of a disk may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpaceLimit {
    /// As much as is free for this process.
    Auto,
    /// So many bytes.
    Bytes(u64),
    /// A share of what the process may use of it, above 0 and up to 1.
    Share(f64),
}

/// Units of bytes, longest first where one ends in another.
const UNITS: [(&str, f64); 7] = [
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("B", 1.0),
];

impl SpaceLimit {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "auto" {
            return Some(SpaceLimit::Auto);
        }
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
        if let Some(percent) = text.strip_suffix('%') {
            return number(percent).filter(|&percent| percent <= 100.0).map(|percent| Self::Share(percent / 100.0));
        }
        let (count, unit) = UNITS.iter().find_map(|(unit, bytes)| Some((number(text.strip_suffix(unit)?)?, bytes)))?;
        // Rust saturates: more than there is of anything is as good as no limit.
        Some(Self::Bytes((count * unit) as u64))
    }
}

/// As it is written in a profile: `10MiB`.
impl fmt::Display for SpaceLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpaceLimit::Auto => f.write_str("auto"),
            SpaceLimit::Bytes(bytes) if bytes.is_multiple_of(1 << 20) => write!(f, "{}MiB", bytes >> 20),
            SpaceLimit::Bytes(bytes) => write!(f, "{bytes}B"),
            SpaceLimit::Share(share) => write!(f, "{}%", share * 100.0),
        }
    }
}

/// A setting that holds a [`SpaceLimit`], of the key `K`.
pub(crate) struct Space<K>(PhantomData<K>);

impl<K: Key> Setting for Space<K> {
    type Value = SpaceLimit;
    const KEY: &'static str = K::KEY;

    fn parse(value: &Value) -> Result<SpaceLimit> {
        let bytes = value.as_u64().filter(|&bytes| bytes > 0).map(SpaceLimit::Bytes);
        bytes.or_else(|| value.as_str().and_then(SpaceLimit::read)).ok_or_else(|| {
            Error::invalid(format!(
                "must be `auto`, a size such as `2GiB` or `500MB`, or a share such as `50%`, not `{value}`"
            ))
        })
    }

    fn show(value: &SpaceLimit) -> Value {
        match value {
            SpaceLimit::Auto => Value::from("auto"),
            SpaceLimit::Bytes(bytes) => Value::from(*bytes),
            SpaceLimit::Share(share) => Value::from(format!("{}%", share * 100.0)),
        }
    }

    fn schema() -> Value {
        json!({
            "anyOf": [
                { "const": "auto" },
                { "type": "string", "pattern": "^\\s*[0-9.]+\\s*(%|B|kB|MB|GB|KiB|MiB|GiB)\\s*$" },
                { "type": "integer", "minimum": 1 },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::Memory;

    fn check(value: &Value, expect: SpaceLimit) {
        let limit = Memory::parse(value).unwrap();
        assert_eq!(limit, expect, "{value}");
        assert_eq!(Memory::parse(&Memory::show(&limit)).unwrap(), limit);
        assert_eq!(Memory::parse(&json!(limit.to_string())).unwrap(), limit);
    }

    #[test]
    fn limits_are_sizes_or_shares() {
        check(&json!("auto"), SpaceLimit::Auto);
        check(&json!("2GiB"), SpaceLimit::Bytes(2 << 30));
        check(&json!("1.5 GB"), SpaceLimit::Bytes(1_500_000_000));
        check(&json!("300 MiB"), SpaceLimit::Bytes(300 << 20));
        check(&json!("4096B"), SpaceLimit::Bytes(4096));
        check(&json!(1 << 20), SpaceLimit::Bytes(1 << 20));
        check(&json!("50%"), SpaceLimit::Share(0.5));
        for wrong in
            [json!("2"), json!("0%"), json!("200%"), json!("-1GB"), json!("NaNGB"), json!("GB"), json!(0), json!(1.5)]
        {
            assert!(Memory::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
