//! `accuracy.batch_invariant`: whether a text's vector must be the same whatever texts it shares a batch with.

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use crate::profile::settings::Setting;

/// The setting `accuracy.batch_invariant`.
pub(crate) struct BatchInvariant;

impl Setting for BatchInvariant {
    type Value = Option<bool>;
    const KEY: &'static str = "accuracy.batch_invariant";

    fn parse(value: &Value) -> Result<Option<bool>> {
        match value.as_bool() {
            None if value.as_str() == Some("auto") => Ok(None),
            None => Err(Error::invalid(format!("must be `auto`, `true` or `false`, not `{value}`"))),
            flag => Ok(flag),
        }
    }

    fn show(value: &Option<bool>) -> Value {
        value.map_or_else(|| Value::from("auto"), Value::from)
    }

    fn schema() -> Value {
        json!({ "anyOf": [{ "const": "auto" }, { "type": "boolean" }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_yes_no_and_auto() {
        for (value, expect) in [(json!("auto"), None), (json!(true), Some(true)), (json!(false), Some(false))] {
            assert_eq!(BatchInvariant::parse(&value).unwrap(), expect);
            assert_eq!(BatchInvariant::show(&expect), value);
        }
        for wrong in [json!("true"), json!(1), json!("yes")] {
            let message = BatchInvariant::parse(&wrong).unwrap_err().to_string();
            assert!(message.starts_with("must be `auto`, `true` or `false`"), "{wrong}: {message}");
        }
    }
}
