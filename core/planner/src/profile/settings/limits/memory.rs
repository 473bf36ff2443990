//! `limits.memory`: main memory for weights and activations together.

use drivetrain_contract::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::profile::settings::Setting;

/// How much main memory weights and activations may take together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryLimit {
    /// What the process may use, less what is used already.
    Auto,
    /// So many bytes.
    Bytes(u64),
    /// A share of what the process may use, up to 1.
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

impl MemoryLimit {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "auto" {
            return Some(MemoryLimit::Auto);
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

/// The setting `limits.memory`.
pub(crate) struct MemorySetting;

impl Setting for MemorySetting {
    type Value = MemoryLimit;
    const KEY: &'static str = "limits.memory";

    fn parse(value: &Value) -> Result<MemoryLimit> {
        let bytes = value.as_u64().filter(|&bytes| bytes > 0).map(MemoryLimit::Bytes);
        bytes.or_else(|| value.as_str().and_then(MemoryLimit::read)).ok_or_else(|| {
            Error::invalid(format!(
                "must be `auto`, a size such as `2GiB` or `500MB`, or a share such as `50%`, not `{value}`"
            ))
        })
    }

    fn show(value: &MemoryLimit) -> Value {
        match value {
            MemoryLimit::Auto => Value::from("auto"),
            MemoryLimit::Bytes(bytes) => Value::from(*bytes),
            MemoryLimit::Share(share) => Value::from(format!("{}%", share * 100.0)),
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

    fn check(value: &Value, expect: MemoryLimit) {
        let limit = MemorySetting::parse(value).unwrap();
        assert_eq!(limit, expect, "{value}");
        assert_eq!(MemorySetting::parse(&MemorySetting::show(&limit)).unwrap(), limit);
    }

    #[test]
    fn limits_are_sizes_or_shares() {
        check(&json!("auto"), MemoryLimit::Auto);
        check(&json!("2GiB"), MemoryLimit::Bytes(2 << 30));
        check(&json!("1.5 GB"), MemoryLimit::Bytes(1_500_000_000));
        check(&json!("300 MiB"), MemoryLimit::Bytes(300 << 20));
        check(&json!("4096B"), MemoryLimit::Bytes(4096));
        check(&json!(1 << 20), MemoryLimit::Bytes(1 << 20));
        check(&json!("50%"), MemoryLimit::Share(0.5));
        for wrong in
            [json!("2"), json!("0%"), json!("200%"), json!("-1GB"), json!("NaNGB"), json!("GB"), json!(0), json!(1.5)]
        {
            assert!(MemorySetting::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
