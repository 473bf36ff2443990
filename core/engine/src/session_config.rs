//! Settings of a backend that follow from what is asked of it.

use serde_json::{Value, json};

use crate::choose::Arithmetic;

/// Settings of the backend that are decided here: a backend that refuses to emulate unless it is told so knows a key
/// for that, which its schema lists.
pub(crate) fn session_config(schema_json: &str, Arithmetic { allow_emulated, .. }: Arithmetic) -> String {
    const KEY: &str = "allow_emulated";
    let schema: Value = serde_json::from_str(schema_json).unwrap_or_default();
    let is_known = schema["properties"].get(KEY).is_some();
    if allow_emulated && is_known { json!({ KEY: true }).to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::Precision;

    use super::*;

    fn check(schema_json: &str, allow_emulated: bool, expect: &str) {
        let arithmetic = Arithmetic { precision: Precision::F16, allow_emulated };
        assert_eq!(session_config(schema_json, arithmetic), expect, "{schema_json}");
    }

    #[test]
    fn only_backends_that_know_the_key_are_told() {
        let knows = r#"{"properties":{"allow_emulated":{"type":"boolean"}}}"#;
        check(knows, true, r#"{"allow_emulated":true}"#);
        check(knows, false, "");
        for other in ["", "{", "[]", "{}", r#"{"properties":{"library":{}}}"#] {
            check(other, true, "");
        }
    }
}
