//! Typed access to the JSON objects of a package, with errors that name file and key.

use drivetrain_contract::{Error, Result};
use serde_json::{Map, Value};

use crate::Files;

/// Largest extent accepted for a vector or a layer: far above any real one, far below what would exhaust memory.
const MAX_DIM: u64 = 1 << 20;

/// Longest name, in bytes.
const MAX_TEXT: usize = 4096;

/// Largest number that counts as a length in tokens: what is above means "no limit" (transformers writes 1e30).
const MAX_LENGTH: f64 = u32::MAX as f64;

/// A JSON file of a package; one that does not exist has no members.
#[derive(Debug)]
pub(crate) struct Document {
    label: String,
    pub(crate) value: Value,
}

impl Document {
    /// The first of the files that exists.
    pub(crate) fn load(files: &Files, candidates: &[String]) -> Result<Self> {
        let found = candidates.iter().find(|rel| files.exists(rel)).or(candidates.first());
        let rel = found.map_or("", String::as_str);
        Ok(Self { label: files.label(rel), value: files.read_json(rel)?.unwrap_or_default() })
    }

    /// Its members.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] when it is not an object.
    pub(crate) fn fields(&self) -> Result<Fields<'_>> {
        Fields::new(self.label.clone(), &self.value)
    }
}

/// The members of one JSON object and the file they come from.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    label: String,
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Fields<'a> {
    /// The object in the file `label`; null stands for a file that does not exist and has no members.
    pub(crate) fn new(label: String, value: &'a Value) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Self { label, map: Some(map) }),
            Value::Null => Ok(Self { label, map: None }),
            other => Err(Error::model(format!("`{label}` must hold a JSON object, not {}", kind(other)))),
        }
    }

    /// The value of `key`; null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.and_then(|map| map.get(key)).filter(|value| !value.is_null())
    }

    /// A string: a name or the like, which messages may quote.
    pub(crate) fn str(&self, key: &str) -> Result<Option<&'a str>> {
        self.typed(key, "a string", |value| value.as_str().filter(|text| text.len() <= MAX_TEXT))
    }

    /// The first string of a list.
    pub(crate) fn first_str(&self, key: &str) -> Result<Option<&'a str>> {
        Ok(self.strings(key)?.and_then(|names| names.first().copied()))
    }

    /// A list of strings.
    pub(crate) fn strings(&self, key: &str) -> Result<Option<Vec<&'a str>>> {
        self.typed(key, "a list of strings", |value| value.as_array()?.iter().map(Value::as_str).collect())
    }

    /// True or false.
    pub(crate) fn bool(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// An object, as fields of the same file.
    pub(crate) fn object(&self, key: &str) -> Result<Self> {
        let map = self.typed(key, "an object", Value::as_object)?;
        Ok(Self { label: self.label.clone(), map })
    }

    /// The extent of a vector or layer: a positive whole number below a million or so.
    pub(crate) fn dim(&self, key: &str) -> Result<Option<usize>> {
        self.typed(key, &format!("a whole number from 1 to {MAX_DIM}"), |value| {
            value.as_u64().filter(|dim| (1..=MAX_DIM).contains(dim)).map(|dim| dim as usize)
        })
    }

    /// A length in tokens. Absent, negative (XLNet writes −1) and absurdly large numbers are no limit.
    pub(crate) fn length(&self, key: &str) -> Result<Option<usize>> {
        let length = self.typed(key, "a positive number", |value| value.as_f64().filter(|&length| length != 0.0))?;
        Ok(length.filter(|length| (1.0..=MAX_LENGTH).contains(length)).map(|length| length as usize))
    }

    /// The members in order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.map.into_iter().flatten()
    }

    /// Whether the file exists.
    pub(crate) fn is_present(&self) -> bool {
        self.map.is_some()
    }

    /// A complaint about the value of `key`.
    pub(crate) fn problem(&self, key: &str, what: &str) -> Error {
        Error::model(format!("`{key}` in `{}` {what}", self.label))
    }

    fn typed<T>(&self, key: &str, wanted: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let read = read(value);
        match read {
            Some(_) => Ok(read),
            None => Err(self.problem(key, &format!("must be {wanted}, not {}", kind(value)))),
        }
    }
}

/// What a message calls a value: numbers and truth values themselves, everything longer by its type.
fn kind(value: &Value) -> String {
    match value {
        Value::String(text) if text.len() > MAX_TEXT => format!("one of {} bytes", text.len()),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        plain => plain.to_string(),
    }
}

/// A path read from a file, with forward slashes and without `.`: empty for the package itself.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Model`] when it leads out of the package.
pub(crate) fn inner_path(path: &str, label: &str) -> Result<String> {
    let escapes = path.contains(['\\', ':', '\0']) || path.starts_with('/') || path.split('/').any(|part| part == "..");
    if escapes {
        return Err(Error::model(format!("`{label}` names `{path}`, which is outside the package")));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Ok(parts.join("/"))
}

/// `name` inside the folder `path` of a package.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lengths_without_meaning_are_no_limit_and_zero_is_refused() {
        let value = json!({"huge": 1e30, "none": -1, "null": null, "whole": 512, "float": 512.0, "zero": 0});
        let fields = Fields::new("f".into(), &value).unwrap();
        for (key, expect) in [("huge", None), ("none", None), ("null", None), ("absent", None)] {
            assert_eq!(fields.length(key).unwrap(), expect, "{key}");
        }
        assert_eq!(fields.length("whole").unwrap(), Some(512));
        assert_eq!(fields.length("float").unwrap(), Some(512));
        assert!(fields.length("zero").is_err());
    }

    #[test]
    fn wrong_types_name_file_key_and_what_was_found() {
        let value = json!({"a": [1], "b": "x", "c": 1, "d": 0, "e": -3, "f": 10_000_000_000_u64, "g": 1.5});
        let fields = Fields::new("f.json".into(), &value).unwrap();
        let message = fields.str("a").unwrap_err().message().to_owned();
        assert_eq!(message, "`a` in `f.json` must be a string, not a list");
        assert!(fields.bool("b").is_err() && fields.strings("a").is_err() && fields.object("c").is_err());
        for key in ["b", "d", "e", "f", "g"] {
            assert!(fields.dim(key).is_err(), "{key}");
        }
        assert_eq!(fields.dim("c").unwrap(), Some(1));
        assert!(Fields::new("f.json".into(), &json!([1])).is_err());
        let value = json!({"long": "x".repeat(5000)});
        let message = Fields::new("f.json".into(), &value).unwrap().str("long").unwrap_err().message().to_owned();
        assert_eq!(message, "`long` in `f.json` must be a string, not one of 5000 bytes");
    }

    #[test]
    fn inner_paths_stay_inside() {
        for (path, expect) in [("", ""), (".", ""), ("./1_Pooling/", "1_Pooling"), ("a//b", "a/b"), ("..a", "..a")] {
            assert_eq!(inner_path(path, "f").unwrap(), expect);
        }
        for path in ["..", "../../etc", "a/../..", "/etc", "C:\\x", "a\\..\\b", "c:x", "a\0b"] {
            assert!(inner_path(path, "f").is_err(), "{path:?}");
        }
    }
}
