//! `precision`: what to compute in.

use drivetrain_contract::{Error, Precision, Result};
use serde_json::{Value, json};

use super::Setting;

/// The setting `precision`.
pub(crate) struct PrecisionSetting;

impl Setting for PrecisionSetting {
    type Value = Precision;
    const KEY: &'static str = "precision";

    fn parse(value: &Value) -> Result<Precision> {
        match value {
            Value::String(text) => text.parse(),
            other => Err(Error::invalid(format!("must be text, not `{other}`"))),
        }
    }

    fn show(value: &Precision) -> Value {
        Value::from(value.name())
    }

    fn schema() -> Value {
        json!({ "type": "string", "enum": Precision::ALL.map(Precision::name) })
    }
}
