//! A line of JSON: a string, or an object whose fields keep their order.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// What a line holds.
#[derive(Debug)]
pub(super) enum JsonLine {
    /// A string.
    Text(String),
    /// An object, as it was written.
    Object(Vec<(String, Value)>),
    /// Something else, by its kind.
    Other(&'static str),
}

impl JsonLine {
    /// Reads a line, or says what is wrong with it.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map_err(|err| format!("it is not JSON: {err}"))
    }
}

/// What a message calls a value.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Takes the text out of an object's fields and gives its place, or says what is wrong. Of fields with one name the
/// last one counts.
pub(super) fn take_text(fields: &mut [(String, Value)], field: &str) -> Result<(usize, String), String> {
    let Some(place) = fields.iter().rposition(|(name, _)| name == field) else {
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).take(8).collect();
        let only = if names.is_empty() { String::new() } else { format!(", only {}", names.join(", ")) };
        return Err(format!("there is no field `{field}`{only}"));
    };
    match std::mem::take(&mut fields[place].1) {
        Value::String(text) => Ok((place, text)),
        other => Err(format!("the field `{field}` is {}, not text", kind(&other))),
    }
}

impl<'de> Deserialize<'de> for JsonLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LineVisitor)
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = JsonLine;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<JsonLine, E> {
        Ok(JsonLine::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonLine, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(JsonLine::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<JsonLine, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(JsonLine::Other("a list"))
    }

    fn visit_unit<E: Error>(self) -> Result<JsonLine, E> {
        Ok(JsonLine::Other("null"))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<JsonLine, E> {
        Ok(JsonLine::Other("a boolean"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<JsonLine, E> {
        Ok(JsonLine::Other("a number"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<JsonLine, E> {
        Ok(JsonLine::Other("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<JsonLine, E> {
        Ok(JsonLine::Other("a number"))
    }
}
