//! `allow_emulated`: whether a precision that the device computes in another one will do.

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use super::Setting;

/// The setting `allow_emulated`.
pub(crate) struct AllowEmulated;

impl Setting for AllowEmulated {
    type Value = bool;
    const KEY: &'static str = "allow_emulated";

    fn parse(value: &Value) -> Result<bool> {
        value.as_bool().ok_or_else(|| Error::invalid(format!("must be `true` or `false`, not `{value}`")))
    }

    fn show(value: &bool) -> Value {
        Value::from(*value)
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}
