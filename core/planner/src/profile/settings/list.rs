//! Names: what the lists of `[limits]` hold.

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

/// Names as they are written, none of them empty.
pub(crate) fn parse(value: &Value) -> Result<Vec<String>> {
    let name = |value: &Value| value.as_str().filter(|name| !name.trim().is_empty()).map(str::to_owned);
    let names = value.as_array().and_then(|values| values.iter().map(name).collect());
    names.ok_or_else(|| Error::invalid(format!("must be a list of names, not `{value}`")))
}

/// JSON Schema of such a list.
pub(crate) fn schema() -> Value {
    json!({ "type": "array", "items": { "type": "string", "minLength": 1 } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_names() {
        assert_eq!(parse(&json!([])).unwrap(), Vec::<String>::new());
        assert_eq!(parse(&json!(["a", "b"])).unwrap(), ["a", "b"]);
        for wrong in [json!("a"), json!([""]), json!(["a", 1]), json!({})] {
            assert!(parse(&wrong).unwrap_err().to_string().starts_with("must be a list of names"), "{wrong}");
        }
    }
}
