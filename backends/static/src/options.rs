//! The table `[backends.static]`, which has no settings yet: anything in it is a mistake worth saying.

use drivetrain_contract::{Error, Result};

/// JSON Schema of the table.
pub(crate) const CONFIG_SCHEMA: &str = r#"{"type":"object","properties":{},"additionalProperties":false}"#;

/// The settings of this backend.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options;

impl Options {
    /// Reads a JSON object; an empty text is an empty object.
    pub(crate) fn parse(json: &str) -> Result<Self> {
        if json.trim().is_empty() {
            return Ok(Self);
        }
        let table: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).map_err(|err| {
            Error::invalid("the settings of the backend `static` are not a JSON object").with_source(err)
        })?;
        match table.keys().next() {
            Some(key) => Err(Error::invalid(format!("unknown key `{key}` in `[backends.static]`"))
                .with_hint("this backend has no settings; threads and device are set in the profile")),
            None => Ok(Self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_object_is_accepted() {
        for json in ["", " ", "{}", "{ }"] {
            assert_eq!(Options::parse(json).unwrap(), Options, "{json}");
        }
        for json in ["[]", "null", "{\"threads\":1}", "{", "\u{0}"] {
            assert!(Options::parse(json).is_err(), "{json}");
        }
        let schema: serde_json::Value = serde_json::from_str(CONFIG_SCHEMA).unwrap();
        assert_eq!(schema["properties"].as_object().map(serde_json::Map::len), Some(0));
    }
}
