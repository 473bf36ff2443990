//! A text in a line of JSON: a string, or an object with the text in a field.

use serde_json::Value;

/// The text in `line`, or what is wrong with it.
pub(crate) fn text(line: &str, field: &str) -> Result<String, String> {
    match serde_json::from_str(line) {
        Ok(Value::String(text)) => Ok(text),
        Ok(Value::Object(mut object)) => match object.remove(field) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(format!("the field `{field}` is {}, not text", kind(&other))),
            None => Err(match object.keys().next() {
                Some(_) => {
                    let fields: Vec<&str> = object.keys().map(String::as_str).take(8).collect();
                    format!("there is no field `{field}`, only {}", fields.join(", "))
                }
                None => format!("there is no field `{field}`"),
            }),
        },
        Ok(other) => Err(format!("it is {}, not a string or an object", kind(&other))),
        Err(err) => Err(format!("it is not JSON: {err}")),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_refused(line: &str, expected: &str) {
        let message = text(line, "text").unwrap_err();
        assert!(message.contains(expected), "{line:?} gave {message:?}");
    }

    #[test]
    fn strings_and_objects_are_read() {
        assert_eq!(text(r#""a\u00f1""#, "text").unwrap(), "añ");
        assert_eq!(text(r#"{"id": 1, "body": "b"}"#, "body").unwrap(), "b");
    }

    #[test]
    fn what_is_wrong_is_said() {
        check_refused("{\"body\": \"b\", \"id\": 1}", "no field `text`, only body, id");
        check_refused("{\"text\": 1}", "is a number, not text");
        check_refused("[1]", "it is a list");
        check_refused("{\"text\": ", "not JSON");
        check_refused("", "not JSON");
        check_refused(&"[".repeat(100_000), "not JSON");
    }
}
