//! Settings typed as text: `KEY=VALUE` on a command line, and values of environment variables.

use drivetrain_contract::{Error, Result};
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use crate::profile::{
    Origin,
    assignment::{Assignment, to_json},
    inherits,
    settings::{BACKENDS, Known},
    side::split,
};

/// Levels of a backend's setting below the table: id, name. Below them a backend's own tables begin.
const BACKEND_LEVELS: usize = 2;

/// The setting a `KEY=VALUE` makes.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] without `=`, for a key that is none, and as [`assignment`].
pub(crate) fn key_and_value(text: &str, origin: Origin) -> Result<Assignment> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(Error::invalid(format!("{origin}: `{text}` is no setting"))
            .with_hint("write KEY=VALUE, such as `pipeline.window=1000`"));
    };
    let Some(key) = parse_key(key) else {
        return Err(Error::invalid(format!("{origin}: `{key}` is no key"))
            .with_hint("write the tables before the key: `pipeline.window=1000`"));
    };
    assignment(key, value.trim(), origin)
}

/// The setting of `key` that a text makes: TOML, and any other text is itself.
///
/// A number or a truth value is taken as text where the setting holds text: a folder may be called `2024`.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] when what begins like a list, a table or a quoted text is not TOML.
pub(crate) fn assignment(mut key: Vec<String>, text: &str, origin: Origin) -> Result<Assignment> {
    let dotted = key.join(".");
    let mut value = match DeValue::parse(text) {
        Ok(parsed) => to_json(parsed.get_ref())?,
        Err(err) if text.starts_with(['[', '{', '"', '\'']) => {
            let place = origin.place_of(&dotted);
            return Err(Error::invalid(format!("{place}: `{text}` is not TOML: {}", err.message())));
        }
        Err(_) => Value::from(text),
    };
    let is_text = dotted == inherits::KEY || Known::at(&key).is_some_and(|known| known.is_text());
    if is_text && (value.is_number() || value.is_boolean() || value.is_null()) {
        value = Value::from(text);
    }
    while matches!(split(&key).1, [table, inner @ ..] if table == BACKENDS && inner.len() > BACKEND_LEVELS) {
        let name = key.pop().unwrap_or_default();
        value = Value::Object(Map::from_iter([(name, value)]));
    }
    Ok(Assignment { key, value, origin })
}

/// The parts of a dotted key, each bare or quoted as in TOML.
fn parse_key(text: &str) -> Option<Vec<String>> {
    let line = format!("{text} = 0");
    let document = DeTable::parse(&line).ok()?;
    let mut key = Vec::new();
    let mut table = document.get_ref();
    loop {
        let mut entries = table.iter();
        let (Some((name, value)), None) = (entries.next(), entries.next()) else { return None };
        key.push(name.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check_set(text: &str, key: &[&str], value: &Value) {
        let assignment = key_and_value(text, Origin::Set).unwrap();
        assert_eq!(assignment.key, key, "{text}");
        assert_eq!(&assignment.value, value, "{text}");
    }

    fn check_refused(text: &str, expected: &str) {
        let message = key_and_value(text, Origin::Set).unwrap_err().to_string();
        assert!(message.contains(expected), "{text:?} gave {message:?}");
    }

    #[test]
    fn values_are_toml_and_any_other_text_is_itself() {
        check_set("threads=4", &["threads"], &json!(4));
        check_set(" pipeline . window = 1_000 ", &["pipeline", "window"], &json!(1000));
        check_set("backend=onnxruntime", &["backend"], &json!("onnxruntime"));
        check_set("model=./a model=b", &["model"], &json!("./a model=b"));
        check_set("model=\"quoted # text\"", &["model"], &json!("quoted # text"));
        check_set("plugins=['/a', \"/b\"]", &["plugins"], &json!(["/a", "/b"]));
        check_set("threads=", &["threads"], &json!(""));
        check_set("threads=1\nmodel = 2", &["threads"], &json!("1\nmodel = 2"));
    }

    #[test]
    fn numbers_are_text_where_text_is_wanted() {
        for text in ["2024", "1e3", "true", "nan", "2024-01-01", "07"] {
            check_set(&format!("model={text}"), &["model"], &json!(text));
        }
        check_set("document.device=0", &["document", "device"], &json!("0"));
        check_set("workload.sample=2024", &["workload", "sample"], &json!("2024"));
        check_set("backends.e.flag=true", &["backends", "e", "flag"], &json!(true));
    }

    #[test]
    fn tables_of_a_backend_are_its_values() {
        check_set("backends.e.a.b=1", &["backends", "e", "a"], &json!({ "b": 1 }));
        check_set("query.backends.e.a.b=1", &["query", "backends", "e", "a"], &json!({ "b": 1 }));
        check_set("backends.\"e.x\".'a b'={c=[1]}", &["backends", "e.x", "a b"], &json!({ "c": [1] }));
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        check_refused("threads", "write KEY=VALUE");
        check_refused("", "write KEY=VALUE");
        for text in ["=1", " =1", "a..b=1", "a b=1", "[a]=1", "#a=1"] {
            check_refused(text, "is no key");
        }
        check_refused(&format!("{}=1", "a.".repeat(100_000)), "is no key");
        check_refused("plugins=['/a'", "`plugins`: `['/a'` is not TOML");
        check_refused("model=\"x", "is not TOML");
        check_refused(&format!("plugins={}", "[".repeat(100_000)), "is not TOML");
        check_refused("threads=99999999999999999999", "out of range");
    }
}
