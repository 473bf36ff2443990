//! The table `[backends.libtorch]`: read and checked.

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// JSON Schema of the table, which also documents every key and its default.
pub(crate) const CONFIG_SCHEMA: &str = include_str!("schema.json");

const LIBRARY: &str = "library";

const KEYS: [&str; 2] = [LIBRARY, "memory_map"];

/// The settings as written: every key known, nothing else decided.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config(Map<String, Value>);

/// What one session uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Whether weights may lie in mapped files.
    pub(crate) memory_map: bool,
}

impl Config {
    /// Reads a JSON object; an empty text is an empty object.
    pub(crate) fn parse(json: &str) -> Result<Self> {
        if json.trim().is_empty() {
            return Ok(Self::default());
        }
        let table: Map<String, Value> = serde_json::from_str(json).map_err(|err| {
            Error::invalid("the settings of the backend `libtorch` are not a JSON object").with_source(err)
        })?;
        match table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            Some(key) => Err(Error::invalid(format!("unknown key `{key}` in `[backends.libtorch]`"))
                .with_hint(format!("it has {}", KEYS.join(", ")))),
            None => Ok(Self(table)),
        }
    }

    /// These settings with those of one session laid over them.
    pub(crate) fn with_session(&self, json: &str) -> Result<Self> {
        let session = Self::parse(json)?;
        if session.0.get(LIBRARY).is_some_and(|library| self.0.get(LIBRARY) != Some(library)) {
            return Err(Error::invalid("`library` cannot differ from session to session"));
        }
        let mut merged = self.clone();
        merged.0.extend(session.0);
        Ok(merged)
    }

    /// What a session with these settings uses.
    pub(crate) fn settings(&self) -> Result<Settings> {
        Ok(Settings { memory_map: self.get("memory_map")?.unwrap_or(true) })
    }

    /// A value that is present and not null.
    fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => Deserialize::deserialize(value).map(Some).map_err(|err: serde_json::Error| {
                Error::invalid(format!("`{key}` in `[backends.libtorch]` cannot be {value}")).with_source(err)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Result<Settings> {
        Config::parse(json)?.settings()
    }

    #[test]
    fn schema_and_reader_know_the_same_keys_and_defaults() {
        let schema: Value = serde_json::from_str(CONFIG_SCHEMA).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        let mut documented: Vec<&str> = properties.keys().map(String::as_str).collect();
        let mut known = KEYS.to_vec();
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(documented, known);
        for (key, property) in properties {
            assert!(property["description"].as_str().is_some_and(|text| text.ends_with('.')), "{key}");
            if let Some(default) = property.get("default") {
                assert_eq!(settings(&format!("{{\"{key}\":{default}}}")).unwrap(), settings("{}").unwrap());
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (json, says) in [
            (r#"{"memory_mapp":true}"#, "it has library, memory_map"),
            (r#"{"memory_map":"yes"}"#, "`memory_map` in `[backends.libtorch]` cannot be \"yes\""),
            ("[]", "not a JSON object"),
            ("\u{fffd}", "not a JSON object"),
        ] {
            let text = settings(json).unwrap_err().to_text();
            assert!(text.contains(says), "{text}");
        }
    }

    #[test]
    fn sessions_override_all_but_the_library() {
        let base = Config::parse(r#"{"library":"/a.so","memory_map":false}"#).unwrap();
        assert!(base.with_session(r#"{"memory_map":true}"#).unwrap().settings().unwrap().memory_map);
        assert!(!base.with_session("").unwrap().settings().unwrap().memory_map);
        assert!(base.with_session(r#"{"library":"/a.so"}"#).is_ok());
        assert!(base.with_session(r#"{"library":"/b.so"}"#).is_err());
    }
}
